//! What is prepared once for a function, so that an instance costs almost nothing.

use std::path::PathBuf;
use std::sync::Arc;

use tombolo_spec::{Grant, GrantId, GrantSet, Limits, Profile, Request};

use crate::clock::Resolution;
use crate::data::Data;
use crate::egress::{NetPolicy, Network};
use crate::env::{Environment, MissingSecret};
use crate::fs::policy::FsPolicy;
use crate::fs::{Blocking, Dirs, GrantedDir, OpenDirError};
use crate::guest::Guest;
use crate::http_out::Pool;
use crate::kv::{GrantedStore, KvError, OpenStoreError, PrepareStoreError, Stores};
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
    pub host_env: Lookup,
    /// Looks up the text of a secret.
    pub secrets: Lookup,
    /// Whether file operations may hold up the thread that runs the guest.
    pub blocking: Blocking,
    /// The way out; `None` is this machine's, as far as the grants need it ([`Network::for_grants`]).
    pub network: Option<Arc<Network>>,
    /// Where stores and volumes are kept; `None` where there are none.
    pub data: Option<Arc<Data>>,
    /// Receives refusals as they come.
    pub refusals: Option<Arc<dyn RefusalSink>>,
}

/// Finds the text that goes with a name, if there is one.
pub type Lookup = Box<dyn Fn(&str) -> Option<String>>;

impl TemplateParts {
    /// Parts of a function with these grants and nothing else: no arguments, no environment of this machine.
    pub fn new(function: &str, grants: GrantSet) -> TemplateParts {
        TemplateParts {
            function: function.to_owned(),
            args: vec![function.to_owned()],
            grants,
            limits: Limits::defaults(Profile::Run),
            base: PathBuf::from("."),
            env: Vec::new(),
            host_env: Box::new(|_| None),
            secrets: Box::new(|_| None),
            blocking: Blocking::Inline,
            network: None,
            data: None,
            refusals: None,
        }
    }
}

/// Why a function could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error(transparent)]
    Dir(#[from] OpenDirError),
    #[error("the network cannot be prepared: {0}")]
    Network(#[from] std::io::Error),
    #[error(transparent)]
    Store(#[from] PrepareStoreError),
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
    random: Option<usize>,
    network: Arc<Network>,
    pool: Pool,
    stores: Stores,
}

impl Template {
    /// Opens directories and reads everything that instances will need. Call it before the process is locked down.
    ///
    /// # Errors
    /// A directory that cannot be opened, a secret that is not there.
    pub fn prepare(parts: TemplateParts) -> Result<Template, PrepareError> {
        let dirs = Dirs::open(&parts.grants, &parts.base, parts.data.as_deref(), parts.blocking)?;
        Ok(Template {
            ledger: Arc::new(Ledger::new(&parts.function, &parts.grants, parts.refusals)),
            limits: HostLimits::new(parts.limits),
            environment: Environment::new(
                parts.args,
                parts.env,
                &parts.grants,
                &parts.host_env,
                &parts.secrets,
            )?,
            dirs,
            clock: clock(&parts.grants),
            random: parts.grants.find(&Request::Random).map(GrantId::index),
            network: match parts.network {
                Some(network) => {
                    network.trust_for(&parts.grants);
                    network
                }
                None => Network::for_grants(&parts.grants)?,
            },
            pool: Pool::new(),
            stores: Stores::prepare(&parts.grants, parts.data.as_deref())?,
            grants: parts.grants,
        })
    }

    /// A new instance's data.
    pub fn instantiate(self: &Arc<Template>, stdio: Stdio) -> Guest {
        Guest::new(Arc::clone(self), stdio)
    }

    /// What the function may do.
    pub fn grants(&self) -> &GrantSet {
        &self.grants
    }

    /// What its grants were used for so far.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The directories it sees, for the rules of the layers below.
    pub fn dirs(&self) -> &[GrantedDir] {
        &self.dirs.list
    }

    /// Opens the files of the function's stores, for `readers` threads. Call it in the process that runs the
    /// function, before it is locked down.
    ///
    /// # Errors
    /// A file that is no store, or cannot be opened.
    pub fn open_stores(&self, readers: usize) -> Result<(), OpenStoreError> {
        self.stores.open(readers)
    }

    /// The stores it may open, for the rules of the layers below.
    pub fn stores(&self) -> &[GrantedStore] {
        &self.stores.list
    }

    pub(crate) fn find_store(&self, name: &str) -> Result<usize, KvError> {
        self.stores.find(name, &self.ledger)
    }

    pub(crate) fn limits(&self) -> &HostLimits {
        &self.limits
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(crate) fn clock(&self) -> Resolution {
        self.clock
    }

    pub(crate) fn random_grant(&self) -> Option<usize> {
        self.random
    }

    /// The way out, for the rules of the layers below.
    pub fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn net_policy(&self) -> NetPolicy<'_> {
        NetPolicy { grants: &self.grants, ledger: &self.ledger, network: &self.network }
    }

    pub(crate) fn fs_policy(&self) -> FsPolicy<'_> {
        FsPolicy { dirs: &self.dirs, grants: &self.grants, ledger: &self.ledger }
    }

    pub(crate) fn blocking(&self) -> Blocking {
        self.dirs.blocking
    }

    pub(crate) fn granted_dirs(&self) -> &Dirs {
        &self.dirs
    }
}

/// The finest clock that a grant gives.
fn clock(grants: &GrantSet) -> Resolution {
    let steps = grants.iter().filter_map(|(_, grant)| match grant {
        Grant::Clock { resolution } => Some(*resolution),
        _ => None,
    });
    steps.min().map_or(Resolution::COARSE, Resolution::granted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::grants;

    fn prepare(lines: &[&str]) -> Result<Template, PrepareError> {
        Template::prepare(TemplateParts::new("test", grants(lines)))
    }

    #[test]
    fn what_a_grant_promises_and_cannot_be_kept_is_an_error_before_anything_runs() {
        let error = prepare(&["dir /does/not/exist as /x read"]).map(drop).unwrap_err().to_string();
        let expected = "grant \"dir /does/not/exist as /x read\": cannot open /does/not/exist: \
                        No such file or directory (os error 2)";
        assert_eq!(error, expected);
        let error = prepare(&["volume cache as /cache 64MiB"]).map(drop).unwrap_err().to_string();
        assert!(error.contains("there is no folder for data; name one with --data"), "{error}");
        let error = prepare(&["secret token reveal"]).map(drop).unwrap_err().to_string();
        assert!(error.contains("the secret \"token\" is granted but not known here"), "{error}");
        assert!(prepare(&["dir /etc/hostname as /x read"]).is_err(), "a file is no directory");
    }

    #[test]
    fn certificates_are_read_only_where_a_grant_says_https() {
        let plain = prepare(&["http GET http://10.0.0.1/*"]).unwrap();
        assert!(plain.network().tls().is_none());
        let secure = prepare(&["http GET https://api.example.com/*"]).unwrap();
        assert!(secure.network().tls().is_some());
        let another = prepare(&["dns *.example.com"]).unwrap();
        assert!(Arc::ptr_eq(&secure.network, &another.network), "one network for a process");
    }

    #[test]
    fn the_finest_of_several_clocks_counts() {
        let template = prepare(&["clock 100ms", "clock 1ms"]).unwrap();
        assert_eq!(template.clock().monotonic, std::time::Duration::from_millis(1));
        assert_eq!(prepare(&[]).unwrap().clock(), Resolution::COARSE);
    }
}
