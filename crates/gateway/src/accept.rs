//! Accepts connections, each a task of its own on the worker's thread.

use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tombolo_listen::{Accepted, Gathered, Listener, Outbox, Socket, Stream, Tls};

use crate::forward::{Door, serve};
use crate::headers;
use crate::internal::Calls;
use crate::places::{Place, Places};
use crate::pool::Pool;
use crate::table::Current;

/// Connections that each worker holds at most.
const CONNECTIONS_MAX: u32 = 10_000;
/// From a request's first byte to the end of its head; also for the TLS handshake.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// How long what has begun may go on when the gateway ends.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long a connection on which nothing is asked waits for one more request when the gateway ends: the client may have
/// sent it before it could know.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// A public listener, and how to speak there.
#[derive(Clone)]
pub(crate) struct Public {
    pub(crate) listener: Arc<Listener>,
    pub(crate) tls: Option<Tls>,
    /// Whose routes alone lead on from here.
    pub(crate) owner: Option<String>,
}

/// One worker's part of the gateway.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) table: Current,
    pub(crate) pool: Rc<Pool>,
    pub(crate) outbox: Rc<Outbox>,
    /// Which of the listeners somebody else accepts from.
    pub(crate) handed: watch::Receiver<Vec<bool>>,
    pub(crate) drain: watch::Receiver<bool>,
}

impl Worker {
    /// Serves as the worker at `index` until told to drain, and then until all that has begun is answered.
    pub(crate) async fn serve(mut self, index: usize, public: Vec<Public>, calls: OwnedFd) -> io::Result<()> {
        // What is being answered may call other apps, so calls are taken in until the end.
        let (table, pool, outbox) = (self.table.clone(), Rc::clone(&self.pool), Rc::clone(&self.outbox));
        tokio::task::spawn_local(Calls::new(calls)?.serve(table, pool, outbox));
        let outbox = Rc::clone(&self.outbox);
        let sending = tokio::task::spawn_local(async move { outbox.keep_sending(|| ()).await });
        let places = Places::new(CONNECTIONS_MAX);
        let mut accepting = Vec::new();
        for (number, public) in public.into_iter().enumerate() {
            let socket = public.listener.for_worker(index)?;
            let accept = self.clone().accept(number, socket, public, places.clone());
            accepting.push(tokio::task::spawn_local(accept));
        }
        let _ = self.drain.wait_for(|drain| *drain).await;
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        let _ = tokio::time::timeout(DRAIN_TIME, places.empty()).await;
        sending.abort();
        self.outbox.send();
        Ok(())
    }

    async fn accept(mut self, number: usize, socket: Socket, public: Public, places: Places) {
        let owner: Option<Arc<str>> = public.owner.map(Into::into);
        loop {
            // Those for whom there is no place wait in the kernel's queue.
            let Some(place) = places.take().await else { return };
            let Some(accepted) = self.next(number, &socket).await else { return };
            let door = Door {
                table: self.table.clone(),
                pool: Rc::clone(&self.pool),
                outbox: Rc::clone(&self.outbox),
                peer: accepted.peer.and_then(|peer| headers::address(peer.ip())),
                is_tls: public.tls.is_some(),
                owner: owner.clone(),
            };
            let stay = Stay { place: Rc::new(place), drain: self.drain.clone() };
            tokio::task::spawn_local(connection(accepted, public.tls.clone(), door, stay));
            // A flood of newcomers waits in the kernel's queue, not before those who are already here.
            tokio::task::yield_now().await;
        }
    }

    /// The next connection that is the gateway's to accept; `None` at the end.
    async fn next(&mut self, number: usize, socket: &Socket) -> Option<Accepted> {
        let is = |handed: &Vec<bool>| handed.get(number) == Some(&true);
        loop {
            self.handed.wait_for(|handed| !is(handed)).await.ok()?;
            tokio::select! {
                accepted = socket.accept() => return Some(accepted),
                _ = self.handed.wait_for(is) => {}
            }
        }
    }
}

/// What a connection holds, and when it is to leave.
struct Stay {
    place: Rc<Place>,
    drain: watch::Receiver<bool>,
}

impl Stay {
    /// Until the gateway has ended, but for the last requests, or another needs the place.
    async fn is_over(&mut self) {
        let ends = async {
            let _ = self.drain.wait_for(|drain| *drain).await;
            tokio::time::sleep(LAST_REQUEST).await;
        };
        tokio::select! {
            () = self.place.is_needed() => {}
            () = ends => {}
        }
    }
}

/// Says with the answer that there is none to another request on this connection. HTTP/2 has its own words for that.
fn say_goodbye<B>(answer: &mut Response<B>, version: Version) {
    if version <= Version::HTTP_11 {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Serves one connection to its end. How it ends is the client's affair.
async fn connection(accepted: Accepted, tls: Option<Tls>, door: Door, stay: Stay) {
    match (accepted.stream, tls) {
        (Stream::Tcp(stream), None) => speak(stream, door, stay).await,
        (Stream::Unix(stream), None) => speak(stream, door, stay).await,
        // In boxes: connections without TLS need no room for it.
        (Stream::Tcp(stream), Some(tls)) => Box::pin(greet(stream, &tls, door, stay)).await,
        (Stream::Unix(stream), Some(tls)) => Box::pin(greet(stream, &tls, door, stay)).await,
    }
}

async fn greet<T>(stream: T, tls: &Tls, door: Door, stay: Stay)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let greeted = tokio::time::timeout(HEAD_TIME, tls.accept(stream));
    let greeted = tokio::select! {
        greeted = greeted => greeted,
        () = stay.place.is_needed() => return,
    };
    if let Ok(Ok(stream)) = greeted {
        speak(stream, door, stay).await;
    }
}

async fn speak<T>(stream: T, door: Door, mut stay: Stay)
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = Builder::new(LocalExecutor);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).half_close(false);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    let stream = TokioIo::new(Gathered::new(stream, Rc::clone(&door.outbox)));
    let shared = Rc::new((door, Rc::clone(&stay.place), stay.drain.clone()));
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = Rc::clone(&shared);
        async move {
            let (door, place, drain) = &*shared;
            let version = request.version();
            let _busy = place.begin_request();
            let mut answer = serve(door, request).await;
            if *drain.borrow() {
                answer.iter_mut().for_each(|answer| say_goodbye(answer, version));
            }
            answer
        }
    });
    let mut connection = pin!(builder.serve_connection(stream, service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stay.is_over() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Runs the tasks of HTTP/2 connections on the worker's own thread.
#[derive(Debug, Clone, Copy)]
struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}
