//! Names whose owner points them at addresses that the guest may not reach.

use crate::addresses::{PRIVATE, PUBLIC, at, never_unasked};
use crate::peers::{PRIVATE_WEB, WEB};
use crate::world::{Act, GUESTS, act, in_world};

const GRANTS: [&str; 3] =
    ["http GET http://*.example.com:*/*", "tcp connect *.example.com:*", "dns *.example.com"];

fn fetch(host: &str) -> Act {
    act(&["fetch", &format!("http://{host}/")])
}

fn dns(name: &str) -> Act {
    act(&["dns", name])
}

fn tcp(target: &str) -> Act {
    act(&["tcp", target, "hello"])
}

#[test]
fn a_name_that_leads_to_a_public_address_is_reached() {
    in_world(|world| {
        world.name("good.example.com", &[PUBLIC]);
        world.name("six.example.com", &["2a00:1450:1::80"]);
        let acts = [fetch("good.example.com"), fetch("six.example.com"), dns("good.example.com")];
        for guest in GUESTS {
            world.reaches(guest, &GRANTS, &acts, &[at(PUBLIC, WEB), at("2a00:1450:1::80", WEB)]);
        }
        world.reaches("rust-net", &GRANTS, &[tcp("good.example.com:80")], &[at(PUBLIC, WEB)]);
    });
}

#[test]
fn a_public_name_that_leads_to_a_special_address_leads_nowhere() {
    in_world(|world| {
        let names: Vec<String> = never_unasked()
            .iter()
            .enumerate()
            .map(|(number, address)| {
                let name = format!("n{number}.example.com");
                world.name(&name, &[address]);
                name
            })
            .collect();
        world.name("mapped.example.com", &["::ffff:10.0.0.7"]);
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["mapped.example.com"]).collect();
        let acts: Vec<Act> = names.iter().flat_map(|name| [fetch(name), dns(name)]).collect();
        GUESTS.iter().for_each(|guest| world.refuses_asking(guest, &GRANTS, &acts, &names));
        let acts: Vec<Act> = names.iter().map(|name| tcp(&format!("{name}:80"))).collect();
        world.refuses_asking("rust-net", &GRANTS, &acts, &names);
    });
}

#[test]
fn of_mixed_answers_only_the_public_address_is_used() {
    in_world(|world| {
        world.name("mixed.example.com", &[PRIVATE, PUBLIC, "127.0.0.1", "fd00::7", "::ffff:10.0.0.7"]);
        for guest in GUESTS {
            world.reaches(guest, &GRANTS, &[fetch("mixed.example.com")], &[at(PUBLIC, WEB)]);
            let told = world.run(guest, &GRANTS, &[dns("mixed.example.com")]);
            world.check(told.done.stdout == format!("{PUBLIC}\n"), "told otherwise", &told, &[]);
        }
        world.reaches("rust-net", &GRANTS, &[tcp("mixed.example.com:80")], &[at(PUBLIC, WEB)]);
    });
}

#[test]
fn a_public_address_that_does_not_answer_makes_no_private_one_of_the_same_name_be_tried() {
    in_world(|world| {
        world.name("mixed.example.com", &[PUBLIC, PRIVATE]);
        let target = format!("mixed.example.com:{PRIVATE_WEB}");
        for (guest, act) in
            [(GUESTS[0], fetch(&target)), (GUESTS[1], fetch(&target)), (GUESTS[0], tcp(&target))]
        {
            let ran = world.run(guest, &GRANTS, &[act]);
            let only_public = ran.reached.iter().eq([&at(PUBLIC, PRIVATE_WEB)]);
            world.check(only_public && ran.done.code == Some(1), "the private one was tried", &ran, &[]);
        }
        // Somebody is there.
        let literal = fetch(&format!("{PRIVATE}:{PRIVATE_WEB}"));
        world.reaches(GUESTS[0], &["http GET http://10.0.0.7:81/*"], &[literal], &[at(PRIVATE, PRIVATE_WEB)]);
    });
}

#[test]
fn an_alias_of_an_internal_name_is_judged_by_the_name_that_was_asked_for() {
    in_world(|world| {
        world.name("db.home.arpa", &[PRIVATE]);
        world.alias("alias.example.com", "db.home.arpa");
        world.alias("chain.example.com", "alias.example.com");
        let granted = [&GRANTS[..], &["http GET http://db.home.arpa/*", "dns db.home.arpa"]].concat();
        let names = ["alias.example.com", "chain.example.com"];
        let acts: Vec<Act> = names.iter().flat_map(|name| [fetch(name), dns(name)]).collect();
        for guest in GUESTS {
            world.refuses_asking(guest, &granted, &acts, &names);
            world.reaches(
                guest,
                &granted,
                &[fetch("db.home.arpa"), dns("db.home.arpa")],
                &[at(PRIVATE, WEB)],
            );
        }
    });
}

