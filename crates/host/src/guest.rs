//! The data of a store: one instance of a function.

use std::sync::Arc;

use tombolo_engine::{Budget, HasBudget, LimitHit};
use tombolo_spec::LimitName;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi::cli::WasiCliCtxView;
use wasmtime_wasi::filesystem::{WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::sockets::{WasiSocketsCtx, WasiSocketsCtxView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::IoView;

use crate::clock::Clocks;
use crate::clock::p2::ClocksView;
use crate::config::ConfigView;
use crate::dns::p3::DnsView;
use crate::egress::InstanceNet;
use crate::env::host::EnvView;
use crate::fs::origins::Origins;
use crate::fs::p2::FsView;
use crate::http_out::Hooks;
use crate::kv::KvView;
use crate::ledger::Ledger;
use crate::logging::LoggingView;
use crate::p1::P1State;
use crate::random::host::RandomView;
use crate::sockets;
use crate::sockets::brokered::SocketsView;
use crate::stdio::p2::StdioView;
use crate::stdio::{LogStream, OutputEnd, OutputHandle, Slot, StdinHandle, Stdio};
use crate::template::Template;

/// One instance's side of everything that guests can call.
///
/// Cheap to make: what the guest does not touch is not built. Made by [`Template::instantiate`].
pub struct Guest {
    template: Arc<Template>,
    table: ResourceTable,
    clocks: Clocks,
    stdio: Slot,
    budget: Budget,
    origins: Origins,
    fs: WasiFilesystemCtx,
    sockets: Option<WasiSocketsCtx>,
    wasi: Option<Box<WasiCtx>>,
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
            stdio: Slot::new(
                stdio,
                limits.output_bytes.map(|_| LimitHit::of(&limits.all, LimitName::Output)),
            ),
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

    pub(crate) fn brokered_sockets(&mut self) -> SocketsView<'_> {
        SocketsView { net: self.hooks.net(), table: &mut self.table }
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

    /// Why this guest's output went no further, once it did not: its reader is gone, or its limit is reached.
    pub fn output_ended(&self) -> Option<OutputEnd> {
        self.stdio.ended()
    }

    pub(crate) fn env(&mut self) -> EnvView<'_> {
        EnvView(self)
    }

    pub(crate) fn config(&mut self) -> ConfigView<'_> {
        ConfigView(self)
    }

    pub(crate) fn kv(&mut self) -> KvView<'_> {
        KvView(self)
    }

    pub(crate) fn logging(&mut self) -> LoggingView<'_> {
        LoggingView(self)
    }

    pub(crate) fn stdio_view(&mut self) -> StdioView<'_> {
        StdioView { slot: &mut self.stdio, table: &mut self.table }
    }

    /// The standard streams for 0.3, built with the first use.
    pub(crate) fn wasi_cli(&mut self) -> WasiCliCtxView<'_> {
        let stdio = &mut self.stdio;
        let ctx = self.wasi.get_or_insert_with(|| Box::new(streams(stdio))).cli();
        WasiCliCtxView { ctx, table: &mut self.table }
    }
}

/// A context of wasmtime-wasi that has the guest's streams and nothing else.
fn streams(stdio: &mut Slot) -> WasiCtx {
    let shared = stdio.open();
    let output = |stream| OutputHandle::new(Arc::clone(shared), stream);
    let mut builder = WasiCtx::builder();
    builder.stdin(StdinHandle(Arc::clone(shared)));
    builder.stdout(output(LogStream::Stdout)).stderr(output(LogStream::Stderr));
    builder.build()
}

impl HasBudget for Guest {
    fn budget(&mut self) -> &mut Budget {
        &mut self.budget
    }
}

impl IoView for Guest {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
