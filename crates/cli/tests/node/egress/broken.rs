//! The broker ends in the middle.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

use super::{Origin, fetcher, fetches, refusals, under};
use crate::world::{Node, signal};

/// A port at which connecting takes for ever: its queue is full, and nobody takes from it.
struct Stuck {
    port: u16,
    _listener: OwnedFd,
    _queue: Vec<TcpStream>,
}

impl Stuck {
    fn start() -> Stuck {
        let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a port is free");
        listen(&listener, 0).expect("it listens");
        let at = getsockname(&listener).expect("an address");
        let at = SocketAddr::try_from(at).expect("an address of the internet");
        let wait = std::time::Duration::from_millis(300);
        let queue = std::iter::from_fn(|| TcpStream::connect_timeout(&at, wait).ok()).take(8).collect();
        Stuck { port: at.port(), _listener: listener, _queue: queue }
    }

    /// Whether somebody has begun to connect.
    fn is_tried(&self) -> bool {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("connections");
        // The remote address, and the state SYN_SENT.
        let row = format!("0100007F:{:04X} 02 ", self.port);
        table.contains(&row)
    }
}

fn serving(ports: &[u16]) -> Node {
    let grants: Vec<String> =
        ports.iter().map(|port| format!("http GET http://127.0.0.1:{port}/*")).collect();
    let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
    let node = under(&grants);
    fetcher(&node, &grants).exits(0);
    node
}

#[test]
fn a_broker_killed_while_it_connects_costs_the_guest_an_error_and_the_next_request_works() {
    let (origin, stuck) = (Origin::start(), Stuck::start());
    let node = serving(&[origin.port, stuck.port]);
    let (status, body) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| node.get(&format!("/out/?http://127.0.0.1:{}/", stuck.port)));
        node.until("it connects", || stuck.is_tried());
        signal(node.egress().expect("a broker"), "KILL");
        waiting.join().expect("an answer")
    });
    assert_eq!((status, body.contains("DestinationUnavailable")), (502, true), "{body}");
    fetches(&node, origin.port);
    node.until("the operator is told", || {
        node.log().contains("the egress is gone: it was ended by signal 9")
    });
    node.until("the app's owner is told", || {
        refusals(&node).iter().any(|line| line["reason"].to_string().contains("interrupted"))
    });
}

#[test]
fn what_is_asked_while_there_is_no_broker_waits_for_the_next_one() {
    let origin = Origin::answering(1);
    let node = serving(&[origin.port]);
    let mut broker = None;
    for _ in 0..3 {
        node.until("another broker", || node.egress().is_some_and(|pid| Some(pid) != broker));
        broker = node.egress();
        signal(broker.expect("a broker"), "KILL");
        fetches(&node, origin.port);
    }
}

#[test]
fn connections_that_were_handed_over_outlive_the_broker() {
    let origin = Origin::start();
    let node = serving(&[origin.port]);
    fetches(&node, origin.port);
    signal(node.egress().expect("a broker"), "KILL");
    fetches(&node, origin.port);
    assert_eq!(origin.connections(), 1);
}
