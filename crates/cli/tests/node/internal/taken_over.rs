//! A cell that was taken over, with a connection to an app that it may call.

use super::{caller, logged};
use crate::attacker::{Arg, Attacker};
use crate::world::{App, Node};

/// Descriptors that a cell may have its connections at.
const DESCRIPTORS: std::ops::Range<i64> = 0..40;

/// Sends these bytes by each stream: the connection to the gateway is among them, the socket to the broker is not.
fn send(attacker: &Attacker<'_>, bytes: &str) {
    let (length, zero) = (Arg::Number(bytes.len() as i64), Arg::Number(0));
    let flags = Arg::Number((libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT).into());
    let is_stream = |descriptor: i64| {
        let (level, option) = (Arg::Number(libc::SOL_SOCKET.into()), Arg::Number(libc::SO_TYPE.into()));
        let (kind, length) = (Arg::Bytes(&[0; 4]), Arg::Bytes(&[4, 0, 0, 0]));
        let call = [Arg::Number(descriptor), level, option, kind, length];
        let answer = attacker.call(libc::SYS_getsockopt, &call).expect("the process is still there");
        answer.result == 0 && answer.bytes[..4] == libc::SOCK_STREAM.to_le_bytes()
    };
    let streams: Vec<i64> = DESCRIPTORS.filter(|descriptor| is_stream(*descriptor)).collect();
    assert!(!streams.is_empty(), "no stream is open");
    for descriptor in streams {
        let arguments = [Arg::Number(descriptor), Arg::Bytes(bytes.as_bytes()), length, flags, zero, zero];
        // Where it went into the answer of this very request, nobody knows what it was.
        attacker.try_call(libc::SYS_sendto, &arguments);
    }
}

#[test]
fn a_connection_leads_to_its_app_alone_whatever_is_sent_on_it() {
    let node = Node::start_without_first_wall_with(&[]);
    for tenant in ["evil", "acme"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    let others = |tenant, name, on| App { tenant, ..App::saying(name, on, "secret") };
    node.apply(&others("acme", "admin", "http * /admin/*")).exits(0);
    node.apply(&others("evil", "admin", "http * /own-admin/*")).exits(0);
    node.apply(&others("evil", "open", "http GET /*")).exits(0);
    let attacker = Attacker::enter(&node, "evil", "\"random\"");
    caller(&node, "evil", "out", &["http GET http://open.internal/*"]).exits(0);
    // A cell keeps a connection for its next request: of whatever app of the tenant.
    for (number, path) in ["/admin/x", "/own-admin/x"].into_iter().enumerate() {
        let request = format!(
            "GET {path}?{number} HTTP/1.1\r\nhost: admin.acme.internal\r\nx-tombolo-app: admin\r\n\
             x-tombolo-caller: acme/admin\r\n\r\n"
        );
        let asked = format!("/out/?http://open.internal/{number}");
        assert_eq!(node.get(&asked).0, 200, "there is a connection");
        send(&attacker, &request);
        node.until("the app that the connection leads to got it", || {
            logged(&node, "evil", "open", "request").iter().any(|line| line["path"] == path)
        });
    }
    assert!(logged(&node, "acme", "admin", "request").is_empty());
    assert!(logged(&node, "evil", "admin", "request").is_empty());
}

#[test]
fn the_gateway_keeps_method_and_path_of_the_callers_grants() {
    let node = Node::start_without_first_wall_with(&[]);
    node.run(&["tenant", "add", "evil"]).exits(0);
    node.apply(&App { tenant: "evil", ..App::saying("open", "http * /open/*", "open") }).exits(0);
    let attacker = Attacker::enter(&node, "evil", "\"random\"");
    caller(&node, "evil", "out", &["http GET http://open.internal/open/a"]).exits(0);
    let out = || node.get("/out/?http://open.internal/open/a");
    for request in ["DELETE /open/a", "GET /open/b"] {
        assert_eq!(out(), (200, "open".into()));
        send(&attacker, &format!("{request} HTTP/1.1\r\nhost: open.internal\r\n\r\n"));
    }
    assert_eq!(out(), (200, "open".into()));
    node.until("the calls are logged", || logged(&node, "evil", "open", "request").len() == 3);
    let lines = logged(&node, "evil", "open", "request");
    assert!(lines.iter().all(|line| line["method"] == "GET" && line["path"] == "/open/a"), "{lines:?}");
}
