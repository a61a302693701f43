//! `tombolo new`: a project from a template, in a folder of its own.

mod ask;
mod name;
mod template;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::NewArgs;
use crate::error::DevError;
use crate::language::{Kind, Language};
use crate::say::{bold, dim, say};
use crate::toolchain::{self, Machine};

/// What a project is made from.
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) language: Language,
    pub(crate) kind: Kind,
}

/// One file of a new project.
#[derive(Debug)]
pub(crate) struct File {
    /// From the project's folder.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// Makes a project and says what to do with it.
pub(crate) fn run(args: &NewArgs) -> Result<u8, DevError> {
    let wanted = ask::complete(args)?;
    let folder = PathBuf::from(&wanted.name);
    create(&folder, &wanted)?;
    say!("{} {} ({}, {})", bold("made"), folder.display(), wanted.language, wanted.kind);
    for part in toolchain::check(wanted.language, &Machine::this()).iter().filter_map(|part| part.missing()) {
        say!("  {} is missing; install it with\n    {}", part.what, part.install);
    }
    say!("{}", dim(next_steps(&wanted)));
    Ok(0)
}

/// Writes all files of the project into `folder`, which must not be there, or be empty.
pub(crate) fn create(folder: &Path, wanted: &Wanted) -> Result<(), DevError> {
    let fault = name::fault(&wanted.name, wanted.language);
    fault.map_or(Ok(()), |fault| Err(DevError::Name(fault)))?;
    refuse_existing(folder)?;
    for file in template::files(wanted) {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(DevError::file("make", parent))?;
        write_new(&path, &file.text)?;
    }
    Ok(())
}

fn refuse_existing(folder: &Path) -> Result<(), DevError> {
    let exists = || DevError::Exists { path: folder.to_owned(), remedy: "choose another name" };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(exists())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Err(exists()),
        Err(error) => Err(DevError::file("look into", folder)(error)),
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), DevError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(DevError::file("make", path))?;
    file.write_all(text.as_bytes()).map_err(DevError::file("write", path))
}

fn next_steps(wanted: &Wanted) -> String {
    let name = &wanted.name;
    let second = match wanted.kind {
        Kind::Http | Kind::Event => "tombolo dev".to_owned(),
        Kind::Command => format!("tombolo build && echo 'one two' | tombolo run -f tombolo.toml {name}"),
    };
    format!("  cd {name}\n  {second}\n  tombolo test")
}

#[cfg(test)]
mod tests;
