//! URLs that say one host to one reader and another to the next, and answers that send a guest elsewhere.

use crate::addresses::{PRIVATE, PUBLIC, at};
use crate::peers::WEB;
use crate::world::{GUESTS, act, in_world};

const GRANTS: [&str; 2] = ["http GET http://good.example.com/*", "http GET http://*.example.com/*"];

/// What stands between `http://` and the path.
const AUTHORITIES: [&str; 22] = [
    "good.example.com@10.0.0.7",
    "good.example.com:80@10.0.0.7",
    "good.example.com:80@10.0.0.7:80",
    "user:password@good.example.com",
    "10.0.0.7@good.example.com",
    "10.0.0.7:80@good.example.com:80",
    "@good.example.com",
    "@10.0.0.7",
    "good.example.com@good.example.com@10.0.0.7",
    "good.example.com%40@10.0.0.7",
    "10.0.0.7#@good.example.com",
    "10.0.0.7\\@good.example.com",
    "10.0.0.7\\.good.example.com",
    "10.0.0.7 good.example.com",
    "10.0.0.7%00.example.com",
    "10.0.0.7%2f.example.com",
    "good.example.com:80:81",
    "good.example.com:0",
    "good.example.com:65616",
    "[::1].example.com",
    "[fe80::1%252]",
    "[::1%lo]",
];

#[test]
fn an_authority_that_can_be_read_in_two_ways_is_refused() {
    in_world(|world| {
        world.name("good.example.com", &[PUBLIC]);
        let acts = AUTHORITIES.map(|authority| act(&["fetch", &format!("http://{authority}/")]));
        for guest in GUESTS {
            world.refuses(guest, &GRANTS, &acts);
            let good = act(&["fetch", "http://good.example.com:80/"]);
            world.reaches(guest, &GRANTS, &[good], &[at(PUBLIC, WEB)]);
        }
    });
}

#[test]
fn a_redirect_is_given_to_the_guest_and_where_it_leads_needs_a_grant() {
    in_world(|world| {
        world.name("good.example.com", &[PUBLIC]);
        for guest in GUESTS {
            let hosts = [PRIVATE, "169.254.169.254", "localhost", "[::1]", "db.home.arpa"];
            for host in hosts {
                let hop = act(&["fetch", &format!("http://good.example.com/to/{host}")]);
                let next = act(&["fetch", &format!("http://{host}/")]);
                let ran = world.run(guest, &GRANTS, &[hop, next]);
                let told: Vec<&str> =
                    ran.done.stdout.lines().filter(|l| !l.starts_with("location")).collect();
                let refused = matches!(told[..], ["302", _, error] if error.contains("HttpRequestDenied"));
                world.check(refused, "the hop was made", &ran, &[]);
                world.check(ran.reached.iter().eq([&at(PUBLIC, WEB)]), "packets went elsewhere", &ran, &[]);
            }
        }
        let followed =
            [act(&["fetch", "http://good.example.com/to/10.0.0.7"]), act(&["fetch", "http://10.0.0.7/"])];
        let grants = [GRANTS[0], "http GET http://10.0.0.7/*"];
        world.reaches(GUESTS[0], &grants, &followed, &[at(PUBLIC, WEB), at(PRIVATE, WEB)]);
    });
}

#[test]
fn another_port_method_or_scheme_is_not_meant_by_a_grant() {
    in_world(|world| {
        world.name("good.example.com", &[PUBLIC]);
        let acts = [
            act(&["fetch", "http://good.example.com:81/"]),
            act(&["fetch", "https://good.example.com/"]),
            act(&["fetch", "https://good.example.com:80/"]),
        ];
        GUESTS.iter().for_each(|guest| world.refuses(guest, &GRANTS, &acts));
        world.refuses("rust-net", &GRANTS, &[act(&["fetch", "POST", "http://good.example.com/", "x"])]);
    });
}
