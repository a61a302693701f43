//! From a cell's order to functions that it can serve: compiled code out of the cache, grants opened.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use tombolo_cell::{PreparedFunction, RefusalLog};
use tombolo_engine::{Code, Engine, EngineClass, EngineOptions, Pooling};
use tombolo_host::{Data, Network, Template, TemplateParts};
use tombolo_node::wire::{CellFunction, CellOrder};
use tombolo_spec::{Grant, GrantSet, LimitOverrides, Limits, Profile, Trigger};
use tombolo_store::{CacheKey, CompiledCache};

use crate::compiled::CACHE_BYTES_MAX;
use crate::plan::secret_text;

/// The options of a cell's engine of this class; code is compiled for the same.
pub(super) fn options(class: EngineClass) -> EngineOptions {
    EngineOptions::new(class).with_pooling(Pooling::Auto)
}

/// What a cell serves.
pub(super) struct Loaded {
    pub(super) engines: Vec<Engine>,
    pub(super) functions: Vec<PreparedFunction>,
}

/// Why a cell can't serve, and whose fault it is.
pub(super) struct Unloadable {
    pub(super) app: Option<String>,
    pub(super) reason: anyhow::Error,
}

/// Loads everything that the order names.
pub(super) fn load(order: &CellOrder, network: Option<&Arc<Network>>) -> Result<Loaded, Unloadable> {
    let nobodys = |reason: anyhow::Error| Unloadable { app: None, reason };
    let cache = CompiledCache::open(&order.compiled, CACHE_BYTES_MAX);
    let (cache, _) = cache.map_err(|error| nobodys(error.into()))?;
    let mut engines = BTreeMap::new();
    let mut data = BTreeMap::new();
    let mut functions = Vec::new();
    for function in &order.functions {
        let own = data.entry(&function.app).or_insert_with(|| Data::at(order.data.join(&function.app)));
        let parts = parts(function, own, network, order);
        let prepared = parts
            .and_then(|parts| prepare(function, &cache, &mut engines, parts, order))
            .map_err(|reason| {
                let reason = reason.context(format!("function {:?}", function.name));
                Unloadable { app: Some(function.app.clone()), reason }
            })?;
        functions.push(prepared);
    }
    Ok(Loaded { engines: engines.into_values().collect(), functions })
}

fn prepare(
    function: &CellFunction,
    cache: &CompiledCache,
    engines: &mut BTreeMap<&'static str, Engine>,
    parts: TemplateParts,
    order: &CellOrder,
) -> anyhow::Result<PreparedFunction> {
    let class: EngineClass = function.class.parse().map_err(|error: String| anyhow!(error))?;
    if !engines.contains_key(class.name()) {
        engines.insert(class.name(), Engine::new(&options(class))?);
    }
    let engine = engines.get(class.name()).context("its engine is there")?.clone();
    let code = code(function, cache, &engine)?;
    let limits = parts.limits.clone();
    let template = Template::prepare(parts)?;
    template.open_stores(order.workers)?;
    Ok(PreparedFunction {
        name: function.full_name(),
        revision: function.revision.to_string(),
        on: function.on.iter().map(|line| line.parse::<Trigger>()).collect::<Result<_, _>>()?,
        engine,
        code,
        template: Arc::new(template),
        limits,
    })
}

/// What a function's template is made from. One without a network gets none that it could look for.
fn parts(
    function: &CellFunction,
    data: &Arc<Data>,
    network: Option<&Arc<Network>>,
    order: &CellOrder,
) -> anyhow::Result<TemplateParts> {
    let secrets = order.secrets.clone();
    Ok(TemplateParts {
        args: std::iter::once(function.name.clone()).chain(function.args.iter().cloned()).collect(),
        limits: limits(function)?,
        base: function.base.clone(),
        data: Some(Arc::clone(data)),
        secrets: Box::new(move |name| secret_text(&secrets.join(name))),
        network: network.cloned(),
        refusals: Some(RefusalLog::new(&function.revision.to_string())),
        ..TemplateParts::new(&function.full_name(), grants(function)?)
    })
}

fn code(function: &CellFunction, cache: &CompiledCache, engine: &Engine) -> anyhow::Result<Code> {
    let key = CacheKey {
        digest: function.digest.parse().map_err(|error: tombolo_spec::Invalid| anyhow!("{error}"))?,
        compatibility: engine.compatibility()?,
        class: engine.class(),
        target: None,
    };
    let found = cache.lookup(&key);
    let code = found.code.ok_or_else(|| match found.warning {
        Some(warning) => anyhow!("{warning}"),
        None => anyhow!("its compiled code is gone; it is compiled again"),
    })?;
    Ok(engine.load(code)?)
}

/// What a function gets.
fn grants(function: &CellFunction) -> anyhow::Result<GrantSet> {
    let grants = function.grants.iter().map(|line| line.parse::<Grant>());
    Ok(grants.collect::<Result<_, _>>()?)
}

fn limits(function: &CellFunction) -> anyhow::Result<Limits> {
    let mut limits = LimitOverrides::default();
    function.limits.iter().try_for_each(|line| limits.set_line(line))?;
    Ok(limits.resolve(Profile::Serve))
}
