//! Stores of `tombolo run`.

use std::ffi::OsStr;

use super::common::{self, Done, TempDir, finish, tombolo};
use super::{folder, serve};

fn kv(data: &TempDir, grant: &str, act: &[&str]) -> Done {
    let guest = common::guest("rust-kv");
    let own = ["run", "--report", "--grant", grant, "--data"].map(OsStr::new);
    let own = own.into_iter().chain([data.path().as_os_str(), guest.as_os_str()]);
    common::run(own.chain(act.iter().map(OsStr::new)))
}

const READ_WRITE: &str = "kv readings read-write";

#[test]
fn a_program_finds_what_the_one_before_has_left() {
    let data = folder();
    kv(&data, READ_WRITE, &["readings", "set", "room", "21.5"]).exits(0).prints("ok\n");
    kv(&data, READ_WRITE, &["readings", "increment", "count", "2"]).exits(0).prints("2\n");
    let read = kv(&data, "kv readings read", &["readings", "get", "room"]).exits(0).prints("21.5\n");
    read.says("kv readings read         1         0");
    kv(&data, READ_WRITE, &["readings", "list"]).exits(0).prints("room count\n");
}

#[test]
fn refusals_are_reported_with_the_grant_to_add() {
    let data = folder();
    let add = "no grant allows it; grant 'kv other read'";
    kv(&data, READ_WRITE, &["other", "get", "a"]).exits(1).prints("Error::AccessDenied\n").says(add);
    let add = "kv readings read-write: it is granted for reading only; grant 'kv readings read-write'";
    kv(&data, "kv readings read", &["readings", "set", "a", "b"])
        .exits(1)
        .prints("Error::AccessDenied\n")
        .says(add);
}

#[test]
fn programs_and_a_server_share_a_store() {
    let data = folder();
    let server = serve(&data, &["--grant", READ_WRITE]);
    assert_eq!(server.ask("PUT", "/readings/a", b"1").status, 200);
    kv(&data, READ_WRITE, &["readings", "get", "a"]).exits(0).prints("1\n");
    kv(&data, READ_WRITE, &["readings", "set", "a", "2"]).exits(0);
    assert_eq!(server.ask("GET", "/readings/a", b"").body, "2");
}

#[test]
fn an_app_has_its_data_below_that_of_the_user() {
    let (data, guest) = (folder(), common::guest("rust-kv"));
    let arguments = ["run", "--grant", READ_WRITE].map(OsStr::new).into_iter().chain([guest.as_os_str()]);
    let mut command = tombolo(arguments.chain(["readings", "set", "a", "1"].map(OsStr::new)));
    finish(command.env("XDG_DATA_HOME", data.path()), b"").exits(0);
    assert!(data.path().join("tombolo/apps/rust-kv/kv/readings/store.sqlite3").exists());
    let manifest = format!(
        "name = \"meter\"\nversion = \"1\"\n[functions.f]\ncomponent = {guest:?}\ngrants = [{READ_WRITE:?}]\n"
    );
    let app = common::folder(&[("tombolo.toml", &manifest)]);
    let manifest = app.path().join("tombolo.toml");
    let mut command = tombolo(
        ["run", "-f"]
            .map(OsStr::new)
            .into_iter()
            .chain([manifest.as_os_str()])
            .chain(["f", "readings", "set", "a", "1"].map(OsStr::new)),
    );
    finish(command.env("HOME", data.path()), b"").exits(0);
    assert!(data.path().join(".local/share/tombolo/apps/meter/kv/readings/store.sqlite3").exists());
    let nowhere =
        tombolo(["run", "--grant", READ_WRITE].map(OsStr::new).into_iter().chain([guest.as_os_str()]));
    finish(&mut { nowhere }, b"")
        .exits(125)
        .says("there is no folder for data; name one with --data, or set HOME");
}
