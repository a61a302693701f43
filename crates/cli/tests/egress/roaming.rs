//! A device that comes into another network, where another name server answers.

use crate::addresses::{NAME_SERVER, PUBLIC};
use crate::namespaces::lay_over;
use crate::node::deploy;
use crate::world::in_world;

/// Nothing answers to names there.
const NO_NAME_SERVER: &str = "8.8.5.99";

fn asking(server: &str) -> String {
    format!("nameserver {server}\n")
}

#[test]
fn a_node_asks_the_name_servers_of_the_moment() {
    in_world(|world| {
        // What `tombolo run` starts is over before the device has moved.
        if !world.on_node {
            return;
        }
        world.name("good.example.com", &[PUBLIC]);
        let args = ["dns", "good.example.com"].map(str::to_owned);
        let node = deploy("rust-net", &["dns *.example.com"], &args).expect("a node");
        assert!(node.invoke());
        let _elsewhere = lay_over(&[("resolv.conf", &asking(NO_NAME_SERVER))]);
        node.invoke_until(false);
        // The same file, written anew.
        std::fs::write("/etc/resolv.conf", asking(NAME_SERVER)).expect("it can be written");
        node.invoke_until(true);
        let _hosts = lay_over(&[("hosts", "10.0.0.1 good.example.com\n")]);
        // A public name may not lead into a private network, whoever says so.
        node.invoke_until(false);
    });
}
