//! The clock runs while guests run, and only then.
//!
//! One test, in a process of its own: the clock belongs to the process.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{TestResult, engine, limits};
use tombolo_engine::{Engine, EngineClass, EngineOptions, Ticker};

/// The number of times that the clock's thread has gone to sleep; `None` when there is no such thread.
fn sleeps() -> Option<u64> {
    let tasks = fs::read_dir("/proc/self/task").ok()?;
    let task = tasks.flatten().find(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "tombolo-ticker")
    })?;
    let status = fs::read_to_string(task.path().join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Waits, for as long as a very slow machine may take, until `happened`.
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < give_up, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn rests() -> bool {
    let before = sleeps();
    std::thread::sleep(Duration::from_millis(100));
    before.is_some() && before == sleeps()
}

#[test]
fn the_clock_starts_with_the_first_guest_rests_with_the_last_and_wakes_again() -> TestResult {
    let one = Engine::new(&EngineOptions::for_one(EngineClass::Plain, &limits(&[])))?;
    let _nothing = Ticker::new(&one).guard()?;
    let engine = engine(EngineClass::Plain);
    let ticker = Ticker::new(&engine);
    assert_eq!(sleeps(), None, "no guest that could be interrupted, no thread");

    let first = ticker.guard()?;
    until("the clock ticks", || sleeps().is_some_and(|sleeps| sleeps > 10));
    let second = ticker.guard()?;
    drop(first);
    let before = sleeps();
    until("it ticks on for the second guest", || sleeps() > before.map(|before| before + 100));
    drop(second);
    until("it rests", rests);

    for round in 0..20 {
        let guard = ticker.guard()?;
        let before = sleeps();
        until("it wakes again", || sleeps() > before);
        drop(guard);
        if round % 5 == 0 {
            until("it rests again", rests);
        }
    }

    let (again, other) = (Ticker::new(&engine), common::engine(EngineClass::Concurrent));
    let _other = Ticker::new(&other);
    drop((other, engine));
    let _guard = again.guard()?;
    let before = sleeps();
    until("it outlives the engines", || sleeps() > before);
    Ok(())
}
