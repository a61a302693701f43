//! What a cell writes: kept as its tenant's log, and listened to for apps that answer nobody.

use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};
use tombolo_spec::Name;

use super::cell::CellProcess;
use super::node::Node;
use crate::audit::AuditEvent;
use crate::logs::{LINE_BYTES_MAX, app_of};
use crate::reconcile::{CellId, Event};

/// Requests of an app that never served may fail so often, with none that succeeds, before it is taken back.
const FAILURES_MAX: u32 = 3;
/// What a cell logs when a request failed by the app's own fault.
const FAILURES: [&str; 3] = ["\"refusal\":\"trap\"", "\"refusal\":\"limit\"", "\"refusal\":\"guest-http\""];

/// Bytes that are read of a cell each second: who answers for all tenants has more to do than to read one's log. A cell
/// that writes more waits, and drops lines of its own.
const BYTES_PER_SECOND: usize = 4 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// Keeps a reader from reading more than so many bytes in a second.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    async fn took(&mut self, bytes: usize) {
        self.bytes += bytes;
        if self.bytes >= BYTES_PER_SECOND {
            sleep_until(self.since + SECOND).await;
            *self = Pace { since: Instant::now(), bytes: 0 };
        }
    }
}

/// Reads what a cell of this tenant writes, until its end.
pub(super) async fn read(node: &Node, tenant: &Name, log: pipe::Receiver, look: impl Fn(&str)) {
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    let mut pace = Pace { since: Instant::now(), bytes: 0 };
    loop {
        line.clear();
        let mut bounded = (&mut log).take(LINE_BYTES_MAX as u64);
        match bounded.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        pace.took(line.len()).await;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        match AuditEvent::refused(tenant, text).and_then(|refused| node.record_event(refused)) {
            Some(id) => node.logs.borrow_mut().add(tenant, &named(text, &id)),
            None => node.logs.borrow_mut().add(tenant, text),
        }
        look(text);
    }
}

impl CellProcess {
    /// Reads what the cell writes, until its end.
    pub(super) async fn read_log(self: Rc<Self>, node: Rc<Node>, cell: CellId, log: pipe::Receiver) {
        let look = |line: &str| {
            if let Some((app, reason)) = self.judge(line)
                && node.is_on_trial(&self.tenant, app)
            {
                node.tell(Event::Unwell { cell, reason });
            }
        };
        read(&node, &self.tenant, log, look).await;
    }

    /// Whether a line shows that an app answers nobody.
    fn judge<'l>(&self, line: &'l str) -> Option<(&'l str, String)> {
        if !line.contains("\"event\":\"request\"") {
            return None;
        }
        let app = app_of(line)?;
        let mut failures = self.failures.borrow_mut();
        let count = failures.get_mut(app)?;
        if !FAILURES.iter().any(|failure| line.contains(failure)) {
            *count = None;
            return None;
        }
        let count = count.as_mut()?;
        *count += 1;
        (*count >= FAILURES_MAX).then(|| (app, format!("its first {count} requests all failed; see the log")))
    }
}

/// A line of a cell's log with the name under which its event can be explained.
fn named(line: &str, id: &str) -> String {
    match line.strip_prefix('{') {
        Some(rest) => format!("{{\"id\":\"{id}\",{rest}"),
        None => line.to_owned(),
    }
}
