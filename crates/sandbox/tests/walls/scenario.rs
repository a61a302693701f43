//! One act in one cell, in a process of its own.

use std::ffi::OsStr;
use std::io::{Read, Write};

use libtest_mimic::Failed;
use tombolo_sandbox::{CellPlan, Entered, Layer, Network, Policy, Verdict, Walls, run_in_cell};

use crate::act::{Act, Outcome};
use crate::may;
use crate::privileges;
use crate::stage::Stage;
use crate::user::User;

const SCENARIO: &str = "TOMBOLO_TEST_SCENARIO";
const WALLS: &str = "TOMBOLO_TEST_WALLS";

/// What a scenario says at its end.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    /// True if a sentinel or the canary noticed.
    pub(crate) seen: bool,
    pub(crate) in_force: Vec<Layer>,
}

/// True if this process is a scenario.
pub(crate) fn is_one() -> bool {
    std::env::var_os(SCENARIO).is_some()
}

/// Starts an act as `user` with only these walls (`None`: all) and waits for its report.
pub(crate) fn start(act: &Act, user: User, walls: Option<&[Layer]>) -> Result<Report, Failed> {
    let output = output(act.name, user, walls)?;
    parse(&output).ok_or_else(|| format!("no report in {output:?}").into())
}

/// Starts a scenario and returns what it prints.
pub(crate) fn output(name: &str, user: User, walls: Option<&[Layer]>) -> Result<String, Failed> {
    output_with(name, user, walls, &[])
}

/// As [`output`], with more variables in the scenario's environment.
pub(crate) fn output_with(
    name: &str,
    user: User,
    walls: Option<&[Layer]>,
    variables: &[(&str, &OsStr)],
) -> Result<String, Failed> {
    let mut command = user.command();
    command.env(SCENARIO, name).envs(variables.iter().copied());
    if let Some(layers) = walls {
        command.env(WALLS, layers.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(","));
    }
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("the scenario itself failed: {}: {error}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs the scenario that the environment names, and prints its report.
pub(crate) fn run(mut acts: impl Iterator<Item = &'static Act>) {
    let name = std::env::var(SCENARIO).expect("a scenario's name");
    let stage = Stage::new().expect("set the stage");
    if let Some(act) = acts.find(|act| act.name == name) {
        let (verdict, told) = perform(act.policy, &stage, |_| (act.run)(&stage));
        report(outcome(verdict, &told.outcome), stage.saw_something(), &told.in_force);
    } else if !may::run(&name, &stage) && !privileges::run(&name, &stage) {
        panic!("no scenario {name}");
    }
}

/// What a cell said before its end.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) in_force: String,
    pub(crate) outcome: String,
}

/// Locks a cell down by `policy` and the walls of the environment, and runs `act` in it.
pub(crate) fn perform(
    policy: fn(&Stage) -> Policy<'_>,
    stage: &Stage,
    act: impl FnOnce(&Entered) -> std::io::Result<()>,
) -> (Verdict, Told) {
    let (mut reader, mut writer) = std::io::pipe().expect("make a pipe");
    let mut policy = policy(stage);
    policy.walls = walls();
    let plan = CellPlan { network: policy.network != Network::None, walls: walls(), ..CellPlan::default() };
    let verdict = run_in_cell(&plan, move |entered| {
        let layers = entered.lock_down(&policy).expect("lock the cell down");
        let in_force = Layer::ALL.iter().filter(|&&layer| layers.in_force(layer)).map(|layer| layer.name());
        writeln!(writer, "{}", in_force.collect::<Vec<_>>().join(",")).expect("tell what is in force");
        let done = act(&entered).map_err(|error| error.raw_os_error().unwrap_or(-1));
        let text = done.map_or_else(|errno| errno.to_string(), |()| "done".to_owned());
        writeln!(writer, "{text}").map_or(2, |()| 0)
    });
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("read what the cell told");
    let mut lines = text.lines().map(str::to_owned);
    let told = Told { in_force: lines.next().unwrap_or_default(), outcome: lines.next().unwrap_or_default() };
    (verdict.expect("run a cell"), told)
}

/// The walls that the environment names; all without.
fn walls() -> Walls {
    let Ok(names) = std::env::var(WALLS) else { return Walls::default() };
    let layers: Vec<Layer> = names.split(',').filter_map(Layer::from_name).collect();
    Walls::only(&layers)
}

/// A cell that ends well without a word has become another program.
fn outcome(verdict: Verdict, told: &str) -> Outcome {
    match (verdict, told) {
        (Verdict::Exited(0), "done" | "") => Outcome::Done,
        (Verdict::Exited(0), errno) => Outcome::Refused(errno.parse().expect("an error number")),
        (Verdict::Signaled(signal), _) => Outcome::Killed(signal),
        other => panic!("unexpected end {other:?}"),
    }
}

fn report(outcome: Outcome, seen: bool, in_force: &str) {
    let outcome = match outcome {
        Outcome::Done => "done 0".to_owned(),
        Outcome::Refused(errno) => format!("refused {errno}"),
        Outcome::Killed(signal) => format!("killed {signal}"),
    };
    println!("{outcome} {seen} {in_force}");
}

fn parse(text: &str) -> Option<Report> {
    let mut words = text.split_whitespace();
    let word = words.next()?;
    let number = words.next()?.parse().ok()?;
    let outcome = match word {
        "done" => Outcome::Done,
        "refused" => Outcome::Refused(number),
        _ => Outcome::Killed(number),
    };
    let seen = words.next()? == "true";
    let in_force = words.next().unwrap_or_default().split(',').filter_map(Layer::from_name).collect();
    Some(Report { outcome, seen, in_force })
}
