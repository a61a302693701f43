//! An instance at work, and how its answer is waited for.
//!
//! The guest runs inside the connection's own task: most guests are done when they are polled the first time, and
//! then nothing was spawned, no timer was set and nobody was woken. A guest that has answered and is not done goes
//! on in a task of its own, see [`Rest`].

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Response;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tombolo_engine::{Fault, LimitHit, TickerGuard, metered_call};
use tombolo_host::ledger::{Caller, on_behalf};
use tombolo_spec::LimitName;
use wasmtime_wasi_http::Error;

use super::head::Head;
use crate::admit::Pass;
use crate::refusal::{Refusal, Shortage};
use crate::turns::{self, Account};

/// Frames of a response's body, as the guest makes them.
pub(crate) type Frames = UnsyncBoxBody<bytes::Bytes, Error>;

/// What a guest's call came to.
pub(crate) type Ended = Result<(), Fault>;

/// What a guest holds as long as it runs: its place, and the clock that interrupts it.
pub(crate) type Held = (Pass, TickerGuard);

/// A guest that was called.
pub(crate) struct Running {
    guest: Option<Work>,
    ended: Option<Ended>,
    in_line: bool,
    head: Head,
    pass: Held,
    /// Set when the client sent more than the guest may get.
    body_too_large: Option<Arc<AtomicBool>>,
    limits: Limits,
}

/// The limits of a call that is running.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) began: Instant,
    /// On whose behalf the guest works.
    pub(crate) caller: Caller,
    pub(crate) time: Option<Duration>,
    pub(crate) body_bytes: u64,
    /// What is said when the time is up.
    pub(crate) time_is_up: LimitHit,
}

impl Running {
    pub(crate) fn new(
        guest: impl Future<Output = Ended> + 'static,
        head: Head,
        pass: Held,
        body_too_large: Option<Arc<AtomicBool>>,
        limits: Limits,
        account: Account,
    ) -> Running {
        let work = Work { guest: Box::pin(guest), caller: limits.caller, account, used: Duration::ZERO };
        Running { guest: Some(work), ended: None, in_line: false, head, pass, body_too_large, limits }
    }

