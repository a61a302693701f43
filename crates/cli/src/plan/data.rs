//! Where an app's data is.

use std::path::{Path, PathBuf};

use crate::args::ProgramArgs;

/// The folder that `--data` names, or the app's own below the user's data.
pub(super) fn folder(given: &ProgramArgs, app: &str) -> Option<PathBuf> {
    let named = given.data.as_ref().map(|folder| std::path::absolute(folder).unwrap_or(folder.clone()));
    named.or_else(|| Some(user_data()?.join("tombolo/apps").join(app)))
}

/// A program's name as that of an app: `My Sensor.wasm` is `my-sensor`.
pub(super) fn app_of(program: &Path) -> String {
    let stem = program.file_stem().unwrap_or(program.as_os_str()).to_string_lossy().to_ascii_lowercase();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = stem.chars().take(NAME_CHARS_MAX).map(plain).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "program".to_owned() } else { name.to_owned() }
}

/// As long as an app's name can be.
const NAME_CHARS_MAX: usize = 63;

/// The base directory of the XDG specification.
fn user_data() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    base.or_else(|| {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        Some(home?.join(".local/share"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_an_app_of_its_name() {
        let check = |program: &str, app| assert_eq!(app_of(Path::new(program)), app, "{program}");
        check("thermostat.wasm", "thermostat");
        check("/srv/My Sensor.v2.wasm", "my-sensor-v2");
        check("...wasm", "program");
        check("../../etc/passwd", "passwd");
        check("ü.wat", "program");
    }
}
