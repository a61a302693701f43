//! The compiler process by itself: what a program does behind its hidden subcommand.
//!
//! The tests of this crate compile with it.

use std::io::{stderr, stdin, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut arguments = &arguments[..];
    if arguments.first().is_some_and(|first| first == tombolo_store::COMPILE_COMMAND) {
        arguments = &arguments[1..];
    }
    tombolo_store::compiler_main(arguments, &mut stdin(), &mut stdout(), &mut stderr()).into()
}
