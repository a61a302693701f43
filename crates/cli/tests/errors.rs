//! Each way in which `tombolo run` can refuse or fail: one clear error, one exit code.

mod common;

use common::{Done, folder, run};

const OK: &str = r#"(module (memory (export "memory") 1) (func (export "_start")))"#;
const EXIT: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 42))))"#;
const UNREACHABLE: &str = r#"(module (memory (export "memory") 1)
  (func $spill_the_tea unreachable)
  (func $pour (call $spill_the_tea))
  (func (export "_start") (call $pour)))"#;
const NO_START: &str = r#"(module (memory (export "memory") 1) (func (export "run")))"#;
const FOREIGN_IMPORT: &str = r#"(module
  (import "env" "launch_missiles" (func))
  (memory (export "memory") 1) (func (export "_start")))"#;
const EMPTY_COMPONENT: &str = "(component)";
const FOREIGN_COMPONENT: &str = r#"(component
  (import "acme:rockets/launch@1.0.0" (instance $rockets (export "go" (func))))
  (core module $m (func (export "run") (result i32) i32.const 0))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $cli (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $cli)))"#;

/// Runs one program text under flags.
fn run_text(text: &str, flags: &[&str]) -> Done {
    let folder = folder(&[("program.wat", text)]);
    let program = folder.path().join("program.wat");
    let mut arguments: Vec<&str> = vec!["run"];
    arguments.extend(flags);
    arguments.push(program.to_str().expect("the path is text"));
    run(arguments)
}

/// Runs these bytes as a program.
fn run_bytes(bytes: &[u8]) -> Done {
    let folder = folder(&[]);
    let program = folder.path().join("program.wasm");
    std::fs::write(&program, bytes).expect("files can be written");
    run([std::ffi::OsStr::new("run"), program.as_os_str()])
}

#[test]
fn a_program_that_returns_exits_with_0() {
    let done = run_text(OK, &[]).exits(0).prints("");
    assert_eq!(done.stderr, "", "a run without trouble says nothing");
}

#[test]
fn a_programs_own_exit_code_is_passed_on() {
    run_text(EXIT, &[]).exits(42);
}

#[test]
fn exit_codes_up_to_255_are_passed_on_and_larger_ones_are_cut_as_by_the_kernel() {
    run_text(&EXIT.replace("42", "255"), &[]).exits(255);
    run_text(&EXIT.replace("42", "256"), &[]).exits(0);
}

#[test]
fn a_file_that_does_not_exist_is_127() {
    run(["run", "/nowhere/no.wasm"]).exits(127).says("/nowhere/no.wasm").says("no such file");
}

#[test]
fn a_folder_is_126() {
    run(["run", "/usr"]).exits(126).says("/usr").says("folder");
}

#[test]
fn a_file_that_is_not_webassembly_is_126() {
    run_bytes(b"#!/bin/sh\necho hi\n").exits(126).says("not WebAssembly");
    run_bytes(b"\x7fELF\x02\x01\x01").exits(126).says("not WebAssembly");
    run_bytes(b"").exits(126).says("empty");
}

#[test]
fn a_truncated_module_is_126_and_says_where_it_ends() {
    let whole = wat::parse_str(EXIT).expect("the test's own module parses");
    for length in [9, whole.len() / 2, whole.len() - 1] {
        run_bytes(&whole[..length]).exits(126).says("program.wasm");
    }
}

#[test]
fn another_version_of_the_binary_format_is_126() {
    run_bytes(b"\0asm\x07\0\0\0").exits(126).says("version");
}

#[test]
fn text_that_does_not_parse_is_126_with_its_position() {
    run_text("(module (func (export \"_start\") i32.bogus))", &[]).exits(126).says("program.wat:1:");
}

#[test]
fn a_module_without_start_is_126() {
    run_text(NO_START, &[]).exits(126).says("_start");
}

#[test]
fn a_component_without_run_is_126() {
    run_text(EMPTY_COMPONENT, &[]).exits(126).says("wasi:cli/run");
}

