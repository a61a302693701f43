//! The `tombolo` binary: arguments → meaning → the crates below.

mod args;
mod compile;
mod compiled;
mod exit;
mod grants;
mod inspect;
mod man;
mod node;
mod notice;
mod plan;
mod program;
mod remote;
mod run;
mod serve;
mod top;
mod version;

use std::process::ExitCode;

use args::{Cli, Command, NodeCommand};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return args::explain(&error).into(),
    };
    match command(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            notice!("{failure}");
            failure.exit.into()
        }
    }
}

fn command(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Serve(args) => serve::serve(&args),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Compile(args) => compile::compile(&args),
        Command::Grants(args) => grants::grants(&args),
        Command::New(args) => own(tombolo_dev::cli::new(&args)),
        Command::Build(args) => own(tombolo_dev::cli::build(&args)),
        Command::Dev(args) => own(tombolo_dev::cli::dev(&args)),
        Command::Test(args) => own(tombolo_dev::cli::test(&args)),
        Command::Doctor(args) => own(tombolo_dev::cli::doctor(&args)),
        Command::Wit(args) => own(tombolo_dev::cli::wit(&args)),
        Command::Node(args) => match &args.command {
            None => node::node(&args),
            Some(NodeCommand::Status { node, json }) => remote::node_status(node, *json),
            Some(NodeCommand::Upgrade { program, node }) => remote::upgrade(node, program.as_deref()),
        },
        Command::Apply(args) => remote::apply(&args),
        Command::Apps(args) => remote::apps(&args),
        Command::Status(args) => remote::status(&args),
        Command::Logs(args) => remote::logs(&args),
        Command::Events(args) => remote::events(&args),
        Command::Explain(args) => remote::explain(&args),
        Command::Suggest(args) => remote::suggest(&args),
        Command::Top(args) => top::top(&args),
        Command::Invoke(args) => remote::invoke(&args),
        Command::History(args) => remote::history(&args),
        Command::Rollback(args) => remote::rollback(&args),
        Command::Remove(args) => remote::remove(&args),
        Command::Tenant(args) => remote::tenant(&args),
        Command::Token(args) => remote::token(&args),
        Command::Cell => node::cell(),
        Command::Gateway => node::gateway(),
        Command::Egress => node::egress(),
        Command::Verify => node::verify(),
        Command::Completions(args) => man::completions(&args),
        Command::Man(args) => man::man(&args),
        Command::Loader(args) => serve::load(&args),
        Command::Exporter { collector } => serve::export(&collector),
        Command::CompilerChild { arguments } => Ok(compile::child(&arguments)),
    }
}

/// A developer's command: its own exit code, or an error of tombolo's.
fn own(result: Result<u8, tombolo_dev::DevError>) -> Result<Exit, Failure> {
    Ok(Exit::Program(result?))
}
