//! The data of a store: one instance of a function.

use std::sync::Arc;

use tombolo_engine::{Budget, HasBudget, LimitHit};
use tombolo_spec::LimitName;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::{WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::sockets::{WasiSocketsCtx, WasiSocketsCtxView};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::clock::Clocks;
use crate::clock::p2::ClocksView;
use crate::dns::p3::DnsView;
use crate::egress::InstanceNet;
use crate::fs::origins::Origins;
use crate::fs::p2::FsView;
use crate::http_out::Hooks;
use crate::ledger::Ledger;
use crate::p1::P1State;
use crate::random::host::RandomView;
use crate::sockets;
use crate::stdio::{LogStream, OutputHandle, Slot, StdinHandle, Stdio};
use crate::template::Template;

/// One instance's side of everything that guests can call.
///
/// Cheap to make: what the guest does not touch is not built. Made by [`Template::instantiate`].
pub struct Guest {
    template: Arc<Template>,
    /// Variables of this instance alone, after those of the template.
    table: ResourceTable,
    clocks: Clocks,
    stdio: Slot,
    budget: Budget,
    origins: Origins,
    fs: WasiFilesystemCtx,
    sockets: Option<WasiSocketsCtx>,
    wasi: Option<WasiCtx>,
    p1: P1State,
    /// Variables of this instance alone.
    env: Vec<(String, String)>,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl Guest {
    pub(crate) fn new(template: Arc<Template>, stdio: Stdio) -> Guest {
        let limits = template.limits();
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes);
        Guest {
            table,
            clocks: Clocks::new(template.clock()),
            stdio: Slot::new(stdio, limits.output_bytes.map(|_| LimitHit::of(&limits.all, LimitName::Output))),
            budget: Budget::new(&limits.all),
            origins: Origins::default(),
            fs: WasiFilesystemCtx::default(),
            sockets: None,
            wasi: None,
            p1: P1State::default(),
            env: Vec::new(),
            http,
            hooks: Hooks::new(Arc::clone(&template)),
            template,
        }
    }

    /// Gives this instance variables of its own, in the place of the function's with the same names: what a CGI
    /// request or an event says about itself.
    pub fn with_env(self, env: Vec<(String, String)>) -> Guest {
        Guest { env, ..self }
    }

    /// What this guest was made from.
    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// The counts of this guest's function.
    pub fn ledger(&self) -> &Arc<Ledger> {
        self.template.ledger()
    }

    /// This guest's network, made with its first use.
    pub(crate) fn net(&mut self) -> Arc<InstanceNet> {
        self.hooks.net()
    }

    pub(crate) fn dns(&mut self) -> DnsView<'_> {
        DnsView(self)
    }

    pub(crate) fn wasi_sockets(&mut self) -> WasiSocketsCtxView<'_> {
        let net = &mut self.hooks;
        let ctx = self.sockets.get_or_insert_with(|| sockets::context(net.net()));
        WasiSocketsCtxView { ctx, table: &mut self.table }
    }

    pub(crate) fn clocks(&mut self) -> ClocksView<'_> {
        ClocksView { clocks: self.clocks, table: &mut self.table }
    }

    pub(crate) fn random(&mut self) -> RandomView<'_> {
        let uses = self.template.random_grant().and_then(|index| self.template.ledger().counter(index));
        RandomView { limits: &self.template.limits().all, uses }
    }

    pub(crate) fn fs(&mut self) -> FsView<'_> {
        FsView {
            table: &mut self.table,
            origins: &mut self.origins,
            ctx: &mut self.fs,
            template: &self.template,
        }
    }

    /// The files of this guest for what wasmtime-wasi does with open descriptors.
    pub(crate) fn wasi_fs(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView { ctx: &mut self.fs, table: &mut self.table }
    }

    /// The descriptors of 0.1, filled with the first call.
    pub(crate) fn fds(&mut self) -> &mut P1State {
        self.p1.open(self.template.granted_dirs());
        &mut self.p1
    }

    pub(crate) fn stdio(&mut self) -> &mut Slot {
        &mut self.stdio
    }

    /// This instance's variables, each name once.
    pub(crate) fn env_vars(&self) -> impl Iterator<Item = (&str, &str)> {
        let granted = self.template.environment().vars.iter();
        let granted = granted.filter(|(name, _)| !self.env.iter().any(|(own, _)| own == name));
        granted.chain(&self.env).map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Remembers that a limit was hit which the guest may survive.
    pub(crate) fn refuse_limit(&mut self, name: LimitName) {
        self.budget.refuse(name);
    }

    fn builder(&mut self) -> WasiCtxBuilder {
        let shared = self.stdio.open();
        let mut builder = WasiCtxBuilder::new();
        builder
            .stdin(StdinHandle(Arc::clone(shared)))
            .stdout(OutputHandle::new(Arc::clone(shared), LogStream::Stdout))
            .stderr(OutputHandle::new(Arc::clone(shared), LogStream::Stderr));
        let vars: Vec<_> = self.env_vars().collect();
        builder.args(&self.template.environment().args).envs(&vars);
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

impl wasmtime_wasi_io::IoView for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
