//! `tombolo test`: what goes in, what must come out, and how a difference looks.

use crate::project::{Project, is_ready};

#[path = "../common/mod.rs"]
mod common;

/// A project whose only function is a built guest.
fn with_guest(guest: &str, table: &str) -> Project {
    let project = Project::of(&[("f", &format!("component = \"f.wasm\"\n{table}"))], &[]);
    std::fs::copy(common::guest(guest), project.folder.join("f.wasm")).unwrap();
    project
}

#[test]
fn a_failed_test_shows_what_came_instead() {
    if !is_ready("c") {
        return;
    }
    let project = Project::new("c", "command");
    project.edit("tests/counts.toml", "2 lines, 3 words", "2 lines, 4 words");
    let said = project.fails(1, &["test"]);
    assert!(said.contains("- 2 lines, 4 words") && said.contains("+ 2 lines, 3 words"), "{said}");
    assert!(said.contains("1 passed, 1 failed"), "{said}");
    let said = project.fails(1, &["test", "lines and words"]);
    assert!(said.contains("0 passed, 1 failed"), "{said}");
}

#[test]
fn a_test_of_what_does_not_build_is_not_played() {
    let project = Project::of(&[("f", "component = \"f.wat\"\nbuild = \"echo went wrong; false\"")], &[]);
    project.write("tests/a.toml", "[[case]]\nname = \"a\"\nrun = {}\nexpect.exit = 0\n");
    let said = project.fails(1, &["test"]);
    assert!(said.contains("went wrong") && !said.contains("passed"), "{said}");
}

#[test]
fn a_filter_that_no_case_fits_is_no_pass() {
    let program = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";
    let project = Project::of(&[("f", "component = \"f.wat\"")], &[("f.wat", program)]);
    assert!(project.succeeds(&["test"]).contains("no test: write cases into tests/*.toml"));
    project.write("tests/a.toml", "[[case]]\nname = \"a\"\nrun = {}\nexpect.exit = 0\n");
    assert!(project.succeeds(&["test"]).contains("1 passed, 0 failed"));
    assert!(project.fails(1, &["test", "greets"]).contains("no case has \"greets\""));
}

#[test]
fn refusals_are_compared() {
    let project = with_guest("c-fsprobe", "grants = [\"dir . as /here read\"]");
    project.write(
        "tests/refused.toml",
        "[[case]]\nname = \"writes where it may read\"\nrun = { args = [\"create\", \"/egg\"] }\n\
         expect.refused = [\"dir /here/egg read-write\"]\n\
         [[case]]\nname = \"is not refused\"\nrun = { args = [\"create\", \"/egg\"] }\nexpect.refused = []\n",
    );
    let said = project.fails(1, &["test"]);
    assert!(said.contains("ok writes where it may read"), "{said}");
    assert!(
        said.contains("FAILED is not refused") && said.contains("refused: dir /here/egg read-write"),
        "{said}"
    );
}

#[test]
fn refusals_of_a_served_function_are_compared() {
    let project = with_guest("rust-http-fetch", "on = [\"http * /*\"]");
    project.write(
        "tests/refused.toml",
        "[[case]]\nname = \"fetches in vain\"\nrequest = { path = \"/?http://example.com/\" }\n\
         expect.refused = [\"http GET http://example.com/\"]\n",
    );
    let said = project.succeeds(&["test"]);
    assert!(said.contains("1 passed, 0 failed"), "{said}");
}

#[test]
fn each_case_has_fresh_state_and_requests_have_all_their_parts() {
    let project = with_guest("rust-http-echo", "on = [\"http * /*\"]");
    project.write("tests/payload.bin", "from a file");
    project.write(
        "tests/echo.toml",
        "[[case]]\nname = \"json\"\nrequest = { method = \"POST\", path = \"/x\", json = { a = [1, 2] } }\n\
         expect.status = 200\nexpect.body = { json = { a = [1, 2] } }\n\
         [[case]]\nname = \"file\"\nrequest = { method = \"POST\", path = \"/\", file = \"payload.bin\" }\n\
         expect.body = { contains = [\"from\", \"file\"], regex = \"^from a\" }\nexpect.headers = { x-nothing = false }\n",
    );
    let said = project.succeeds(&["test"]);
    assert!(said.contains("2 passed, 0 failed"), "{said}");
}

#[test]
fn a_case_that_makes_no_sense_is_told_with_its_file() {
    let project = Project::of(&[("f", "component = \"f.wat\"")], &[]);
    project.write("tests/a.toml", "[[case]]\nname = \"a\"\nrequest = {}\nexpect.exit = 0\n");
    let said = project.fails(125, &["test"]);
    assert!(said.contains("tests/a.toml: case \"a\": a request has `status`"), "{said}");
}
