//! Single grants: `covers` and `meet` against what the grants permit.

use crate::world::{WORLD, grant, three};
use proptest::prelude::*;
use tombolo_spec::{Grant, GrantKind};

/// The two permit the same: only guest paths, which are no authority, may differ.
fn equivalent(a: &Grant, b: &Grant) -> bool {
    a == b
        || a.kind() == b.kind()
            && matches!(a.kind(), GrantKind::Dir | GrantKind::Volume)
            && a.covers(b)
            && b.covers(a)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_as_the_same_grant(grant in grant()) {
        let text = grant.to_string();
        let again: Grant = text.parse().expect(&text);
        prop_assert_eq!(&again, &grant);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn one_covers_another_exactly_when_it_permits_all_that_the_other_permits((a, b, _) in three()) {
        let escaped = WORLD.iter().find(|request| b.permits(request) && !a.permits(request));
        prop_assert_eq!(a.covers(&b), escaped.is_none(), "{} covers {}: {:?}", a, b, escaped);
    }

    #[test]
    fn a_meet_permits_exactly_what_both_permit((a, b, _) in three()) {
        let met = a.meet(&b);
        for request in WORLD.iter() {
            let both = a.permits(request) && b.permits(request);
            let permitted = met.as_ref().is_some_and(|met| met.permits(request));
            prop_assert_eq!(permitted, both, "{} meets {} in {:?}: {:?}", a, b, met, request);
        }
    }

    #[test]
    fn a_meet_is_the_greatest_lower_bound((a, b, c) in three()) {
        let met = a.meet(&b);
        if let Some(met) = &met {
            prop_assert!(a.covers(met) && b.covers(met), "{} and {} do not cover {}", a, b, met);
        }
        if a.covers(&c) && b.covers(&c) {
            prop_assert!(met.is_some_and(|met| met.covers(&c)), "{} is below {} and {}", c, a, b);
        }
    }

    #[test]
    fn covers_is_an_order((a, b, c) in three()) {
        prop_assert!(a.covers(&a), "{} does not cover itself", a);
        prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c), "{} over {} over {}", a, b, c);
        prop_assert!(!(a.covers(&b) && b.covers(&a)) || equivalent(&a, &b), "{} and {} cover each other", a, b);
    }

    #[test]
    fn meets_can_be_taken_in_any_order((a, b, c) in three()) {
        prop_assert_eq!(a.meet(&a), Some(a.clone()));
        let same = |x: Option<Grant>, y: Option<Grant>| match (x, y) {
            (Some(x), Some(y)) => equivalent(&x, &y),
            (x, y) => x == y,
        };
        prop_assert!(same(a.meet(&b), b.meet(&a)), "{} and {}", a, b);
        let left = a.meet(&b).and_then(|ab| ab.meet(&c));
        let right = b.meet(&c).and_then(|bc| a.meet(&bc));
        prop_assert!(same(left, right), "{}, {}, {}", a, b, c);
    }

    #[test]
    fn a_meet_can_be_printed_and_read((a, b, _) in three()) {
        if let Some(met) = a.meet(&b) {
            prop_assert_eq!(met.to_string().parse::<Grant>().expect("a meet is a grant"), met);
        }
    }
}

#[test]
fn every_kind_permits_something_and_not_everything_in_the_world() {
    for kind in GrantKind::ALL {
        let line = match kind {
            GrantKind::Dir => "dir /srv as / read",
            GrantKind::Volume => "volume cache as / 1KiB",
            GrantKind::Env => "env A=1",
            GrantKind::Secret => "secret a",
            GrantKind::Http => "http GET https://*/*",
            GrantKind::TcpConnect => "tcp connect *:443",
            GrantKind::ListenTcp => "listen tcp 80",
            GrantKind::UdpConnect => "udp connect *:443",
            GrantKind::Dns => "dns *",
            GrantKind::Random => "random",
            GrantKind::Clock => "clock 1ms",
            GrantKind::Kv => "kv jobs read",
            GrantKind::Topic => "topic publish a/#",
        };
        let grant: Grant = line.parse().unwrap();
        let permitted = WORLD.iter().filter(|request| grant.permits(request)).count();
        assert!(permitted > 0 && permitted < WORLD.len(), "{grant} permits {permitted} of {}", WORLD.len());
    }
}
