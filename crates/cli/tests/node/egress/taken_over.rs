//! A cell that was taken over asks the broker itself.

use serde_json::json;

use crate::attacker::{Arg, Attacker};
use crate::world::Node;

/// Descriptors that a cell may have its sockets at.
const DESCRIPTORS: std::ops::Range<i64> = 0..24;

/// Sends a packet by each socket that takes one: the broker's is among them.
fn send(attacker: &Attacker<'_>, packet: &[u8]) {
    let (length, zero) = (Arg::Number(packet.len() as i64), Arg::Number(0));
    let flags = Arg::Number((libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT).into());
    let sent = DESCRIPTORS.filter(|descriptor| {
        let arguments = [Arg::Number(*descriptor), Arg::Bytes(packet), length, flags, zero, zero];
        // Where it went into the answer of this very request, nobody knows what it was.
        let answer = attacker.call(libc::SYS_sendto, &arguments);
        answer.is_some_and(|answer| answer.result == packet.len() as i64)
    });
    assert!(sent.count() > 0, "no socket took the packet");
}

fn ask(function: &str, host: &str) -> Vec<u8> {
    let http = json!({ "method": "GET", "secure": false, "host": host, "port": 80, "path": "/" });
    let asked = json!({ "id": 1_000_000, "function": function, "within_ms": 1000, "ask": { "http": http } });
    json!({ "asked": asked }).to_string().into_bytes()
}

#[test]
fn a_taken_over_cell_gets_nothing_that_its_grants_do_not_name_and_the_operator_is_told() {
    let node = Node::start_without_first_wall();
    node.run(&["tenant", "add", "evil"]).exits(0);
    let attacker = Attacker::enter(&node, "evil", "\"http GET http://api.example.com/*\"");
    for family in [libc::AF_INET, libc::AF_INET6] {
        let arguments = [Arg::Number(family.into()), Arg::Number(libc::SOCK_STREAM.into()), Arg::Number(0)];
        assert_eq!(attacker.result(libc::SYS_socket, &arguments), -i64::from(libc::EPERM));
    }
    send(&attacker, &ask("evil/web", "169.254.169.254"));
    let told = |text: &str| node.until(text, || node.log().contains(text));
    told("of tenant evil, function evil/web: http GET http://169.254.169.254/: no grant allows it");
    send(&attacker, &ask("web/web", "api.example.com"));
    told("(×2)");
    send(&attacker, b"{\"id\":");
    told("of tenant evil is not heard any more");
    assert!(node.egress().is_some());
}
