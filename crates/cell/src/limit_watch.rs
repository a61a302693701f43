//! Keeps the limits of time of one program from beside it.
//!
//! A program that has its process to itself needs no interruption points in its code, which would cost it up to a
//! fifth: when its time is up, its process ends. The watch sleeps until the earliest moment at which that can be.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tombolo_engine::LimitHit;
use tombolo_spec::{LimitName, LimitValue};

/// The least that the watch sleeps: a program overruns its processor time by no more.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// Limits of time, and when they began to count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    wall: Option<Duration>,
    cpu: Option<Duration>,
    began: Instant,
    cpu_before: Duration,
}

impl Time {
    /// Counts from now on. `cpu` is what the whole process uses.
    pub(crate) fn from_now(wall: Option<Duration>, cpu: Option<Duration>) -> Time {
        Time { wall, cpu, began: Instant::now(), cpu_before: process_time() }
    }

    /// Whether there is anything to watch.
    pub(crate) fn is_limited(&self) -> bool {
        self.wall.is_some() || self.cpu.is_some()
    }

    /// Waits for the program's end, which closes `ended`, or for the limit that it reaches first.
    pub(crate) fn watch(&self, ended: &Receiver<()>) -> Option<LimitHit> {
        loop {
            let left = match self.left() {
                Ok(left) => left.max(SLEEP_MIN),
                Err(hit) => return Some(hit),
            };
            match ended.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// How long no limit can be reached.
    fn left(&self) -> Result<Duration, LimitHit> {
        let wall = left(LimitName::Time, self.wall, self.began.elapsed())?;
        let used = process_time().saturating_sub(self.cpu_before);
        let cpu = left(LimitName::Cpu, self.cpu, used)?;
        Ok(wall.min(cpu))
    }
}

fn left(name: LimitName, limit: Option<Duration>, used: Duration) -> Result<Duration, LimitHit> {
    match limit {
        None => Ok(Duration::MAX),
        Some(limit) if used >= limit => Err(LimitHit { name, value: LimitValue::Time(limit) }),
        Some(limit) => Ok(limit - used),
    }
}

fn process_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const LONG: Duration = Duration::from_secs(3600);
    const SHORT: Duration = Duration::from_millis(5);

    #[test]
    fn who_ends_in_time_reaches_no_limit() {
        let (end, ended) = channel();
        drop(end);
        assert_eq!(Time::from_now(Some(LONG), Some(LONG)).watch(&ended), None);
    }

    #[test]
    fn who_sleeps_reaches_the_wall_limit_only() {
        let (_end, ended) = channel();
        let hit = Time::from_now(Some(SHORT), Some(LONG)).watch(&ended).expect("a limit");
        assert_eq!((hit.name, hit.value), (LimitName::Time, LimitValue::Time(SHORT)));
    }

    #[test]
    fn who_computes_reaches_the_processor_limit() {
        let (_end, ended) = channel();
        let time = Time::from_now(Some(LONG), Some(SHORT));
        while process_time().saturating_sub(time.cpu_before) < SHORT {}
        assert_eq!(time.watch(&ended).map(|hit| hit.name), Some(LimitName::Cpu));
    }
}
