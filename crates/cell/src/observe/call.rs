//! The record of one request, from its head until the last byte of its answer has left.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Request, StatusCode, Uri};

use super::id::Trace;
use super::log::RequestLine;
use super::otlp::{Record, Tracer};
use super::time;
use super::{Counters, RequestId};
use crate::function::Function;
use crate::listener::Watch;
use crate::refusal::Refusal;
use crate::worker::Worker;

/// A request in progress. Dropping it ends it: that is when it is counted and logged.
///
/// A record without a status is of a client that went away.
pub(crate) struct Call {
    worker: Rc<Worker>,
    watch: Rc<Watch>,
    pub(crate) trace: Trace,
    began: Instant,
    method: Method,
    uri: Uri,
    function: Option<Arc<Function>>,
    status: Option<StatusCode>,
    refusal: Option<Refusal>,
    /// What went wrong after the answer had begun.
    failure: RefCell<Option<String>>,
}

impl Call {
    /// Begins the record of `request`.
    pub(crate) fn begin<B>(worker: &Rc<Worker>, watch: &Rc<Watch>, request: &Request<B>, hops: u8) -> Call {
        Call {
            began: watch.request_began(),
            worker: Rc::clone(worker),
            watch: Rc::clone(watch),
            trace: Trace::of(request.headers(), worker.shared.tracer.is_some(), hops),
            method: request.method().clone(),
            uri: request.uri().clone(),
            function: None,
            status: None,
            refusal: None,
            failure: RefCell::default(),
        }
    }

    /// The request's name.
    pub(crate) fn id(&self) -> RequestId {
        self.trace.request
    }

    /// The request's method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The function that answers is known.
    pub(crate) fn routed(&mut self, function: &Arc<Function>) {
        self.function = Some(Arc::clone(function));
    }

    /// The client gets this status.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// The client gets our answer instead of the guest's.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.status = Some(refusal.status());
        self.refusal = Some(refusal);
    }

    /// The answer had begun and could not be ended as it should.
    pub(crate) fn noticed(&self, failure: String) {
        self.failure.borrow_mut().get_or_insert(failure);
    }

    fn counters(&self) -> Option<&Counters> {
        self.function.as_ref().map(|function| &function.counters[self.worker.index])
    }

    fn count(&self, duration: Duration) {
        let counters = self.counters().unwrap_or(self.worker.unrouted());
        match self.status {
            Some(status) => counters.answered(status, duration),
            None => drop(counters.canceled.fetch_add(1, std::sync::atomic::Ordering::Relaxed)),
        }
        if let Some(refusal) = &self.refusal {
            counters.refused(refusal);
        }
    }

    fn record(&self, duration: Duration) -> Record {
        let function = self.function.as_deref();
        // A client that went away, or asked for what is not there, is no error of the server's.
        let refusal = self.refusal.as_ref().filter(|refusal| refusal.status().is_server_error());
        let failure = || self.failure.borrow().clone().filter(|_| self.status.is_some());
        Record {
            trace: self.trace,
            function: function.map(|function| function.name.clone()),
            revision: function.map(|function| function.revision.clone()),
            method: self.method.clone(),
            path: self.uri.path().to_owned(),
            status: self.status.map_or(CLIENT_LEFT, |status| status.as_u16()),
            ended_ns: time::now().nanoseconds(),
            duration,
            error: refusal
                .map(|refusal| (refusal.name(), refusal.to_string()))
                .or_else(|| failure().map(|failure| ("cut-off", failure))),
        }
    }

    fn line(&self, duration: Duration) -> RequestLine<'_> {
        let function = self.function.as_deref();
        RequestLine {
            time: time::now(),
            event: "request",
            function: function.map(|function| &*function.name),
            revision: function.map(|function| &*function.revision),
            request: self.trace.request,
            trace: self.trace.trace,
            method: self.method.as_str(),
            path: self.uri.path(),
            status: self.status.map_or(CLIENT_LEFT, |status| status.as_u16()),
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            refusal: self.refusal.as_ref().map(Refusal::name),
            cause: self.refusal.as_ref().map(Refusal::to_string).or_else(|| self.failure.borrow().clone()),
        }
    }
}

/// Where the trace goes, if it is recorded.
fn worker_tracer<'a>(worker: &'a Worker, trace: &Trace) -> Option<&'a Tracer> {
    worker.shared.tracer.as_ref().filter(|_| trace.sampled)
}

/// Stands in the log for a status when the client left before there was one (nginx's convention).
const CLIENT_LEFT: u16 = 499;

impl Drop for Call {
    fn drop(&mut self) {
        let now = Instant::now();
        let duration = now.saturating_duration_since(self.began);
        self.watch.request_ended(now);
        self.count(duration);
        self.worker.lines.line(&self.line(duration));
        if let Some(tracer) = worker_tracer(&self.worker, &self.trace) {
            tracer.add(self.record(duration));
        }
    }
}
