//! Things in a granted folder that are no files: opening one must neither hang nor reach a device.

use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Instant;

use crate::world::{PATIENCE, on_each_wall, refused};

fn make(arguments: &[&str]) -> bool {
    Command::new(arguments[0]).args(&arguments[1..]).status().is_ok_and(|status| status.success())
}

#[test]
fn a_fifo_does_not_hang_the_guest() {
    on_each_wall(|world, walls| {
        let fifo = world.path("work/fifo");
        assert!(make(&["mkfifo", fifo.to_str().expect("text")]), "mkfifo works everywhere");
        let start = Instant::now();
        for act in ["open", "read", "truncate"] {
            refused(&world.probe(walls, &[act, "fifo"]));
        }
        refused(&world.probe(walls, &["append", "fifo", "text"]));
        assert!(start.elapsed() < PATIENCE, "opening a FIFO waited for its other end");
    });
}

#[test]
fn a_socket_is_not_opened() {
    on_each_wall(|world, walls| {
        let _listener = UnixListener::bind(world.path("work/socket")).expect("a socket can be bound");
        refused(&world.probe(walls, &["open", "socket"]));
    });
}

#[test]
fn a_device_is_not_opened() {
    on_each_wall(|world, walls| {
        let device = world.path("work/zero");
        if !make(&["mknod", device.to_str().expect("text"), "c", "1", "5"]) {
            skip("device nodes can only be made by root");
            return;
        }
        refused(&world.probe(walls, &["open", "zero"]));
        refused(&world.probe(walls, &["read", "zero"]));
    });
}

/// Says why a case is not tried here; where everything must be tried, that is a failure.
fn skip(why: &str) {
    assert!(std::env::var_os("TOMBOLO_TEST_REQUIRE").is_none(), "cannot be tried here: {why}");
    eprintln!("skipped: {why}");
}
