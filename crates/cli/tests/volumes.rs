//! Volumes, on the built binary with built guests of WASI 0.1 and 0.2.

mod common;
#[path = "common/server.rs"]
mod server;

use std::ffi::OsStr;

use common::{Done, TempDir};

/// One act of a probe on the volume `cache`, which is `/cache`.
fn act(guest: &str, data: &TempDir, act: &[&str]) -> Done {
    let (guest, data) = (common::guest(guest), data.path());
    let own = ["run", "--data"].map(OsStr::new);
    let grant = ["--grant", "volume cache as /cache 64KiB", "--grant", "volume other as /other 64KiB"];
    let grant = grant.map(OsStr::new);
    let command = own.into_iter().chain([data.as_os_str()]).chain(grant).chain([guest.as_os_str()]);
    common::run(command.chain(["--at", "/cache"].iter().chain(act).map(OsStr::new)))
}

/// Both versions have the same acts, and name errors in their own words.
const PROBES: [(&str, &str, &str); 2] =
    [("c-fsprobe", "dquot", "xdev"), ("rust-fsprobe", "quota", "cross-device")];

fn names_error(done: &Done, name: &str) -> bool {
    done.stdout.to_lowercase().replace('_', "-").contains(name)
}

#[test]
fn what_a_run_leaves_in_a_volume_the_next_one_finds() {
    for (guest, ..) in PROBES {
        let data = common::folder(&[]);
        act(guest, &data, &["write", "state", "21.5"]).exits(0);
        let read = act(guest, &data, &["read", "state"]).exits(0);
        assert!(read.stdout.contains("21.5"), "{}", read.stdout);
        assert_eq!(std::fs::read(data.path().join("volumes/cache/state")).expect("it is there"), b"21.5");
    }
}

#[test]
fn a_volume_is_full_at_its_size_whatever_fills_it() {
    for (guest, full, _) in PROBES {
        let data = common::folder(&[("volumes/cache/a", &"x".repeat(64 << 10))]);
        for act_ in [&["write", "b", "x"][..], &["append", "a", "x"], &["resize", "a", "65537"]] {
            let done = act(guest, &data, act_);
            assert!(
                done.code == Some(1) && names_error(&done, full),
                "{guest} {act_:?}: {} {}",
                done.stdout,
                done.stderr
            );
        }
        act(guest, &data, &["resize", "a", "65535"]).exits(0);
        act(guest, &data, &["append", "a", "y"]).exits(0);
        act(guest, &data, &["unlink", "a"]).exits(0);
        act(guest, &data, &["write", "b", &"z".repeat(60_000)]).exits(0);
        act(guest, &data, &["rename", "b", "c"]).exits(0);
    }
}

#[test]
fn nothing_moves_into_a_volume_or_out_of_it() {
    for (guest, _, cross) in PROBES {
        let data = common::folder(&[("volumes/cache/a", "x")]);
        for act_ in [["--to", "/other", "rename", "a", "b"], ["--to", "/other", "link", "a", "b"]] {
            let done = act(guest, &data, &act_);
            assert!(done.code == Some(1) && names_error(&done, cross), "{guest} {act_:?}: {}", done.stdout);
        }
        assert!(!data.path().join("volumes/other/b").exists());
    }
}

#[test]
fn a_full_volume_is_reported_with_a_larger_one_to_grant() {
    for guest in ["c-fsprobe", "rust-fsprobe", "rust-fsprobe-p3"] {
        let data = common::folder(&[("volumes/cache/a", &"x".repeat(64 << 10))]);
        let guest = common::guest(guest);
        let own = ["run", "--report", "--grant", "volume cache as /cache 64KiB", "--data"].map(OsStr::new);
        let command = own.into_iter().chain([data.path().as_os_str(), guest.as_os_str()]);
        let done = common::run(command.chain(["append", "a", "x"].map(OsStr::new)));
        done.exits(1).says(
            "refused: volume cache more than 64KiB: the volume is full; grant 'volume cache as /cache 128KiB'",
        );
    }
}

#[test]
fn a_volume_needs_a_folder_for_data() {
    let guest = common::guest("c-fsprobe");
    let done = common::run([
        "run",
        "--grant",
        "volume cache as /cache 1MiB",
        guest.to_str().expect("text"),
        "preopens",
    ]);
    done.exits(125).says("there is no folder for data; name one with --data, or set HOME");
}

#[test]
fn a_server_and_others_beside_it_share_a_volume_and_its_count() {
    let data = common::folder(&[]);
    let (guest, folder) = (common::guest("rust-http-hello"), data.path());
    let own = [guest.to_str(), Some("--data"), folder.to_str()].map(|word| word.expect("paths are text"));
    let flags = [&own[..], &["--grant", "volume cache as /cache 64KiB"]].concat();
    let servers = [0, 1].map(|_| server::Server::try_start(&flags).expect("it serves"));
    act("c-fsprobe", &data, &["write", "a", &"x".repeat(60 << 10)]).exits(0);
    let full = act("c-fsprobe", &data, &["resize", "b", "5000"]);
    assert!(full.code == Some(1), "{} {}", full.stdout, full.stderr);
    for server in servers {
        assert_eq!(server.ask("GET", "/", b"").status, 200);
    }
    act("c-fsprobe", &data, &["unlink", "a"]).exits(0);
    act("c-fsprobe", &data, &["write", "b", &"x".repeat(60 << 10)]).exits(0);
}

#[test]
fn streams_of_wasi_0_3_keep_the_quota() {
    let data = common::folder(&[("volumes/cache/a", &"x".repeat(60 << 10))]);
    let (guest, folder) = (common::guest("rust-fsprobe-p3"), data.path());
    let probe = |act: &[&str]| {
        let own =
            ["run", "--data", folder.to_str().expect("text"), "--grant", "volume cache as /cache 64KiB"];
        common::run(own.iter().chain([&guest.to_str().expect("text")]).chain(act))
    };
    let text = "y".repeat(3 << 10);
    probe(&["append", "a", &text]).exits(0);
    let full = probe(&["append", "a", &text]);
    assert!(full.code == Some(1) && full.stdout.contains("Quota"), "{} {}", full.stdout, full.stderr);
    assert_eq!(std::fs::metadata(folder.join("volumes/cache/a")).expect("it is there").len(), 64 << 10);
    let full = probe(&["write", "b", "z"]);
    assert!(full.code == Some(1) && full.stdout.contains("Quota"), "{} {}", full.stdout, full.stderr);
    let full = probe(&["resize", "a", "65537"]);
    assert!(full.code == Some(1) && full.stdout.contains("Quota"), "{} {}", full.stdout, full.stderr);
    probe(&["resize", "a", "5"]).exits(0);
    probe(&["write", "b", "z"]).exits(0);
    probe(&["read", "a"]).exits(0).prints("ok: xxxxx\n");
}