#[test]
fn an_import_that_nothing_provides_is_126_and_is_named() {
    run_text(FOREIGN_IMPORT, &[]).exits(126).says("env").says("launch_missiles");
    run_text(FOREIGN_COMPONENT, &[]).exits(126).says("acme:rockets/launch@1.0.0");
}

#[test]
fn a_trap_is_134_with_the_names_of_the_functions() {
    run_text(UNREACHABLE, &[]).exits(134).says("unreachable").says("spill_the_tea").says("pour");
}

#[test]
fn a_grant_that_does_not_parse_is_125_and_shows_what_to_write() {
    run_text(OK, &["--grant", "http api.example.com"]).exits(125).says("http api.example.com");
    run_text(OK, &["--grant", "fly to the moon"]).exits(125).says("fly");
}

#[test]
fn a_limit_that_does_not_parse_is_125() {
    run_text(OK, &["--limit", "memory=lots"]).exits(125).says("memory");
    run_text(OK, &["--limit", "patience=2s"]).exits(125).says("patience");
}

#[test]
fn a_granted_folder_that_does_not_exist_is_125_and_is_named() {
    run_text(OK, &["--dir", "/nowhere/at/all"]).exits(125).says("/nowhere/at/all");
}

#[test]
fn unknown_flags_are_125() {
    run(["run", "--frobnicate", "x.wasm"]).exits(125).says("--frobnicate");
}

#[test]
fn an_unmet_sandbox_requirement_is_refused_before_the_program_starts() {
    run_text(OK, &["--sandbox", "require=chastity"]).exits(125).says("chastity");
}

#[test]
fn a_manifest_that_cannot_be_read_is_125() {
    run(["run", "-f", "/nowhere/tombolo.toml", "api"]).exits(125).says("/nowhere/tombolo.toml");
}

#[test]
fn all_problems_of_a_manifest_are_told_at_once() {
    let folder = folder(&[(
        "tombolo.toml",
        "name = \"demo\"\nversion = \"1.0.0\"\ncolour = \"red\"\n\n[functions.a]\ncomponent = \"a.wasm\"\n\
         on = [\"http GET /a\"]\ngrants = [\"http api.example.com\"]\n",
    )]);
    let manifest = folder.path().join("tombolo.toml");
    run(["run", "-f", manifest.to_str().expect("text"), "a"])
        .exits(125)
        .says("tombolo.toml:3")
        .says("colour")
        .says("tombolo.toml:8")
        .says("http api.example.com");
}

#[test]
fn a_function_that_the_manifest_does_not_have_is_127_and_the_others_are_named() {
    let folder = folder(&[
        (
            "tombolo.toml",
            "name = \"demo\"\nversion = \"1.0.0\"\n\n[functions.ingest]\ncomponent = \"a.wat\"\n",
        ),
        ("a.wat", EXIT),
    ]);
    let manifest = folder.path().join("tombolo.toml");
    let manifest = manifest.to_str().expect("text");
    run(["run", "-f", manifest, "digest"]).exits(127).says("digest").says("ingest");
    run(["run", "-f", manifest, "ingest"]).exits(42);
}

#[test]
fn run_is_the_command_when_none_is_named() {
    let folder = folder(&[("program.wat", EXIT)]);
    run([folder.path().join("program.wat")]).exits(42);
}

#[test]
fn a_flag_after_the_program_is_the_programs_own_and_the_user_is_told_once() {
    let folder = folder(&[("program.wat", EXIT)]);
    let program = folder.path().join("program.wat");
    let program = program.to_str().expect("text");
    let done = run(["run", program, "--dir", "."]).exits(42).says("--dir").says("before");
    assert_eq!(done.stderr.matches("--dir").count(), 2, "said once, with the right order: {}", done.stderr);
    let quiet = run(["run", program, "-n", "TODO"]).exits(42);
    assert_eq!(quiet.stderr, "");
}
