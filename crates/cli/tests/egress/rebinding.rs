//! Names that lead elsewhere the next time they are asked for.

use crate::addresses::{OWN, PRIVATE, PUBLIC, at};
use crate::peers::WEB;
use crate::world::{Act, GUESTS, act, in_world};

const NAME: &str = "rebind.example.com";
const GRANTS: [&str; 3] =
    ["http GET http://rebind.example.com/*", "tcp connect rebind.example.com:80", "dns *"];

fn fetch() -> Act {
    act(&["fetch", "http://rebind.example.com/"])
}

fn tcp(host: &str) -> Act {
    act(&["tcp", &format!("{host}:80"), "hello"])
}

#[test]
fn a_name_is_asked_for_once_and_the_address_that_was_checked_is_reached() {
    in_world(|world| {
        for guest in GUESTS {
            world.rotating_name(NAME, &[&[PUBLIC], &[PRIVATE]]);
            let ran = world.run(guest, &GRANTS, &[fetch()]);
            world.check(ran.asked == [NAME], "it was asked for more than once", &ran, &[]);
            world.check(ran.reached.iter().eq([&at(PUBLIC, WEB)]), "it went elsewhere", &ran, &[]);
            world.refuses_asking(guest, &GRANTS, &[fetch()], &[NAME]);
        }
    });
}

#[test]
fn each_request_of_an_instance_is_checked_anew() {
    in_world(|world| {
        for guest in GUESTS {
            world.rotating_name(NAME, &[&[PUBLIC], &[PRIVATE], &["127.0.0.1"], &["fd00:ec2::254"], &[OWN]]);
            let ran = world.run(guest, &GRANTS, &[fetch(), fetch(), fetch(), fetch(), fetch()]);
            world.check(ran.asked.len() == 5, "an answer was kept beyond its time", &ran, &[]);
            world.check(ran.reached.iter().eq([&at(PUBLIC, WEB)]), "it went elsewhere", &ran, &[]);
            let refused = ran.done.stdout.matches("DestinationIpProhibited").count();
            world.check(refused == 4, "not each was refused", &ran, &[]);
        }
    });
}

#[test]
fn a_socket_connects_to_no_address_but_those_that_were_told() {
    in_world(|world| {
        world.rotating_name(NAME, &[&[PUBLIC], &[PRIVATE]]);
        let acts = [tcp(NAME), tcp(NAME), tcp(PRIVATE), tcp("93.184.215.15"), tcp(PUBLIC)];
        let ran = world.run("rust-net", &GRANTS, &acts);
        world.check(ran.reached.iter().eq([&at(PUBLIC, WEB)]), "it went elsewhere", &ran, &[]);
        let told: Vec<&str> = ran.done.stdout.lines().collect();
        let reached = format!("reached {PUBLIC}");
        let denied = "error: access-denied";
        let expected = ["connected", &reached, denied, denied, denied, "connected", &reached];
        world.check(told == expected, "the guest saw something else", &ran, &[]);
    });
}

#[test]
fn an_ipv6_answer_does_not_hide_behind_an_ipv4_one() {
    in_world(|world| {
        for other in ["fd00::7", "::1", "64:ff9b::10.0.0.7", "2002:7f00:1::1", "::ffff:127.0.0.1"] {
            world.name(NAME, &[PUBLIC, other]);
            world.reaches(GUESTS[0], &GRANTS, &[fetch(), tcp(NAME)], &[at(PUBLIC, WEB)]);
            world.name(NAME, &["2a00:1450:1::80", other]);
            world.reaches(GUESTS[0], &GRANTS, &[fetch(), tcp(NAME)], &[at("2a00:1450:1::80", WEB)]);
        }
    });
}
