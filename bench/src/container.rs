//! A container of one static program, run by crun: what starting a program in a container costs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::run::Invocation;

const NAMESPACES: [&str; 5] = ["pid", "mount", "ipc", "uts", "network"];

/// OCI bundles in a folder that lives as long as this value.
pub struct Containers {
    folder: tempfile::TempDir,
}

impl Containers {
    /// # Errors
    /// When no folder can be made.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()? })
    }

    /// Makes a bundle around a static binary and returns the command that runs it.
    ///
    /// # Errors
    /// When the bundle can't be written or crun can't run it.
    pub fn bundle(&self, name: &str, binary: &Path) -> anyhow::Result<Invocation> {
        let bundle = self.folder.path().join(name);
        let program = bundle.join("rootfs/program");
        for mount_point in ["rootfs/dev", "rootfs/proc"] {
            fs::create_dir_all(bundle.join(mount_point))?;
        }
        fs::copy(binary, &program)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        fs::write(bundle.join("config.json"), config().to_string())?;

        let state = self.folder.path().join("state").display().to_string();
        let bundle = bundle.display().to_string();
        let crun = Invocation::new(
            "crun",
            &["--root", &state, "--cgroup-manager=disabled", "run", "--bundle", &bundle, name],
        );
        crun.output().context("crun can't run a container here")?;
        Ok(crun)
    }

    /// Builds the same hello as the guests', as a static native program.
    ///
    /// # Errors
    /// When the compiler is missing or refuses.
    pub fn build(&self, compiler: &[&str], source: &Path, name: &str) -> anyhow::Result<PathBuf> {
        let binary = self.folder.path().join(format!("{name}.native"));
        let status =
            Command::new(compiler[0]).args(&compiler[1..]).arg(source).arg("-o").arg(&binary).status();
        ensure!(
            status.with_context(|| compiler[0].to_owned())?.success(),
            "{} can't build {}",
            compiler[0],
            source.display()
        );
        Ok(binary)
    }
}

/// What a container has by default: its own namespaces, no capabilities, `/proc` and `/dev`; no cgroup, since not every
/// machine lets one make it, and without one crun has less to do, not more.
fn config() -> Value {
    let rootless = !rustix::process::geteuid().is_root();
    let mut namespaces: Vec<Value> = NAMESPACES.iter().map(|kind| json!({ "type": kind })).collect();
    let mut linux = json!({});
    if rootless {
        namespaces.push(json!({ "type": "user" }));
        let own = |id: u32| json!([{ "containerID": 0, "hostID": id, "size": 1 }]);
        linux["uidMappings"] = own(rustix::process::geteuid().as_raw());
        linux["gidMappings"] = own(rustix::process::getegid().as_raw());
    }
    linux["namespaces"] = namespaces.into();
    json!({
        "ociVersion": "1.0.0",
        "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/program"], "cwd": "/", "env": [], "noNewPrivileges": true },
        "root": { "path": "rootfs", "readonly": true },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
        ],
        "linux": linux,
    })
}
