//! Random numbers.
//!
//! `wasi:random` has no error: a guest can be answered or trapped, and the standard libraries of Rust, Go and
//! C++ draw a hash seed before `main`. Random bytes give no power over anything outside the guest, while bytes
//! that only look random would break the guest's own keys. So:
//!
//! - bytes are always unpredictable, from a generator seeded by the kernel, with or without a grant; predictable
//!   bytes are never handed out;
//! - the "insecure" interfaces give the same bytes: nothing is gained by worse ones;
//! - `random` as a grant declares that a function depends on randomness beyond hash seeds; it is counted,
//!   printed in reports and can be missing from a ceiling, but its absence does not change the answer;
//! - one call gets at most the limit `random` (64 KiB); more is a trap in 0.2 and an error in 0.1, and 0.3
//!   returns a shorter list, as its text allows.

pub(crate) mod host;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use wasmtime_wasi::Rng;

thread_local! {
    // One generator a thread, ChaCha seeded from the kernel: no lock, no allocation and no system call for
    // each instance. Instances of one tenant share it; a cell never serves two tenants.
    static GENERATOR: RefCell<Box<dyn Rng + Send>> = RefCell::new(wasmtime_wasi::thread_rng());
}

/// Fills `buffer` with unpredictable bytes.
pub(crate) fn fill(buffer: &mut [u8]) {
    GENERATOR.with_borrow_mut(|generator| generator.fill_bytes(buffer));
}

/// An unpredictable number.
pub(crate) fn number() -> u64 {
    GENERATOR.with_borrow_mut(|generator| generator.next_u64())
}

/// `len` unpredictable bytes.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fill(&mut bytes);
    bytes
}
