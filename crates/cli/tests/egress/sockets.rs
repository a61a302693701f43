//! Datagrams, and what only sockets can say: scopes, groups, and ports of one's own.

use crate::addresses::{OWN, PRIVATE, PUBLIC, at, ip, never_unasked};
use crate::peers::ECHO;
use crate::world::{Act, GUESTS, act, in_world};

const WIDE: [&str; 3] = ["udp connect *:*", "tcp connect *:*", "dns *"];

fn udp(address: &str) -> Act {
    act(&["udp", &at(address, ECHO).to_string(), "hello"])
}

fn connected_udp(address: &str) -> Act {
    act(&["udp-connect", &at(address, ECHO).to_string(), "hello"])
}

#[test]
fn a_datagram_reaches_a_public_address_by_a_wide_grant() {
    in_world(|world| {
        GUESTS.iter().for_each(|guest| world.reaches(guest, &WIDE, &[udp(PUBLIC)], &[at(PUBLIC, ECHO)]));
        world.reaches("rust-net", &WIDE, &[connected_udp(PUBLIC)], &[at(PUBLIC, ECHO)]);
    });
}

#[test]
fn no_datagram_leaves_for_a_special_address() {
    in_world(|world| {
        let targets = [never_unasked(), vec![OWN, "::ffff:10.0.0.7"]].concat();
        let acts: Vec<Act> = targets.iter().map(|address| udp(address)).collect();
        GUESTS.iter().for_each(|guest| world.refuses(guest, &WIDE, &acts));
        let acts: Vec<Act> = targets.iter().map(|address| connected_udp(address)).collect();
        world.refuses("rust-net", &WIDE, &acts);
    });
}

#[test]
fn a_datagram_reaches_a_private_address_by_a_grant_of_its_own() {
    in_world(|world| {
        let grants = ["udp connect 10.0.0.7:7777", "udp connect 127.0.0.1:7777", "udp connect 8.8.4.1:7777"];
        let targets = [PRIVATE, "127.0.0.1", OWN];
        let reached = targets.map(|address| at(address, ECHO));
        GUESTS.iter().for_each(|guest| world.reaches(guest, &grants, &targets.map(udp), &reached));
        world.reaches("rust-net", &grants, &targets.map(connected_udp), &reached);
    });
}

#[test]
fn a_link_local_address_is_refused_with_and_without_its_link() {
    in_world(|world| {
        let targets = ["[fe80::1]:80", "[fe80::1%1]:80", "[fe80::1%2]:80", "[ff02::1%2]:80"];
        GUESTS
            .iter()
            .for_each(|guest| world.refuses(guest, &WIDE, &targets.map(|to| act(&["tcp", to, "x"]))));
        GUESTS
            .iter()
            .for_each(|guest| world.refuses(guest, &WIDE, &targets.map(|to| act(&["udp", to, "x"]))));
        let linked = std::net::SocketAddr::new(ip("fe80::1"), 80);
        let grants = ["tcp connect [fe80::1]:80"];
        world.reaches("rust-net", &grants, &[act(&["tcp", "[fe80::1%2]:80", "x"])], &[linked]);
    });
}

#[test]
fn another_port_or_protocol_is_not_meant_by_a_grant() {
    in_world(|world| {
        let grants = ["tcp connect 10.0.0.7:81", "udp connect 10.0.0.7:53", "http GET http://10.0.0.7/*"];
        let acts = [udp(PRIVATE), act(&["tcp", "10.0.0.7:80", "x"]), act(&["tcp", "10.0.0.7:53", "x"])];
        GUESTS.iter().for_each(|guest| world.refuses(guest, &grants, &acts));
    });
}
