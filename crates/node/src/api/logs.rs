//! Lines of an app's log.

use std::convert::Infallible;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::broadcast::error::RecvError;

use super::apps::existing;
use super::call::{Call, Raw};
use super::{ApiError, full};
use crate::logs::is_of;

const LINES: usize = 100;

pub(super) async fn get(call: Call) -> Result<Raw, ApiError> {
    let app = existing(&call)?;
    let count = call.query("lines").and_then(|lines| lines.parse().ok()).unwrap_or(LINES);
    let (last, more) = call.node.logs.borrow_mut().read(&app.tenant, &app.app, count);
    let last: String = last.iter().map(|line| format!("{line}\n")).collect();
    if call.query("follow") != Some("true") {
        return Ok(Raw(Response::new(full(last))));
    }
    // Lines are shared on this thread alone, bodies may go to others: a task of this thread hands copies over.
    let (sender, receiver) = tokio::sync::mpsc::channel::<String>(64);
    tokio::task::spawn_local(follow(app.app.to_string(), last, more, sender, call.node.leaving()));
    let frames = futures::stream::unfold(receiver, |mut receiver| async move {
        let line = receiver.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(line))), receiver))
    });
    Ok(Raw(Response::new(StreamBody::new(frames).map_err(|never| match never {}).boxed_unsync())))
}

async fn follow(
    app: String,
    last: String,
    mut more: tokio::sync::broadcast::Receiver<Rc<str>>,
    to: tokio::sync::mpsc::Sender<String>,
    mut leaving: tokio::sync::watch::Receiver<Option<PathBuf>>,
) {
    let mut next = last;
    loop {
        if !next.is_empty() && to.send(std::mem::take(&mut next)).await.is_err() {
            return;
        }
        let line = tokio::select! {
            line = more.recv() => line,
            () = to.closed() => return,
            _ = leaving.wait_for(Option::is_some) => return,
        };
        match line {
            Ok(line) if is_of(&line, &app) => next = format!("{line}\n"),
            Ok(_) => {}
            Err(RecvError::Lagged(count)) => next = format!("{count} lines were missed\n"),
            Err(RecvError::Closed) => return,
        }
    }
}
