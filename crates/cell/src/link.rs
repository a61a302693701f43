//! Gives loaded code its imports, and finds how it is called.

use tombolo_engine::{Code, Engine, EngineClass};
use tombolo_host::{Guest, Sockets};
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p3::bindings::CommandPre as CommandP3Pre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p3::bindings::ServicePre;

/// How a function is called: found once, by what its code exports.
#[derive(Clone)]
pub(crate) enum Entry {
    HttpP2(ProxyPre<Guest>),
    HttpP3(ServicePre<Guest>),
    CommandP2(CommandPre<Guest>),
    CommandP3(CommandP3Pre<Guest>),
    Module(wasmtime::InstancePre<Guest>),
}

/// Everything that guests can import, once for each engine: a thousand functions share it while they are loaded.
pub(crate) struct Linkers(Vec<EngineLinkers>);

struct EngineLinkers {
    engine: wasmtime::Engine,
    modules: wasmtime::Result<wasmtime::Linker<Guest>>,
    components: wasmtime::Result<Linker<Guest>>,
}

impl Linkers {
    pub(crate) fn new(engines: &[Engine], sockets: Sockets) -> Linkers {
        let linkers = |engine: &Engine| EngineLinkers {
            engine: engine.raw().clone(),
            modules: module_linker(engine),
            components: component_linker(engine, sockets),
        };
        Linkers(engines.iter().map(linkers).collect())
    }

    /// Links `code` and finds how it is called: an HTTP handler is preferred over a program.
    pub(crate) fn entry(&self, engine: &Engine, code: Code) -> wasmtime::Result<Entry> {
        let linkers = self.0.iter().find(|linkers| wasmtime::Engine::same(&linkers.engine, engine.raw()));
        let Some(linkers) = linkers else {
            return Err(wasmtime::Error::msg("its engine is none of those that the cell was started with"));
        };
        match code {
            Code::Module(module) => {
                let linker = linkers.modules.as_ref().map_err(again)?;
                linker.instantiate_pre(&module).map(Entry::Module)
            }
            Code::Component(component) => {
                let linker = linkers.components.as_ref().map_err(again)?;
                component_entry(linker.instantiate_pre(&component)?)
            }
        }
    }
}

/// Memory that an instance of `code` has from its start in memories and tables, in bytes; the most there can be when that is not known.
pub(crate) fn initial_memory_bytes(code: &Code) -> u64 {
    let required = match code {
        Code::Module(module) => Some(module.resources_required()),
        Code::Component(component) => component.resources_required(),
    };
    required.map_or(u64::MAX, |required| {
        let pages =
            u64::from(required.num_memories).saturating_mul(required.max_initial_memory_size.unwrap_or(0));
        let elements =
            u64::from(required.num_tables).saturating_mul(required.max_initial_table_size.unwrap_or(0));
        pages.saturating_mul(PAGE_BYTES).saturating_add(elements.saturating_mul(TABLE_ELEMENT_BYTES))
    })
}

/// WebAssembly counts memory in pages of this size.
const PAGE_BYTES: u64 = 64 * 1024;
/// What a table's element counts for.
const TABLE_ELEMENT_BYTES: u64 = 8;

fn component_entry(pre: wasmtime::component::InstancePre<Guest>) -> wasmtime::Result<Entry> {
    if let Ok(entry) = ServicePre::new(pre.clone()) {
        return Ok(Entry::HttpP3(entry));
    }
    if let Ok(entry) = ProxyPre::new(pre.clone()) {
        return Ok(Entry::HttpP2(entry));
    }
    if let Ok(entry) = CommandP3Pre::new(pre.clone()) {
        return Ok(Entry::CommandP3(entry));
    }
    CommandPre::new(pre).map(Entry::CommandP2)
}

fn module_linker(engine: &Engine) -> wasmtime::Result<wasmtime::Linker<Guest>> {
    let mut linker = wasmtime::Linker::new(engine.raw());
    tombolo_host::link_p1(&mut linker)?;
    Ok(linker)
}

fn component_linker(engine: &Engine, sockets: Sockets) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine.raw());
    tombolo_host::link_p2(&mut linker, sockets)?;
    if engine.class() == EngineClass::Concurrent {
        tombolo_host::link_p3(&mut linker, sockets)?;
    }
    Ok(linker)
}

fn again(error: &wasmtime::Error) -> wasmtime::Error {
    wasmtime::Error::msg(format!("{error:#}"))
}
