//! The audit log: what was refused, what somebody changed, and what came of it.
//!
//! One JSON object a line, in files of each tenant's own: nobody can push another's events out. Files are bounded in
//! size and number; what guests can cause is bounded in rate as well. No secret and no token is ever in an event.

mod event;
mod files;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tombolo_spec::{Name, Timestamp};

pub use event::AuditEvent;
use files::Files;

/// Events of guests that a tenant may have at once, and how long until there is room for another one.
const BURST: u32 = 256;
const ROOM_AGAIN: Duration = Duration::from_secs(1);

/// The audit log of a node.
#[derive(Debug)]
pub(crate) struct Audit {
    folder: PathBuf,
    budgets: RefCell<BTreeMap<String, Budget>>,
    is_failing: Cell<bool>,
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// It is written down under this name.
    As(String),
    /// Too many came.
    Missed,
    /// It can't be written down, and neither can those that follow: said once.
    Failing(io::Error),
    /// As before.
    StillFailing,
}

impl Audit {
    /// The log in `folder`, which need not be there.
    pub(crate) fn new(folder: PathBuf) -> Audit {
        Audit { folder, budgets: RefCell::default(), is_failing: Cell::new(false) }
    }

    /// Writes an event down. What somebody changed survives a power loss from then on.
    pub(crate) fn record(&self, event: AuditEvent) -> Recorded {
        let mut event = event.cut();
        let guests = event.is_of_guests();
        let missed = {
            let mut budgets = self.budgets.borrow_mut();
            let budget = budgets.entry(event.tenant.clone()).or_default();
            if guests && !budget.spend(Instant::now()) {
                return Recorded::Missed;
            }
            std::mem::take(&mut budget.missed)
        };
        event.missed = (missed > 0).then_some(missed);
        event.id = id();
        event.time = now();
        let line = serde_json::to_string(&event).map_err(io::Error::from);
        match line.and_then(|line| self.files(&event.tenant).append(&line, !guests)) {
            Ok(()) => {
                self.is_failing.set(false);
                Recorded::As(event.id)
            }
            Err(error) if !self.is_failing.replace(true) => Recorded::Failing(error),
            Err(_) => Recorded::StillFailing,
        }
    }

    /// A reader of the events of some tenants, for a thread on which files may be waited for.
    pub(crate) fn reader(&self, tenants: &[Name]) -> Reader {
        Reader(tenants.iter().map(|tenant| self.files(tenant)).collect())
    }

    fn files(&self, tenant: &str) -> Files {
        Files::new(self.folder.join(tenant))
    }
}

/// Reads events.
#[derive(Debug)]
pub(crate) struct Reader(Vec<Files>);

impl Reader {
    /// The newest `count` of those that are wanted, the newest first.
    pub(crate) fn newest(&self, count: usize, wanted: impl Fn(&AuditEvent) -> bool) -> Vec<AuditEvent> {
        let mut events = Vec::new();
        for files in &self.0 {
            let of_file = |text: String| {
                let lines = text.lines().rev();
                let events = lines.filter_map(|line| serde_json::from_str::<AuditEvent>(line).ok());
                events.filter(&wanted).collect::<Vec<_>>()
            };
            events.extend(files.texts().flat_map(of_file).take(count));
        }
        events.sort_by(|a, b| b.time.cmp(&a.time));
        events.truncate(count);
        events
    }
}

/// How many events of guests a tenant may still have: a bucket of [`BURST`], filled by one each [`ROOM_AGAIN`].
#[derive(Debug, Default)]
struct Budget {
    whole_at: Option<Instant>,
    missed: u64,
}

impl Budget {
    fn spend(&mut self, now: Instant) -> bool {
        let whole_at = self.whole_at.map_or(now, |at| at.max(now)) + ROOM_AGAIN;
        let fits = whole_at <= now + ROOM_AGAIN * BURST;
        if fits {
            self.whole_at = Some(whole_at);
        } else {
            self.missed += 1;
        }
        fits
    }
}

/// Unguessable and short: two of a thousand events have one name once in half a billion logs.
fn id() -> String {
    let mut bytes = [0; 6];
    // Without random bytes, the time will do: it is a name, not a secret.
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() {
        bytes.copy_from_slice(&since_1970().as_nanos().to_le_bytes()[..6]);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn now() -> String {
    Timestamp::since_1970(since_1970()).to_string()
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(tenant: &str, function: &str) -> AuditEvent {
        AuditEvent { function: Some(function.to_owned()), ..AuditEvent::new("refused", tenant) }
    }

    fn read(audit: &Audit, tenants: &[&str], count: usize) -> Vec<AuditEvent> {
        let tenants: Vec<Name> = tenants.iter().map(|name| name.parse().expect("a name")).collect();
        audit.reader(&tenants).newest(count, |_| true)
    }

    #[test]
    fn events_come_back_newest_first_and_each_tenants_are_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let audit = Audit::new(folder.path().join("audit"));
        for (tenant, function) in [("acme", "a"), ("beta", "b"), ("acme", "c")] {
            assert!(matches!(audit.record(refused(tenant, function)), Recorded::As(_)));
        }
        let functions = |tenants: &[&str], count| {
            let events = read(&audit, tenants, count);
            events.into_iter().filter_map(|event| event.function).collect::<String>()
        };
        assert_eq!(functions(&["acme"], 9), "ca");
        assert_eq!(functions(&["acme", "beta"], 9), "cba");
        assert_eq!(functions(&["acme", "beta"], 1), "c");
        assert_eq!(functions(&["nobody"], 9), "");
    }

    #[test]
    fn a_storm_of_one_tenant_is_bounded_and_the_next_event_says_what_is_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let audit = Audit::new(folder.path().to_owned());
        let written =
            (0..1000).filter(|_| matches!(audit.record(refused("acme", "f")), Recorded::As(_))).count();
        assert!((256..300).contains(&written), "{written}");
        assert!(matches!(audit.record(refused("beta", "f")), Recorded::As(_)));
        audit.record(AuditEvent::new("deploy", "acme"));
        assert_eq!(read(&audit, &["acme"], 1)[0].missed, Some(1000 - written as u64));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_said_once() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("acme"), "no folder").expect("written");
        let audit = Audit::new(folder.path().to_owned());
        assert!(matches!(audit.record(refused("acme", "f")), Recorded::Failing(_)));
        assert!(matches!(audit.record(refused("acme", "f")), Recorded::StillFailing));
        assert!(matches!(audit.record(refused("beta", "f")), Recorded::As(_)));
    }
}
