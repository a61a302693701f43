//! Each wall, tried from inside: an act that works without walls must be refused with all of them, and refused by
//! each wall that claims it alone, with the error that this wall gives.
//!
//! Acts run in real cells on the real kernel. Each runs in a process of its own (this program, started again), once
//! as the user who runs the tests and, if that is root, once more as nobody.

#![allow(unsafe_code, reason = "the acts are system calls of an attacker")]
#![allow(clippy::print_stdout, reason = "a scenario talks to its test through its output")]

mod act;
mod escape;
mod files;
mod may;
mod network;
mod privileges;
mod processes;
mod scenario;
mod stage;
mod user;

use libtest_mimic::{Arguments, Failed, Trial};
use tombolo_sandbox::{Layer, Status, probe};

use crate::act::{Act, Outcome};
use crate::scenario::Report;
use crate::user::User;

fn main() {
    if scenario::is_one() {
        return scenario::run(acts());
    }
    let mut trials: Vec<Trial> = Vec::new();
    for user in User::all() {
        for act in acts() {
            trials.extend(trials_of(act, user));
        }
        trials.extend(may::trials(user));
        trials.extend(privileges::trials(user));
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    user::clean_up();
    conclusion.exit();
}

fn acts() -> impl Iterator<Item = &'static Act> {
    [files::ACTS, processes::ACTS, escape::ACTS, network::ACTS].into_iter().flatten()
}

fn trials_of(act: &'static Act, user: User) -> Vec<Trial> {
    if act.root_only && !user.is_root() {
        return Vec::new();
    }
    let name = act.name;
    let mut trials = vec![
        Trial::test(format!("{user}: {name} works without walls"), move || works_without_walls(act, user)),
        Trial::test(format!("{user}: {name} is refused by all walls"), move || refused_by_all(act, user)),
    ];
    for &(layer, expected) in act.refused_by {
        // Only root gets these namespaces without a user namespace, which would be a second wall.
        let needs_root = [Layer::PidNamespace, Layer::IpcNamespace, Layer::NetNamespace].contains(&layer);
        if needs_root && !user.is_root() {
            continue;
        }
        let test = move || refused_alone(act, user, layer, expected);
        trials.push(Trial::test(format!("{user}: {name} is refused by {layer} alone"), test));
    }
    trials
}

fn works_without_walls(act: &Act, user: User) -> Result<(), Failed> {
    let report = scenario::start(act, user, Some(&[]))?;
    expect(&report, report.outcome == Outcome::Done, "the act should work where nothing stops it")
}

fn refused_by_all(act: &Act, user: User) -> Result<(), Failed> {
    let report = scenario::start(act, user, None)?;
    expect(
        &report,
        report.outcome != Outcome::Done && !report.seen,
        "the act should be refused, and not be seen",
    )
}

fn refused_alone(act: &Act, user: User, layer: Layer, expected: Outcome) -> Result<(), Failed> {
    if let Status::Missing(why) = probe().get(layer) {
        return skip(&format!("{layer}: {why}"));
    }
    let report = scenario::start(act, user, Some(&[layer]))?;
    let refused = report.outcome == expected && !report.seen && report.in_force == [layer];
    expect(&report, refused, &format!("expected {expected:?} by this layer, and not to be seen"))
}

fn expect(report: &Report, holds: bool, what: &str) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(format!("{what}; got {report:?}").into()) }
}

/// A test that cannot run says so, and fails where everything must run.
fn skip(why: &str) -> Result<(), Failed> {
    if std::env::var("TOMBOLO_TEST_REQUIRE").is_ok_and(|value| value == "all") {
        return Err(format!("cannot run here: {why}").into());
    }
    eprintln!("skipped: {why}");
    Ok(())
}
