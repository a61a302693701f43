//! `wasi:clocks` 0.3.

use std::time::Duration;

use tokio::time::sleep;
use wasmtime::component::Accessor;
use wasmtime_wasi::p3::bindings::clocks::{monotonic_clock, system_clock, types};

use super::p2::{ClocksView, HasClocks};

impl types::Host for ClocksView<'_> {}

impl system_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> wasmtime::Result<system_clock::Instant> {
        let now = self.clocks.wall();
        Ok(system_clock::Instant { seconds: now.as_secs().try_into()?, nanoseconds: now.subsec_nanos() })
    }

    fn get_resolution(&mut self) -> wasmtime::Result<types::Duration> {
        Ok(self.clocks.wall_resolution().as_nanos().try_into()?)
    }
}

impl monotonic_clock::Host for ClocksView<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Mark> {
        Ok(self.clocks.monotonic_ns())
    }

    fn get_resolution(&mut self) -> wasmtime::Result<types::Duration> {
        Ok(self.clocks.monotonic_resolution_ns())
    }
}

impl<T> monotonic_clock::HostWithStore<T> for HasClocks {
    async fn wait_until(store: &Accessor<T, Self>, when: monotonic_clock::Mark) -> wasmtime::Result<()> {
        let wait = store.with(|mut view| view.get().clocks.until(when));
        if !wait.is_zero() {
            sleep(wait).await;
        }
        Ok(())
    }

    async fn wait_for(_store: &Accessor<T, Self>, duration: types::Duration) -> wasmtime::Result<()> {
        if duration > 0 {
            sleep(Duration::from_nanos(duration)).await;
        }
        Ok(())
    }
}
