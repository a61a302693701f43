//! A body that is streamed while the guest writes it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use tokio::task::JoinHandle;
use tombolo_engine::Fault;

use super::check;
use crate::body::BodyError;
use crate::invoke::{Ended, Frames, Running, refusal};
use crate::observe::Call;
use crate::worker::drop_finished_instances;

/// A body that is not all there yet.
///
/// The guest works in a task of its own, held back while the client does not read. Dropping the body before its end
/// means that the client left: the guest is given up.
pub(crate) struct GuestBody {
    gathered: VecDeque<Bytes>,
    frames: Frames,
    guest: Guest,
    left_bytes: u64,
    expected_bytes: Option<u64>,
    call: Call,
    done: bool,
}

/// The task in which the guest goes on.
struct Guest {
    task: Option<JoinHandle<()>>,
    ended: Rc<RefCell<Option<Ended>>>,
    /// Raised when the client sent more than the guest may get.
    body_too_large: Option<Arc<AtomicBool>>,
    /// Any exit code is an end.
    is_program: bool,
}

impl Guest {
    fn spawn(running: Running) -> Guest {
        let ended = Rc::new(RefCell::new(running.ended()));
        let (body_too_large, is_program) = (running.body_too_large(), running.is_program());
        let task = running.rest().map(|rest| {
            let ended = Rc::clone(&ended);
            tokio::task::spawn_local(async move {
                let end = rest.finish().await;
                *ended.borrow_mut() = Some(end);
                // With the instance goes its end of the body.
                drop_finished_instances();
            })
        });
        Guest { task, ended, body_too_large, is_program }
    }

    /// Why the answer is not whole: the guest did not end well, or did not get the whole request.
    fn fault(&self) -> Option<String> {
        if self.body_too_large.as_ref().is_some_and(|flag| flag.load(Relaxed)) {
            return Some("the request's body is larger than the limit body".to_owned());
        }
        match &*self.ended.borrow() {
            Some(Err(Fault::Exit(_))) if self.is_program => None,
            Some(Err(fault)) => Some(refusal(fault.clone()).to_string()),
            _ => None,
        }
    }

    fn give_up(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl GuestBody {
    pub(super) fn new(
        gathered: VecDeque<Bytes>,
        frames: Frames,
        running: Running,
        left_bytes: u64,
        expected_bytes: Option<u64>,
        call: Call,
    ) -> GuestBody {
        let guest = Guest::spawn(running);
        GuestBody { gathered, frames, guest, left_bytes, expected_bytes, call, done: false }
    }

    pub(crate) fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(chunk) = this.gathered.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if this.done {
            return Poll::Ready(None);
        }
        let next = ready!(Pin::new(&mut this.frames).poll_frame(cx));
        Poll::Ready(match next {
            Some(Ok(frame)) => Some(this.pass(frame)),
            Some(Err(error)) => Some(Err(this.fail(error.to_string()))),
            None => this.end().map(Err),
        })
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BodyError> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                check::trailers(&mut trailers);
                return Ok(Frame::trailers(trailers));
            }
        };
        let bytes = data.len() as u64;
        match self.left_bytes.checked_sub(bytes) {
            Some(left) => self.left_bytes = left,
            None => return Err(self.fail("its body is larger than the limit response-body".into())),
        }
        if let Some(expected) = &mut self.expected_bytes {
            match expected.checked_sub(bytes) {
                Some(left) => *expected = left,
                None => return Err(self.fail("its body is longer than its Content-Length says".into())),
            }
        }
        Ok(Frame::data(data))
    }

    /// The guest writes no more. That it trapped or ran out of time must not look like the end of the body.
    fn end(&mut self) -> Option<BodyError> {
        if let Some(fault) = self.guest.fault() {
            return Some(self.fail(fault));
        }
        if self.expected_bytes.is_some_and(|bytes| bytes > 0) {
            return Some(self.fail("its body is shorter than its Content-Length says".into()));
        }
        self.done = true;
        None
    }

    fn fail(&mut self, why: String) -> BodyError {
        let why = self.guest.fault().unwrap_or(why);
        self.done = true;
        self.guest.give_up();
        self.call.noticed(why.clone());
        BodyError(why)
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        if !self.done {
            self.call.noticed("the client left before the end".into());
            self.guest.give_up();
        }
    }
}
