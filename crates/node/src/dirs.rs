//! Where a node keeps things.

use std::env;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The folders of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// What must survive: state, artifacts, compiled code.
    pub state: PathBuf,
    /// Sockets; gone after a restart of the machine.
    pub runtime: PathBuf,
    /// What the operator writes, such as `ceiling.toml`.
    pub config: PathBuf,
}

impl Dirs {
    /// The usual places: `/var/lib/tombolo`, `/run/tombolo` and `/etc/tombolo` for root, the XDG folders for others
    /// (XDG Base Directory Specification 0.8), what systemd says for both (systemd.exec(5), `StateDirectory=`).
    ///
    /// # Errors
    /// When neither `HOME` nor the XDG variables say where the user's files are.
    pub fn usual() -> Result<Dirs, NoHome> {
        if rustix::process::geteuid().is_root() {
            return Ok(Dirs {
                state: variable("STATE_DIRECTORY").unwrap_or_else(|| "/var/lib/tombolo".into()),
                runtime: variable("RUNTIME_DIRECTORY").unwrap_or_else(|| "/run/tombolo".into()),
                config: variable("CONFIGURATION_DIRECTORY").unwrap_or_else(|| "/etc/tombolo".into()),
            });
        }
        let home = variable("HOME");
        let base = |name: &str, below_home: &str| {
            variable(name).or_else(|| Some(home.as_ref()?.join(below_home))).ok_or(NoHome)
        };
        let own = |base: PathBuf| base.join("tombolo");
        let state = match variable("STATE_DIRECTORY") {
            Some(state) => state,
            None => own(base("XDG_STATE_HOME", ".local/state")?),
        };
        let runtime = variable("RUNTIME_DIRECTORY").or_else(|| variable("XDG_RUNTIME_DIR").map(own));
        let runtime = runtime.unwrap_or_else(|| state.join("run"));
        let config = variable("CONFIGURATION_DIRECTORY")
            .map_or_else(|| base("XDG_CONFIG_HOME", ".config").map(own), Ok)?;
        Ok(Dirs { state, runtime, config })
    }

    /// A name that no other node of this machine has: there is one for each state folder.
    pub fn name(&self) -> String {
        let digest = Sha256::digest(self.state.as_os_str().as_bytes());
        let digits: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("tombolo-{digits}")
    }

    /// The socket of the API.
    pub fn api_socket(&self) -> PathBuf {
        self.runtime.join("api.sock")
    }

    /// The folder of cells' sockets.
    pub fn cells(&self) -> PathBuf {
        self.runtime.join("cells")
    }

    /// The folder of compiled code.
    pub fn compiled(&self) -> PathBuf {
        self.state.join("compiled")
    }

    /// The folder of the audit log: one folder a tenant.
    pub fn audit(&self) -> PathBuf {
        self.state.join("audit")
    }

    /// The folder of a tenant's stores and volumes.
    pub fn data(&self, tenant: &str) -> PathBuf {
        self.state.join("data").join(tenant)
    }

    /// The folder of a tenant's secrets: one file each, put there by the operator.
    pub fn secrets(&self, tenant: &str) -> PathBuf {
        self.config.join("secrets").join(tenant)
    }

    /// The folder of the public listeners' certificates, put there by the operator.
    pub fn certificates(&self) -> PathBuf {
        self.config.join("certificates")
    }

    /// Makes the folders that must be there, for this user alone.
    ///
    /// # Errors
    /// With the folder that could not be made.
    pub fn make(&self) -> io::Result<()> {
        [&self.state, &self.runtime, &self.cells()].into_iter().try_for_each(|folder| make(folder))
    }
}

fn make(folder: &Path) -> io::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
}

/// Nobody said where files go.
#[derive(Debug, thiserror::Error)]
#[error("neither HOME nor XDG_STATE_HOME is set; say where with --state")]
pub struct NoHome;

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}
