//! What processes use up, as the kernel says (proc(5)): also those that were taken over can't lie about it.

use std::time::Duration;

/// Processes that are looked at below one.
const FAMILY_MAX: usize = 64;

/// What a process and those that it started have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Processor time since they started.
    pub(crate) cpu: Duration,
    /// Memory that they do not share with files or others.
    pub(crate) memory_bytes: u64,
}

/// Looks at a process and those that it started; at itself alone for `alone`.
pub(crate) fn of(pid: u32, alone: bool) -> Usage {
    let mut usage = Usage::default();
    let mut family = vec![pid];
    let mut place = 0;
    while let Some(pid) = family.get(place).copied() {
        usage.cpu += cpu(pid).unwrap_or_default();
        usage.memory_bytes += memory_bytes(pid).unwrap_or_default();
        if !alone && family.len() < FAMILY_MAX {
            family.extend(children(pid));
        }
        place += 1;
    }
    usage
}

fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn cpu(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything: what is counted starts behind it.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11).map(str::parse::<u64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

fn memory_bytes(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut pages = statm.split(' ').skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_what_it_uses() {
        let own = std::process::id();
        let before = of(own, true);
        let ballast = vec![1_u8; 32 << 20];
        while of(own, true).cpu < before.cpu + Duration::from_millis(30) {}
        assert!(of(own, true).memory_bytes >= before.memory_bytes + (30 << 20));
        assert!(ballast.iter().all(|byte| *byte == 1));
        assert_eq!(of(u32::MAX, false), Usage::default());
    }
}
