//! What was typed. What it means is decided in the commands' own modules.
//!
//! Help, man page and shell completions all come from these definitions.

mod node;
mod run;
mod serve;
mod watch;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::exit::Exit;

pub(crate) use node::{
    ApplyArgs, AppsArgs, HistoryArgs, InvokeArgs, LogsArgs, NodeAddress, NodeArgs, NodeCommand, RemoveArgs,
    RollbackArgs, StatusArgs, TenantAddress, TenantArgs, TenantCommand, TokenArgs, TokenCommand,
};
pub(crate) use run::{ProgramArgs, RunArgs, SandboxArg};
pub(crate) use serve::ServeArgs;
pub(crate) use watch::{EventsArgs, ExplainArgs, SuggestArgs, TopArgs};

/// Linux for WebAssembly at the edge: run WASI programs, each with only what you grant it.
#[derive(Parser, Debug)]
#[command(
    name = "tombolo",
    version = crate::version::short(),
    long_version = crate::version::long(),
    after_help = EXIT_CODES,
    subcommand_required = true,
    arg_required_else_help = true,
    propagate_version = false
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// The exit codes of `tombolo`, as printed by `--help` and in the manual.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0-255  the program's own exit code
  124    the program reached its wall-clock limit (limit time)
  125    tombolo itself failed, or was used wrongly
  126    the program is there and cannot or may not run here
  127    the program, or the function of a manifest, was not found
  134    the program trapped, or another limit than time ended it
  128+N  signal N ended the program (as a shell reports it)

`tombolo FILE.wasm ARGS…` is short for `tombolo run FILE.wasm ARGS…`.";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Run(Box<RunArgs>),
    Serve(Box<ServeArgs>),
    Inspect(InspectArgs),
    Compile(CompileArgs),
    Grants(GrantsArgs),
    New(tombolo_dev::cli::NewArgs),
    Build(tombolo_dev::cli::BuildArgs),
    Dev(tombolo_dev::cli::DevArgs),
    Test(tombolo_dev::cli::TestArgs),
    Doctor(tombolo_dev::cli::DoctorArgs),
    Wit(tombolo_dev::cli::WitArgs),
    Node(NodeArgs),
    Apply(ApplyArgs),
    Apps(AppsArgs),
    Status(StatusArgs),
    Logs(LogsArgs),
    Events(EventsArgs),
    Explain(ExplainArgs),
    Suggest(SuggestArgs),
    Top(TopArgs),
    Invoke(InvokeArgs),
    History(HistoryArgs),
    Rollback(RollbackArgs),
    Remove(RemoveArgs),
    Tenant(TenantArgs),
    Token(TokenArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
    /// One-shot compiler child: WebAssembly on stdin, machine code on stdout.
    #[command(name = "__compile", hide = true)]
    CompilerChild {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// A node's cell: orders on standard input.
    #[command(name = tombolo_node::wire::CELL_COMMAND, hide = true)]
    Cell,
    /// A node's gateway: orders on standard input.
    #[command(name = tombolo_node::wire::GATEWAY_COMMAND, hide = true)]
    Gateway,
    /// A node's broker of connections: orders on standard input.
    #[command(name = tombolo_node::wire::EGRESS_COMMAND, hide = true)]
    Egress,
    /// A node's verifier: an order on standard input, the answer on standard output.
    #[command(name = tombolo_node::wire::VERIFY_COMMAND, hide = true)]
    Verify,
    /// A server's loader, with the server's arguments.
    #[command(name = crate::serve::LOADER_COMMAND, hide = true)]
    Loader(Box<ServeArgs>),
    /// A server's exporter of traces.
    #[command(name = crate::serve::EXPORTER_COMMAND, hide = true)]
    Exporter {
        collector: crate::serve::Collector,
    },
}

/// Show what a program is, what it asks for and what it would get
///
/// Prints the artifact's kind, WASI version, digest and producers, each import with the grant it would
/// need, the triggers that its exports fit, and the limits in force.
#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// A WebAssembly module or component (.wasm or .wat)
    pub artifact: PathBuf,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Check whether these grants suffice (repeatable; the grant line as in a manifest)
    #[arg(long = "grant", value_name = "LINE")]
    pub grants: Vec<String>,
    /// Show the limits with these changes, such as memory=128MiB (repeatable)
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub limits: Vec<String>,
}

/// Compile a program to machine code ahead of time
///
/// The output runs only on the target it was made for and is trusted machine code: `tombolo run` does not
/// load it from elsewhere. Use it to look at compiled code or to prepare a device's image.
#[derive(Args, Debug)]
pub(crate) struct CompileArgs {
    /// A WebAssembly module or component (.wasm or .wat)
    pub artifact: PathBuf,
    /// Where to write the compiled program
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The target, such as aarch64-unknown-linux-gnu, riscv64gc-unknown-linux-gnu, pulley32 or pulley64
    /// [default: this machine]
    #[arg(long, value_name = "TRIPLE")]
    pub target: Option<String>,
}

/// Work with grant lines
#[derive(Args, Debug)]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    pub command: GrantsCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum GrantsCommand {
    /// Parse grant lines; print their canonical form and what each covers
    Check {
        /// Grant lines, such as 'dir ./site as /www read'
        #[arg(required = true, value_name = "LINE")]
        lines: Vec<String>,
        /// Say whether this grant line covers each of them
        #[arg(long, value_name = "LINE")]
        against: Option<String>,
    },
}

/// Print a shell's completion script
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Print the manual page (roff), or write one page for each command into a folder
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write tombolo.1, tombolo-run.1, … into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Reads a command line; `tombolo FILE …` becomes `tombolo run FILE …`.
///
/// # Errors
/// Wrong usage; a wish for help or the version, which [`explain`] fulfils.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|first| names_a_program(first)) {
        arguments.insert(1, "run".into());
    }
    Cli::try_parse_from(arguments)
}

/// Prints what clap has to say. Wrong usage is tombolo's own error, not 2 as clap has it.
pub(crate) fn explain(error: &clap::Error) -> Exit {
    // There is nobody left to tell when the output is closed.
    let _ = error.print();
    if error.use_stderr() { Exit::Own } else { Exit::Program(0) }
}

/// Whether a first word that may be a command is a program instead.
fn names_a_program(word: &OsStr) -> bool {
    let is_command = Cli::command().get_subcommands().any(|command| command.get_name() == word);
    let path = Path::new(word);
    let looks_like_a_file = path.extension().is_some_and(|end| end == "wasm" || end == "wat")
        || word.as_encoded_bytes().contains(&b'/');
    !is_command && !word.as_encoded_bytes().starts_with(b"-") && looks_like_a_file
}
