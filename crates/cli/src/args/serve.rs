//! `tombolo serve`: functions over HTTP, from the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tombolo_listen::ListenAddress;

use super::ProgramArgs;

/// Serve functions over HTTP, with a fresh instance for each request
///
/// Serves one program on every path, or with -f the functions of a manifest on their routes. SIGTERM and Ctrl-C let
/// requests that have begun end, then the exit code is 0. SIGHUP reads the manifest, the components and the
/// certificates again and swaps without dropping a request; what cannot be loaded is logged, and the old goes on.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) grants: ProgramArgs,

    /// The program: a component that exports wasi:http, or any command, which answers as a CGI program
    #[arg(required_unless_present = "manifest", conflicts_with = "manifest")]
    pub(crate) program: Option<PathBuf>,

    /// Serve the functions of this manifest that have an http line
    #[arg(short = 'f', long = "file", value_name = "MANIFEST")]
    pub(crate) manifest: Option<PathBuf>,

    /// Where to listen: 127.0.0.1:8080, [::1]:8080, unix:/run/app.sock, or systemd for inherited sockets (repeatable)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: Vec<ListenAddress>,

    /// A socket for events: POST /events/FUNCTION with CloudEvents headers; never a public one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) control: Vec<ListenAddress>,

    /// A socket for /healthz and /metrics
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Vec<ListenAddress>,

    /// A certificate chain (PEM): serves HTTP/1.1 and HTTP/2 over TLS. Repeatable: each is for the names in it, the
    /// first also for all others
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Vec<PathBuf>,

    /// The certificate's private key (PEM), one for each --tls-cert
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Vec<PathBuf>,

    /// Reload when the manifest or a component changes, as SIGHUP does
    #[arg(long)]
    pub(crate) watch: bool,

    /// Send a trace of each request to this OpenTelemetry collector (OTLP over HTTP), such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<crate::serve::Collector>,

    /// Threads that serve [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,

    /// Memory that all running instances may take together
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub(crate) memory: tombolo_spec::ByteSize,

    /// How long requests that have begun may go on when the server ends
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub(crate) drain: Duration,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    tombolo_spec::units::parse_duration(text).map_err(|error| error.to_string())
}
