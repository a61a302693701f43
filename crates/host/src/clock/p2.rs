//! `wasi:clocks` 0.2.

use std::time::Duration;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::Clocks;

/// Names the clocks of a guest to the linker.
pub(crate) struct HasClocks;

impl HasData for HasClocks {
    type Data<'a> = ClocksView<'a>;
}

/// Clocks, and the table that timers go into.
pub(crate) struct ClocksView<'a> {
    pub(crate) clocks: Clocks,
    pub(crate) table: &'a mut ResourceTable,
}

impl wall_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(self.clocks.wall()))
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(self.clocks.wall_resolution()))
    }
}

impl monotonic_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clocks.monotonic_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clocks.monotonic_resolution_ns())
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        timer(self.table, self.clocks.until(when))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        timer(self.table, Duration::from_nanos(duration))
    }
}

fn datetime(time: Duration) -> wall_clock::Datetime {
    wall_clock::Datetime { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
}

fn timer(table: &mut ResourceTable, wait: Duration) -> wasmtime::Result<Resource<DynPollable>> {
    let deadline = table.push(Deadline::after(wait))?;
    subscribe(table, deadline)
}

/// A pollable that becomes ready at a time.
enum Deadline {
    /// Ready at once, but only after other work had its turn: a guest that polls with a zero timeout in a
    /// loop must not starve the reactor that makes its sockets ready.
    Past {
        yielded: bool,
    },
    At(tokio::time::Instant),
    /// Further away than the clock can say.
    Never,
}

impl Deadline {
    fn after(wait: Duration) -> Deadline {
        if wait.is_zero() {
            return Deadline::Past { yielded: false };
        }
        tokio::time::Instant::now().checked_add(wait).map_or(Deadline::Never, Deadline::At)
    }
}

#[async_trait]
impl Pollable for Deadline {
    async fn ready(&mut self) {
        match self {
            Deadline::Past { yielded: true } => {}
            Deadline::Past { yielded } => {
                *yielded = true;
                tokio::task::yield_now().await;
            }
            Deadline::At(when) => tokio::time::sleep_until(*when).await,
            Deadline::Never => std::future::pending().await,
        }
    }
}
