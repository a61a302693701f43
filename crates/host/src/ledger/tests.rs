use std::sync::Mutex;

use tombolo_spec::Grant;

use super::needs::NEEDS_MAX;
use super::*;

#[derive(Default)]
struct Seen(Mutex<Vec<u64>>);

impl RefusalSink for Seen {
    fn refused(&self, refusal: &Refusal) {
        self.0.lock().unwrap().push(refusal.count);
    }
}

fn no_grant<'a>(request: &'a str, near: Option<&'a GrantId>) -> Refused<'a> {
    Refused { request, near, reason: Reason::NoGrant, remedy: Some(request.to_owned()) }
}

#[test]
fn uses_and_refusals_are_counted_under_their_grant() {
    let grants: GrantSet =
        ["random", "dns example.com"].iter().map(|line| line.parse::<Grant>().unwrap()).collect();
    let ledger = Ledger::new("f", &grants, None);
    let ids: Vec<&GrantId> = grants.iter().map(|(id, _)| id).collect();
    ledger.used(ids[0]);
    ledger.used(ids[0]);
    ledger.refused(no_grant("dns www.example.com", Some(ids[1])));
    ledger.refused(no_grant("dns other.example", None));
    let report = ledger.report();
    let counts: Vec<_> =
        report.grants.iter().map(|line| (line.grant.as_str(), line.used, line.refused)).collect();
    assert_eq!(counts, [("random", 2, 0), ("dns example.com", 0, 1)]);
    assert_eq!(report.refused_without_grant, 1);
    assert_eq!(report.refusals[0].grant.as_deref(), Some("dns example.com"));
}

#[test]
fn equal_refusals_are_one_entry_and_the_sink_hears_each_doubling() {
    let seen = Arc::new(Seen::default());
    let ledger = Ledger::new("f", &GrantSet::default(), Some(seen.clone()));
    for _ in 0..1000 {
        ledger.refused(no_grant("dns a", None));
    }
    assert_eq!(ledger.report().refusals.len(), 1);
    assert_eq!(ledger.report().refusals[0].count, 1000);
    assert_eq!(*seen.0.lock().unwrap(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
}

#[test]
fn the_list_is_bounded_and_says_what_it_dropped() {
    let ledger = Ledger::new("f", &GrantSet::default(), None);
    for n in 0..REFUSALS_MAX + 10 {
        ledger.refused(no_grant(&format!("dns host-{n}"), None));
    }
    let report = ledger.report();
    assert_eq!((report.refusals.len(), report.refusals_dropped), (REFUSALS_MAX, 10));
    assert_eq!(report.refused_without_grant, (REFUSALS_MAX + 10) as u64);
}

#[test]
fn what_a_guest_asked_for_breaks_no_line_and_makes_none_long() {
    let ledger = Ledger::new("f", &GrantSet::default(), None);
    let forged = "dns a\n{\"event\":\"deploy\"}\u{1b}[2J\u{202e}";
    ledger.refused(no_grant(forged, None));
    let long = format!("http GET https://a.example/{}", "a\n".repeat(100_000));
    ledger.refused(Refused { reason: Reason::Host(long.clone()), ..no_grant(&long, None) });
    let refusals = ledger.report().refusals;
    assert_eq!(refusals[0].request, "dns a\\u{a}{\"event\":\"deploy\"}\\u{1b}[2J\\u{202e}");
    for Refusal { request, reason, .. } in &refusals {
        assert!(!request.contains(char::is_control) && !reason.contains(char::is_control));
        assert!(request.chars().count() <= 256 && reason.chars().count() <= 512);
    }
    assert_eq!(refusals[1].remedy, None, "cut it would be another grant");
}

#[test]
fn a_refusal_reads_as_one_line_with_its_remedy() {
    let ledger = Ledger::new("f", &GrantSet::default(), None);
    ledger.refused(no_grant("dns example.com", None));
    let text = ledger.report().refusals[0].to_string();
    assert_eq!(text, "refused: dns example.com: no grant allows it; grant 'dns example.com'");
}

#[test]
fn what_a_grant_was_needed_for_is_remembered_up_to_a_bound() {
    let grants: GrantSet = ["http * https://*/*", "kv store read-write", "random"]
        .iter()
        .map(|line| line.parse::<Grant>().unwrap())
        .collect();
    let ledger = Ledger::new("f", &grants, None);
    let ids: Vec<&GrantId> = grants.iter().map(|(id, _)| id).collect();
    let needs = |index: usize| ledger.report().grants[index].needs.join(" ");
    let get = |path: &str| {
        let scheme = tombolo_spec::grant::Scheme::Https;
        let host = "a.example";
        let request = Request::Http { method: "GET", scheme, host, addr: None, port: 443, path };
        ledger.used_for(&request, ids[0]);
    };
    assert_eq!(needs(1), "", "it was not used");
    ledger.used_to(Access::Read, ids[1]);
    assert_eq!(needs(1), "kv store read");
    ledger.used_to(Access::ReadWrite, ids[1]);
    ledger.used_to(Access::Read, ids[1]);
    assert_eq!(needs(1), "kv store read-write");
    for _ in 0..100 {
        get("/x");
    }
    assert_eq!(needs(0), "http GET https://a.example/x");
    (0..NEEDS_MAX).for_each(|number| get(&format!("/{number}")));
    assert_eq!(needs(0), "", "too many to say");
    assert_eq!(ledger.report().grants[0].used, 100 + NEEDS_MAX as u64);
}
