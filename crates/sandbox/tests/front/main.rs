//! The front process: it must look to a shell like the program itself.
//!
//! Each scenario is a process of its own (this program, started again) that runs a cell; the test plays the shell.
//! All run twice: with all namespaces, and as a plain fork, as on a kernel that refuses namespaces.

#![allow(unsafe_code, reason = "a shell's system calls")]
#![allow(clippy::print_stdout, reason = "a scenario talks to its test through its output")]

mod cells;
mod ends;
mod fronts;
mod jobs;
mod stops;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::fronts::Namespaces;

/// A test: what it says, and what it does with a cell of that kind.
pub(crate) type Test = (&'static str, fn(Namespaces) -> Result<(), Failed>);

fn main() {
    if cells::is_one() {
        return cells::run();
    }
    let tests = || [ends::TESTS, stops::TESTS, jobs::TESTS].into_iter().flatten();
    let kinds = [Namespaces::All, Namespaces::None];
    let trials = kinds.iter().flat_map(|&kind| {
        tests().map(move |&(name, test)| Trial::test(format!("{kind}: {name}"), move || test(kind)))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit();
}
