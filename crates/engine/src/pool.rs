//! How large a pool of instances this machine can carry.

/// Dimensions of a pool of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    /// Instances of components (or modules) that can live at once.
    pub slots: u32,
    /// Linear memories that are reserved per slot.
    pub memories_per_instance: u32,
    /// Largest linear memory, in bytes.
    pub memory_bytes_max: usize,
    /// Largest table, in elements.
    pub table_elements_max: usize,
    /// Bytes of a freed memory that are cleared in place rather than given back to the kernel.
    pub keep_resident_bytes: usize,
    /// Ask the kernel which pages a guest touched. Unsound where swap is on, so only set when it is off.
    pub pagemap_scan: bool,
}