    /// Lets the guest work; whether it has ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(guest) = &mut self.guest
            && let Poll::Ready(ended) = turns::watched(&mut self.in_line, || Pin::new(guest).poll(cx))
        {
            self.guest = None;
            self.ended = Some(ended);
        }
        self.ended.is_some()
    }

    /// Whether the guest has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether the guest was interrupted and would go on by itself.
    pub(crate) fn is_in_line(&self) -> bool {
        self.in_line
    }

    /// What the guest came to, if it has ended.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.clone()
    }

    /// Why the guest ended, if it did and not well. Gives up one that has not.
    pub(crate) fn into_fault(self) -> Option<Fault> {
        self.ended.and_then(Result::err)
    }

    /// The flag that is raised when the client sends more than the guest may get.
    pub(crate) fn body_too_large(&self) -> Option<Arc<AtomicBool>> {
        self.body_too_large.clone()
    }

    /// Why the guest ended, if it did and not well.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.ended.as_ref().and_then(|ended| ended.as_ref().err())
    }

    /// Whether the exit code is its own affair once it has answered: the answer of a CGI program ends with the program.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self.head, Head::Cgi(_))
    }

    /// Whether the guest's end cut off a body that was not finished before.
    pub(crate) fn cut_off(&self) -> bool {
        self.fault().is_some_and(|fault| !(self.is_program() && matches!(fault, Fault::Exit(_))))
    }

    /// Waits for the head of the guest's answer. Dropping this cancels the guest.
    pub(crate) async fn head(&mut self) -> Result<Response<Frames>, Refusal> {
        let mut deadline = None;
        poll_fn(|cx| {
            let ended = self.poll(cx);
            if let Poll::Ready(head) = self.head.poll(cx) {
                return Poll::Ready(head);
            }
            if self.body_too_large.as_ref().is_some_and(|flag| flag.load(Relaxed)) {
                return Poll::Ready(Err(Refusal::BodyTooLarge { limit_bytes: self.limits.body_bytes }));
            }
            if ended {
                return Poll::Ready(self.end_as_answer());
            }
            self.poll_deadline(&mut deadline, cx).map(Err)
        })
        .await
    }

    /// What goes on after the answer, if anything does.
    pub(crate) fn rest(self) -> Option<Rest> {
        let deadline = self.limits.time.map(|time| self.limits.began + time);
        self.guest.map(|guest| Rest { guest, deadline, time_is_up: self.limits.time_is_up, _pass: self.pass })
    }

    /// The guest has ended without an answer, which is one when it was given an event.
    fn end_as_answer(&self) -> Result<Response<Frames>, Refusal> {
        let is_event = matches!(self.head, Head::Event);
        match self.fault() {
            None if is_event => Ok(no_content()),
            None => Err(Refusal::GuestBrokeHttp("it returned without an answer".into())),
            Some(Fault::Exit(code)) if is_event => {
                Err(Refusal::Trapped(format!("it exited with code {code}")))
            }
            Some(fault) => Err(refusal(fault.clone())),
        }
    }

    /// The timer is set when the guest has to be waited for.
    fn poll_deadline(
        &self,
        deadline: &mut Option<Pin<Box<tokio::time::Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Refusal> {
        let Some(time) = self.limits.time else { return Poll::Pending };
        let sleep = || Box::pin(tokio::time::sleep_until((self.limits.began + time).into()));
        deadline
            .get_or_insert_with(sleep)
            .as_mut()
            .poll(cx)
            .map(|()| Refusal::TimedOut(self.limits.time_is_up.to_string()))
    }
}

/// A guest's work: on behalf of its request, and charged to its function. What wraps the guest is outside of its box, so
/// that it is moved into that and no further.
struct Work {
    guest: Pin<Box<dyn Future<Output = Ended>>>,
    caller: Caller,
    account: Account,
    used: Duration,
}

impl Future for Work {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let work = &mut *self;
        let poll = || metered_call(work.used, || work.guest.as_mut().poll(cx));
        let (polled, used) = on_behalf(Some(work.caller), poll);
        work.account.charge(used.saturating_sub(work.used));
        work.used = used;
        polled
    }
}

/// A guest that has answered and goes on: it writes the body, or works on after it.
pub(crate) struct Rest {
    guest: Work,
    deadline: Option<Instant>,
    time_is_up: LimitHit,
    _pass: Held,
}

impl Rest {
    /// Runs to the end, or to the end of its time.
    pub(crate) async fn finish(mut self) -> Ended {
        match self.deadline {
            None => self.guest.await,
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), &mut self.guest).await {
                Ok(ended) => ended,
                Err(_) => Err(Fault::Limit(self.time_is_up)),
            },
        }
    }
}

fn no_content() -> Response<Frames> {
    let empty = http_body_util::Empty::new().map_err(|never| match never {});
    let mut response = Response::new(empty.boxed_unsync());
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    response
}

/// Why there is no answer, in the terms of HTTP.
pub(crate) fn refusal(fault: Fault) -> Refusal {
    match fault {
        Fault::Exit(code) => Refusal::GuestBrokeHttp(format!("it exited with code {code} without an answer")),
        Fault::Limit(hit) if matches!(hit.name, LimitName::Cpu | LimitName::Time) => {
            Refusal::TimedOut(hit.to_string())
        }
        Fault::Starved => Refusal::Busy(Shortage::Memory),
        Fault::Limit(hit) => Refusal::LimitHit(hit.to_string()),
        Fault::Trap(_) | Fault::Link(_) | Fault::Host(_) => Refusal::Trapped(fault.to_string()),
    }
}
