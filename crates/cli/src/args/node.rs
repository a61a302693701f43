//! `tombolo node` and the commands that talk to one.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Keep the apps of many tenants running on this machine
///
/// Works at once: state is kept in the XDG folders, or below /var/lib for root. Apps come with `tombolo apply`.
/// SIGTERM and Ctrl-C let requests that have begun end; SIGHUP reads the certificates again; SIGUSR2 does as `tombolo node
/// upgrade`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<NodeCommand>,

    /// Where the gateway listens for everybody: 127.0.0.1:8080, https://[::]:443 for TLS with the certificates of the
    /// configuration folder, unix:/run/web.sock, or systemd for inherited sockets; ADDRESS=TENANT hands it to one tenant alone (repeatable)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: Vec<tombolo_node::Public>,

    /// Also answer the API at this address, to those who bear a token; in clear, so for a private network or a tunnel
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) api: Option<SocketAddr>,

    /// Also show a page at this address that says what happens on the node; who reaches a loopback address may look
    /// without a token, all else needs one; in clear
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,

    /// Where state is kept [default: /var/lib/tombolo, or ~/.local/state/tombolo]
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,

    /// Where sockets are [default: /run/tombolo, or $XDG_RUNTIME_DIR/tombolo]
    #[arg(long, value_name = "DIR")]
    pub(crate) runtime: Option<PathBuf>,

    /// Where ceiling.toml, certificates and secrets are [default: /etc/tombolo, or ~/.config/tombolo]
    #[arg(long, value_name = "DIR")]
    pub(crate) config: Option<PathBuf>,

    /// Threads of the gateway, and of each cell [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,

    /// Memory that the running instances of one tenant may take together
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub(crate) memory: tombolo_spec::ByteSize,

    /// How long a new revision is on trial: if it fails until then, the one before serves again
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::serve::duration)]
    pub(crate) trial: std::time::Duration,

    /// Say whether this program could be a node with the other arguments, as one JSON object, and do nothing
    #[arg(long, hide = true)]
    pub(crate) check: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum NodeCommand {
    /// Show the node: its cells, the kernel's walls around them, disk, versions
    Status {
        #[command(flatten)]
        node: NodeAddress,
        /// Print one JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Replace the node's program by the one that is in its place now, without an end of what it serves
    ///
    /// The new program is asked first whether it could be this node; if not, nothing changes. It then takes over the sockets and
    /// starts processes of its own, and those before answer what they have begun. Nobody is refused a connection.
    Upgrade {
        /// Another program than the one in its place
        program: Option<PathBuf>,
        #[command(flatten)]
        node: NodeAddress,
    },
}

/// Which node is meant.
#[derive(Args, Debug)]
pub(crate) struct NodeAddress {
    /// The socket of the node's API [default: $TOMBOLO_NODE, else that of this user's node, else of the machine's]
    #[arg(long = "node", value_name = "SOCKET")]
    pub(crate) socket: Option<PathBuf>,
}

/// Work with tokens
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Make a token for a tenant, for use at the address of `tombolo node --api`; it is printed once
    Create {
        /// The tenant
        tenant: tombolo_spec::Name,
        /// What it allows: read, deploy (and read), or admin (everything, for every tenant)
        #[arg(long, value_name = "ROLE")]
        role: tombolo_node::db::Role,
        /// After what time it is not valid any more [default: never]
        #[arg(long, value_name = "TIME", value_parser = super::serve::duration)]
        expires: Option<std::time::Duration>,
        #[command(flatten)]
        node: NodeAddress,
    },
}

/// Which tenant of which node is meant.
#[derive(Args, Debug)]
pub(crate) struct TenantAddress {
    #[command(flatten)]
    pub(crate) node: NodeAddress,
    /// The tenant
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) tenant: tombolo_spec::Name,
}

/// Deploy an app: check, send, compile, start beside what serves, and wait until it serves
///
/// A revision that fails is taken back, and the one before goes on serving.
#[derive(Args, Debug)]
pub(crate) struct ApplyArgs {
    /// The manifest
    #[arg(short = 'f', long = "file", value_name = "MANIFEST", default_value = "tombolo.toml")]
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
}

/// List the apps of a node
#[derive(Args, Debug)]
pub(crate) struct AppsArgs {
    #[command(flatten)]
    pub(crate) node: NodeAddress,
    /// Only those of this tenant
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<tombolo_spec::Name>,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show how an app is
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// The app; all of them, if none is named
    pub(crate) app: Option<tombolo_spec::Name>,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what an app has logged
#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// The app
    pub(crate) app: tombolo_spec::Name,
    /// Go on with what comes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many of the last lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    pub(crate) lines: usize,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
}

/// Call a function of an app by its name, with an event
#[derive(Args, Debug)]
pub(crate) struct InvokeArgs {
    /// The function, as APP/FUNCTION
    #[arg(value_name = "APP/FUNCTION")]
    pub(crate) function: String,
    /// The event's data; @FILE takes a file's content
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) data: String,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
}

/// List the revisions of an app
#[derive(Args, Debug)]
pub(crate) struct HistoryArgs {
    /// The app
    pub(crate) app: tombolo_spec::Name,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
}

/// Serve an older revision of an app again
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// The app
    pub(crate) app: tombolo_spec::Name,
    /// To which revision [default: the one before]
    pub(crate) revision: Option<u64>,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
}

/// Remove an app with all its revisions
#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// The app
    pub(crate) app: tombolo_spec::Name,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
}

/// Work with tenants
#[derive(Args, Debug)]
pub(crate) struct TenantArgs {
    #[command(subcommand)]
    pub(crate) command: TenantCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum TenantCommand {
    /// Add a tenant, or give one another ceiling
    Add {
        /// The tenant
        name: tombolo_spec::Name,
        /// The most that its apps can get: a file with grants, limits and mode
        #[arg(long, value_name = "FILE")]
        ceiling: Option<PathBuf>,
        #[command(flatten)]
        node: NodeAddress,
    },
    /// List the tenants of a node
    List {
        #[command(flatten)]
        node: NodeAddress,
    },
}
