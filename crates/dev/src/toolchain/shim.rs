//! Programs under the names that build lines call them by, where a machine has them under others.
//!
//! A folder of small scripts in the cache, first on the build's `PATH`. The folder's name is a hash of the scripts, so
//! that builds at the same time, and other versions of tombolo, never meet.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::Machine;
use super::{clang, words};
use crate::error::DevError;

/// A program, with arguments that make it behave as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StandIn {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<&'static str>,
}

impl StandIn {
    pub(super) const fn program(program: PathBuf) -> StandIn {
        StandIn { program, arguments: Vec::new() }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        command
    }

    fn script(&self) -> String {
        let program = self.program.to_string_lossy().replace('\'', r"'\''");
        format!("#!/bin/sh\nexec '{program}' {} \"$@\"\n", self.arguments.join(" "))
    }
}

/// Everything here that could stand in for a program of this name. Nothing is run to find out.
pub(super) fn stand_ins(name: &str, machine: &Machine) -> Vec<StandIn> {
    match name {
        "clang" => clang::candidates(clang::Dialect::C, machine),
        "clang++" => clang::candidates(clang::Dialect::Cpp, machine),
        "zig" => machine.find("python-zig").map(StandIn::program).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// `PATH` as the build line needs it: with a folder of stand-ins in front when it names a program that needs one, and
/// with the folders that installers fill behind.
pub(super) fn path(line: &str, machine: &Machine) -> Result<Option<(OsString, OsString)>, DevError> {
    let mut scripts: Vec<(&str, String)> = Vec::new();
    for word in words(line) {
        let stand_in = match word {
            "clang" => clang::working(clang::Dialect::C, machine),
            "clang++" => clang::working(clang::Dialect::Cpp, machine),
            "zig" if machine.find(word).is_none() => stand_ins(word, machine).into_iter().next(),
            _ => None,
        };
        let needed = stand_in.filter(|found| machine.find(word).as_ref() != Some(&found.program));
        scripts.extend(needed.map(|found| (word, found.script())));
    }
    let stand_ins = if scripts.is_empty() { None } else { Some(folder(&machine.cache, &scripts)?) };
    let path = std::env::join_paths(stand_ins.iter().chain(&machine.path)).ok();
    Ok(path.map(|path| (OsString::from("PATH"), path)))
}

fn folder(cache: &Path, scripts: &[(&str, String)]) -> Result<PathBuf, DevError> {
    let mut hasher = blake3::Hasher::new();
    for (name, script) in scripts {
        hasher.update(name.as_bytes()).update(&[0]).update(script.as_bytes()).update(&[0]);
    }
    let tools = cache.join("stand-ins");
    let folder = tools.join(&hasher.finalize().to_hex()[..16]);
    if folder.is_dir() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&tools).map_err(DevError::file("make", &tools))?;
    let staged = tempfile::tempdir_in(&tools).map_err(DevError::file("make a folder in", &tools))?;
    for (name, script) in scripts {
        let path = staged.path().join(name);
        std::fs::write(&path, script).map_err(DevError::file("write", &path))?;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).map_err(DevError::file("make executable", &path))?;
    }
    match std::fs::rename(staged.path(), &folder) {
        // Another build made the same folder in the meantime.
        Err(_) if folder.is_dir() => Ok(folder),
        result => result.map(|()| folder.clone()).map_err(DevError::file("make", &folder)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_passes_everything_on_to_the_real_program() {
        let home = tempfile::tempdir().unwrap();
        let echo = StandIn { program: PathBuf::from("/bin/echo"), arguments: vec!["first"] };
        let made = folder(home.path(), &[("clang", echo.script())]).unwrap();
        let output = Command::new(made.join("clang")).args(["a b", "$HOME"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "first a b $HOME\n");
        assert_eq!(folder(home.path(), &[("clang", echo.script())]).unwrap(), made);
        assert_eq!(std::fs::read_dir(home.path().join("stand-ins")).unwrap().count(), 1);
    }
}
