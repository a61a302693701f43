//! Puts a store under its budget.

use std::pin::Pin;
use std::time::Duration;

use wasmtime::{Store, UpdateDeadline};

use crate::budget::HasBudget;
use crate::meter;
use crate::ticker;

/// What a guest may use before it has to give way.
const UNDISTURBED: Duration = Duration::from_millis(1);

/// Ends when a guest that gave way may go on.
pub type Turn = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a guest is called.
#[derive(Debug, Clone, Copy)]
pub enum Calls {
    /// On a fiber of its own (`call_async`): once it has used a millisecond it gives way to other tasks at each tick.
    Async,
    /// The same, and after each tick it waits for its turn among the guests of its thread that compute.
    InTurns(fn() -> Turn),
    /// On the thread's own stack (`call`): it keeps the thread until it returns.
    Sync,
}

/// Installs the limits of the store's budget. To be called before anything is instantiated in the store.
///
/// Limits of processor time and the deadline hold while a [`Ticker`](crate::Ticker) of the store's engine runs, and
/// only for an engine that is interruptible.
/// Processor time is counted within [`metered_call`](crate::metered_call).
pub fn arm<T: HasBudget + 'static>(store: &mut Store<T>, calls: Calls) {
    let limits = store.data_mut().budget().limits();
    let fuel = usize::try_from(limits.hostcall_fuel().bytes()).unwrap_or(usize::MAX);
    let handles = usize::try_from(limits.handles()).unwrap_or(usize::MAX);
    store.limiter(|data| data.budget());
    store.set_hostcall_fuel(fuel);
    store.set_max_component_handles(handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |mut context| {
        let used = meter::used_now();
        context.data_mut().budget().tick(used)?;
        // A tick falls into short calls too, and hits the more of them the more there are.
        if used.is_some_and(|used| used < UNDISTURBED) {
            return Ok(UpdateDeadline::Continue(1));
        }
        ticker::interrupted();
        Ok(match calls {
            Calls::Async => UpdateDeadline::Yield(1),
            Calls::InTurns(turn) => UpdateDeadline::YieldCustom(1, turn()),
            Calls::Sync => UpdateDeadline::Continue(1),
        })
    });
}
