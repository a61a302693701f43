//! From a program or a manifest to functions that a cell can serve, all opened and loaded.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use tombolo_cell::{PreparedFunction, policy};
use tombolo_engine::{Engine, EngineClass, EngineOptions, Pooling, class};
use tombolo_host::{Data, Template, TemplateParts};
use tombolo_sandbox::{Network, Policy};
use tombolo_spec::{Profile, Trigger};

use crate::args::ServeArgs;
use crate::compiled;
use crate::exit::{Exit, Failure, OrExit};
use crate::plan::{self, Plan};
use crate::program::Program;

/// Everything that serving needs of the file system.
pub(super) struct Prepared {
    pub(super) engines: Vec<Engine>,
    pub(super) functions: Vec<PreparedFunction>,
}

impl Prepared {
    /// Reads, compiles and loads what the arguments name, and opens its grants.
    ///
    /// `workers` is the number of threads that will run functions.
    pub(super) fn new(args: &ServeArgs, workers: usize) -> Result<Prepared, Failure> {
        let plans = plans(args)?;
        // One app, so one folder of data.
        let data = plans.iter().find_map(|(plan, _)| plan.data.clone()).map(Data::at);
        let mut engines = Engines::default();
        let functions = plans
            .into_iter()
            .map(|(plan, on)| function(&plan, on, &mut engines, data.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        functions.iter().try_for_each(|function| function.template.open_stores(workers))?;
        Ok(Prepared { engines: engines.0.into_values().collect(), functions })
    }

    /// The kernel's rules for a process that runs all these functions: what any of them may do.
    pub(super) fn policy(&self) -> Policy<'_> {
        let mut whole = Policy { given_sockets: true, ..Policy::default() };
        for function in &self.functions {
            let own = policy(&function.template);
            whole.files.extend(own.files);
            whole.udp |= own.udp;
            whole.network = join(whole.network, own.network);
        }
        whole
    }
}

/// One engine for each class in use.
#[derive(Default)]
struct Engines(HashMap<&'static str, Engine>);

impl Engines {
    fn get(&mut self, class: EngineClass) -> Result<Engine, Failure> {
        if let Some(engine) = self.0.get(class.name()) {
            return Ok(engine.clone());
        }
        let engine = Engine::new(&EngineOptions::new(class).with_pooling(Pooling::Auto))?;
        self.0.insert(class.name(), engine.clone());
        Ok(engine)
    }
}

fn plans(args: &ServeArgs) -> Result<Vec<(Plan, Vec<Trigger>)>, Failure> {
    let Some(manifest) = &args.manifest else {
        let program = args.program.as_deref().unwrap_or(Path::new(""));
        let everything = "http * /*".parse().map_err(|error| anyhow!("{error}"))?;
        return Ok(vec![(
            plan::of_file(program, Vec::new(), &args.grants, Profile::Serve)?,
            vec![everything],
        )]);
    };
    let names: Vec<String> =
        plan::read_manifest(manifest)?.functions.keys().map(ToString::to_string).collect();
    names
        .iter()
        .map(|name| plan::of_manifest(manifest, name, Vec::new(), &args.grants, Profile::Serve))
        .map(|plan| {
            let plan = plan?;
            let on = plan.on.clone();
            Ok((plan, on))
        })
        .collect()
}

fn function(
    plan: &Plan,
    on: Vec<Trigger>,
    engines: &mut Engines,
    data: Option<&Arc<Data>>,
) -> Result<PreparedFunction, Failure> {
    let program = Program::read(&plan.program)?;
    let engine = engines.get(class(&program.info))?;
    let code = compiled::prepare(&program, &engine, true)?;
    let code = engine
        .load(code)
        .map_err(|error| anyhow!("{}: {error}", plan.program.display()))
        .or_exit(Exit::NotPermitted)?;
    let template = Template::prepare(TemplateParts {
        args: plan.arguments.clone(),
        limits: plan.limits.clone(),
        base: plan.base.clone(),
        host_env: Box::new(|name| std::env::var(name).ok()),
        secrets: plan.secrets.reader(),
        data: data.cloned(),
        ..TemplateParts::new(&plan.function, plan.grants.clone())
    })?;
    Ok(PreparedFunction {
        name: plan.function.clone(),
        revision: program.info.digest.to_string(),
        on,
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
