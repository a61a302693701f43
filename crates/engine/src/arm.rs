//! Puts a store under its budget.

use wasmtime::{Store, UpdateDeadline};

use crate::budget::HasBudget;

/// How a guest is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// On a fiber of its own (`call_async`): it gives way to other tasks at each tick.
    Async,
    /// On the thread's own stack (`call`): it keeps the thread until it returns.
    Sync,
}

/// Installs the limits of the store's budget.
pub fn arm<T: HasBudget + 'static>(store: &mut Store<T>, calls: Calls) {
    let limits = *store.data_mut().budget().limits();
    store.limiter(|data| data.budget());
    store.set_hostcall_fuel(limits.hostcall_fuel);
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut context| {
        context.data_mut().budget().use_cpu(crate::ticker::TICK)?;
        Ok(match calls {
            Calls::Async => UpdateDeadline::Yield(1),
            Calls::Sync => UpdateDeadline::Continue(1),
        })
    });
}
