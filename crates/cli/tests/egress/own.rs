//! This machine's own addresses: what listens here counts on being out of reach.

use crate::addresses::{OWN, OWN6, PUBLIC, at, in_url};
use crate::peers::WEB;
use crate::world::{Act, GUESTS, act, in_world};

const WIDE: [&str; 3] = ["http GET http://*/*", "tcp connect *:*", "dns *"];

fn fetch(host: &str) -> Act {
    act(&["fetch", &format!("http://{host}/")])
}

fn tcp(address: &str) -> Act {
    act(&["tcp", &at(address, WEB).to_string(), "hello"])
}

#[test]
fn a_wide_grant_does_not_reach_a_public_address_of_this_machine() {
    in_world(|world| {
        let acts = [fetch(OWN), fetch(&in_url(OWN6)), tcp(OWN), tcp(OWN6), fetch("[::ffff:8.8.4.1]")];
        GUESTS.iter().for_each(|guest| world.refuses(guest, &WIDE, &acts));
    });
}

#[test]
fn an_address_around_this_machines_own_is_its_own() {
    in_world(|world| {
        let around =
            ["64:ff9b::8.8.4.1", "::8.8.4.1", "::ffff:0:8.8.4.1", "2002:808:401::1", "64:ff9b:1::8.8.4.1"];
        let acts: Vec<Act> =
            around.iter().flat_map(|address| [fetch(&in_url(address)), tcp(address)]).collect();
        GUESTS.iter().for_each(|guest| world.refuses(guest, &WIDE, &acts));
    });
}

#[test]
fn a_name_that_leads_to_this_machine_leads_nowhere() {
    in_world(|world| {
        world.name("own.example.com", &[OWN]);
        world.name("six.example.com", &[OWN6]);
        world.name("mixed.example.com", &[OWN, PUBLIC, OWN6]);
        let acts = [fetch("own.example.com"), fetch("six.example.com")];
        for guest in GUESTS {
            world.refuses_asking(guest, &WIDE, &acts, &["own.example.com", "six.example.com"]);
            world.reaches(guest, &WIDE, &[fetch("mixed.example.com")], &[at(PUBLIC, WEB)]);
        }
        let acts = [act(&["tcp", "own.example.com:80"]), act(&["tcp", "six.example.com:80"])];
        world.refuses_asking("rust-net", &WIDE, &acts, &["own.example.com", "six.example.com"]);
    });
}

#[test]
fn a_grant_with_the_very_address_reaches_this_machine() {
    in_world(|world| {
        let grants = [
            "http GET http://8.8.4.1/*",
            "http GET http://[2a00:1450:4000::1]/*",
            "tcp connect 8.8.4.1:80",
            "tcp connect [2a00:1450:4000::1]:80",
        ];
        let acts = [fetch(OWN), fetch(&in_url(OWN6)), tcp(OWN), tcp(OWN6)];
        let reached = [at(OWN, WEB), at(OWN6, WEB)];
        for guest in GUESTS {
            world.reaches(guest, &grants, &acts, &reached);
            // A grant that does not mean this machine takes nothing away. Under a node's ceiling it does: a grant that
            // another one covers is left out.
            if !world.on_node {
                world.reaches(guest, &[&WIDE[..], &grants].concat(), &acts, &reached);
            }
        }
    });
}

#[test]
fn the_unspecified_address_is_this_machine_and_needs_its_own_grant() {
    in_world(|world| {
        let acts = [fetch("0.0.0.0"), fetch("[::]"), tcp("0.0.0.0"), tcp("::")];
        let loopback = ["http GET http://127.0.0.1/*", "http GET http://[::1]/*", "tcp connect 127.0.0.1:80"];
        for guest in GUESTS {
            world.refuses(guest, &loopback, &acts);
            world.reaches(guest, &loopback, &[fetch("127.0.0.1")], &[at("127.0.0.1", WEB)]);
        }
    });
}
