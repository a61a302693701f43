//! Ceilings: what a strict one refuses, what a narrow one leaves, and what they say of it.

use tombolo_spec::ceiling::{Ceiling, Mode};
use tombolo_spec::grant::HostPath;
use tombolo_spec::{Grant, GrantSet, LimitName, LimitOverrides, LimitValue, Limits, Profile};

fn grants(lines: &[&str]) -> GrantSet {
    lines.iter().map(|line| line.parse::<Grant>().unwrap_or_else(|e| panic!("{e:#}"))).collect()
}

fn limits(lines: &[&str]) -> LimitOverrides {
    let mut limits = LimitOverrides::default();
    lines.iter().for_each(|line| limits.set_line(line).unwrap_or_else(|e| panic!("{e:#}")));
    limits
}

/// An app that asks for `asked` under a narrow ceiling gets `left`, and is told `difference`; a strict ceiling
/// refuses it with the same words.
#[track_caller]
fn check(asked: &[&str], ceiling: &[&str], left: &[&str], difference: &str) {
    let none = LimitOverrides::default();
    let ceiling = |mode| Ceiling { grants: grants(ceiling), limits: none.clone(), mode };
    let narrow = ceiling(Mode::Narrow).apply(&grants(asked), &none, Profile::Serve).unwrap();
    assert_eq!(narrow.grants.to_string(), grants(left).to_string());
    assert_eq!(narrow.difference.to_string(), difference);
    match ceiling(Mode::Strict).apply(&grants(asked), &none, Profile::Serve) {
        Ok(strict) => assert_eq!((strict.grants, difference), (narrow.grants, "")),
        Err(refusal) => assert!(refusal.to_string().contains(difference), "{refusal}"),
    }
}

#[test]
fn what_is_covered_passes_unchanged() {
    check(
        &["http GET https://api.example.com/v1/*", "random", "dir /srv/site as /www read"],
        &["random", "http * https://*.example.com/*", "dir /srv as /anything read-write"],
        &["http GET https://api.example.com/v1/*", "random", "dir /srv/site as /www read"],
        "",
    );
}

#[test]
fn what_is_above_is_narrowed_or_goes() {
    check(
        &["http GET,DELETE https://*.example.com/*", "random", "kv jobs read-write", "tcp connect *:1-1000"],
        &["http GET,PUT https://api.example.com/v1/*", "kv jobs read", "tcp connect *.example.com:443"],
        &["http GET https://api.example.com/v1/*", "kv jobs read", "tcp connect *.example.com:443"],
        "- http DELETE,GET https://*.example.com/*\n\
         + http GET https://api.example.com/v1/*\n\
         - random\n\
         - kv jobs read-write\n\
         + kv jobs read\n\
         - tcp connect *:1-1000\n\
         + tcp connect *.example.com:443\n",
    );
}

#[test]
fn a_ceiling_of_several_lines_adds_up_methods_and_ports() {
    check(
        &["http GET,POST https://x.org/a/*", "tcp connect x.org:1-100", "udp connect x.org:1-100"],
        &[
            "http GET https://x.org/*",
            "http POST,PUT https://*/a/*",
            "tcp connect x.org:1-50",
            "tcp connect *:40-200",
            "udp connect x.org:1-50",
            "udp connect x.org:52-100",
        ],
        &[
            "http GET https://x.org/a/*",
            "http POST https://x.org/a/*",
            "tcp connect x.org:1-50",
            "tcp connect x.org:40-100",
            "udp connect x.org:1-50",
            "udp connect x.org:52-100",
        ],
        "- udp connect x.org:1-100\n+ udp connect x.org:1-50\n+ udp connect x.org:52-100\n",
    );
}

#[test]
fn a_ceiling_restricts_where_folders_are_and_leaves_their_guest_paths() {
    check(
        &["dir /srv as /data read-write", "dir /etc as /etc read"],
        &["dir /srv as /x read", "dir /srv/uploads as /y read-write"],
        &["dir /srv as /data read", "dir /srv/uploads as /data/uploads read-write"],
        "- dir /srv as /data read-write\n\
         + dir /srv as /data read\n\
         + dir /srv/uploads as /data/uploads read-write\n\
         - dir /etc as /etc read\n",
    );
}

