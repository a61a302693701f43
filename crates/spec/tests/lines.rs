//! Grants, triggers, limits, routes and addresses as people write them, and what becomes of each.
//!
//! Each file in `lines/` is a list of inputs behind `>` with what is printed for them below. Run with
//! `TOMBOLO_UPDATE=1` to write the files anew, and read the difference.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use tombolo_spec::grant::{Host, HostPath};
use tombolo_spec::{
    Digest, Grant, LimitName, LimitOverrides, Name, Profile, Source, SyntaxError, Trigger, net,
};

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
    let mut table = String::new();
    for limit in LimitName::all() {
        let (min, max) = limit.range();
        let [run, serve] = [Profile::Run, Profile::Serve].map(|profile| limit.default(profile));
        for default in [run, serve] {
            assert!(
                default.raw().is_none_or(|raw| (min.raw()..=max.raw()).contains(&Some(raw))),
                "{limit}={default}"
            );
        }
        writeln!(table, "| `{limit}` | {run} | {serve} | {min} | {max} | {} |", limit.doc()).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manifest.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, head, rest) = split_at_table(&page);
    let after = &rest[rest.find("\n\n").map_or(rest.len(), |i| i + 1)..];
    let expected = format!("{before}{head}{table}{after}");
    if std::env::var_os("TOMBOLO_UPDATE").is_some() {
        fs::write(path, &expected).unwrap();
    }
    assert!(page == expected, "docs/manifest.md differs; the table of limits should read:\n{table}");
}

fn split_at_table(page: &str) -> (&str, &str, &str) {
    const HEAD: &str = "| --- | --- | --- | --- | --- | --- |\n";
    let (before, rest) = page.split_once(HEAD).unwrap();
    (before, HEAD, rest)
}

/// The lines of the blocks of a page that are fenced with this word.
fn examples(page: &str, fence: &str) -> Vec<String> {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix(fence)?.strip_prefix('\n'));
    let lines: Vec<String> = blocks.flat_map(str::lines).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "docs/{page} has no {fence}");
    lines
}

#[test]
fn the_examples_of_the_reference_are_canonical_and_its_refusals_are_refused() {
    for line in examples("grants.md", "grants") {
        assert_eq!(line.parse::<Grant>().map(|grant| grant.to_string()), Ok(line));
    }
    for line in examples("grants.md", "refused") {
        assert!(line.parse::<Grant>().is_err(), "{line}");
    }
    for line in examples("manifest.md", "triggers") {
        assert_eq!(line.parse::<Trigger>().map(|trigger| trigger.to_string()), Ok(line));
    }
    let manifest = examples("manifest.md", "toml").join("\n");
    tombolo_spec::Manifest::parse(&manifest, "docs/manifest.md").unwrap();
}

#[test]
fn every_kind_of_grant_stands_in_the_reference() {
    let reference = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/grants.md")).unwrap();
    for kind in tombolo_spec::GrantKind::ALL {
        let row = reference.lines().find(|line| line.starts_with(&format!("| [{kind}](")));
        let row = row.unwrap_or_else(|| panic!("{kind} is not in the table"));
        assert!(row.ends_with(&format!("| {} |", kind.purpose())), "{row}");
        assert!(examples("grants.md", "grants").iter().any(|line| line.starts_with(kind.name())), "{kind}");
    }
}
