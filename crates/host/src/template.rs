//! What is prepared once for a function, so that an instance costs almost nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tombolo_engine::InstanceLimits;
use tombolo_spec::{Grant, GrantSet, Limits};
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::clock::Resolution;
use crate::env::{Environment, MissingSecret};
use crate::fs::{Blocking, Dirs, OpenDirError};
use crate::guest::Guest;
use crate::ledger::{Ledger, RefusalSink};
use crate::limits::HostLimits;
use crate::stdio::Stdio;

/// All that a [`Template`] is made from.
pub struct TemplateParts {
    /// The function's name, for events.
    pub function: String,
    /// The program's arguments, its own name first.
    pub args: Vec<String>,
    /// What it may do.
    pub grants: GrantSet,
    /// What it may use up.
    pub limits: Limits,
    /// Where relative paths of `dir` grants start: the manifest's folder, or the current one.
    pub base: PathBuf,
    /// Variables that the function gets besides its `env` grants, such as those of a CGI request; in order.
    pub env: Vec<(String, String)>,
    /// Looks up this machine's value for `env NAME`.
    pub host_env: Box<dyn Fn(&str) -> Option<String>>,
    /// Looks up the text of a secret.
    pub secrets: Box<dyn Fn(&str) -> Option<String>>,
    /// Whether file operations may hold up the thread that runs the guest.
    pub blocking: Blocking,
    /// Receives refusals as they come.
    pub refusals: Option<Arc<dyn RefusalSink>>,
}

impl TemplateParts {
    /// Parts of a function with these grants and nothing else: no arguments, no environment of this machine.
    pub fn new(function: &str, grants: GrantSet) -> TemplateParts {
        TemplateParts {
            function: function.to_owned(),
            args: vec![function.to_owned()],
            grants,
            limits: Limits::default(),
            base: PathBuf::from("."),
            env: Vec::new(),
            host_env: Box::new(|_| None),
            secrets: Box::new(|_| None),
            blocking: Blocking::Inline,
            refusals: None,
        }
    }
}

/// Why a function could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Dir(#[from] OpenDirError),
    #[error(transparent)]
    Secret(#[from] MissingSecret),
}

/// A function, ready to be instantiated. Holds its directories open.
pub struct Template {
    grants: GrantSet,
    ledger: Arc<Ledger>,
    limits: HostLimits,
    environment: Environment,
    dirs: Dirs,
    clock: Resolution,
}

impl Template {
    /// Opens directories and reads everything that instances will need. Call it before the process is locked down.
    ///
    /// # Errors
    /// A directory that cannot be opened, a secret that is not there.
    pub fn prepare(parts: TemplateParts) -> Result<Template, PrepareError> {
        Ok(Template {
            ledger: Arc::new(Ledger::new(&parts.function, &parts.grants, parts.refusals)),
            limits: HostLimits::new(&parts.limits),
            environment: Environment::new(parts.args, parts.env, &parts.grants, &parts.host_env, &parts.secrets)?,
            dirs: Dirs::open(&parts.grants, &parts.base, parts.blocking)?,
            clock: clock(&parts.grants),
            grants: parts.grants,
        })
    }

    /// A new instance's data.
    pub fn instantiate(self: &Arc<Template>, stdio: Stdio) -> Guest {
        Guest::new(Arc::clone(self), stdio)
    }
}
