//! How large a pool of instances this machine can carry.
//!
//! A pool reserves address space for all its slots when the engine is made, and real memory only for what guests
//! touch. Its size is chosen from the machine's memory; whether the address space is there is found out by trying,
//! since processors, kernels and resource limits cut it off at different sizes (39 bits on a Raspberry Pi).

use std::fs;
use std::path::Path;

/// Memory that is reckoned per slot when a pool is sized.
const BYTES_PER_SLOT: u64 = 16 << 20;
/// The largest pool, and the smallest one worth having.
const SLOTS_MAX: u32 = 1000;
const SLOTS_MIN: u32 = 8;
/// Address space that each linear memory takes, whatever its size: compiled code then needs no bounds checks.
const RESERVATION_BYTES: usize = 4 << 30;

/// Dimensions of a pool of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Instances of components (or modules) that can live at once.
    pub slots: u32,
    /// Linear memories that are reserved per slot, those of the garbage collector included.
    pub memories_per_slot: u32,
    /// Largest table, in elements.
    pub table_elements_max: usize,
    /// Bytes of a freed memory that are cleared in place rather than given back to the kernel.
    pub keep_resident_bytes: usize,
    /// Ask the kernel which pages a guest touched. Pages that were swapped out are missed, and one guest's data
    /// then reach the next: only to be set on a machine without swap (wasmtime issue 14357).
    pub pagemap_scan: bool,
}

/// How an engine gets its instances' memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryPlan {
    Pool(PoolSize),
    OnDemand {
        /// Why there is no pool.
        reason: String,
    },
}

/// What the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) memory_bytes: u64,
    pub(crate) swap: bool,
}

impl PoolSize {
    /// Largest linear memory, in bytes.
    pub const MEMORY_BYTES_MAX: usize = RESERVATION_BYTES;

    /// The pool for a machine, provided that it has the address space.
    pub(crate) fn for_machine(machine: Machine) -> PoolSize {
        let slots = (machine.memory_bytes / BYTES_PER_SLOT).clamp(SLOTS_MIN.into(), SLOTS_MAX.into()) as u32;
        PoolSize {
            slots,
            memories_per_slot: 2,
            table_elements_max: 100_000,
            keep_resident_bytes: keep_resident_bytes(machine.memory_bytes),
            pagemap_scan: !machine.swap,
        }
    }

    /// The next smaller pool to try.
    pub(crate) fn smaller(self) -> Option<PoolSize> {
        let slots = self.slots / 2;
        (slots >= SLOTS_MIN).then_some(PoolSize { slots, ..self })
    }
}

/// A 256 MiB gateway keeps 64 KiB warm per slot, a server 256 KiB: four times as much made no workload faster.
fn keep_resident_bytes(memory_bytes: u64) -> usize {
    match memory_bytes {
        0..=0x4000_0000 => 64 << 10,
        _ => 256 << 10,
    }
}

impl Machine {
    /// The machine at hand; the memory is what this process may use of it.
    pub(crate) fn probe() -> Machine {
        let info = rustix::system::sysinfo();
        let unit = u64::from(info.mem_unit.max(1));
        let physical = info.totalram as u64 * unit;
        let memory_bytes = cgroup_memory_max(Path::new("/sys/fs/cgroup"), &own_cgroup())
            .map_or(physical, |limit| limit.min(physical));
        Machine { memory_bytes, swap: info.totalswap > 0 }
    }
}

/// The path of this process' cgroup (version 2) below the mount point.
fn own_cgroup() -> String {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("0::/"));
    line.unwrap_or_default().to_owned()
}

/// The smallest `memory.max` from the cgroup at `own` up to the root.
fn cgroup_memory_max(root: &Path, own: &str) -> Option<u64> {
    let ancestors = Path::new(own).ancestors().take(32);
    ancestors
        .filter_map(|cgroup| fs::read_to_string(root.join(cgroup).join("memory.max")).ok())
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_grow_with_memory_within_bounds() {
        let slots = |mib: u64| PoolSize::for_machine(Machine { memory_bytes: mib << 20, swap: false }).slots;
        for (mib, expected) in
            [(64, 8), (256, 16), (1024, 64), (4096, 256), (24 << 10, 1000), (1 << 20, 1000)]
        {
            assert_eq!(slots(mib), expected, "{mib} MiB");
        }
    }

    #[test]
    fn pages_are_only_scanned_on_a_machine_without_swap() {
        for swap in [false, true] {
            let pool = PoolSize::for_machine(Machine { memory_bytes: 1 << 30, swap });
            assert_eq!(pool.pagemap_scan, !swap);
        }
    }

    #[test]
    fn smaller_pools_end_at_the_smallest() {
        let mut pool = PoolSize::for_machine(Machine { memory_bytes: 1 << 40, swap: false });
        let mut tried = vec![pool.slots];
        while let Some(smaller) = pool.smaller() {
            pool = smaller;
            tried.push(pool.slots);
        }
        assert_eq!(tried, [1000, 500, 250, 125, 62, 31, 15]);
    }

    #[test]
    fn the_tightest_cgroup_on_the_way_up_counts() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        let own = "system.slice/tombolo.service";
        fs::create_dir_all(root.path().join(own))?;
        assert_eq!(cgroup_memory_max(root.path(), own), None);
        fs::write(root.path().join(own).join("memory.max"), "max\n")?;
        assert_eq!(cgroup_memory_max(root.path(), own), None);
        fs::write(root.path().join("system.slice/memory.max"), "268435456\n")?;
        assert_eq!(cgroup_memory_max(root.path(), own), Some(256 << 20));
        fs::write(root.path().join(own).join("memory.max"), "1073741824\n")?;
        assert_eq!(cgroup_memory_max(root.path(), own), Some(256 << 20));
        Ok(())
    }
}
