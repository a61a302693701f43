//! Several processes on one data folder.

use std::thread;

use super::{folder, serve};

#[test]
fn two_servers_share_a_store_and_no_increment_is_lost() {
    let data = folder();
    let grant = ["--grant", "kv readings read-write"];
    let servers = [serve(&data, &grant), serve(&data, &grant)];
    thread::scope(|scope| {
        for client in 0..4 {
            let server = &servers[client % 2];
            scope.spawn(move || {
                (0..25).for_each(|_| assert_eq!(server.ask("POST", "/readings/n", b"1").status, 200));
            });
        }
    });
    for server in &servers {
        assert_eq!(server.ask("GET", "/readings/n", b"").body, "100");
    }
}

#[test]
fn what_one_server_has_answered_the_other_reads_at_once() {
    let data = folder();
    let (writer, reader) = (
        serve(&data, &["--grant", "kv readings read-write"]),
        serve(&data, &["--grant", "kv readings read"]),
    );
    for n in 0..50 {
        let value = n.to_string();
        assert_eq!(writer.ask("PUT", "/readings/n", value.as_bytes()).status, 200);
        assert_eq!(reader.ask("GET", "/readings/n", b"").body, value);
    }
}
