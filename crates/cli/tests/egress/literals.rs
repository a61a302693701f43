//! Addresses in place of names, in every way to write them.

use crate::addresses::{EMBEDDED, PRIVATE, PUBLIC, SPECIAL, at, in_url, never_unasked};
use crate::peers::WEB;
use crate::world::{Act, GUESTS, World, act, in_world};

/// Grants that name every public host.
const WIDE: [&str; 3] = ["http GET http://*/*", "tcp connect *:*", "dns *"];

fn fetch(host: &str) -> Act {
    act(&["fetch", &format!("http://{host}/")])
}

fn tcp(address: &str) -> Act {
    act(&["tcp", &at(address, WEB).to_string(), "hello"])
}

#[test]
fn a_public_address_is_reached_by_a_wide_grant() {
    in_world(|world| {
        for guest in GUESTS {
            world.reaches(guest, &WIDE, &[fetch(PUBLIC), tcp(PUBLIC)], &[at(PUBLIC, WEB)]);
        }
    });
}

#[test]
fn a_wide_grant_reaches_no_special_address() {
    in_world(|world| {
        let acts: Vec<Act> =
            never_unasked().iter().flat_map(|address| [fetch(&in_url(address)), tcp(address)]).collect();
        let mapped = SPECIAL.iter().filter(|address| !address.contains(':'));
        let mapped = mapped.map(|address| fetch(&format!("[::ffff:{address}]")));
        let acts = [acts, mapped.collect()].concat();
        GUESTS.iter().for_each(|guest| world.refuses(guest, &WIDE, &acts));
    });
}

#[test]
fn a_mapped_address_connects_nowhere_as_a_socket() {
    in_world(|world| {
        let acts = SPECIAL.map(|address| tcp(&at(address, WEB).ip().to_string()));
        let v4 = SPECIAL.iter().filter(|address| !address.contains(':'));
        let mapped: Vec<Act> = v4.map(|address| tcp(&format!("::ffff:{address}"))).collect();
        GUESTS
            .iter()
            .for_each(|guest| world.refuses(guest, &WIDE, &[acts.to_vec(), mapped.clone()].concat()));
    });
}

#[test]
fn a_grant_with_the_very_address_reaches_it() {
    in_world(|world| {
        let grants: Vec<String> = SPECIAL
            .iter()
            .flat_map(|address| {
                let host = in_url(address);
                [format!("http GET http://{host}/*"), format!("tcp connect {host}:80")]
            })
            .collect();
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect();
        let acts: Vec<Act> =
            SPECIAL.iter().flat_map(|address| [fetch(&in_url(address)), tcp(address)]).collect();
        let reached = SPECIAL.map(|address| at(address, WEB));
        GUESTS.iter().for_each(|guest| world.reaches(guest, &grants, &acts, &reached));
    });
}

#[test]
fn a_grant_for_the_address_inside_reaches_the_one_around_it() {
    in_world(|world| {
        let fetches: Vec<Act> = EMBEDDED.iter().map(|address| fetch(&in_url(address))).collect();
        let reached = EMBEDDED.map(|address| at(address, WEB));
        // As a socket's address the first form is refused before any grant is looked at.
        let connects: Vec<Act> = EMBEDDED[1..].iter().map(|address| tcp(address)).collect();
        for guest in GUESTS {
            world.reaches(guest, &["http GET http://[10.0.0.0/24]/*"], &fetches, &reached);
            world.reaches(guest, &["tcp connect 10.0.0.0/24:80"], &connects, &reached[1..]);
            world.refuses(guest, &["http GET http://[10.0.1.0/24]/*"], &fetches);
            world.refuses(guest, &["tcp connect 10.0.1.0/24:80"], &connects);
        }
        let mapped = [fetch("[::ffff:10.0.0.7]")];
        world.reaches("rust-net", &["http GET http://10.0.0.7/*"], &mapped, &[at(PRIVATE, WEB)]);
    });
}

#[test]
fn no_grant_can_be_written_for_an_address_around_another() {
    in_world(|world| {
        for address in EMBEDDED {
            let grant = format!("tcp connect [{address}]:80");
            let ran = world.run("rust-net", &[&grant], &[tcp(address)]);
            world.check(ran.done.code == Some(125), &format!("{grant} is a grant"), &ran, &[]);
            world.check(ran.reached.is_empty(), "packets left", &ran, &[]);
        }
    });
}

/// `10.0.0.7` and `127.0.0.1` as only some programs read them.
const LOOSE: [&str; 24] = [
    "167772167",
    "012.0.0.7",
    "012.00.00.07",
    "01200000007",
    "0xa.0.0.7",
    "0XA.0x0.0x0.0x7",
    "0xa000007",
    "0x0000000a000007",
    "10.7",
    "10.0.7",
    "10.0.0.7.",
    "10.0.0.0x7",
    "10.0.0.007",
    "4462739463",
    "2130706433",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001.",
    "127.1",
    "127.0.0.1.",
    "127.0.0.1.5",
    "0",
    "0x",
    "00000000177.1",
];

#[test]
fn an_address_that_programs_read_differently_is_no_host() {
    in_world(|world| {
        // The same address as it should be written is reached under the same grants.
        let grants = ["http GET http://*/*", "http GET http://[10.0.0.0/8]/*", "http GET http://127.0.0.1/*"];
        let dns_and_tcp = ["tcp connect *:*", "tcp connect 10.0.0.0/8:*", "tcp connect 127.0.0.1:*", "dns *"];
        for guest in GUESTS {
            spelled_well(world, guest);
            world.refuses(guest, &grants, &LOOSE.map(fetch));
            world.refuses(guest, &dns_and_tcp, &LOOSE.map(|host| act(&["dns", host])));
        }
        world.refuses("rust-net", &dns_and_tcp, &LOOSE.map(|host| act(&["tcp", &format!("{host}:80")])));
    });
}

fn spelled_well(world: &World, guest: &str) {
    let grants = ["http GET http://[10.0.0.0/8]/*", "http GET http://127.0.0.1/*"];
    let acts = [fetch(PRIVATE), fetch("127.0.0.1")];
    world.reaches(guest, &grants, &acts, &[at(PRIVATE, WEB), at("127.0.0.1", WEB)]);
}
