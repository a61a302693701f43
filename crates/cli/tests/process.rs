//! To its user, a program under `tombolo run` behaves as a native one: streams, arguments, environment, signals.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{finish, folder, guest, run, tombolo};

/// How long anything here may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

const SPIN: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))"#;

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Waits until `done` says so; fails when it takes too long.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(pid: u32, signal: &str) {
    let status = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill can be run");
    assert!(status.success(), "the process is there to be signalled");
}

#[test]
fn arguments_arrive_as_they_were_typed() {
    let done =
        run([guest("c-echo").as_os_str(), "-n".as_ref(), "--dir".as_ref(), "ä ö".as_ref(), "".as_ref()]);
    done.exits(0).prints("c-echo.wasm\n-n\n--dir\nä ö\n\n");
}

#[test]
fn no_variable_is_seen_without_a_grant() {
    let program = guest("c-env");
    let plain = finish(tombolo(["run"]).arg(&program).env("SECRET_OF_THE_HOST", "x"), b"").exits(0);
    assert!(!plain.stdout.contains("SECRET_OF_THE_HOST") && !plain.stdout.contains("XDG_CACHE_HOME"));
    let granted = finish(
        tombolo(["run", "--env", "LOG=info", "--env", "PASSED"]).arg(&program).env("PASSED", "on"),
        b"",
    );
    let granted = granted.exits(0);
    assert!(
        granted.stdout.contains("LOG=info") && granted.stdout.contains("PASSED=on"),
        "{}",
        granted.stdout
    );
}

#[test]
fn a_secret_is_seen_only_with_its_grant() {
    let folder = folder(&[("token", "hunter2\n")]);
    let spec = format!("api-token={}", folder.path().join("token").display());
    let done = finish(tombolo(["run", "--secret", &spec]).arg(guest("c-env")), b"").exits(0);
    assert!(done.stdout.contains("hunter2"), "{}", done.stdout);
    run(["run", "--secret", "api-token", guest("c-env").to_str().expect("text")])
        .exits(125)
        .says("api-token");
}

#[test]
fn input_and_output_are_streamed() {
    let mut child = start(tombolo(["run"]).arg(guest("c-cat")));
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    for line in ["first\n", "second\n"] {
        stdin.write_all(line.as_bytes()).expect("the program reads");
        let mut echo = String::new();
        stdout.read_line(&mut echo).expect("the program answers before its input ends");
        assert_eq!(echo, line);
    }
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn large_input_comes_through_whole() {
    let input: Vec<u8> = (0..4_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut child = start(tombolo(["run"]).arg(guest("c-cat")));
    let mut stdin = child.stdin.take().expect("piped");
    let expected = input.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let mut output = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut output).expect("it can be read");
    writer.join().expect("the writer ends").expect("all was taken");
    assert!(output == expected, "{} bytes came back of {}", output.len(), expected.len());
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn a_closed_pipe_ends_the_program_by_sigpipe() {
    let flood = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1024))
        (loop $more (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) br $more)))"#;
    let folder = folder(&[("flood.wat", flood)]);
    let mut child = start(tombolo(["run"]).arg(folder.path().join("flood.wat")));
    let mut some = [0; 4096];
    child.stdout.take().expect("piped").read_exact(&mut some).expect("it writes");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.signal(), Some(13), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn signals_end_the_program_as_they_end_a_native_one() {
    let folder = folder(&[("spin.wat", SPIN)]);
    for (name, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        let mut child = start(tombolo(["run"]).arg(folder.path().join("spin.wat")));
        let cell = cell_of(child.id());
        kill(child.id(), name);
        assert_eq!(child.wait().expect("it ends").signal(), Some(number), "{name}");
        eventually("the end of the cell", || !is_running(cell));
    }
}

#[test]
fn kill_9_of_the_front_takes_the_cell_along() {
    let folder = folder(&[("spin.wat", SPIN)]);
    let mut child = start(tombolo(["run"]).arg(folder.path().join("spin.wat")));
    let cell = cell_of(child.id());
    kill(child.id(), "-KILL");
    child.wait().expect("it ends");
    eventually("the end of the cell", || !is_running(cell));
}

#[test]
fn kill_9_of_the_cell_is_told() {
    let folder = folder(&[("spin.wat", SPIN)]);
    let child = start(tombolo(["run"]).arg(folder.path().join("spin.wat")));
    kill(cell_of(child.id()), "-KILL");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(137));
    assert!(String::from_utf8_lossy(&output.stderr).contains("signal 9"));
}

#[test]
fn a_report_says_what_was_granted_used_and_refused() {
    let folder = folder(&[("note.txt", "TODO: nothing\n")]);
    let grant = format!("dir {} as /data read", folder.path().display());
    let done = run([
        "run",
        "--report",
        "--grant",
        &grant,
        "--grant",
        "env UNUSED=1",
        guest("rust-fsprobe").to_str().expect("text"),
        "read",
        "note.txt",
    ]);
    let done = done.exits(0).says("grants of rust-fsprobe.wasm").says("env UNUSED=1");
    let line =
        done.stderr.lines().find(|line| line.contains("as /data read")).expect("the folder has its line");
    let used: u64 = line.split_whitespace().rev().nth(1).and_then(|n| n.parse().ok()).expect("a count");
    assert!(used > 0, "the folder was used: {line}");
}

#[test]
fn an_audit_file_holds_json_lines_and_is_appended_to() {
    let folder = folder(&[("note.txt", "text")]);
    let audit = folder.path().join("audit.jsonl");
    let grant = format!("dir {} as /data read", folder.path().display());
    for _ in 0..2 {
        let done = run([
            "run",
            "--audit",
            audit.to_str().expect("text"),
            "--grant",
            &grant,
            guest("rust-fsprobe").to_str().expect("text"),
            "create",
            "egg",
        ]);
        done.exits(1);
    }
    let text = std::fs::read_to_string(&audit).expect("it was written");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let refusals = lines.iter().filter(|line| line["event"] == "refused").count();
    assert_eq!(refusals, 2, "one refusal a run: {text}");
    assert!(lines.iter().any(|line| line["event"] == "grant"
        && line["grant"].as_str().is_some_and(|g| g.ends_with("as /data read"))));
}

#[test]
fn every_kind_of_artifact_runs() {
    for name in ["c-hello", "rust-hello", "rust-hello-p2", "go-hello"] {
        run([guest(name).as_os_str()]).exits(0).prints("Hello, world!\n");
    }
}

#[test]
fn exit_codes_of_real_programs_are_passed_on() {
    for code in ["0", "1", "77", "255"] {
        run([guest("c-exit").as_os_str(), code.as_ref()]).exits(code.parse().expect("a number"));
    }
}

/// The cell of a front: its only child.
fn cell_of(front: u32) -> u32 {
    let children = format!("/proc/{front}/task/{front}/children");
    let mut cell = None;
    eventually("the start of the cell", || {
        let text = std::fs::read_to_string(&children).unwrap_or_default();
        // A compiler may be there first; the cell is the one that stays when the program spins.
        cell = text.split_whitespace().next().and_then(|pid| pid.parse().ok());
        cell.is_some_and(is_spinning)
    });
    cell.expect("found above")
}

/// Whether a process burns processor time as a guest (the compiler child is short).
fn is_spinning(pid: u32) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    !command.is_empty() && !String::from_utf8_lossy(&command).contains("__compile")
}

fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
