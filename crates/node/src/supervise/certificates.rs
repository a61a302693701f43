//! Certificates in use: read anew when the operator says so or their folder changes, kept when what comes is no good.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::Signal;
use tokio::sync::Notify;
use tombolo_gateway::wire::Order;
use tombolo_listen::TlsPems;
use tombolo_spec::Name;

use super::node::Node;
use crate::certificates::read;
use crate::wire::CellTold;

/// A change is often several; this long without one, it is over.
const QUIET: Duration = Duration::from_millis(50);
/// Something that never stops changing does not hold back certificates for longer.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// Follows what the operator does, as long as the node lives.
pub(super) async fn follow(node: Rc<Node>, mut hang_up: Signal) {
    let folder = node.options.dirs.certificates();
    let changed = Arc::new(Notify::new());
    let watcher = node.speaks_tls().then(|| watch(&folder, Arc::clone(&changed)));
    if let Some(Err(error)) = &watcher {
        node.say(&format!(
            "{}: changes cannot be noticed, send SIGHUP after each: {error}",
            folder.display()
        ));
    }
    loop {
        tokio::select! {
            told = hang_up.recv() => if told.is_none() { return },
            () = changed.notified() => settle(&changed).await,
        }
        if node.speaks_tls() {
            take(&node, &folder);
        }
    }
}

fn watch(folder: &Path, changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| is_change(event.kind)) {
            changed.notify_one();
        }
    })?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Reading a file is no change.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

async fn settle(changed: &Notify) {
    let over = async { while tokio::time::timeout(QUIET, changed.notified()).await.is_ok() {} };
    let _ = tokio::time::timeout(QUIET_MAX, over).await;
}

fn take(node: &Rc<Node>, folder: &Path) {
    match read(folder, &node.options.listen) {
        Ok(all) if all == *node.certificates.borrow() => {}
        Ok(all) => {
            for (owner, pems) in &all {
                give(node, owner.as_ref(), pems);
            }
            node.certificates.replace(all);
            node.say("other certificates are in use");
        }
        Err(error) => node.say(&format!("{error}; the certificates before stay in use")),
    }
}

/// Gives them to the gateway, and to the cells that speak TLS themselves.
fn give(node: &Rc<Node>, owner: Option<&Name>, pems: &[TlsPems]) {
    if let Some(gateway) = &*node.gateway.borrow() {
        let owner = owner.map(ToString::to_string);
        gateway.order(Order::Certificates { owner, pems: pems.to_owned() });
    }
    for cell in node.cells.borrow().values().filter(|cell| Some(&cell.tenant) == owner) {
        cell.tell(&CellTold::Certificates(pems.to_owned()));
    }
}
