//! Functions as a cell holds them: everything that a request needs is prepared here, before the first one comes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tombolo_engine::{Code, Engine};
use tombolo_host::{Guest, Template};
use tombolo_spec::{Limits, Trigger};
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p3::bindings::CommandPre as CommandP3Pre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::admit::Gate;
use crate::observe::Counters;
use crate::route::Routes;

/// A function that is compiled, loaded and has its rights; what [`serve`](crate::serve) is given.
pub struct PreparedFunction {
    /// The function's name: unique in the cell, in every log line and metric.
    pub name: String,
    /// Which version of it this is, such as the artifact's digest.
    pub revision: String,
    /// What wakes it. Only `http` lines are routes; events arrive by name on the control socket.
    pub on: Vec<Trigger>,
    /// The engine that `code` was loaded into.
    pub engine: Engine,
    /// The loaded code.
    pub code: Code,
    /// Its rights, opened.
    pub template: Arc<Template>,
    /// What it may use up.
    pub limits: Limits,
}

/// A function cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("function {function:?}: {problem}")]
pub struct PrepareError {
    /// Which one.
    pub function: String,
    /// Why, and what to do.
    pub problem: String,
}

/// How a function is called: found once, by what its code exports.
pub(crate) enum Entry {
    HttpP2(ProxyPre<Guest>),
    HttpP3(ServicePre<Guest>),
    CommandP2(CommandPre<Guest>),
    CommandP3(CommandP3Pre<Guest>),
    Module(wasmtime::InstancePre<Guest>),
}

/// A function that is being served.
pub(crate) struct Function {
    pub(crate) name: Box<str>,
    pub(crate) revision: Box<str>,
    pub(crate) engine: wasmtime::Engine,
    pub(crate) template: Arc<Template>,
    pub(crate) entry: Entry,
    pub(crate) limits: CallLimits,
    pub(crate) gate: Gate,
    /// One set for each worker thread; kept when the function is swapped.
    pub(crate) counters: Arc<[Counters]>,
}

/// The limits that the request path enforces itself, as plain numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    pub(crate) time: Option<Duration>,
    pub(crate) body_bytes: u64,
    pub(crate) response_body_bytes: u64,
    pub(crate) headers_bytes: u64,
    pub(crate) idle_time: Duration,
    pub(crate) logs_bytes_per_second: u64,
}

/// The functions of a cell at one time, and the way to them. Replaced as a whole.
#[derive(Default)]
pub(crate) struct Generation {
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) routes: Routes,
    pub(crate) by_name: HashMap<Box<str>, usize>,
}

impl Generation {
    /// Prepares `functions` for `workers` threads, in parallel. Counters of functions in `before` go on.
    pub(crate) fn new(
        functions: Vec<PreparedFunction>,
        workers: usize,
        before: &Generation,
    ) -> Result<Generation, PrepareError> {
        let mut generation = Generation::default();
        for prepared in functions {
            let index = generation.functions.len();
            for route in prepared.on.iter().filter_map(Trigger::route) {
                generation.routes.add(route, index);
            }
            let function = Function::new(prepared, workers, before)?;
            if generation.by_name.insert(function.name.clone(), index).is_some() {
                let problem = "there are two of this name".into();
                return Err(PrepareError { function: function.name.into(), problem });
            }
            generation.functions.push(Arc::new(function));
        }
        Ok(generation)
    }

    /// The function of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Function>> {
        self.by_name.get(name).map(|index| &self.functions[*index])
    }
}

impl Function {
    fn new(prepared: PreparedFunction, workers: usize, before: &Generation) -> Result<Function, PrepareError> {
        let PreparedFunction { name, revision, engine, code, template, limits, .. } = prepared;
        let entry = entry(&engine, code)
            .map_err(|problem| PrepareError { function: name.clone(), problem: format!("{problem:#}") })?;
        let counters = match before.named(&name) {
            Some(function) => Arc::clone(&function.counters),
            None => (0..workers).map(|_| Counters::default()).collect(),
        };
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Function {
            gate: Gate::new(count(limits.concurrency()), count(limits.queue()), limits.queue_time()),
            limits: CallLimits::new(&limits),
            name: name.into(),
            revision: revision.into(),
            engine: engine.raw().clone(),
            template,
            entry,
            counters,
        })
    }

    /// Whether it speaks HTTP itself, rather than CGI.
    pub(crate) fn speaks_http(&self) -> bool {
        matches!(self.entry, Entry::HttpP2(_) | Entry::HttpP3(_))
    }
}

impl CallLimits {
    fn new(limits: &Limits) -> CallLimits {
        CallLimits {
            time: limits.time(),
            body_bytes: limits.body().0,
            response_body_bytes: limits.response_body().0,
            headers_bytes: limits.headers().0,
            idle_time: limits.idle_time(),
            logs_bytes_per_second: limits.logs().0,
        }
    }
}

/// Links `code` and finds how it is called: an HTTP handler is preferred over a program.
fn entry(engine: &Engine, code: Code) -> wasmtime::Result<Entry> {
    match code {
        Code::Module(module) => {
            let mut linker = wasmtime::Linker::new(engine.raw());
            tombolo_host::link_p1(&mut linker)?;
            Ok(Entry::Module(linker.instantiate_pre(&module)?))
        }
        Code::Component(component) => {
            let mut linker = Linker::new(engine.raw());
            tombolo_host::link_p2(&mut linker)?;
            if engine.class() == tombolo_engine::EngineClass::Concurrent {
                tombolo_host::link_p3(&mut linker)?;
            }
            let pre = linker.instantiate_pre(&component)?;
            if let Ok(entry) = ServicePre::new(pre.clone()) {
                return Ok(Entry::HttpP3(entry));
            }
            if let Ok(entry) = ProxyPre::new(pre.clone()) {
                return Ok(Entry::HttpP2(entry));
            }
            if let Ok(entry) = CommandP3Pre::new(pre.clone()) {
                return Ok(Entry::CommandP3(entry));
            }
            Ok(Entry::CommandP2(CommandPre::new(pre)?))
        }
    }
}
