//! Where the programs under comparison are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// Paths taken from the environment, which the scripts set; see `bench/startup` and `bench/http`.
pub struct Peers {
    pub tombolo: PathBuf,
    pub peers: PathBuf,
    pub guests: PathBuf,
}

impl Peers {
    /// # Errors
    /// When a variable is not set or tombolo's binary is not where it says.
    pub fn from_env() -> anyhow::Result<Self> {
        let path =
            |name: &str| env::var_os(name).map(PathBuf::from).with_context(|| format!("{name} is not set"));
        let found = Self {
            tombolo: path("TOMBOLO")?,
            peers: path("TOMBOLO_PEERS")?,
            guests: path("TOMBOLO_GUESTS")?,
        };
        ensure!(found.tombolo.exists(), "{} does not exist", found.tombolo.display());
        Ok(found)
    }

    pub fn wasmtime(&self) -> PathBuf {
        self.peers.join("bin/wasmtime")
    }

    pub fn oha(&self) -> PathBuf {
        self.peers.join("bin/oha")
    }

    /// The program itself, not the script in front of it: its memory is looked at.
    pub fn workerd(&self) -> PathBuf {
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "64" };
        self.peers.join(format!("node_modules/@cloudflare/workerd-linux-{architecture}/bin/workerd"))
    }

    pub fn guest(&self, name: &str) -> String {
        self.guests.join(format!("{name}.wasm")).display().to_string()
    }
}

/// Why something can't take part, in words for a note under the table; `None` when it can.
pub fn absence(path: &Path) -> Option<String> {
    (!path.exists()).then(|| format!("{} is not there, so it takes no part", path.display()))
}
