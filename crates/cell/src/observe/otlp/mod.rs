//! Traces of requests, as OTLP messages.
//!
//! Workers put a record of each sampled request into a bounded queue; a thread of its own makes messages of them and
//! writes them out. A request never waits: what finds no place in the queue is dropped and counted. How messages reach
//! a collector is the caller's matter, since a cell that is locked down connects to nobody.

mod proto;

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prost::Message;

use super::id::Trace;
use proto::{
    Export, KIND_SERVER, KeyValue, Resource, ResourceSpans, STATUS_ERROR, Scope, ScopeSpans, Span, Status,
};

/// Requests that may wait to be written.
const QUEUE_MAX: usize = 4096;
/// Requests in one message.
const BATCH_MAX: usize = 512;
/// How long the first request of a message waits for others.
const BATCH_TIME: Duration = Duration::from_secs(1);

/// How long a cell that ends waits for its traces to be written.
const LAST_TIME: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Where traces go.
pub struct Traces {
    /// Gets messages: four bytes of length, little endian, then an `ExportTraceServiceRequest` (protobuf). An error
    /// ends the traces, not the cell.
    pub out: Box<dyn Write + Send>,
    /// The resource's `service.name`.
    pub service: String,
}

/// One request, when it is over.
pub(crate) struct Record {
    pub(crate) trace: Trace,
    pub(crate) function: Option<Box<str>>,
    pub(crate) revision: Option<Box<str>>,
    pub(crate) method: http::Method,
    pub(crate) path: String,
    pub(crate) status: u16,
    /// Nanoseconds since 1970.
    pub(crate) ended_ns: u64,
    pub(crate) duration: Duration,
    /// What went wrong on our side of the connection, if anything: its kind, and in words.
    pub(crate) error: Option<(&'static str, String)>,
}

/// The queue's end for workers.
#[derive(Clone)]
pub(crate) struct Tracer {
    records: SyncSender<Option<Record>>,
    dropped: Arc<AtomicU64>,
}

impl Tracer {
    /// A tracer whose messages a thread of its own writes.
    pub(crate) fn start(traces: Traces) -> io::Result<(Tracer, JoinHandle<()>)> {
        let (records, received) = sync_channel(QUEUE_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let lost = Arc::clone(&dropped);
        let writer = std::thread::Builder::new()
            .name("traces".into())
            .spawn(move || write_all(&received, traces, &lost))?;
        Ok((Tracer { records, dropped }, writer))
    }

    /// Hands over a record, or drops it where there is no room.
    pub(crate) fn add(&self, record: Record) {
        if self.records.try_send(Some(record)).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Records that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Ends the traces once everything handed over is written, or when that takes too long.
    pub(crate) fn end(&self, writer: &JoinHandle<()>) {
        let until = Instant::now() + LAST_TIME;
        let mut told = false;
        while !writer.is_finished() && Instant::now() < until {
            told = told || self.records.try_send(None).is_ok();
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

fn write_all(records: &Receiver<Option<Record>>, mut traces: Traces, dropped: &AtomicU64) {
    let mut is_over = false;
    while !is_over {
        let Ok(Some(first)) = records.recv() else { return };
        let mut batch = vec![first];
        is_over = fill(&mut batch, records);
        let count = batch.len() as u64;
        if write(&mut traces, batch).is_err() {
            // Nobody takes them any more; the queue fills, and what follows is counted there.
            dropped.fetch_add(count, Relaxed);
            return;
        }
    }
}

/// Adds what comes in time; whether that was the end.
fn fill(batch: &mut Vec<Record>, records: &Receiver<Option<Record>>) -> bool {
    let until = Instant::now() + BATCH_TIME;
    while batch.len() < BATCH_MAX {
        match records.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Some(record)) => batch.push(record),
            Err(RecvTimeoutError::Timeout) => return false,
            Ok(None) | Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
    false
}

fn write(traces: &mut Traces, batch: Vec<Record>) -> io::Result<()> {
    let message = export(&traces.service, batch).encode_to_vec();
    let length = u32::try_from(message.len()).map_err(io::Error::other)?;
    traces.out.write_all(&length.to_le_bytes())?;
    traces.out.write_all(&message)?;
    traces.out.flush()
}

fn export(service: &str, batch: Vec<Record>) -> Export {
    let scope = Scope { name: "tombolo".into(), version: env!("CARGO_PKG_VERSION").into() };
    let spans = batch.into_iter().map(span).collect();
    Export {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: vec![KeyValue::text("service.name", service)] }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
        }],
    }
}

/// A server's span (OpenTelemetry semantic conventions for HTTP and FaaS, 1.x).
fn span(record: Record) -> Span {
    let mut attributes = vec![
        KeyValue::text("http.request.method", record.method.as_str()),
        KeyValue::text("url.path", &record.path),
        KeyValue::number("http.response.status_code", i64::from(record.status)),
    ];
    attributes.extend(record.function.as_deref().map(|name| KeyValue::text("faas.name", name)));
    attributes.extend(record.revision.as_deref().map(|revision| KeyValue::text("faas.version", revision)));
    let status = record.error.map(|(kind, message)| {
        attributes.push(KeyValue::text("error.type", kind));
        Status { message, code: STATUS_ERROR }
    });
    let function = record.function.as_deref();
    let duration_ns = u64::try_from(record.duration.as_nanos()).unwrap_or(u64::MAX);
    Span {
        trace_id: record.trace.trace.to_be_bytes().to_vec(),
        span_id: record.trace.request.0.to_be_bytes().to_vec(),
        parent_span_id: record.trace.parent.map_or_else(Vec::new, |parent| parent.to_be_bytes().to_vec()),
        name: function.map_or_else(|| record.method.to_string(), |name| format!("{} {name}", record.method)),
        kind: KIND_SERVER,
        start_time_unix_nano: record.ended_ns.saturating_sub(duration_ns),
        end_time_unix_nano: record.ended_ns,
        attributes,
        status,
        flags: u32::from(record.trace.sampled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::RequestId;

    fn record(number: u64) -> Record {
        let trace = Trace { trace: 1, request: RequestId(number), parent: None, sampled: true, hops: 0 };
        Record {
            trace,
            function: Some("f".into()),
            revision: None,
            method: http::Method::GET,
            path: "/".into(),
            status: 200,
            ended_ns: 5_000_000_000,
            duration: Duration::from_secs(1),
            error: None,
        }
    }

    /// Takes nothing until it is told to.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Told, or nobody can tell any more.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_stuck_costs_records_and_holds_up_nobody() {
        let (free, stuck) = sync_channel(1);
        let traces = Traces { out: Box::new(Stuck(stuck)), service: "s".into() };
        let (tracer, writer) = Tracer::start(traces).expect("a thread");
        let sent = (QUEUE_MAX + BATCH_MAX) as u64 + 1000;
        (0..sent).for_each(|number| tracer.add(record(number)));
        assert!(tracer.dropped() >= 1000, "{}", tracer.dropped());
        drop(free);
        tracer.end(&writer);
        writer.join().expect("the writer ends");
    }

    #[test]
    fn a_reader_that_is_gone_ends_the_traces_alone() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (tracer, writer) =
            Tracer::start(Traces { out: Box::new(Gone), service: "s".into() }).expect("a thread");
        (0..BATCH_MAX as u64).for_each(|number| tracer.add(record(number)));
        writer.join().expect("the writer ends");
        tracer.add(record(0));
        assert_eq!(tracer.dropped(), BATCH_MAX as u64 + 1);
    }

    #[test]
    fn a_span_has_its_times_and_its_parent() {
        let child = Record {
            trace: Trace { parent: Some(9), ..record(7).trace },
            error: Some(("trap", "unreachable".into())),
            ..record(7)
        };
        let span = span(child);
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (4_000_000_000, 5_000_000_000));
        assert_eq!(
            (span.span_id, span.parent_span_id),
            (vec![0, 0, 0, 0, 0, 0, 0, 7], vec![0, 0, 0, 0, 0, 0, 0, 9])
        );
        assert_eq!((span.name.as_str(), span.kind), ("GET f", KIND_SERVER));
        assert_eq!(span.status.map(|status| status.code), Some(STATUS_ERROR));
    }
}
