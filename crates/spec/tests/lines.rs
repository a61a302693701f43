//! Grants, triggers, limits, routes and addresses as people write them, and what becomes of each.
//!
//! Each file in `lines/` is a list of inputs behind `>` with what is printed for them below. Run with
//! `TOMBOLO_UPDATE=1` to write the files anew, and read the difference.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use tombolo_spec::grant::{Host, HostPath};
use tombolo_spec::{Digest, Grant, LimitName, LimitOverrides, Name, Source, SyntaxError, Trigger, net};

#[track_caller]
fn check(file: &str, render: impl Fn(&str) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lines").join(file);
    let expected = fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for line in expected.lines() {
        if let Some(input) = line.strip_prefix('>') {
            let input = input.strip_prefix(' ').unwrap_or(input);
            write!(actual, "{line}\n{}\n\n", render(input).trim_end()).unwrap();
        } else if line.starts_with('#') {
            write!(actual, "{line}\n\n").unwrap();
        }
    }
    if std::env::var_os("TOMBOLO_UPDATE").is_some() {
        fs::write(&path, &actual).unwrap();
    }
    assert!(actual == expected, "{} differs; it should read:\n{actual}", path.display());
}

fn refused(error: &SyntaxError) -> String {
    format!("REFUSED at column {}\n{error:#}", error.column())
}

#[test]
fn grants() {
    check("grants.txt", |line| match line.parse::<Grant>() {
        Err(error) => refused(&error),
        Ok(grant) => {
            let text = grant.to_string();
            assert_eq!(
                text.parse::<Grant>().as_ref(),
                Ok(&grant),
                "the canonical form reads as something else"
            );
            format!("{text}\n= {}", grant.meaning())
        }
    });
}

#[test]
fn triggers() {
    check("triggers.txt", |line| match line.parse::<Trigger>() {
        Err(error) => refused(&error),
        Ok(trigger) => {
            let text = trigger.to_string();
            assert_eq!(
                text.parse::<Trigger>().as_ref(),
                Ok(&trigger),
                "the canonical form reads as something else"
            );
            text
        }
    });
}

#[test]
fn limits() {
    check("limits.txt", |line| {
        let mut limits = LimitOverrides::default();
        match limits.set_line(line) {
            Err(error) => refused(&error),
            Ok(()) => {
                let (limit, value) = limits.iter().next().unwrap();
                format!("{limit}={value}\nhit: {}", limit.remedy(value))
            }
        }
    });
}

#[test]
fn addresses() {
    check("addresses.txt", |line| {
        let Ok(ip) = line.parse::<IpAddr>() else {
            let loose =
                net::parse_ipv4_loose(line).map(|loose| format!("{}: {:?}", loose.form, loose.address));
            return format!(
                "{} | host: {:?}",
                loose.unwrap_or("no address".into()),
                line.parse::<Host>().ok()
            );
        };
        let readings: Vec<String> = net::readings(ip).map(|ip| ip.to_string()).collect();
        let embedding = match ip {
            IpAddr::V6(ip) => net::embedding(&ip),
            IpAddr::V4(_) => None,
        };
        let embedding = embedding.map(|form| format!(" {form:?}")).unwrap_or_default();
        format!("{}{embedding} {}", net::classify(ip), readings.join(" "))
    });
}

#[test]
fn names_and_sources() {
    check("names.txt", |line| match line.split_once(' ').unwrap() {
        ("name", text) => text.parse::<Name>().map_or_else(|e| e.to_string(), |name| name.to_string()),
        ("source", text) => {
            text.parse::<Source>().map_or_else(|e| e.to_string(), |source| format!("{source:?}"))
        }
        ("digest", text) => {
            text.parse::<Digest>().map_or_else(|e| e.to_string(), |digest| digest.to_string())
        }
        ("resolve", text) => {
            let base: HostPath = "/home/joe".parse().unwrap();
            text.parse::<HostPath>().map_or_else(|e| e.to_string(), |path| path.resolve(&base).to_string())
        }
        (other, _) => panic!("{other:?} is not checked here"),
    });
}

#[test]
fn every_limit_has_a_default_within_its_range_and_a_line_in_the_reference() {
    let reference =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest.md")).unwrap();
    for limit in LimitName::all() {
        let (min, max) = limit.range();
        let defaults =
            [tombolo_spec::Profile::Run, tombolo_spec::Profile::Serve].map(|profile| limit.default(profile));
        for default in defaults {
            assert!(
                default.raw().is_none_or(|raw| (min.raw()..=max.raw()).contains(&Some(raw))),
                "{limit}={default}"
            );
        }
        let [run, serve] = defaults;
        let line = format!("| `{limit}` | {run} | {serve} | {min} | {max} | {} |", limit.doc());
        assert!(reference.contains(&line), "docs/manifest.md has not the line\n{line}");
    }
}
