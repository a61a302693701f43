//! Who runs a scenario.

use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use rustix::process::geteuid;

const NOBODY: u32 = 65534;

/// The user of a scenario.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// Who runs the tests.
    Own,
    /// Nobody, when root runs the tests.
    Nobody,
}

impl User {
    pub(crate) fn all() -> impl Iterator<Item = User> {
        let nobody = geteuid().is_root().then_some(User::Nobody);
        [User::Own].into_iter().chain(nobody)
    }

    pub(crate) fn is_root(self) -> bool {
        self == User::Own && geteuid().is_root()
    }

    /// This program, to be started as the user.
    pub(crate) fn command(self) -> Command {
        match self {
            User::Own => Command::new("/proc/self/exe"),
            User::Nobody => {
                let mut command = Command::new(&*COPY);
                command.uid(NOBODY).gid(NOBODY).current_dir("/tmp");
                command
            }
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            User::Own if geteuid().is_root() => "root",
            User::Own => "user",
            User::Nobody => "nobody",
        })
    }
}

/// Removes what was made to start scenarios.
pub(crate) fn clean_up() {
    if let Some(folder) = LazyLock::get(&COPY).and_then(|copy| copy.parent()) {
        std::fs::remove_dir_all(folder).expect("remove the copy");
    }
}

/// Nobody may not be able to reach the build folder.
static COPY: LazyLock<PathBuf> = LazyLock::new(|| {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("tombolo-walls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("make a folder for the copy");
    let copy = folder.join("walls");
    std::fs::copy("/proc/self/exe", &copy).expect("copy this program");
    for path in [&folder, &copy] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("let everybody read it");
    }
    copy
});
