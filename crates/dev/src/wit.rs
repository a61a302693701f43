//! `tombolo wit`: the interfaces that functions can use, as WIT for any bindings generator.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::cli::WitArgs;
use crate::error::DevError;
use crate::new::File;
use crate::say::{bold, say};

static WIT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/wit");

/// The version of the WASI 0.2 texts in the binary.
const VERSION_0_2: &str = "0.2.12";
/// The version that the StarlingMonkey of the pinned jco is built for.
const VERSION_STARLING_MONKEY: &str = "0.2.10";

/// Writes all of it, or lists the packages.
pub(crate) fn run(args: &WitArgs) -> Result<u8, DevError> {
    let files = all();
    if args.list {
        for package in files.iter().filter_map(|file| package(&file.text)) {
            say!("{package}");
        }
        return Ok(0);
    }
    if !args.force {
        files.iter().try_for_each(|file| refuse_changed(&args.folder.join(&file.path), &file.text))?;
    }
    for file in &files {
        let path = args.folder.join(&file.path);
        let parent = path.parent().unwrap_or(&args.folder);
        std::fs::create_dir_all(parent).map_err(DevError::file("make", parent))?;
        std::fs::write(&path, &file.text).map_err(DevError::file("write", &path))?;
    }
    say!("{} {} files into {}", bold("wrote"), files.len(), args.folder.display());
    Ok(0)
}

/// The packages of WASI 0.2, for a project's `wit/deps`.
pub(crate) fn wasi_0_2() -> Vec<File> {
    texts("0.2").map(|(name, text)| dependency(&format!("{name}.wit"), text.to_owned())).collect()
}

/// What StarlingMonkey can be linked with: its own version, and neither files nor sockets.
pub(crate) fn for_starling_monkey() -> Vec<File> {
    texts("0.2")
        .filter(|(name, _)| !matches!(*name, "filesystem" | "sockets"))
        .map(|(name, text)| {
            let text = text_at_version(text, VERSION_0_2, VERSION_STARLING_MONKEY);
            let text = if name == "cli" { without_worlds(&text) } else { text };
            dependency(&format!("{name}.wit"), text)
        })
        .collect()
}

fn all() -> Vec<File> {
    let mut files = Vec::new();
    for version in ["0.2", "0.3"] {
        files.extend(
            texts(version).map(|(name, text)| dependency(&format!("{name}-{version}.wit"), text.to_owned())),
        );
    }
    for package in ["keyvalue", "config", "config-draft", "logging"] {
        files.extend(
            texts(package).map(|(name, text)| dependency(&format!("{package}/{name}.wit"), text.to_owned())),
        );
    }
    let own = ["worlds.wit", "README.md"].into_iter().filter_map(|name| {
        let text = WIT.get_file(name)?.contents_utf8()?;
        Some(File { path: PathBuf::from(name), text: text.to_owned() })
    });
    files.extend(own);
    files
}

/// The names, without `.wit`, and texts of a folder's files.
fn texts(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let files = WIT.get_dir(folder).map(Dir::files).into_iter().flatten();
    files.filter_map(|file| Some((file.path().file_stem()?.to_str()?, file.contents_utf8()?)))
}

fn dependency(name: &str, text: String) -> File {
    File { path: Path::new("deps").join(name), text }
}

fn package(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("package ")?.strip_suffix(';'))
}

fn refuse_changed(path: &Path, text: &str) -> Result<(), DevError> {
    match std::fs::read_to_string(path) {
        Ok(there) if there != text => {
            Err(DevError::Exists { path: path.to_owned(), remedy: "give another folder, or --force" })
        }
        _ => Ok(()),
    }
}

/// A package's text as of an earlier patch version: without the items that came later.
fn text_at_version(text: &str, from: &str, to: &str) -> String {
    let later = format!("@since(version = {from})");
    let mut kept: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in text.lines() {
        if line.trim() == later {
            while kept.last().is_some_and(|line| line.trim_start().starts_with("///")) {
                kept.pop();
            }
            skipping = true;
        } else if !skipping {
            kept.push(line);
        } else if line.trim_end().ends_with(';') {
            skipping = false;
        }
    }
    kept.join("\n").replace(&format!("@{from}"), &format!("@{to}")) + "\n"
}