#[test]
fn a_private_name_leads_to_private_addresses_but_not_to_this_machine_or_its_metadata() {
    in_world(|world| {
        let names =
            ["self.home.arpa", "metadata.home.arpa", "six.home.arpa", "link.home.arpa", "group.home.arpa"];
        let addresses = ["127.0.0.1", "169.254.169.254", "fd00:ec2::254", "fe80::1", "224.0.0.1"];
        names.iter().zip(addresses).for_each(|(name, address)| world.name(name, &[address]));
        let grants = ["http GET http://*.home.arpa/*", "dns *.home.arpa"];
        let acts: Vec<Act> = names.iter().flat_map(|name| [fetch(name), dns(name)]).collect();
        GUESTS.iter().for_each(|guest| world.refuses_asking(guest, &grants, &acts, &names));
    });
}

#[test]
fn a_dot_at_the_end_changes_nothing() {
    in_world(|world| {
        world.name("good.example.com", &[PUBLIC]);
        world.name("bad.example.com", &[PRIVATE]);
        for guest in GUESTS {
            let acts = [fetch("good.example.com."), dns("good.example.com.")];
            world.reaches(guest, &GRANTS, &acts, &[at(PUBLIC, WEB)]);
            let acts = [fetch("bad.example.com."), dns("bad.example.com.")];
            world.refuses_asking(guest, &GRANTS, &acts, &["bad.example.com"]);
            let wide = ["http GET http://*/*", "dns *"];
            let local =
                [fetch("localhost."), dns("localhost."), fetch("db.home.arpa."), dns("db.home.arpa.")];
            world.refuses(guest, &wide, &local);
            world.refuses(guest, &wide, &[fetch("bad.example.com.."), dns("."), fetch("localhost")]);
        }
    });
}

#[test]
fn a_name_of_other_scripts_is_judged_in_its_ascii_form() {
    in_world(|world| {
        world.name("xn--bcher-kva.example.com", &[PUBLIC]);
        world.name("xn--bse-sna.example.com", &[PRIVATE]);
        let grants = ["tcp connect bücher.example.com:80", "tcp connect *.example.com:80"];
        world.reaches("rust-net", &grants[..1], &[tcp("bücher.example.com:80")], &[at(PUBLIC, WEB)]);
        world.reaches("rust-net", &grants[..1], &[tcp("BÜCHER.example.com:80")], &[at(PUBLIC, WEB)]);
        let acts = [tcp("böse.example.com:80")];
        world.refuses_asking("rust-net", &grants, &acts, &["xn--bse-sna.example.com"]);
        // The о of the first is Cyrillic.
        let strange = [dns("gооd.example.com"), dns("good.example.com\u{200b}"), dns("good。example.com")];
        GUESTS.iter().for_each(|guest| world.refuses(guest, &["dns good.example.net"], &strange));
    });
}

#[test]
fn an_address_in_digits_of_other_scripts_is_neither_a_name_nor_an_address() {
    in_world(|world| {
        let hosts = [
            "１２７.0.0.1",
            "127。0。0。1",
            "①②⑦.⓪.⓪.①",
            "１０.0.0.7",
            "0ｘa000007",
            "ⓛocalhost",
            "localhost。",
        ];
        let grants = ["dns *", "tcp connect *:80", "tcp connect 10.0.0.7:80", "tcp connect 127.0.0.1:80"];
        GUESTS.iter().for_each(|guest| world.refuses(guest, &grants, &hosts.map(dns)));
        world.refuses("rust-net", &grants, &hosts.map(|host| tcp(&format!("{host}:80"))));
    });
}

#[test]
fn nobody_is_asked_for_a_name_that_was_not_granted() {
    in_world(|world| {
        world.name("key-a1b2c3.attacker.example.net", &[PUBLIC]);
        let name = "key-a1b2c3.attacker.example.net";
        for guest in GUESTS {
            world.refuses(
                guest,
                &GRANTS,
                &[dns(name), fetch(name), dns("example.com"), fetch("example.com")],
            );
            let ran = world.run(guest, &["dns *.example.net"], &[dns(name)]);
            world.check(ran.asked == [name], "with a grant it is asked for", &ran, &[]);
        }
    });
}
