//! Manifests, good and bad: each folder in `manifests/` holds one and what is printed for it.
//!
//! Run with `TOMBOLO_UPDATE=1` to write what is printed anew, and read the difference.

use std::fs;
use std::path::Path;
use tombolo_spec::Manifest;

#[track_caller]
fn check(case: &Path) {
    let text = fs::read_to_string(case.join("tombolo.toml")).unwrap();
    let actual = match Manifest::parse(&text, "tombolo.toml") {
        Ok(manifest) => format!("{manifest:#?}\n"),
        Err(problems) => format!("{problems:#}\n"),
    };
    let expected = case.join("expected.txt");
    if std::env::var_os("TOMBOLO_UPDATE").is_some() {
        fs::write(&expected, &actual).unwrap();
    }
    let expected = fs::read_to_string(&expected).unwrap_or_default();
    assert!(actual == expected, "{} differs; it should read:\n{actual}", case.display());
}

#[test]
fn each_manifest_is_read_or_refused_as_expected() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests");
    let mut count = 0;
    for case in fs::read_dir(cases).unwrap() {
        check(&case.unwrap().path());
        count += 1;
    }
    assert!(count >= 15, "only {count} cases were found");
}

#[test]
fn a_manifest_that_is_too_long_is_refused_before_it_is_read() {
    let text = "#".repeat(2 << 20);
    let problems = Manifest::parse(&text, "m.toml").unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems.to_string().starts_with("m.toml:1:1: the manifest has 2097152 bytes; "), "{problems}");
}

#[test]
fn a_manifest_with_very_many_problems_is_answered_in_bounded_space() {
    let text: String = (0..50_000).map(|i| format!("key{i} = 1\n")).collect();
    let problems = Manifest::parse(&text, "m.toml").unwrap_err();
    assert_eq!(problems.len(), 1000);
    let long = format!("name = \"{}\"", "a".repeat(500_000));
    let shown = format!("{:#}", Manifest::parse(&long, "m.toml").unwrap_err());
    assert!(shown.len() < 2_000_000, "{} bytes", shown.len());
}
