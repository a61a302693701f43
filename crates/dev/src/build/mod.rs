//! `tombolo build`: each function's own build line, and a look at what came out.
//!
//! ```text
//! functions → jobs (one per build line) → fingerprint ─ unchanged ─────────┐
//!                                              └ changed → environment → run → check → record
//! ```

mod check;
mod fingerprint;
mod progress;
mod record;
mod run;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tombolo_spec::{Function, Name};

use crate::cli::BuildArgs;
use crate::error::DevError;
use crate::project::Project;
use crate::tombolo::{Inspection, Tombolo};
use crate::toolchain::{self, Machine};

pub(crate) use fingerprint::{Sources, is_made};
pub(crate) use progress::{Detail, Progress};
use run::{BuildFailure, Groups};

/// What a build may be told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Build also what has not changed.
    pub(crate) force: bool,
    /// Builds at a time.
    pub(crate) jobs: Option<usize>,
}

/// A function that is built.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) inspection: Inspection,
    /// How long its build line took; `None` when nothing had changed or it has none.
    pub(crate) took: Option<Duration>,
    /// What the tools printed.
    pub(crate) output: String,
    /// Kinds of grant that its imports ask for and the manifest does not give.
    pub(crate) ungranted: Vec<String>,
}

/// What became of one function.
#[derive(Debug)]
pub(crate) enum Outcome {
    Built(Built),
    Failed(BuildFailure),
    /// Its component comes from a registry.
    Remote,
}

/// All outcomes of a build, in the order of the manifest.
pub(crate) type Outcomes = BTreeMap<Name, Outcome>;

/// Builds and says so; exit code 1 when a function failed.
pub(crate) fn run(args: &BuildArgs) -> Result<u8, DevError> {
    let project = Project::open(&args.manifest)?;
    let functions = project.select(&args.functions)?;
    let progress = Progress::new(if args.verbose { Detail::Everything } else { Detail::Outcomes });
    let builder = Builder::new(Tombolo::current()?);
    let options = Options { force: args.force, jobs: args.jobs };
    let outcomes = builder.build(&project, &functions, options, &progress)?;
    Ok(u8::from(outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_)))))
}

/// What all builds of a process share.
pub(crate) struct Builder {
    tombolo: Tombolo,
    machine: Machine,
    groups: Option<Groups>,
}

/// One build line and the functions that come out of it.
struct Job<'p> {
    line: &'p str,
    functions: Vec<(&'p Name, &'p Function)>,
}

impl Builder {
    /// For one build: what it starts shares the terminal's signals.
    pub(crate) fn new(tombolo: Tombolo) -> Builder {
        Builder { tombolo, machine: Machine::this(), groups: None }
    }

    /// For many builds: they can be cancelled.
    pub(crate) fn for_session(tombolo: Tombolo) -> Builder {
        Builder { groups: Some(Groups::default()), ..Builder::new(tombolo) }
    }

    /// Ends all builds under way. They count as failed.
    pub(crate) fn cancel(&self) {
        self.groups.iter().for_each(Groups::end);
    }

    /// Builds these functions; each outcome goes to `progress` as soon as it is known.
    pub(crate) fn build(
        &self,
        project: &Project,
        functions: &[(&Name, &Function)],
        options: Options,
        progress: &Progress,
    ) -> Result<Outcomes, DevError> {
        let jobs = Mutex::new(jobs(functions).into_iter());
        let outcomes = Mutex::new(Outcomes::new());
        let workers = options.jobs.unwrap_or_else(processors).clamp(1, 64);
        let sources = Sources::read(project)?;
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some(job) = next(&jobs) {
                        let done = self.job(project, &job, &sources, options, progress);
                        done.iter().for_each(|(name, outcome)| progress.done(name, outcome));
                        lock(&outcomes).extend(done);
                    }
                });
            }
        });
        progress.end();
        Ok(outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn job(
        &self,
        project: &Project,
        job: &Job<'_>,
        sources: &Sources,
        options: Options,
        progress: &Progress,
    ) -> Outcomes {
        let each = |outcome: &dyn Fn(&Name, &Function) -> Outcome| {
            job.functions.iter().map(|(name, function)| ((*name).clone(), outcome(name, function))).collect()
        };
        if job.line.is_empty() {
            return each(&|_, function| self.look(project, function, None, String::new()));
        }
        let tools = toolchain::identity(job.line, &self.machine);
        let fingerprint = sources.with(job.line, &tools);
        let unchanged =
            |(name, function): &(&Name, &Function)| record::is_current(project, name, function, &fingerprint);
        if !options.force && job.functions.iter().all(unchanged) {
            return each(&|_, function| self.look(project, function, None, String::new()));
        }
        let names: Vec<&str> = job.functions.iter().map(|(name, _)| name.as_str()).collect();
        let started = Instant::now();
        let bar = progress.start(&names);
        match run::run(project, job.line, &self.machine, self.groups.as_ref(), &|text| bar.say(text)) {
            Err(failure) => each(&|_, _| Outcome::Failed(failure.clone())),
            Ok(output) => {
                let took = started.elapsed();
                let after = Sources::read(project).map(|after| sources.with_locks_of(&after));
                let fingerprint = after.map_or(fingerprint, |after| after.with(job.line, &tools));
                each(&|name, function| {
                    let outcome = self.look(project, function, Some(took), output.clone());
                    if let Outcome::Built(_) = outcome {
                        record::write(project, name, function, &fingerprint);
                    }
                    outcome
                })
            }
        }
    }

    /// Looks at what a function's build line made.
    fn look(
        &self,
        project: &Project,
        function: &Function,
        took: Option<Duration>,
        output: String,
    ) -> Outcome {
        let Some(component) = project.component(function) else { return Outcome::Remote };
        match check::check(&self.tombolo, function, &component) {
            Ok((inspection, ungranted)) => Outcome::Built(Built { inspection, took, output, ungranted }),
            Err(why) => Outcome::Failed(BuildFailure::of_result(function, why, output)),
        }
    }
}

fn jobs<'p>(functions: &[(&'p Name, &'p Function)]) -> Vec<Job<'p>> {
    let mut jobs: Vec<Job<'p>> = Vec::new();
    for &(name, function) in functions {
        let line = function.build.as_deref().unwrap_or_default();
        match jobs.iter_mut().find(|job| job.line == line && !line.is_empty()) {
            Some(job) => job.functions.push((name, function)),
            None => jobs.push(Job { line, functions: vec![(name, function)] }),
        }
    }
    jobs
}

fn next<'p>(jobs: &Mutex<impl Iterator<Item = Job<'p>>>) -> Option<Job<'p>> {
    lock(jobs).next()
}

/// A worker that panicked has left nothing half done behind this lock.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests;
