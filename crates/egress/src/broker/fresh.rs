//! Name servers and hosts of the moment: a device that comes into another network asks there.
//!
//! The broker opens no file. It asks the node before it looks a name up, and gets the files where they are others than
//! before; at most once a second, and never while nobody asks for a name.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout};

use super::say;
use crate::ask::Ask;
use crate::direct::Direct;
use crate::files::NameFiles;
use crate::names::NameConfig;
use crate::wire::NAMES_WANTED;
use tombolo_spec::grant::Host;

/// How long what the node said is taken to hold.
const HOLDS: Duration = Duration::from_secs(1);
/// How long a lookup waits for a node that has much to do; then it takes what is known.
const WAIT: Duration = Duration::from_secs(1);

/// Asks the node how names are resolved now.
pub(super) struct Fresh {
    direct: Rc<Direct>,
    node: Mutex<Asking>,
    answered: Notify,
}

struct Asking {
    node: OwnedWriteHalf,
    last: Option<Instant>,
}

impl Fresh {
    pub(super) fn new(node: OwnedWriteHalf, direct: Rc<Direct>) -> Fresh {
        Fresh { direct, node: Mutex::new(Asking { node, last: None }), answered: Notify::new() }
    }

    /// To be called before a name is looked up; others who want to meanwhile wait as well.
    pub(super) async fn before(&self, ask: &Ask) {
        if !looks_up(ask) {
            return;
        }
        let mut asking = self.node.lock().await;
        if asking.last.is_none_or(|last| last.elapsed() >= HOLDS) {
            let answer = async {
                asking.node.write_all(&[NAMES_WANTED]).await?;
                self.answered.notified().await;
                Ok::<(), io::Error>(())
            };
            // A node that is gone ends the broker elsewhere.
            let _ = timeout(WAIT, answer).await;
            asking.last = Some(Instant::now());
        }
    }

    /// The node's answer; without files, they are those from before.
    pub(super) fn take(&self, files: Option<NameFiles>) {
        if let Some(config) = files.map(NameFiles::read) {
            let names = self.direct.names();
            if let Err(error) = names.replace(&config) {
                say(&format!("/etc/hosts is left out: {error}"));
                // Without one nothing can be wrong with it.
                let _ = names.replace(&NameConfig { hosts: String::new(), ..config });
            }
        }
        self.answered.notify_one();
    }
}

fn looks_up(ask: &Ask) -> bool {
    match ask {
        Ask::Http { host, .. } => matches!(host.parse(), Ok(Host::Name(_))),
        Ask::Tcp { name, .. } | Ask::Udp { name, .. } => name.is_some(),
        Ask::Resolve { .. } => true,
        Ask::Listen { .. } => false,
    }
}
