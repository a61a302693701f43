//! `tombolo run`: the flags of a developer's daily command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// Run a program in a sandbox of its own, with only what is granted
///
/// PROGRAM is a WebAssembly module (WASI 0.1) or component (WASI 0.2, 0.3), also as text (.wat). Flags of
/// tombolo stand before it; everything after it is the program's own. Nothing is granted by default: no
/// file, no variable, no address.
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_CODES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub grants: ProgramArgs,

    /// Run a function of this manifest; the first argument is the function's name
    #[arg(short = 'f', long = "file", value_name = "MANIFEST")]
    pub manifest: Option<PathBuf>,

    /// After the run, print to stderr what was requested, granted, used and refused
    #[arg(long)]
    pub report: bool,

    /// Append each use and refusal as a JSON line to this file
    #[arg(long, value_name = "FILE")]
    pub audit: Option<PathBuf>,

    /// `report` prints the kernel layers in force; `require=landlock,seccomp,…` fails without them
    #[arg(long, value_name = "report|require=LAYERS")]
    pub sandbox: Vec<SandboxArg>,

    /// Neither read nor write the cache of compiled programs
    #[arg(long)]
    pub no_cache: bool,

    /// The program (or, with -f, the function), then its arguments
    #[arg(
        required = true,
        num_args = 1..,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_names = ["PROGRAM", "ARGS"]
    )]
    pub program: Vec<OsString>,
}

/// Grants and limits, as grant lines or as short forms of them.
#[derive(Args, Debug, Default, Clone)]
#[command(next_help_heading = "Grants and limits")]
pub(crate) struct ProgramArgs {
    /// Grant one thing, in the words of a manifest: 'http GET https://api.example.com/v1/*'
    #[arg(short = 'g', long = "grant", value_name = "LINE")]
    pub grants: Vec<String>,

    /// A folder, read-write unless ::ro: short for `dir HOST as GUEST read-write`
    #[arg(long = "dir", value_name = "HOST[::GUEST][::ro]")]
    pub dirs: Vec<String>,

    /// A variable, set (K=V) or passed on from here (K): short for `env K=V`
    #[arg(long = "env", value_name = "K[=V]")]
    pub env: Vec<String>,

    /// A secret as a variable of that name: short for `secret NAME reveal`; its value is read from FILE, or
    /// from $CREDENTIALS_DIRECTORY/NAME
    #[arg(long = "secret", value_name = "NAME[=FILE]")]
    pub secrets: Vec<String>,

    /// Where stores and volumes of this app are kept
    /// [default: $XDG_DATA_HOME/tombolo/apps/APP, or ~/.local/share/tombolo/apps/APP; APP is the manifest's name, or
    /// the program's without .wasm]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,

    /// Change one limit: memory=64MiB, time=2s, cpu=500ms, … (`tombolo inspect` lists all)
    #[arg(short = 'l', long = "limit", value_name = "NAME=VALUE")]
    pub limits: Vec<String>,
}

/// One `--sandbox` argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SandboxArg {
    Report,
    Require(String),
}

impl FromStr for SandboxArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "report" => Ok(SandboxArg::Report),
            Some(("require", layers)) if !layers.is_empty() => Ok(SandboxArg::Require(layers.to_owned())),
            _ => Err("write `report`, or `require=` and layers, such as require=landlock,seccomp".to_owned()),
        }
    }
}
