//! Something that is under way.

use std::task::{Context, Poll, ready};

use wasmtime_wasi::runtime::{self, AbortOnDropJoinHandle};

use crate::ledger::{attributed, current};

/// A task that gives a `T`, then that.
pub(super) enum Pending<T> {
    Waiting(AbortOnDropJoinHandle<T>),
    Ready(T),
}

impl<T: Send + 'static> Pending<T> {
    /// Begins, on behalf of the request that is being answered now.
    pub(super) fn begin(task: impl Future<Output = T> + Send + 'static) -> Pending<T> {
        Pending::Waiting(runtime::spawn(attributed(current(), task)))
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Pending::Waiting(task) = self {
            let done = ready!(std::pin::pin!(task).poll(cx));
            *self = Pending::Ready(done);
        }
        Poll::Ready(())
    }
}
