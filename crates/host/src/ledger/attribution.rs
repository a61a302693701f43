//! On whose behalf the thread works: so that a refusal can name the request that it came up in.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;

thread_local!(static CURRENT: Cell<Option<u64>> = const { Cell::new(None) });

/// Lets `future` work on behalf of the request with this number. What it spawns does so only if it is wrapped too.
pub async fn attributed<F: Future>(request: Option<u64>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let before = CURRENT.replace(request);
        let polled = future.as_mut().poll(cx);
        CURRENT.set(before);
        polled
    })
    .await
}

/// The request on whose behalf this thread works now.
pub(crate) fn current() -> Option<u64> {
    CURRENT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_that_take_turns_on_a_thread_keep_their_numbers() {
        let one = attributed(Some(1), async {
            tokio::task::yield_now().await;
            let inner = attributed(Some(3), async { current() }).await;
            (current(), inner)
        });
        let other = attributed(Some(2), async {
            tokio::task::yield_now().await;
            current()
        });
        assert_eq!(tokio::join!(one, other), ((Some(1), Some(3)), Some(2)));
        assert_eq!(current(), None);
    }
}
