//! What an instance has used of its limits.
//!
//! Wasmtime's own limiter bounds each memory by itself; here all memories and tables of a store share one sum, so
//! that a program cannot have sixteen times its limit in sixteen memories.

use std::time::{Duration, Instant};

use tombolo_spec::{LimitName, Limits};
use wasmtime::ResourceLimiter;

use crate::limits::LimitHit;
use crate::shared::MemoryShare;

/// Bytes that one table element takes.
const TABLE_ELEMENT_BYTES: u64 = 8;
/// Core instances, tables and memories of one store, each. Components of real toolchains have a few dozen.
pub(crate) const INSTANCES_MAX: usize = 1000;

/// Accounts for everything that a store's instances use up together.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    memory_bytes: u64,
    memory_bytes_max: u64,
    table_elements: u64,
    table_elements_max: u64,
    cpu: Duration,
    cpu_max: Option<Duration>,
    deadline: Option<Instant>,
    output_bytes: u64,
    hit: Option<LimitHit>,
    share: Option<MemoryShare>,
    is_starved: bool,
}

/// Data of a store that carries a [`Budget`].
pub trait HasBudget {
    fn budget(&mut self) -> &mut Budget;
}

impl Budget {
    /// An unused budget.
    pub fn new(limits: &Limits) -> Budget {
        Budget {
            memory_bytes: 0,
            memory_bytes_max: limits.memory().bytes(),
            table_elements: 0,
            table_elements_max: limits.table_elements(),
            cpu: Duration::ZERO,
            cpu_max: limits.cpu(),
            deadline: None,
            output_bytes: 0,
            hit: None,
            share: None,
            is_starved: false,
            limits: limits.clone(),
        }
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Bytes of memories and tables in use.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// From here on memory also comes out of what the instances of the process share.
    pub fn draw_from(&mut self, share: MemoryShare) {
        self.share = Some(share);
    }

    /// Whether the guest was refused memory that its own limit would have let it have.
    pub fn is_starved(&self) -> bool {
        self.is_starved
    }

    /// Processor time used, as of the last tick.
    pub fn cpu(&self) -> Duration {
        self.cpu
    }

    /// Also ends guest code at the first tick after `deadline`, as a hit of the limit `time`.
    ///
    /// This does not end a host call that waits: whoever calls the guest sets a timer for that.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    /// The limit that was hit last, if any. A guest that was refused memory may go on, or end because of it.
    pub fn hit(&self) -> Option<LimitHit> {
        self.hit
    }

    /// Remembers that `name` was hit, and says so. Hosts call this for the limits that they enforce.
    pub fn refuse(&mut self, name: LimitName) -> LimitHit {
        let hit = LimitHit::of(&self.limits, name);
        self.hit = Some(hit);
        hit
    }

    /// Accounts for output.
    ///
    /// # Errors
    /// The limit, when `bytes` more would exceed it; nothing is accounted for then.
    pub fn use_output(&mut self, bytes: u64) -> Result<(), LimitHit> {
        let used = self.output_bytes.saturating_add(bytes);
        if self.limits.output().is_some_and(|limit| used > limit.bytes()) {
            return Err(self.refuse(LimitName::Output));
        }
        self.output_bytes = used;
        Ok(())
    }

    /// Whether guest code must be interrupted for a limit. Other guests of the thread are another reason to.
    pub fn needs_ticks(&self) -> bool {
        self.cpu_max.is_some() || self.deadline.is_some()
    }

    /// Accounts for `bytes` in all; whether the process has as much left.
    fn take_memory(&mut self, bytes: u64) -> bool {
        let taken = self.share.as_mut().is_none_or(|share| share.cover(bytes));
        if taken {
            self.memory_bytes = bytes;
        } else {
            self.is_starved = true;
        }
        taken
    }

    /// At a tick: `used` is the processor time so far, where the call is metered.
    pub(crate) fn tick(&mut self, used: Option<Duration>) -> Result<(), LimitHit> {
        self.cpu = used.unwrap_or(self.cpu);
        if self.cpu_max.is_some_and(|limit| self.cpu > limit) {
            return Err(self.refuse(LimitName::Cpu));
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(self.refuse(LimitName::Time));
        }
        Ok(())
    }
}

/// Growth that a guest is refused is remembered: the guest sees the failure that the specification promises it, and
/// if it then gives up, the reason can be told.
///
/// Growth that is granted and then fails in the operating system stays on the account; this errs on the safe side.
impl ResourceLimiter for Budget {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let used = self.memory_bytes.saturating_add(desired.saturating_sub(current) as u64);
        if used > self.memory_bytes_max {
            self.refuse(LimitName::Memory);
            return Ok(false);
        }
        Ok(self.take_memory(used))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current) as u64;
        let elements = self.table_elements.saturating_add(more);
        let bytes = self.memory_bytes.saturating_add(more.saturating_mul(TABLE_ELEMENT_BYTES));
        if elements > self.table_elements_max {
            self.refuse(LimitName::TableElements);
            return Ok(false);
        }
        if bytes > self.memory_bytes_max {
            self.refuse(LimitName::Memory);
            return Ok(false);
        }
        let taken = self.take_memory(bytes);
        if taken {
            self.table_elements = elements;
        }
        Ok(taken)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        INSTANCES_MAX
    }
}
