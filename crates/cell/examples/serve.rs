//! Serves one component or module on every path: `serve FILE ADDRESS [WORKERS]`.
//!
//! For measurements of the data plane alone; `tombolo serve` is the program for everything else.

use std::sync::Arc;

use anyhow::{Context, Result};
use tombolo_cell::{Patience, PreparedFunction, Public, ServeOptions};
use tombolo_engine::{Engine, EngineOptions, Pooling};
use tombolo_host::{Template, TemplateParts};
use tombolo_listen::{ListenAddress, Listener};
use tombolo_spec::{GrantSet, Limits, Profile};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().context("which file?")?;
    let address: ListenAddress = arguments.next().context("which address?")?.parse()?;
    let workers = arguments.next().map_or(Ok(1), |count| count.parse())?;

    let artifact = std::fs::read(&file)?;
    let class = tombolo_engine::class(&tombolo_engine::inspect(&artifact)?);
    let options = EngineOptions::new(class).with_compiler(true).with_pooling(Pooling::Auto);
    let engine = Engine::new(&options)?;
    let limits = Limits::defaults(Profile::Serve);
    let parts =
        TemplateParts { limits: limits.clone(), ..TemplateParts::new("function", GrantSet::default()) };
    let function = PreparedFunction {
        name: "function".into(),
        revision: "1".into(),
        on: vec!["http * /*".parse()?],
        code: engine.build(&artifact)?,
        engine: engine.clone(),
        template: Arc::new(Template::prepare(parts)?),
        limits,
    };
    let options = ServeOptions {
        engines: vec![engine],
        functions: vec![function],
        listeners: Listener::bind(&address, workers)?
            .into_iter()
            .map(|listener| Public { listener, tls: None })
            .collect(),
        gateway: Vec::new(),
        is_open: true,
        control: Vec::new(),
        admin: Vec::new(),
        workers,
        instances: 900,
        memory_bytes: 4 << 30,
        connections: 20_000,
        patience: Patience::default(),
        drain: std::time::Duration::from_secs(10),
        log: Box::new(std::io::stderr()),
        traces: None,
    };
    tombolo_cell::serve(options)?.wait()?;
    Ok(())
}