/// A package's text without its worlds, which name packages that are left out.
fn without_worlds(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut skipping = false;
    for line in text.lines() {
        if line.starts_with("world ") {
            while kept.last().is_some_and(|line| line.starts_with("///") || line.starts_with('@')) {
                kept.pop();
            }
            skipping = true;
        } else if !skipping {
            kept.push(line);
        } else if line == "}" {
            skipping = false;
        }
    }
    kept.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLI: &str = "package wasi:cli@0.2.12;\n\n@since(version = 0.2.0)\ninterface exit {\n  /// Old.\n  \
        @since(version = 0.2.0)\n  exit: func(status: result);\n\n  /// New,\n  /// and long.\n  \
        @since(version = 0.2.12)\n  exit-with-code: func(\n    code: u8\n  );\n}\n\n/// Everything.\n\
        @since(version = 0.2.0)\nworld command {\n  import wasi:sockets/tcp@0.2.12;\n}\n";

    #[test]
    fn an_earlier_version_lacks_what_came_later_and_nothing_else() {
        let text = text_at_version(CLI, "0.2.12", "0.2.10");
        assert!(
            !text.contains("exit-with-code") && !text.contains("New") && !text.contains("0.2.12"),
            "{text}"
        );
        assert!(
            text.contains("package wasi:cli@0.2.10;") && text.contains("  exit: func(status: result);"),
            "{text}"
        );
    }

    #[test]
    fn worlds_go_with_their_comments() {
        let text = without_worlds(CLI);
        assert!(
            !text.contains("world") && !text.contains("Everything") && !text.contains("sockets"),
            "{text}"
        );
        assert!(text.contains("interface exit {"), "{text}");
    }

    #[test]
    fn starling_monkey_gets_its_own_version_and_no_other() {
        let files = for_starling_monkey();
        assert_eq!(files.len(), 5);
        for file in files {
            assert!(!file.text.contains("@0.2.12"), "{}", file.path.display());
            let mut code = file.text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let left_out =
                code.find(|line| line.contains("wasi:sockets") || line.contains("wasi:filesystem"));
            assert_eq!(left_out, None, "{}", file.path.display());
        }
    }

    /// Without comments, white space, and what stands outside of interfaces.
    fn interfaces(text: &str) -> String {
        let mut code = String::new();
        let mut inside = false;
        for line in text.lines() {
            inside |= line.starts_with("interface ");
            let line = line.split("//").next().unwrap_or_default();
            if inside {
                code.extend(line.chars().filter(|c| !c.is_whitespace()));
            }
            inside &= !line.starts_with('}');
        }
        code
    }

    #[test]
    fn what_is_written_is_what_the_host_offers() {
        let offered = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/wit/deps");
        let mut compared = 0;
        for folder in std::fs::read_dir(&offered).unwrap() {
            for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                let host = interfaces(&std::fs::read_to_string(&path).unwrap());
                let name = path.strip_prefix(&offered).unwrap();
                let own = WIT.get_file(name).and_then(|file| file.contents_utf8());
                let own = own.unwrap_or_else(|| panic!("{} is not written", name.display()));
                assert_eq!(interfaces(own), host, "{}", name.display());
                compared += usize::from(!host.is_empty());
            }
        }
        assert!(compared >= 6, "{compared}");
    }

    #[test]
    fn every_package_says_its_name_and_version() {
        let mut packages: Vec<_> =
            all().iter().filter_map(|file| package(&file.text).map(str::to_owned)).collect();
        packages.sort();
        assert!(
            packages.contains(&"wasi:http@0.2.12".to_owned())
                && packages.contains(&"wasi:http@0.3.0".to_owned())
        );
        assert!(packages.contains(&"wasi:keyvalue@0.2.0-draft".to_owned()));
        assert_eq!(packages.len(), 7 + 6 + 4 + 1, "{packages:?}");
    }
}
