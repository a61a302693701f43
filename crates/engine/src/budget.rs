//! What an instance has used of its limits.

use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::limits::{InstanceLimits, LimitHit};

/// Bytes that one table element takes.
const TABLE_ELEMENT_BYTES: u64 = 8;
/// Core instances, tables and memories of one store. Components of real toolchains have up to a few dozen.
const INSTANCES_MAX: usize = 1000;

/// Accounts for everything that a store's instances use up together.
#[derive(Debug)]
pub struct Budget {
    limits: InstanceLimits,
    memory_bytes: u64,
    table_elements: u64,
    cpu: Duration,
    output_bytes: u64,
    hit: Option<LimitHit>,
}

/// Data of a store that carries a [`Budget`].
pub trait HasBudget {
    fn budget(&mut self) -> &mut Budget;
}

impl Budget {
    /// An unused budget.
    pub fn new(limits: InstanceLimits) -> Budget {
        Budget { limits, memory_bytes: 0, table_elements: 0, cpu: Duration::ZERO, output_bytes: 0, hit: None }
    }

    /// The limits in force.
    pub fn limits(&self) -> &InstanceLimits {
        &self.limits
    }

    /// Bytes of memories and tables in use.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Processor time used.
    pub fn cpu(&self) -> Duration {
        self.cpu
    }

    /// The limit that was hit last, if any. A program that was refused memory may go on, or end because of it.
    pub fn hit(&self) -> Option<&LimitHit> {
        self.hit.as_ref()
    }

    /// Accounts for output.
    ///
    /// # Errors
    /// The limit, when `bytes` more would exceed it; nothing is accounted for then.
    pub fn use_output(&mut self, bytes: u64) -> Result<(), LimitHit> {
        let used = self.output_bytes.saturating_add(bytes);
        match self.limits.output_bytes {
            Some(limit) if used > limit => Err(self.refuse("output", limit)),
            _ => {
                self.output_bytes = used;
                Ok(())
            }
        }
    }

    pub(crate) fn use_cpu(&mut self, time: Duration) -> Result<(), LimitHit> {
        self.cpu = self.cpu.saturating_add(time);
        match self.limits.cpu {
            Some(limit) if self.cpu > limit => Err(self.refuse("cpu", limit.as_millis() as u64)),
            _ => Ok(()),
        }
    }

    fn refuse(&mut self, name: &'static str, value: u64) -> LimitHit {
        let hit =
            LimitHit { name, value: value.to_string(), remedy: format!("raise it with --limit {name}=…") };
        self.hit = Some(hit.clone());
        hit
    }
}

impl ResourceLimiter for Budget {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.memory_bytes.saturating_add(desired.saturating_sub(current) as u64);
        if used > self.limits.memory_bytes {
            self.refuse("memory", self.limits.memory_bytes);
            return Ok(false);
        }
        self.memory_bytes = used;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current) as u64;
        let elements = self.table_elements.saturating_add(more);
        if elements > self.limits.table_elements {
            self.refuse("table-elements", self.limits.table_elements);
            return Ok(false);
        }
        let bytes = self.memory_bytes.saturating_add(more.saturating_mul(TABLE_ELEMENT_BYTES));
        if bytes > self.limits.memory_bytes {
            self.refuse("memory", self.limits.memory_bytes);
            return Ok(false);
        }
        (self.table_elements, self.memory_bytes) = (elements, bytes);
        Ok(true)
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
