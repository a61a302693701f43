//! This machine, as far as toolchains care: what is on PATH, which distribution, where caches go.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::shim::StandIn;

/// What is read of the environment, once.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Where programs are looked for: PATH, then the folders that installers fill and PATH may lack.
    pub(crate) path: Vec<PathBuf>,
    pub(crate) cache: PathBuf,
    pub(crate) distribution: Distribution,
    pub(crate) is_superuser: bool,
    /// Where a WASI SDK says it is.
    pub(crate) wasi_sdk: Option<PathBuf>,
    /// The compilers that were tried out; trying takes a while.
    pub(super) clang: Tried,
    pub(super) clang_cpp: Tried,
}

/// What came of trying out compilers, once it was done.
pub(super) type Tried = OnceLock<Option<StandIn>>;

/// A family of distributions with one package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// Debian, with its release.
    Debian(u32),
    /// Ubuntu, with the year of its release.
    Ubuntu(u32),
    Fedora,
    Alpine,
    Other,
}

impl Machine {
    /// This machine.
    pub(crate) fn this() -> Machine {
        let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = cache.unwrap_or_else(|| home.join(".cache")).join("tombolo");
        let path = std::env::var_os("PATH").unwrap_or_default();
        Machine {
            path: with_installed(std::env::split_paths(&path).collect(), &home, &cache),
            cache,
            distribution: Distribution::read(&std::fs::read_to_string("/etc/os-release").unwrap_or_default()),
            is_superuser: rustix::process::geteuid().is_root(),
            wasi_sdk: std::env::var_os("WASI_SDK_PATH").map(PathBuf::from),
            clang: Tried::new(),
            clang_cpp: Tried::new(),
        }
    }

    /// Where a program is, as a shell would find it.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(program)).find(|path| is_program(path))
    }

    /// The first of these that is there.
    pub(crate) fn first<'a>(&self, programs: impl IntoIterator<Item = &'a str>) -> Option<PathBuf> {
        programs.into_iter().find_map(|program| self.find(program))
    }
}

/// `path`, and after it the folders of cargo, pipx, Go's own installer and this project's scripts, if they are there.
/// Nothing that PATH has is shadowed by them.
fn with_installed(mut path: Vec<PathBuf>, home: &Path, cache: &Path) -> Vec<PathBuf> {
    let go = Path::new("/usr/local/go/bin").to_owned();
    for folder in [home.join(".cargo/bin"), home.join(".local/bin"), go, cache.join("tools/bin")] {
        if folder.is_dir() && !path.contains(&folder) {
            path.push(folder);
        }
    }
    path
}

/// Whether this is a file that may be run.
pub(crate) fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

impl Distribution {
    /// Reads `os-release(5)`.
    fn read(text: &str) -> Distribution {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .unwrap_or_default()
                .trim_matches('"')
        };
        let major = value("VERSION_ID").split('.').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        let family = format!("{} {}", value("ID"), value("ID_LIKE"));
        let is = |name: &str| family.split_whitespace().any(|word| word == name);
        match () {
            () if value("ID") == "debian" => Distribution::Debian(major),
            () if value("ID") == "ubuntu" => Distribution::Ubuntu(major),
            () if is("ubuntu") || is("debian") => Distribution::Debian(u32::MAX),
            () if is("fedora") => Distribution::Fedora,
            () if is("alpine") => Distribution::Alpine,
            () => Distribution::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_installers_fill_come_after_path_and_once() {
        let home = tempfile::tempdir().unwrap();
        let (pipx, tools) = (home.path().join(".local/bin"), home.path().join("cache/tools/bin"));
        for folder in [&pipx, &tools] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mut found =
            with_installed(vec!["/bin".into(), tools.clone()], home.path(), &home.path().join("cache"));
        found.retain(|folder| !folder.starts_with("/usr"));
        assert_eq!(found, [PathBuf::from("/bin"), tools, pipx]);
    }

    #[test]
    fn a_distribution_is_known_by_its_release_file() {
        let check = |text: &str, expected| assert_eq!(Distribution::read(text), expected, "{text}");
        check("ID=debian\nVERSION_ID=\"12\"\n", Distribution::Debian(12));
        check("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n", Distribution::Ubuntu(24));
        check("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"\n", Distribution::Debian(u32::MAX));
        check("ID=rhel\nID_LIKE=\"fedora\"\n", Distribution::Fedora);
        check("ID=alpine\nVERSION_ID=3.22.1\n", Distribution::Alpine);
        check("", Distribution::Other);
    }
}
