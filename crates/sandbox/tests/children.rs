//! Children with bounds, and descriptors that travel. These need no process of their own to be tested from.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

use tombolo_sandbox::{FDS_MAX, Rlimits, recv_fds, send_fds, spawn_limited};

fn shell(script: &str, limits: &Rlimits) -> Output {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn_limited(command, limits).expect("start a shell").wait_with_output().expect("wait for a shell")
}

fn says(script: &str, limits: &Rlimits) -> String {
    String::from_utf8(shell(script, limits).stdout).expect("text").trim().to_owned()
}

#[test]
fn bounds_are_in_force_and_cannot_be_raised() {
    let limits = Rlimits {
        address_space: Some(1 << 30),
        cpu_seconds: Some(60),
        file_size: Some(1 << 20),
        open_files: Some(40),
    };
    assert_eq!(says("ulimit -v; ulimit -Ht; ulimit -n; ulimit -c", &limits), "1048576\n61\n40\n0");
    assert!(!shell("ulimit -v unlimited", &limits).status.success() || rustix::process::geteuid().is_root());
}

#[test]
fn a_bound_above_the_hard_limit_is_that_limit() {
    let limits = Rlimits { open_files: Some(u64::MAX), cpu_seconds: Some(u64::MAX), ..Rlimits::default() };
    let hard =
        String::from_utf8(Command::new("/bin/sh").args(["-c", "ulimit -Hn"]).output().expect("ask").stdout);
    assert_eq!(says("ulimit -n", &limits), hard.expect("text").trim());
}

#[test]
fn memory_over_the_bound_is_refused() {
    let take = "dd if=/dev/zero of=/dev/null bs=512M count=1";
    assert!(shell(take, &Rlimits::default()).status.success());
    let limits = Rlimits { address_space: Some(128 << 20), ..Rlimits::default() };
    assert!(!shell(take, &limits).status.success());
}

#[test]
fn a_file_over_the_bound_ends_the_child() {
    let folder = tempfile::TempDir::new().expect("make a folder");
    let write = format!("exec dd if=/dev/zero of={}/file bs=4096 count=2", folder.path().display());
    assert!(shell(&write, &Rlimits::default()).status.success());
    let ended = shell(&write, &Rlimits { file_size: Some(4096), ..Rlimits::default() });
    assert_eq!(ended.status.signal(), Some(libc::SIGXFSZ), "{ended:?}");
}

#[test]
fn processor_time_over_the_bound_ends_the_child() {
    let ended = shell("while :; do :; done", &Rlimits { cpu_seconds: Some(0), ..Rlimits::default() });
    assert!(matches!(ended.status.signal(), Some(libc::SIGXCPU | libc::SIGKILL)), "{ended:?}");
}

#[test]
fn a_child_has_the_standard_descriptors_only() {
    let script = "ls /proc/self/fd | wc -l";
    let leak = std::fs::File::open("/dev/null").expect("open a file");
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).expect("let it be inherited");
    // With the one by which `ls` lists.
    assert_eq!(says(script, &Rlimits::default()), "4");
    let plain = Command::new("/bin/sh").args(["-c", script]).output().expect("start a shell");
    assert_ne!(String::from_utf8_lossy(&plain.stdout).trim(), "4", "without the wall it is inherited");
}

#[test]
fn a_child_cannot_gain_privileges_and_stays_in_the_group() {
    assert_eq!(says("grep NoNewPrivs /proc/self/status", &Rlimits::default()), "NoNewPrivs:\t1");
    let group = rustix::process::getpgrp().to_string();
    assert_eq!(says("cut -d' ' -f5 /proc/self/stat", &Rlimits::default()), group);
}

#[test]
fn a_child_ends_with_the_thread_that_started_it() {
    let child = std::thread::spawn(|| {
        let mut command = Command::new("/bin/cat");
        command.stdin(Stdio::piped());
        spawn_limited(command, &Rlimits::default()).expect("start cat")
    });
    let mut child = child.join().expect("join a thread");
    assert_eq!(child.wait().expect("wait for cat").signal(), Some(libc::SIGKILL));
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    let error =
        spawn_limited(Command::new("/nonexistent"), &Rlimits::default()).expect_err("no such program");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn descriptors_arrive_with_their_message_and_work() {
    let (one, other) = UnixStream::pair().expect("make a pair");
    let (mut reader, writer) = std::io::pipe().expect("make a pipe");
    send_fds(&one, b"take this", &[writer.as_fd(), reader.as_fd()]).expect("send");
    drop(writer);
    let mut data = [0; 64];
    let (length, mut fds) = recv_fds(&other, &mut data).expect("receive");
    assert_eq!((&data[..length], fds.len()), (&b"take this"[..], 2));
    for fd in &fds {
        assert!(rustix::io::fcntl_getfd(fd).expect("look at it").contains(rustix::io::FdFlags::CLOEXEC));
    }
    std::fs::File::from(fds.swap_remove(0)).write_all(b"through").expect("write");
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("read");
    assert_eq!(text, "through");
}

#[test]
fn data_without_descriptors_and_the_end_are_told_apart() {
    let (one, other) = UnixStream::pair().expect("make a pair");
    send_fds(&one, b"x", &[]).expect("send");
    drop(one);
    let mut data = [0; 4];
    assert!(matches!(recv_fds(&other, &mut data), Ok((1, fds)) if fds.is_empty()));
    assert!(matches!(recv_fds(&other, &mut data), Ok((0, fds)) if fds.is_empty()));
}

#[test]
fn nothing_to_carry_and_too_much_are_refused() {
    let (one, _other) = UnixStream::pair().expect("make a pair");
    let fd = one.as_fd();
    let refused = |data: &[u8], fds: &[BorrowedFd<'_>]| {
        assert_eq!(send_fds(&one, data, fds).expect_err("refused").kind(), ErrorKind::InvalidInput);
    };
    refused(b"", &[fd]);
    refused(b"x", &[fd; FDS_MAX + 1]);
    send_fds(&one, b"x", &[fd; FDS_MAX]).expect("send the most");
}

/// A peer that sends more than fits: nothing of it is kept.
#[test]
fn more_descriptors_than_fit_are_an_error_and_leak_nothing() {
    use std::mem::MaybeUninit;

    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let (one, other) = UnixStream::pair().expect("make a pair");
    let fds = [one.as_fd(); FDS_MAX + 4];
    let mut space = [MaybeUninit::uninit(); 1024];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(&one, &[std::io::IoSlice::new(b"x")], &mut control, SendFlags::empty()).expect("send");
    assert_eq!(recv_fds(&other, &mut [0; 4]).expect_err("too many").kind(), ErrorKind::InvalidData);
    // The last holder of `one` is gone if the copies are.
    drop(one);
    assert!(matches!(recv_fds(&other, &mut [0; 4]), Ok((0, _))));
}