#[test]
fn a_folder_inside_another_keeps_its_own_guest_path() {
    let asked = ["dir /srv as /a read", "dir /srv/site as /b read", "dir /srv/site as /a/site read"];
    check(&asked, &["dir / as / read"], &asked[..2], "");
    check(
        &["volume c as /c 1KiB", "volume c as /d 1KiB"],
        &["volume c as /x 2KiB"],
        &["volume c as /c 1KiB", "volume c as /d 1KiB"],
        "",
    );
}

#[test]
fn a_folder_beside_or_above_is_not_covered() {
    check(&["dir /srvx as /a read"], &["dir /srv as / read"], &[], "- dir /srvx as /a read\n");
    check(&["dir ./x as /a read"], &["dir / as / read"], &[], "- dir ./x as /a read\n");
    let base: HostPath = "/home/joe".parse().unwrap();
    let asked = grants(&["dir ../../etc as /a read"]).resolve(&base);
    assert_eq!(asked.to_string(), "dir /etc as /a read\n");
    assert!(!grants(&["dir /home as / read"]).covers(&asked));
}

#[test]
fn connections_that_share_a_name_and_no_port_leave_its_lookup() {
    check(
        &["tcp connect x.org:443"],
        &["tcp connect x.org:80"],
        &["dns x.org"],
        "- tcp connect x.org:443\n+ dns x.org\n",
    );
}

#[test]
fn a_variable_is_covered_whatever_its_value_by_its_name_and_only_then() {
    check(&["env LOG=info"], &["env LOG"], &["env LOG=info"], "");
    check(&["env LOG=info"], &["env LOG=debug"], &[], "- env LOG=info\n");
    check(&["env LOG"], &["env LOG=info"], &["env LOG=info"], "- env LOG\n+ env LOG=info\n");
}

#[test]
fn limits_above_a_ceiling_are_refused_or_lowered_and_defaults_are_lowered() {
    let ceiling = |mode| Ceiling {
        grants: GrantSet::default(),
        limits: limits(&["memory=32MiB", "time=1s", "queue=256"]),
        mode,
    };
    let none = GrantSet::default();
    let asked = limits(&["memory=1GiB", "time=500ms"]);
    let narrow = ceiling(Mode::Narrow).apply(&none, &asked, Profile::Run).unwrap();
    assert_eq!(narrow.limits.memory().to_string(), "32MiB");
    assert_eq!(narrow.limits.get(LimitName::Time).to_string(), "500ms");
    assert_eq!(narrow.limits.queue(), 128);
    assert_eq!(narrow.difference.to_string(), "limit memory: 1GiB -> 32MiB\n");
    let refusal = ceiling(Mode::Strict).apply(&none, &asked, Profile::Run).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "asks for more than the ceiling allows:\nlimit memory: 1GiB -> 32MiB\nask for less, or raise the ceiling"
    );
    let unasked = ceiling(Mode::Strict).apply(&none, &limits(&[]), Profile::Run).unwrap();
    assert_eq!(unasked.limits.memory().to_string(), "32MiB");
    assert_eq!(
        unasked.limits.get(LimitName::Time).to_string(),
        "1s",
        "no limit at all is above every ceiling"
    );
}

#[test]
fn the_command_line_goes_over_the_manifest_and_two_ceilings_make_the_lower_one() {
    let manifest = limits(&["memory=32MiB", "time=2s"]);
    let line = limits(&["time=5s", "cpu=1s"]);
    let over = line.over(&manifest);
    assert_eq!(format!("{over:?}"), "{memory: 32MiB, time: 5s, cpu: 1s}");
    assert_eq!(format!("{:?}", line.meet(&manifest)), "{memory: 32MiB, time: 2s, cpu: 1s}");
    assert_eq!(over.above(&limits(&["time=4s", "memory=32MiB"])).len(), 1);
    let (clamped, lowered) = Limits::defaults(Profile::Serve).clamp(&limits(&["time=1m", "queue=1"]));
    assert_eq!((clamped.queue(), lowered.len()), (1, 1));
    assert_eq!((lowered[0].from, lowered[0].to), (LimitValue::Count(128), LimitValue::Count(1)));
}
