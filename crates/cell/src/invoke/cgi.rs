//! Calls programs (modules with `_start`, components with `wasi:cli/run`) through CGI, RFC 3875.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyDataStream, BodyExt};
use tokio_util::io::StreamReader;
use tombolo_engine::{Calls, Fault, HasBudget, classify};
use tombolo_host::Guest;
use tombolo_host::stdio::{Input, Output, OutputReader, output_pipe};
use wasmtime::Store;
use wasmtime_wasi_http::Error;

use super::cgi_head::{self, CgiAnswer};
use super::head::Head;
use super::running::{Ended, Frames, Running};
use super::{Setting, cgi_env, exit_code};
use crate::events;
use crate::function::Function;
use crate::link::Entry;
use crate::path::Door;
use crate::refusal::Refusal;
use crate::request_body::RequestBody;
use crate::turns;
use crate::worker::bury;

/// Chunks of output that may wait for the client before the program has to.
const OUTPUT_CHUNKS: usize = 4;

/// Runs a fresh instance of `program` for `request`.
pub(super) async fn call(
    door: &Door,
    function: &Function,
    program: Entry,
    setting: impl FnOnce(Input, Output) -> Setting,
    log: Output,
    request: Request<RequestBody>,
) -> Result<Running, Refusal> {
    let is_event = events::is_event(&request);
    let body_too_large = request.body().too_large();
    let (parts, body) = request.into_parts();
    let (input, body_bytes) = input(body, function.limits.body_bytes).await?;
    let (stdout, head, env) = if is_event {
        (log, Head::Event, cgi_env::event(&parts.headers, body_bytes.unwrap_or(0)))
    } else {
        let (stdout, output) = output_pipe(OUTPUT_CHUNKS);
        let prefix = parts.extensions.get::<PrefixSegments>().map_or(0, |prefix| prefix.0);
        let env = cgi_env::request(door, &parts, body_bytes, prefix);
        (stdout, Head::Cgi(CgiReader::new(output, function.limits.headers_bytes)), env)
    };
    let setting = setting(input, stdout);
    let started = setting.starts();
    let mut store = Store::new(engine(&program), setting.guest.with_env(env));
    tombolo_engine::arm(&mut store, Calls::InTurns(turns::turn));
    let guest = run(store, program, started);
    Ok(Running::new(
        guest,
        head,
        (setting.pass, setting.ticks),
        body_too_large,
        setting.limits,
        setting.account,
    ))
}

/// How many segments of a request's path led to its function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrefixSegments(pub(crate) usize);

/// A path of this server that is to answer in place of the program (RFC 3875, section 6.2.2).
#[derive(Debug, Clone)]
pub(crate) struct Elsewhere(pub(crate) String);

fn engine(program: &Entry) -> &wasmtime::Engine {
    match program {
        Entry::HttpP2(pre) => pre.engine(),
        Entry::HttpP3(pre) => pre.engine(),
        Entry::CommandP2(pre) => pre.engine(),
        Entry::CommandP3(pre) => pre.engine(),
        Entry::Module(pre) => pre.module().engine(),
    }
}

async fn run(mut store: Store<Guest>, entry: Entry, started: impl FnOnce()) -> Ended {
    let ended = start(&mut store, entry, started)
        .await
        .map_err(|error| classify(&error, exit_code, store.data_mut().budget()));
    bury(store);
    match ended {
        Ok(Ok(())) | Err(Fault::Exit(0)) => Ok(()),
        Ok(Err(())) => Err(Fault::Exit(1)),
        Err(fault) => Err(fault),
    }
}

async fn start(
    store: &mut Store<Guest>,
    entry: Entry,
    started: impl FnOnce(),
) -> wasmtime::Result<Result<(), ()>> {
    match entry {
        Entry::Module(pre) => {
            let instance = pre.instantiate_async(&mut *store).await?;
            started();
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            start.call_async(&mut *store, ()).await.map(Ok)
        }
        Entry::CommandP2(pre) => {
            let command = pre.instantiate_async(&mut *store).await?;
            started();
            command.wasi_cli_run().call_run(store).await
        }
        Entry::CommandP3(pre) => {
            let command = pre.instantiate_async(&mut *store).await?;
            started();
            store.run_concurrent(async |accessor| command.wasi_cli_run().call_run(accessor).await).await?
        }
        Entry::HttpP2(_) | Entry::HttpP3(_) => Err(wasmtime::Error::msg("an HTTP handler is not a program")),
    }
}

/// The program's standard input, and how many bytes it will have. A program is told the length before it starts, so
/// a body that does not say its own is gathered first.
async fn input(body: RequestBody, body_bytes_max: u64) -> Result<(Input, Option<u64>), Refusal> {
    if body.is_end_stream() {
        return Ok((Input::closed(), None));
    }
    if let Some(bytes) = body.size_hint().exact() {
        let stream = BodyDataStream::new(body).map_err(std::io::Error::other);
        return Ok((Input::reader(StreamReader::new(stream)), Some(bytes)));
    }
    match body.collect().await {
        Ok(whole) => {
            let whole = whole.to_bytes();
            let bytes = whole.len() as u64;
            Ok((Input::bytes(whole), Some(bytes)))
        }
        Err(Error::HttpRequestBodySize(_)) => Err(Refusal::BodyTooLarge { limit_bytes: body_bytes_max }),
        Err(_) => Err(Refusal::BadRequest("a body that does not end")),
    }
}

/// Reads the head of a program's answer from its output.
pub(crate) struct CgiReader {
    output: Option<OutputReader>,
    gathered: BytesMut,
    head_bytes_max: u64,
}

impl CgiReader {
    fn new(output: OutputReader, head_bytes_max: u64) -> CgiReader {
        CgiReader { output: Some(output), gathered: BytesMut::new(), head_bytes_max }
    }

    /// The answer, or `None` when the program ended before there was one.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Response<Frames>, String>>> {
        loop {
            let Some(output) = &mut self.output else { return Poll::Ready(None) };
            let Some(chunk) = ready!(output.poll_next_unpin(cx)) else { return Poll::Ready(None) };
            let seen = self.gathered.len();
            self.gathered.extend_from_slice(&chunk);
            if let Some(end) = cgi_head::end_of_head(&self.gathered, seen) {
                let head = self.gathered.split_to(end);
                return Poll::Ready(Some(self.answer(&head)));
            }
            if self.gathered.len() as u64 > self.head_bytes_max {
                let max = self.head_bytes_max;
                return Poll::Ready(Some(Err(format!(
                    "its headers do not end; the limit is headers={max}B"
                ))));
            }
        }
    }

    fn answer(&mut self, head: &[u8]) -> Result<Response<Frames>, String> {
        let first = std::mem::take(&mut self.gathered).freeze();
        let body = CgiBody { first, output: self.output.take() };
        match cgi_head::parse(head)? {
            CgiAnswer::Response(response) => Ok(response.map(|()| body.boxed_unsync())),
            CgiAnswer::Elsewhere(path) => {
                let mut response = Response::new(body.boxed_unsync());
                response.extensions_mut().insert(Elsewhere(path));
                Ok(response)
            }
        }
    }
}

/// What a program prints after the head.
struct CgiBody {
    first: Bytes,
    output: Option<OutputReader>,
}

impl Body for CgiBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        let Some(output) = &mut self.output else { return Poll::Ready(None) };
        Pin::new(output).poll_next(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
