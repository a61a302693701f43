//! Functions as a cell holds them: everything that a request needs is prepared here, before the first one comes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tombolo_engine::{Code, Engine, LimitHit};
use tombolo_host::{Sockets, Template};
use tombolo_spec::{LimitName, Limits, Trigger};

use crate::admit::{Cell, Gate};
use crate::link::{self, Entry, Linkers};
use crate::observe::{Counters, GuestLog, Log};
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

impl PreparedFunction {
    /// Its app: what stands before the slash in its name, or the whole.
    fn app(&self) -> &str {
        self.name.split_once('/').map_or(&self.name, |(app, _)| app)
    }
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

/// A function that is being served.
pub(crate) struct Function {
    pub(crate) name: Box<str>,
    pub(crate) revision: Box<str>,
    pub(crate) template: Arc<Template>,
    pub(crate) entry: Entry,
    pub(crate) limits: CallLimits,
    pub(crate) gate: Gate,
    /// What an instance takes of the cell's memory.
    pub(crate) memory_bytes: u64,
    pub(crate) log: Arc<GuestLog>,
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
    pub(crate) time_is_up: LimitHit,
}

/// The functions of a cell at one time, and the way to them. Replaced as a whole.
#[derive(Default)]
pub(crate) struct Generation {
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) routes: Routes,
    pub(crate) by_name: HashMap<Box<str>, usize>,
}

impl Generation {
    /// Prepares `functions` for `workers` threads of a cell with its log. Counters of functions in `before` go on.
    pub(crate) fn new(
        functions: Vec<PreparedFunction>,
        engines: &[Engine],
        workers: usize,
        before: &Generation,
        place: (&Cell, &Log),
    ) -> Result<Generation, PrepareError> {
        // The functions of a cell share its network.
        let sockets = functions.first().map_or(Sockets::Own, |first| first.template.network().sockets());
        let linkers = Linkers::new(engines, sockets);
        let routes = functions.iter().enumerate().flat_map(|(index, function)| {
            let routes = function.on.iter().filter_map(Trigger::route);
            routes.map(move |route| (route, function.app(), index))
        });
        let mut generation = Generation { routes: Routes::new(routes), ..Generation::default() };
        for prepared in functions {
            let index = generation.functions.len();
            let function = Function::new(prepared, &linkers, workers, before, place)?;
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
    fn new(
        prepared: PreparedFunction,
        linkers: &Linkers,
        workers: usize,
        before: &Generation,
        (cell, log): (&Cell, &Log),
    ) -> Result<Function, PrepareError> {
        let PreparedFunction { name, revision, engine, code, template, limits, .. } = prepared;
        let memory_bytes = link::initial_memory_bytes(&code).min(limits.memory().0);
        let entry = linkers
            .entry(&engine, code)
            .map_err(|problem| PrepareError { function: name.clone(), problem: format!("{problem:#}") })?;
        let counters = match before.named(&name) {
            Some(function) => Arc::clone(&function.counters),
            None => (0..workers).map(|_| Counters::default()).collect(),
        };
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Function {
            gate: Gate::new(cell, count(limits.concurrency()), count(limits.queue()), limits.queue_time()),
            log: GuestLog::new(log.clone(), &name, &revision, limits.logs().0),
            limits: CallLimits::new(&limits),
            memory_bytes,
            name: name.into(),
            revision: revision.into(),
            template,
            entry,
            counters,
        })
    }
}

impl Function {
    /// Whether it answers through CGI.
    pub(crate) fn is_program(&self) -> bool {
        !matches!(self.entry, Entry::HttpP2(_) | Entry::HttpP3(_))
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
            time_is_up: LimitHit::of(limits, LimitName::Time),
        }
    }
}
