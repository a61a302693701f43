use tombolo_spec::{Grant, GrantSet};

use super::*;

fn grants(lines: &[&str]) -> GrantSet {
    lines.iter().map(|line| line.parse::<Grant>().unwrap()).collect()
}

fn vars(lines: &[&str]) -> Result<Vec<(String, String)>, MissingSecret> {
    let host = |name: &str| (name == "HOME").then(|| "/home/a".to_owned());
    let secrets = |name: &str| (name == "db-password").then(|| "hunter2".to_owned());
    Environment::new(Vec::new(), Vec::new(), &grants(lines), &host, &secrets)
        .map(|environment| environment.vars)
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn only_granted_variables_are_there() {
    assert_eq!(vars(&[]).unwrap(), []);
    assert_eq!(vars(&["env LOG=info", "env HOME"]).unwrap(), [pair("LOG", "info"), pair("HOME", "/home/a")]);
}

#[test]
fn a_variable_that_is_not_set_here_stays_unset() {
    assert_eq!(vars(&["env NOT_SET"]).unwrap(), []);
}

#[test]
fn a_secret_is_readable_only_when_revealed() {
    assert_eq!(vars(&["secret db-password"]).unwrap(), []);
    assert_eq!(vars(&["secret db-password reveal"]).unwrap(), [pair("db-password", "hunter2")]);
}

#[test]
fn a_revealed_secret_that_is_missing_is_an_error_and_an_unrevealed_one_is_not() {
    assert_eq!(vars(&["secret other reveal"]), Err(MissingSecret { name: "other".to_owned() }));
    assert_eq!(vars(&["secret other"]), Ok(vec![]));
}
