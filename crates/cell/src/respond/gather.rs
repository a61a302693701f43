//! Gathers what a guest has of its body without waiting for anything but its turn, so that short answers leave in one
//! piece and with their length.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;

use crate::invoke::{Frames, Running};
use crate::worker::drop_finished_instances;

/// A body longer than this is streamed. Twice a pipe's buffer: what most pages fit in.
const GATHER_BYTES_MAX: u64 = 128 * 1024;
/// Turns of a guest that was interrupted, after which what is there leaves.
const TURNS_MAX: u32 = 4;

/// What was there of a body.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) chunks: VecDeque<Bytes>,
    pub(super) bytes: u64,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) end: End,
}

/// How far a body was gathered.
#[derive(Debug)]
pub(super) enum End {
    /// It is all here.
    Reached,
    /// More is to come.
    Open,
    /// It ended before its end.
    Failed(String),
}

/// Takes frames, letting the guest go on whenever that made room for more, and when it was only interrupted.
pub(super) async fn gather(frames: &mut Frames, running: &mut Running) -> Gathered {
    let mut gathered = Gathered { chunks: VecDeque::new(), bytes: 0, trailers: None, end: End::Open };
    let mut turns = 0;
    poll_fn(|cx| {
        if turns > 0 {
            running.poll(cx);
        }
        while gathered.take(frames, cx) && !running.has_ended() {
            running.poll(cx);
        }
        if gathered.is_open() && running.is_in_line() && turns < TURNS_MAX {
            turns += 1;
            return Poll::Pending;
        }
        if running.has_ended() && gathered.is_open() {
            // The guest left its end of the body open; it closes with the instance.
            drop_finished_instances();
            gathered.take(frames, cx);
            if running.cut_off() && matches!(gathered.end, End::Reached) {
                gathered.end = End::Failed("it ended before its body did".into());
            }
        }
        Poll::Ready(())
    })
    .await;
    gathered
}

impl Gathered {
    fn is_open(&self) -> bool {
        matches!(self.end, End::Open) && self.bytes <= GATHER_BYTES_MAX
    }

    /// Takes all frames that are there; whether the guest may have more when it is let on.
    fn take(&mut self, frames: &mut Frames, cx: &mut Context<'_>) -> bool {
        let before = self.bytes;
        while self.bytes <= GATHER_BYTES_MAX {
            let Poll::Ready(frame) = Pin::new(&mut *frames).poll_frame(cx) else {
                return self.bytes > before;
            };
            match frame {
                Some(Ok(frame)) => self.push(frame),
                Some(Err(error)) => self.end = End::Failed(error.to_string()),
                None => self.end = End::Reached,
            }
            if !matches!(self.end, End::Open) {
                return false;
            }
        }
        false
    }

    fn push(&mut self, frame: http_body::Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => {
                self.bytes += data.len() as u64;
                self.chunks.push_back(data);
            }
            Err(frame) => self.trailers = frame.into_trailers().ok(),
        }
    }
}
