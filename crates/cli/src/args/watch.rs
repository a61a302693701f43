//! The commands that look at what happens on a node.

use clap::Args;

use super::node::{NodeAddress, TenantAddress};

/// Show the audit log: what was refused, what somebody changed, and what came of it
#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// Only those of this app
    pub(crate) app: Option<tombolo_spec::Name>,
    /// Only those of this tenant [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<tombolo_spec::Name>,
    /// How many of the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) count: usize,
    #[command(flatten)]
    pub(crate) node: NodeAddress,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Explain an event: what was refused and why, what the ceilings allow, and the line to add
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The event's id, from `tombolo events` or `tombolo logs`; or the id of a request in which something was refused
    pub(crate) event: String,
    #[command(flatten)]
    pub(crate) node: NodeAddress,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Propose the smallest grants that an app's use so far needs, as lines for its manifest
///
/// Only what was seen counts: let the app do all that it is there for, then ask.
#[derive(Args, Debug)]
pub(crate) struct SuggestArgs {
    /// The app
    pub(crate) app: tombolo_spec::Name,
    #[command(flatten)]
    pub(crate) at: TenantAddress,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Watch what happens on a node: requests, latencies, processors, memory and refusals of each function
///
/// Prints one table where its output is no terminal.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// Only this tenant [default: all]
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: Option<tombolo_spec::Name>,
    /// How often, and over what time rates are meant
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::serve::duration)]
    pub(crate) every: std::time::Duration,
    #[command(flatten)]
    pub(crate) node: NodeAddress,
    /// Print JSON once
    #[arg(long)]
    pub(crate) json: bool,
}
