//! From plans to functions that a cell can serve, all opened and loaded.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::anyhow;
use tombolo_cell::{PreparedFunction, RefusalLog, policy};
use tombolo_engine::{Authenticated, Engine, EngineClass, EngineOptions, Pooling, class};
use tombolo_host::{Data, Lookup, Template, TemplateParts};
use tombolo_sandbox::{Network, Policy};

use super::wanted::Wanted;
use crate::compiled;
use crate::exit::{Exit, Failure, OrExit};
use crate::plan::Plan;
use crate::program::Program;

/// Everything that serving needs of the file system.
pub(super) struct Prepared {
    pub(super) engines: Engines,
    pub(super) functions: Vec<PreparedFunction>,
    /// The app's stores and volumes, which functions that come later share.
    pub(super) data: Option<Arc<Data>>,
}

impl Prepared {
    /// Reads, compiles and loads what is wanted, and opens its grants, for `workers` threads.
    pub(super) fn new(wanted: &Wanted, workers: usize) -> Result<Prepared, Failure> {
        let mut engines = Engines::default();
        // One app, so one folder.
        let data = wanted.plans.first().and_then(|plan| plan.data.clone()).map(Data::at);
        let functions = wanted
            .plans
            .iter()
            .map(|plan| {
                let compiled = Compiled::new(plan, &mut engines)?;
                function(plan, compiled, &engines, plan.secrets.reader(), data.as_ref())
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        functions.iter().try_for_each(|function| function.template.open_stores(workers))?;
        Ok(Prepared { engines, functions, data })
    }

    /// The kernel's rules for a process that runs all these functions: what any of them may do. Functions that take
    /// their place come later, with their code.
    pub(super) fn policy(&self) -> Policy<'_> {
        Policy { late_code: true, ..policy_of(&self.functions) }
    }
}

/// The kernel's rules for a process that runs all these functions and no others.
pub(crate) fn policy_of(functions: &[PreparedFunction]) -> Policy<'_> {
    let mut whole = Policy { given_sockets: true, ..Policy::default() };
    for function in functions {
        let own = policy(&function.template);
        whole.files.extend(own.files);
        whole.udp |= own.udp;
        whole.shared_files |= own.shared_files;
        whole.network = join(whole.network, own.network);
    }
    whole
}

/// One engine for each class in use.
#[derive(Default, Clone)]
pub(super) struct Engines(HashMap<&'static str, Engine>);

impl Engines {
    /// The engines.
    pub(super) fn all(&self) -> Vec<Engine> {
        self.0.values().cloned().collect()
    }

    /// The engine of a class, made if there is none yet.
    fn make(&mut self, class: EngineClass) -> Result<Engine, Failure> {
        if let Some(engine) = self.0.get(class.name()) {
            return Ok(engine.clone());
        }
        let engine = Engine::new(&EngineOptions::new(class).with_pooling(Pooling::Auto))?;
        self.0.insert(class.name(), engine.clone());
        Ok(engine)
    }

    fn get(&self, class: EngineClass) -> Result<&Engine, Failure> {
        let missing = || {
            anyhow!(
                "a program of WASI {} needs an engine that this server was not started with; start it again",
                match class {
                    EngineClass::Plain => "0.1 or 0.2",
                    EngineClass::Concurrent => "0.3",
                }
            )
        };
        Ok(self.0.get(class.name()).ok_or_else(missing)?)
    }
}

/// A function's program as machine code.
pub(super) struct Compiled {
    /// The program's digest.
    pub(super) revision: String,
    pub(super) class: EngineClass,
    pub(super) code: Authenticated,
}

impl Compiled {
    /// Reads a plan's program and compiles it, or finds it compiled.
    pub(super) fn new(plan: &Plan, engines: &mut Engines) -> Result<Compiled, Failure> {
        let program = Program::read(&plan.program)?;
        let class = class(&program.info);
        let code = compiled::prepare(&program, &engines.make(class)?, true)?;
        Ok(Compiled { revision: program.info.digest.to_string(), class, code })
    }
}

/// Loads a function's code and opens its grants.
pub(super) fn function(
    plan: &Plan,
    compiled: Compiled,
    engines: &Engines,
    secrets: Lookup,
    data: Option<&Arc<Data>>,
) -> Result<PreparedFunction, Failure> {
    let engine = engines.get(compiled.class)?.clone();
    let code = engine
        .load(compiled.code)
        .map_err(|error| anyhow!("{}: {error}", plan.program.display()))
        .or_exit(Exit::NotPermitted)?;
    let template = Template::prepare(TemplateParts {
        args: plan.arguments.clone(),
        limits: plan.limits.clone(),
        base: plan.base.clone(),
        host_env: Box::new(|name| std::env::var(name).ok()),
        secrets,
        data: data.cloned(),
        refusals: Some(RefusalLog::new(&compiled.revision)),
        ..TemplateParts::new(&plan.function, plan.grants.clone())
    })?;
    Ok(PreparedFunction {
        name: plan.function.clone(),
        revision: compiled.revision,
        on: plan.on.clone(),
        engine,
        code,
        template: Arc::new(template),
        limits: plan.limits.clone(),
    })
}

/// The sockets that either may make.
fn join(one: Network, other: Network) -> Network {
    match (one, other) {
        (Network::None, network) | (network, Network::None) => network,
        (Network::Tcp { connect, bind, any }, Network::Tcp { connect: c, bind: b, any: a }) => {
            Network::Tcp { connect: [connect, c].concat(), bind: [bind, b].concat(), any: any || a }
        }
    }
}
