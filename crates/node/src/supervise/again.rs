//! Processes that are started again when they end, as long as the node lives.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::node::Node;

/// A pause before one that ended is started again; the kernel keeps waiting what is for it.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause, for one that ends again and again.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// One that has been there for so long starts with short pauses again.
const SERVED: Duration = Duration::from_secs(30);

/// Lives one life of `what` after the other; a life says how it ended.
pub(super) async fn again_and_again(
    node: &Node,
    what: &str,
    mut life: impl AsyncFnMut() -> io::Result<String>,
) {
    let mut pause = PAUSE;
    while !node.is_ending() {
        let started = Instant::now();
        let why = life().await.unwrap_or_else(|error| format!("it cannot be started: {error}"));
        if node.is_ending() {
            return;
        }
        node.say(&format!("{what} is gone: {why}; it is started again"));
        pause = if started.elapsed() > SERVED { PAUSE } else { (pause * 2).min(PAUSE_MAX) };
        tokio::time::sleep(pause).await;
    }
}
