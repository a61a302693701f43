//! Where the head of a guest's answer comes from.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Response;

use super::cgi::CgiReader;
use super::running::Frames;
use crate::refusal::Refusal;

/// The head of an answer that is still to come.
pub(crate) enum Head {
    /// The guest hands it over by a call to the host.
    Slot(Arc<Slot>),
    /// The guest prints it.
    Cgi(CgiReader),
    /// There is none: the guest's end says whether it took the event.
    Event,
}

/// Holds a head from when the guest hands it over until it is looked for, which is right after.
#[derive(Default)]
pub(crate) struct Slot(Mutex<Option<Result<Response<Frames>, String>>>);

impl Slot {
    pub(crate) fn set(&self, answer: Result<Response<Frames>, String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Option<Result<Response<Frames>, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Head {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<Frames>, Refusal>> {
        let answer = match self {
            Head::Slot(slot) => slot.take(),
            Head::Cgi(reader) => match reader.poll_head(cx) {
                Poll::Ready(answer) => answer,
                Poll::Pending => None,
            },
            Head::Event => None,
        };
        match answer {
            Some(answer) => Poll::Ready(answer.map_err(Refusal::GuestBrokeHttp)),
            None => Poll::Pending,
        }
    }
}
