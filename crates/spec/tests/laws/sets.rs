//! Sets of grants and ceilings.

use crate::world::{WORLD, kind, three};
use proptest::prelude::*;
use tombolo_spec::ceiling::{Ceiling, Mode};
use tombolo_spec::{Grant, GrantSet, LimitOverrides, Profile};

/// Up to nine grants that have something to do with each other.
fn set() -> impl Strategy<Value = GrantSet> {
    prop::collection::vec(three(), 0..=2)
        .prop_map(|threes| threes.into_iter().flat_map(|(a, b, c)| [a, b, c]).collect())
}

/// Two sets that share some grants, so that meets are not empty.
fn sets() -> impl Strategy<Value = (GrantSet, GrantSet)> {
    (set(), set(), set()).prop_map(|(a, b, shared)| (join(&a, &shared), join(&shared, &b)))
}

fn join(a: &GrantSet, b: &GrantSet) -> GrantSet {
    a.grants().chain(b.grants()).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_permits_what_one_of_its_grants_permits(set in set()) {
        for request in WORLD.iter() {
            let first = set.iter().find(|(_, grant)| grant.permits(request)).map(|(id, _)| id);
            prop_assert_eq!(set.find(request), first);
        }
    }

    #[test]
    fn the_meet_of_sets_permits_exactly_what_both_permit((a, b) in sets()) {
        let met = a.meet(&b);
        for request in WORLD.iter() {
            let both = a.permits(request) && b.permits(request);
            prop_assert_eq!(met.permits(request), both, "{:?}\n{}meets\n{}in\n{}", request, a, b, met);
        }
    }

    #[test]
    fn effective_grants_are_within_manifest_tenant_and_ceiling((manifest, tenant) in sets(), ceiling in set()) {
        let effective = manifest.meet(&tenant).meet(&ceiling);
        for request in WORLD.iter() {
            let all = manifest.permits(request) && tenant.permits(request) && ceiling.permits(request);
            prop_assert_eq!(effective.permits(request), all, "{:?}", request);
        }
    }

    #[test]
    fn what_a_ceiling_covers_it_permits((asked, ceiling) in sets()) {
        let above = asked.uncovered_by(&ceiling);
        for (id, grant) in asked.iter().filter(|(_, grant)| above.grants().all(|open| open != *grant)) {
            let escaped = WORLD.iter().find(|request| grant.permits(request) && !ceiling.permits(request));
            prop_assert_eq!(escaped, None, "{} under\n{}", id, ceiling);
        }
        prop_assert_eq!(ceiling.covers(&asked), above.is_empty());
        prop_assert!(asked.covers(&asked));
        prop_assert!(asked.covers(&asked.meet(&ceiling)) && ceiling.covers(&asked.meet(&ceiling)));
    }

    #[test]
    fn a_strict_ceiling_refuses_what_a_narrow_one_takes_away((asked, grants) in sets()) {
        let none = LimitOverrides::default();
        let ceiling = |mode| Ceiling { grants: grants.clone(), limits: none.clone(), mode };
        let narrowed = ceiling(Mode::Narrow).apply(&asked, &none, Profile::Serve).expect("narrow never refuses");
        let strict = ceiling(Mode::Strict).apply(&asked, &none, Profile::Serve);
        prop_assert_eq!(strict.is_err(), !narrowed.difference.is_empty());
        match strict {
            Ok(strict) => prop_assert_eq!(strict, narrowed),
            Err(refusal) => prop_assert_eq!(refusal.0, narrowed.difference),
        }
    }

    #[test]
    fn what_is_left_needless_grants_aside_keeps_every_guest_path((a, b) in sets()) {
        let met = a.meet(&b);
        let all = a.grants().flat_map(|own| b.grants().filter_map(move |theirs| own.meet(theirs)));
        for grant in all {
            let shown = |other: &Grant| other.covers(&grant) && (grant.guest_path().is_none() || reaches(other, &grant));
            prop_assert!(met.grants().any(shown), "{} is gone from\n{}", grant, met);
        }
    }

    #[test]
    fn ids_are_dense_and_texts_are_canonical(set in set(), _kind in kind()) {
        for (i, (id, grant)) in set.iter().enumerate() {
            prop_assert_eq!(id.index(), i);
            prop_assert_eq!(id.text(), grant.to_string());
            prop_assert_eq!(set.get(i), Some((id, grant)));
        }
    }
}

/// The guest path of `inner` is that of `outer` or below it.
fn reaches(outer: &Grant, inner: &Grant) -> bool {
    let (Some(outer), Some(inner)) = (outer.guest_path(), inner.guest_path()) else { return false };
    let outer = outer.as_str().trim_end_matches('/').trim_start_matches('.');
    inner == &outer.parse().unwrap_or_else(|_| inner.clone())
        || inner.as_str().trim_start_matches('.').starts_with(outer)
}
