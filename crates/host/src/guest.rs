//! The data of a store: one instance of a function.

use std::sync::Arc;

use tombolo_engine::{Budget, HasBudget};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clocks;
use crate::http_out::Hooks;
use crate::ledger::Ledger;
use crate::stdio::{LogStream, OutputHandle, Slot, StdinHandle, Stdio};
use crate::template::Template;

/// One instance's side of everything that guests can call.
///
/// Cheap to make: what the guest does not touch is not built. Made by [`Template::instantiate`].
pub struct Guest {
    template: Arc<Template>,
    pub(crate) table: ResourceTable,
    pub(crate) clocks: Clocks,
    stdio: Slot,
    budget: Budget,
    wasi: Option<WasiCtx>,
    p1: Option<Box<WasiP1Ctx>>,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl Guest {
    pub(crate) fn new(template: Arc<Template>, stdio: Stdio) -> Guest {
        let limits = template.instance_limits();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(template.header_bytes_max());
        Guest {
            table,
            clocks: Clocks::new(template.clock_resolution()),
            stdio: Slot::new(stdio, limits.output_bytes),
            budget: Budget::new(limits),
            wasi: None,
            p1: None,
            http,
            hooks: Hooks::new(Arc::clone(&template)),
            template,
        }
    }

    /// The counts of this guest's function.
    pub fn ledger(&self) -> &Arc<Ledger> {
        self.template.ledger()
    }

    /// What this guest was made from.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    pub(crate) fn p1(&mut self) -> &mut WasiP1Ctx {
        if self.p1.is_none() {
            let built = self.builder().build_p1();
            self.p1 = Some(Box::new(built));
        }
        match &mut self.p1 {
            Some(p1) => p1,
            None => unreachable!("made above"),
        }
    }

    fn builder(&mut self) -> WasiCtxBuilder {
        let shared = self.stdio.open();
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(StdinHandle(Arc::clone(shared)))
            .stdout(OutputHandle::new(Arc::clone(shared), LogStream::Stdout))
            .stderr(OutputHandle::new(Arc::clone(shared), LogStream::Stderr));
        self.template.prepare_ctx(&mut builder);
        builder
    }
}

impl HasBudget for Guest {
    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        if self.wasi.is_none() {
            let built = self.builder().build();
            self.wasi = Some(built);
        }
        match &mut self.wasi {
            Some(ctx) => WasiCtxView { ctx, table: &mut self.table },
            None => unreachable!("made above"),
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
