//! `wasi:random` 0.2 and 0.3.

use tombolo_engine::LimitHit;
use tombolo_spec::{LimitName, Limits};
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random as p2;
use wasmtime_wasi::p3::bindings::random as p3;

use crate::ledger::Counter;

/// Names the random numbers of a guest to the linker.
pub(crate) struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = RandomView<'a>;
}

/// How many bytes a call may ask for, and where uses are counted.
pub(crate) struct RandomView<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) uses: Option<&'a Counter>,
}

impl RandomView<'_> {
    pub(crate) fn count(&self) {
        if let Some(uses) = self.uses {
            uses.used();
        }
    }

    /// For 0.2, which has no error and no shorter answer: too much is a trap.
    fn exactly(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.count();
        if len > self.limits.random().bytes() {
            return Err(LimitHit::of(self.limits, LimitName::Random).into());
        }
        Ok(super::bytes(usize::try_from(len)?))
    }

    /// For 0.3, which may answer with fewer bytes.
    fn at_most(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.count();
        Ok(super::bytes(usize::try_from(len.min(self.limits.random().bytes()))?))
    }

    fn number(&mut self) -> wasmtime::Result<u64> {
        self.count();
        Ok(super::number())
    }

    fn seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((super::number(), super::number()))
    }
}

impl p2::random::Host for RandomView<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.exactly(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl p2::insecure::Host for RandomView<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.exactly(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl p2::insecure_seed::Host for RandomView<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.seed()
    }
}

impl p3::random::Host for RandomView<'_> {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.at_most(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl p3::insecure::Host for RandomView<'_> {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.at_most(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.number()
    }
}

impl p3::insecure_seed::Host for RandomView<'_> {
    fn get_insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.seed()
    }
}
