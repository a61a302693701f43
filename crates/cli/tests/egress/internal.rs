//! Names that end in `.internal` are apps of a node: no name server is asked for one, by whatever way a guest tries.

use crate::addresses::{PRIVATE, PUBLIC};
use crate::world::{Act, GUESTS, act, in_world};

#[test]
fn no_name_server_learns_of_an_internal_name() {
    in_world(|world| {
        let names =
            ["billing.internal", "billing.acme.internal", "Billing.INTERNAL.", "internal", "a.b.c.internal"];
        names.iter().for_each(|name| world.name(name, &[PUBLIC, PRIVATE]));
        let grants = [
            "dns *.internal",
            "dns internal",
            "tcp connect *.internal:*",
            "udp connect *.internal:*",
            "http * http://*/*",
            "http * https://*/*",
            "http GET http://*.internal/nothing",
        ];
        let mut acts: Vec<Act> = Vec::new();
        for name in names {
            acts.push(act(&["dns", name]));
            for scheme in ["http", "https"] {
                acts.push(act(&["fetch", &format!("{scheme}://{name}/")]));
            }
            acts.push(act(&["fetch", &format!("http://{name}:8080/nothing")]));
        }
        if !world.on_node {
            // On a node a gateway would answer.
            acts.push(act(&["fetch", "http://billing.internal/nothing"]));
        }
        GUESTS.iter().for_each(|guest| world.refuses(guest, &grants, &acts));
    });
}
