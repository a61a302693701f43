//! The world in which the guest is let loose: a folder it may use, one it may read, and a canary outside.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::{Done, TempDir, binary_without_first_wall, cache, finish, folder, guest};

/// The content of files outside every grant.
pub(crate) const CANARY: &str = "canary: nobody may read or change this";

/// Which walls stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Walls {
    /// WASI's checks and the kernel's.
    Both,
    /// The kernel's alone.
    KernelOnly,
}

/// `work/` read-write, `shown/` read-only, `outside/` not granted.
pub(crate) struct World {
    root: TempDir,
}

impl World {
    pub(crate) fn new() -> World {
        let root = folder(&[
            ("work/own.txt", "own"),
            ("work/sub/deep.txt", "deep"),
            ("shown/read-me.txt", "shown"),
            ("outside/canary.txt", CANARY),
            ("outside/folder/inner.txt", CANARY),
        ]);
        World { root }
    }

    /// A path within the world, as the host sees it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Makes a symbolic link as somebody with the host's rights could have left it in the guest's folder.
    pub(crate) fn plant_symlink(&self, link: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path(link)).expect("the link can be made");
    }

    /// Lets `fsprobe` do one act.
    pub(crate) fn probe(&self, walls: Walls, arguments: &[&str]) -> Done {
        self.run(walls, "c-fsprobe", arguments)
    }

    /// Runs a guest with `work` as `/work` and `shown` as `/shown`.
    pub(crate) fn run(&self, walls: Walls, name: &str, arguments: &[&str]) -> Done {
        finish(&mut self.command(walls, name, arguments), b"")
    }

    /// The same, not started yet.
    pub(crate) fn command(&self, walls: Walls, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(walls));
        command.env_clear().env("XDG_CACHE_HOME", cache()).arg("run").args(["--limit", "time=20s"]);
        // The order matters: the probe takes the first folder where none is named.
        for (name, access) in [("work", "read-write"), ("shown", "read")] {
            let host = self.path(name);
            command.arg("--grant").arg(format!("dir {} as /{name} {access}", host.display()));
        }
        command.arg(guest(name)).args(arguments);
        command
    }

    /// Asserts that nothing outside the grants was touched.
    #[track_caller]
    pub(crate) fn assert_canary_lives(&self) {
        for file in ["outside/canary.txt", "outside/folder/inner.txt"] {
            let text = std::fs::read_to_string(self.path(file)).expect("the canary is still there");
            assert_eq!(text, CANARY, "{file} was changed");
        }
        let mut names: Vec<_> = std::fs::read_dir(self.path("outside"))
            .expect("the folder is still there")
            .map(|entry| entry.expect("it can be listed").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["canary.txt", "folder"], "something was put beside the canary");
        let shown =
            std::fs::read_to_string(self.path("shown/read-me.txt")).expect("what is shown is still there");
        assert_eq!(shown, "shown", "a read-only file was changed");
    }
}

/// Runs a case against both walls, and against the kernel's alone.
pub(crate) fn on_each_wall(case: impl Fn(&World, Walls)) {
    for walls in [Walls::Both, Walls::KernelOnly] {
        let world = World::new();
        case(&world, walls);
        world.assert_canary_lives();
    }
}

/// The act was refused: it printed no success, and nothing of the canary. The guest itself ended by its own will.
#[track_caller]
pub(crate) fn refused(done: &Done) {
    assert_eq!(done.code, Some(1), "stdout: {}\nstderr: {}", done.stdout, done.stderr);
    assert!(!done.stdout.starts_with("ok"), "it went well: {}", done.stdout);
    assert!(!done.stdout.contains("canary"), "the canary was read");
}

/// How long a case may take at most: nothing may hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

fn binary(walls: Walls) -> &'static Path {
    match walls {
        Walls::Both => Path::new(env!("CARGO_BIN_EXE_tombolo")),
        Walls::KernelOnly => binary_without_first_wall(),
    }
}
