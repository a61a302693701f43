//! What guests can import.

use wasmtime::component;
use wasmtime_wasi::cli::WasiCli;
use wasmtime_wasi::p2::bindings as p2;
use wasmtime_wasi::p3::bindings as p3;
use wasmtime_wasi::sockets::WasiSockets;

use crate::bindings::{config0_2_0_draft, config0_2_0_rc_1, keyvalue, logging};
use crate::clock::p2::HasClocks;
use crate::config::HasConfig;
use crate::dns;
use crate::dns::p3::HasDns;
use crate::env::host::HasEnv;
use crate::fs::p2::HasFs;
use crate::guest::Guest;
use crate::kv::HasKv;
use crate::logging::HasLogging;
use crate::random::host::HasRandom;
use crate::sockets as sockets_host;
use crate::stdio::p2::HasStdio;

/// Gives core modules `wasi_snapshot_preview1`. Its forerunner of 2019, `wasi_unstable`, is not here.
///
/// Functions that may wait are asynchronous: call guests with `call_async`.
///
/// # Errors
/// Only when the linker already has one of these functions.
pub fn link_p1(linker: &mut wasmtime::Linker<Guest>) -> wasmtime::Result<()> {
    #[cfg(feature = "escape")]
    crate::escape::add_to_linker(linker)?;
    wasmtime_wasi::p1::wasi_snapshot_preview1::add_to_linker(linker, |guest| guest)
}

/// Gives components the interfaces of WASI 0.2, `wasi:http` included, and the drafts of `wasi:keyvalue`,
/// `wasi:config` and `wasi:logging`: grants decide what an import can do, not whether it exists.
///
/// # Errors
/// Only when the linker already has one of these interfaces.
pub fn link_p2(linker: &mut component::Linker<Guest>, sockets: Sockets) -> wasmtime::Result<()> {
    wasmtime_wasi_io::add_to_linker_async(linker)?;
    clocks_and_random_p2(linker)?;
    p2::filesystem::types::add_to_linker::<_, HasFs>(linker, Guest::fs)?;
    p2::filesystem::preopens::add_to_linker::<_, HasFs>(linker, Guest::fs)?;
    cli_p2(linker)?;
    sockets_p2(linker, sockets)?;
    drafts(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

fn clocks_and_random_p2(linker: &mut component::Linker<Guest>) -> wasmtime::Result<()> {
    p2::clocks::wall_clock::add_to_linker::<_, HasClocks>(linker, Guest::clocks)?;
    p2::clocks::monotonic_clock::add_to_linker::<_, HasClocks>(linker, Guest::clocks)?;
    p2::random::random::add_to_linker::<_, HasRandom>(linker, Guest::random)?;
    p2::random::insecure::add_to_linker::<_, HasRandom>(linker, Guest::random)?;
    p2::random::insecure_seed::add_to_linker::<_, HasRandom>(linker, Guest::random)
}

fn cli_p2(linker: &mut component::Linker<Guest>) -> wasmtime::Result<()> {
    use p2::cli;
    cli::environment::add_to_linker::<_, HasEnv>(linker, Guest::env)?;
    cli::exit::add_to_linker::<_, HasEnv>(linker, Guest::env)?;
    cli::stdin::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::stdout::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::stderr::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::terminal_input::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::terminal_output::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::terminal_stdin::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::terminal_stdout::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)?;
    cli::terminal_stderr::add_to_linker::<_, HasStdio>(linker, Guest::stdio_view)
}

/// Where a guest's sockets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sockets {
    /// Its process makes them.
    Own,
    /// They are handed to its process ([`tombolo_egress`]).
    Given,
}

fn sockets_p2(linker: &mut component::Linker<Guest>, from: Sockets) -> wasmtime::Result<()> {
    use p2::sockets;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, Guest::wasi_sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, Guest::wasi_sockets)?;
    dns::p2::add_to_linker(linker)?;
    if from == Sockets::Given {
        return sockets_host::brokered::link_p2(linker);
    }
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, Guest::wasi_sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, Guest::wasi_sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, Guest::wasi_sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, Guest::wasi_sockets)?;
    sockets_host::metered::add_to_linker(linker)
}

fn drafts(linker: &mut component::Linker<Guest>) -> wasmtime::Result<()> {
    keyvalue::store::add_to_linker::<_, HasKv>(linker, Guest::kv)?;
    keyvalue::atomics::add_to_linker::<_, HasKv>(linker, Guest::kv)?;
    keyvalue::batch::add_to_linker::<_, HasKv>(linker, Guest::kv)?;
    config0_2_0_rc_1::store::add_to_linker::<_, HasConfig>(linker, Guest::config)?;
    config0_2_0_draft::runtime::add_to_linker::<_, HasConfig>(linker, Guest::config)?;
    logging::logging::add_to_linker::<_, HasLogging>(linker, Guest::logging)
}

/// Gives components the interfaces of WASI 0.3. Together with [`link_p2`], as 0.3 components import both.
///
/// # Errors
/// Only when the linker already has one of these interfaces.
pub fn link_p3(linker: &mut component::Linker<Guest>, sockets: Sockets) -> wasmtime::Result<()> {
    use p3::{clocks, random};
    clocks::types::add_to_linker::<_, HasClocks>(linker, Guest::clocks)?;
    clocks::system_clock::add_to_linker::<_, HasClocks>(linker, Guest::clocks)?;
    clocks::monotonic_clock::add_to_linker::<_, HasClocks>(linker, Guest::clocks)?;
    random::random::add_to_linker::<_, HasRandom>(linker, Guest::random)?;
    random::insecure::add_to_linker::<_, HasRandom>(linker, Guest::random)?;
    random::insecure_seed::add_to_linker::<_, HasRandom>(linker, Guest::random)?;
    cli_p3(linker)?;
    p3::filesystem::types::add_to_linker::<_, HasFs>(linker, Guest::fs)?;
    p3::filesystem::preopens::add_to_linker::<_, HasFs>(linker, Guest::fs)?;
    match sockets {
        Sockets::Own => p3::sockets::types::add_to_linker::<_, WasiSockets>(linker, Guest::wasi_sockets)?,
        Sockets::Given => sockets_host::brokered::link_p3(linker)?,
    }
    p3::sockets::ip_name_lookup::add_to_linker::<_, HasDns>(linker, Guest::dns)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)
}

/// Streams are wasmtime-wasi's here: in 0.3 they are made of its own producers and consumers.
fn cli_p3(linker: &mut component::Linker<Guest>) -> wasmtime::Result<()> {
    use p3::cli;
    cli::environment::add_to_linker::<_, HasEnv>(linker, Guest::env)?;
    cli::exit::add_to_linker::<_, HasEnv>(linker, Guest::env)?;
    cli::stdin::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, Guest::wasi_cli)
}
