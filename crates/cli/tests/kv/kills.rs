//! `kill -9` in the middle of writes: what was answered is there, and nothing is torn.
//!
//! `TOMBOLO_TEST_KILLS` says how often; a few times by default.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::common::TempDir;
use super::server::{self, Server};
use super::{folder, serve};

const KILLS: usize = 20;
const CLIENTS: usize = 4;

/// Values of several pages: a write that is torn would have a part of one and a part of another.
fn value(round: usize, client: usize, n: usize) -> String {
    format!("{round}/{client}/{n};").repeat(1 + 97 * (n % 9))
}

/// What servers have answered so far.
#[derive(Default)]
struct Answered {
    values: BTreeMap<String, String>,
    /// The smallest that each client's counter can be: it may be one more for a request without an answer.
    counts: BTreeMap<usize, u64>,
}

#[test]
fn every_answered_write_survives_kill_9_and_none_is_torn() {
    let kills =
        std::env::var("TOMBOLO_TEST_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(KILLS);
    let data = folder();
    let answered = Mutex::new(Answered::default());
    for round in 0..kills {
        let server = start(&data);
        check_last(&server, &mut answered.lock().unwrap());
        let address = server.address;
        thread::scope(|scope| {
            let answered = &answered;
            for client in 0..CLIENTS {
                scope.spawn(move || write_until_killed(address, round, client, answered));
            }
            wait_for_an_answer(answered, round);
            thread::sleep(moment(round));
            server.kill();
        });
    }
    let answered = answered.into_inner().unwrap();
    assert!(answered.values.len() >= kills, "a round without an answered write tests nothing");
    check_all(&start(&data), &answered);
}

fn start(data: &TempDir) -> Server {
    serve(data, &["--grant", "kv readings read-write", "--limit", "kv-size=1GiB", "--workers", "2"])
}

/// Another one each time, so that the kill comes at every point of a write.
fn moment(round: usize) -> Duration {
    Duration::from_micros((round as u64 * 7_919) % 25_000)
}

/// However busy the machine is, each round has something that must not be lost.
fn wait_for_an_answer(answered: &Mutex<Answered>, round: usize) {
    let prefix = format!("r{round}-");
    let has_begun = || answered.lock().unwrap().values.keys().any(|key| key.starts_with(&prefix));
    for _ in 0..10_000 {
        if has_begun() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn write_until_killed(address: SocketAddr, round: usize, client: usize, answered: &Mutex<Answered>) {
    let counter = format!("/readings/count-{client}");
    for n in 0.. {
        let (key, value) = (format!("r{round}-c{client}"), value(round, client, n));
        let Ok(answer) = server::ask(address, "PUT", &format!("/readings/{key}"), value.as_bytes()) else {
            return;
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
        answered.lock().unwrap().values.insert(key, value);
        let Ok(answer) = server::ask(address, "POST", &counter, b"1") else { return };
        let count = answer.body.parse().unwrap_or_else(|_| panic!("no number: {answer:?}"));
        answered.lock().unwrap().counts.insert(client, count);
    }
}

/// The round before: each of its keys has the value that was answered last, or the one after it.
fn check_last(server: &Server, answered: &mut Answered) {
    for (key, value) in answered.values.iter().rev().take(CLIENTS) {
        check(server, key, value);
    }
    for (client, count) in &mut answered.counts {
        let there: u64 =
            server.ask("GET", &format!("/readings/count-{client}"), b"").body.parse().expect("a number");
        let (least, most) = (*count, *count + 1);
        assert!((least..=most).contains(&there), "client {client}: {least} were answered, {there} are there");
        *count = there;
    }
}

fn check_all(server: &Server, answered: &Answered) {
    answered.values.iter().for_each(|(key, value)| check(server, key, value));
}

#[track_caller]
fn check(server: &Server, key: &str, expected: &str) {
    let there = server.ask("GET", &format!("/readings/{key}"), b"");
    assert_eq!(there.status, 200, "{key} is gone");
    if there.body == expected {
        return;
    }
    let name = expected.split(';').next().unwrap_or_default();
    let (place, n) = name.rsplit_once('/').expect("round/client/n");
    let [round, client] =
        place.split('/').map(|part| part.parse().expect("a number")).collect::<Vec<usize>>()[..]
    else {
        panic!("round/client")
    };
    let next = value(round, client, n.parse::<usize>().expect("a number") + 1);
    assert_eq!(there.body, next, "{key} is neither what was answered nor what came after it");
}
