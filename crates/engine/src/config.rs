//! Our options as Wasmtime's settings.
//!
//! The accepted WebAssembly features are Wasmtime's own defaults, so that a program that runs under its command
//! line runs here. Everything below departs from a default for the reason beside it.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::options::{EngineClass, EngineOptions};
use crate::pool::PoolSize;

/// Stack that host functions may use below a guest on the same fiber.
const HOST_STACK_BYTES: usize = 512 * 1024;
/// Freed slots are given back to the kernel in batches of this.
const DECOMMIT_BATCH: usize = 8;
/// Bytes of a freed table that are cleared in place.
const TABLE_KEEP_RESIDENT_BYTES: usize = 64 * 1024;

/// Settings for `options`; `pool` is the pool to allocate from, if any.
pub(crate) fn config(options: &EngineOptions, pool: Option<&PoolSize>) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.enable_compiler(options.compiler);
    if let Some(target) = options.target {
        config.target(target.triple())?;
    }
    config.concurrency_support(options.class == EngineClass::Concurrent);
    config.epoch_interruption(options.interruptible);
    config.max_wasm_stack(options.stack_bytes);
    config.async_stack_size(options.stack_bytes.saturating_add(HOST_STACK_BYTES));
    // Traps are explained with function names, and with file and line where the program carries them.
    // Fixed here because the default asks an environment variable.
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    // Wasmtime walks stacks by frame pointer; tables for native unwinders would only cost size and start-up.
    config.native_unwind_info(false);
    config.parallel_compilation(options.parallel);
    if let Some(pool) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(pool)));
    }
    Ok(config)
}

fn pooling(size: &PoolSize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let memories = size.slots.saturating_mul(size.memories_per_slot);
    pool.total_component_instances(size.slots);
    // A component is made of several core instances; they are counted, not reserved.
    pool.total_core_instances(size.slots.saturating_mul(32));
    pool.total_memories(memories);
    pool.total_tables(memories.saturating_mul(2));
    pool.max_tables_per_module(16);
    pool.total_stacks(size.slots);
    pool.total_gc_heaps(size.slots);
    pool.max_memory_size(PoolSize::MEMORY_BYTES_MAX);
    pool.table_elements(size.table_elements_max);
    pool.linear_memory_keep_resident(size.keep_resident_bytes);
    pool.table_keep_resident(TABLE_KEEP_RESIDENT_BYTES);
    pool.decommit_batch_size(DECOMMIT_BATCH);
    pool.pagemap_scan(if size.pagemap_scan { Enabled::Auto } else { Enabled::No });
    pool
}
