//! What a call goes through ends in the middle, or is replaced.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{GRANT, call, caller, logged};
use crate::world::{App, Node, signal, try_get};

const SPIN: &str =
    "(module (memory (export \"memory\") 1) (func (export \"_start\") (loop $more (br $more))))";

/// A caller that is reached without the gateway, and an app of another tenant that never answers.
struct Calling {
    node: Node,
    /// The processes of the cells of the apps that are called, each of which has its own.
    slow: u32,
    quick: u32,
}

impl Calling {
    fn start() -> Calling {
        let grants = ["http GET http://slow.other.internal/*", "http GET http://quick.other.internal/*"];
        let folder = crate::common::folder(&[(
            "config/ceiling.toml",
            &format!("grants = {}\n", serde_json::json!(grants)),
        )]);
        let own = ["--trial", "50ms", "--listen", "127.0.0.1:0=acme"];
        let node = Node::start_in(folder, "127.0.0.1:0", &own, None, crate::common::binary());
        for tenant in ["acme", "other"] {
            node.run(&["tenant", "add", tenant]).exits(0);
        }
        let other = |name, on, wat: Option<&str>| {
            let app = App { tenant: "other", isolation: "app", ..App::saying(name, on, "quick") };
            node.apply(&App { wat: wat.map_or(app.wat.clone(), str::to_owned), ..app }).exits(0);
        };
        other("slow", "http * /slow/*", Some(SPIN));
        let slow = node.cells_of("other")[0];
        other("quick", "http * /quick/*", None);
        let quick = node.cells_of("other").into_iter().find(|pid| *pid != slow).expect("another cell");
        caller(&node, "acme", "out", &grants).exits(0);
        let calling = Calling { node, slow, quick };
        calling.node.until("it answers", || calling.quick() == Some((200, "quick".into())));
        calling
    }

    fn get(&self, app: &str) -> Option<(u16, String)> {
        let path = format!("/out/?http://{app}.other.internal/{app}/");
        try_get(self.node.own_address("acme"), &path)
    }

    fn quick(&self) -> Option<(u16, String)> {
        self.get("quick")
    }

    /// What the caller answers when this happens while it waits for the app that never answers.
    fn while_it_waits(&self, happens: impl FnOnce()) -> (u16, String) {
        let before = processor_time(self.slow);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| self.get("slow"));
            self.node.until("it is being answered", || processor_time(self.slow) > before + 5);
            happens();
            waiting.join().expect("no panic").expect("an answer")
        })
    }
}

/// Of a process and its children, in ticks.
fn processor_time(pid: u32) -> u64 {
    let of = |pid: u32| -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
    };
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    of(pid) + children.split_whitespace().filter_map(|child| child.parse().ok()).map(of).sum::<u64>()
}

#[test]
fn a_gateway_that_dies_costs_the_calls_in_flight_an_error_and_no_later_one() {
    let calling = Calling::start();
    let gateway = calling.node.gateway().expect("a gateway");
    let (status, body) = calling.while_it_waits(|| signal(gateway, "KILL"));
    assert_eq!(status, 502, "{body}");
    // It waits until there is a gateway.
    assert_eq!(calling.quick(), Some((200, "quick".into())), "{}", calling.node.log());
}

#[test]
fn calls_in_flight_outlive_the_broker_and_the_next_broker_makes_others() {
    let calling = Calling::start();
    let broker = calling.node.egress().expect("a broker");
    let (status, body) = calling.while_it_waits(|| {
        signal(broker, "KILL");
        calling.node.until("another broker", || calling.node.egress().is_some_and(|pid| pid != broker));
        // A connection more than those that wait, by the next broker.
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(|| calling.quick());
            (calling.quick(), one.join().expect("no panic"))
        });
        assert_eq!((one, other), (Some((200, "quick".into())), Some((200, "quick".into()))));
        signal(calling.slow, "KILL");
    });
    assert_eq!((status, body.contains("the app ended before")), (502, true), "the gateway's answer: {body}");
}

#[test]
fn a_called_cell_that_dies_costs_its_calls_an_error_and_comes_back() {
    let calling = Calling::start();
    let (status, body) = calling.while_it_waits(|| signal(calling.slow, "KILL"));
    assert_eq!((status, body.contains("the app ended before")), (502, true), "{body}");
    assert_eq!(calling.quick(), Some((200, "quick".into())), "of others nothing is lost");
    signal(calling.quick, "KILL");
    calling.node.until("the next cell is called", || calling.quick() == Some((200, "quick".into())));
}

#[test]
fn no_call_fails_while_the_called_app_is_upgraded_in_a_cell_of_its_own() {
    upgrades_lose_no_call("app");
}

#[test]
fn no_call_fails_while_the_cell_of_both_apps_is_replaced() {
    upgrades_lose_no_call("tenant");
}

fn upgrades_lose_no_call(isolation: &'static str) {
    let node = Node::start_with(&["--trial", "50ms"]);
    let billing = |text: &str| App { isolation, ..App::saying("billing", "http * /v1/*", text) };
    node.apply(&billing("0")).exits(0);
    caller(&node, "default", "out", &[GRANT]).exits(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = 0;
                    while !done.load(Ordering::Relaxed) {
                        let (status, body) = call(&node, "http://billing.internal/v1/");
                        assert_eq!(status, 200, "{body}");
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        for text in ["1", "2", "3", "4", "5"] {
            node.apply(&billing(text)).exits(0);
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().expect("no call failed") > 0);
        }
    });
    assert_eq!(call(&node, "http://billing.internal/v1/"), (200, "5".into()));
    assert!(logged(&node, "default", "out", "refused").is_empty());
}
