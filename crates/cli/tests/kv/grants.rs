//! What grants and limits allow, and what is said otherwise.

use super::server::Answer;
use super::{common, folder, serve, try_serve};

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned() }
}

#[test]
fn a_store_is_read_and_written_and_is_there_after_a_restart() {
    let data = folder();
    let server = serve(&data, &["--grant", "kv readings read-write"]);
    assert_eq!(server.ask("PUT", "/readings/room/1", b"21.5"), answer(200, ""));
    assert_eq!(server.ask("GET", "/readings/room/1", b""), answer(200, "21.5"));
    assert_eq!(server.ask("GET", "/readings/room/2", b""), answer(404, ""));
    assert_eq!(server.ask("HEAD", "/readings/room/1", b"").status, 200);
    assert_eq!(server.ask("POST", "/readings/count", b"5"), answer(200, "5"));
    assert_eq!(server.ask("DELETE", "/readings/room/1", b""), answer(200, ""));
    drop(server);
    let server = serve(&data, &["--grant", "kv readings read"]);
    assert_eq!(server.ask("GET", "/readings/", b""), answer(200, "count\n"));
}

#[test]
fn a_batch_sets_and_reads_many_at_once() {
    let data = folder();
    let server = serve(&data, &["--grant", "kv readings read-write"]);
    assert_eq!(server.ask("PUT", "/readings/", b"a=1\nb=2\na=3"), answer(200, ""));
    assert_eq!(server.ask("POST", "/readings/", b"b\nnone\na"), answer(200, "b=2\na=3\n"));
    let many: String = (0..1001).map(|n| format!("k{n}=v\n")).collect();
    let refused = server.ask("PUT", "/readings/", many.as_bytes());
    assert_eq!(refused, answer(500, "a batch of 1001 keys; the largest has 1000\n"));
    assert_eq!(server.ask("GET", "/readings/", b""), answer(200, "a\nb\n"));
}

#[test]
fn a_store_that_is_not_granted_is_refused_and_one_to_read_is_not_changed() {
    let data = folder();
    let server = serve(&data, &["--grant", "kv readings read"]);
    assert_eq!(server.ask("GET", "/readings/a", b""), answer(404, ""));
    for (method, path) in
        [("PUT", "/readings/a"), ("DELETE", "/readings/a"), ("POST", "/readings/a"), ("GET", "/other/a")]
    {
        assert_eq!(server.ask(method, path, b"1"), answer(403, "access denied\n"), "{method} {path}");
    }
    assert_eq!(server.ask("PUT", "/readings/", b"a=1"), answer(403, "access denied\n"));
    assert_eq!(server.ask("GET", "/Readings_2/a", b""), answer(404, "no such store\n"));
    assert!(!data.path().join("kv/other").exists());
}

#[test]
fn a_full_store_says_which_limit_it_has_and_can_be_emptied() {
    let data = folder();
    let flags = ["--grant", "kv readings read-write", "--limit", "kv-size=256KiB"];
    let server = serve(&data, &flags);
    let value = vec![b'x'; 200 << 10];
    assert_eq!(server.ask("PUT", "/readings/a", &value).status, 200);
    let full = answer(500, "the store is full: the limit kv-size=256KiB is reached\n");
    assert_eq!(server.ask("PUT", "/readings/b", &value), full);
    assert_eq!(server.ask("GET", "/readings/b", b"").status, 404);
    assert_eq!(server.ask("DELETE", "/readings/a", b"").status, 200);
    assert_eq!(server.ask("PUT", "/readings/b", &value).status, 200);
}

#[test]
fn a_store_that_cannot_be_opened_keeps_the_server_from_starting() {
    let data = common::folder(&[(
        "kv/readings/store.sqlite3",
        "this is no store, however long it is looked at; ".repeat(20).as_str(),
    )]);
    let said = try_serve(&data, &["--grant", "kv readings read"]).map(drop).unwrap_err();
    assert!(said.contains("store.sqlite3: is damaged, or is no store"), "{said}");
    assert!(said.contains("move it away to begin with an empty store"), "{said}");
}
