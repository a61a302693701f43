//! The last lines that cells have written, and those who wait for more.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use tokio::sync::broadcast;

/// Bytes of lines that are kept of each tenant.
const BYTES_MAX: usize = 512 << 10;
/// Lines that a reader may be behind before it misses some.
const BEHIND_MAX: usize = 4096;
/// The longest line; the rest of a longer one is cut off.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 10;

/// Lines of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Logs(BTreeMap<String, Tenant>);

#[derive(Debug)]
struct Tenant {
    lines: VecDeque<Rc<str>>,
    bytes: usize,
    more: broadcast::Sender<Rc<str>>,
}

impl Logs {
    /// Keeps a line of a tenant's cell.
    pub(crate) fn add(&mut self, tenant: &str, line: &str) {
        let line: Rc<str> = line.into();
        let own = self.tenant(tenant);
        own.bytes += line.len();
        own.lines.push_back(Rc::clone(&line));
        while own.bytes > BYTES_MAX {
            let Some(oldest) = own.lines.pop_front() else { break };
            own.bytes -= oldest.len();
        }
        // Nobody may be listening.
        let _ = own.more.send(line);
    }

    /// The last `count` lines of an app, and those to come.
    pub(crate) fn read(
        &mut self,
        tenant: &str,
        app: &str,
        count: usize,
    ) -> (Vec<Rc<str>>, broadcast::Receiver<Rc<str>>) {
        let own = self.tenant(tenant);
        let mut last: Vec<_> =
            own.lines.iter().rev().filter(|line| is_of(line, app)).take(count).cloned().collect();
        last.reverse();
        (last, own.more.subscribe())
    }

    fn tenant(&mut self, tenant: &str) -> &mut Tenant {
        self.0.entry(tenant.to_owned()).or_insert_with(|| Tenant {
            lines: VecDeque::new(),
            bytes: 0,
            more: broadcast::channel(BEHIND_MAX).0,
        })
    }
}

/// Whether a line is about this app. Found in the text: lines come much more often than they are read.
pub(crate) fn is_of(line: &str, app: &str) -> bool {
    app_of(line).is_none_or(|named| named == app)
}

/// The app that a line names; cells name functions `app/function`.
pub(crate) fn app_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"function\":\"")?;
    rest.split(['/', '"']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_within_their_bound_and_found_by_app() {
        let mut logs = Logs::default();
        for number in 0..100_000 {
            logs.add("acme", &format!("{{\"function\":\"web/f\",\"n\":{number}}}"));
        }
        logs.add("acme", "{\"function\":\"api/f\"}");
        logs.add("acme", "the cell has ended");
        let (lines, _) = logs.read("acme", "api", 10);
        assert_eq!(lines.len(), 2, "its own, and those that are nobody's");
        let (lines, _) = logs.read("acme", "web", usize::MAX);
        assert!(lines.len() < 20_000);
        assert_eq!(logs.read("beta", "web", 10).0.len(), 0);
    }
}
