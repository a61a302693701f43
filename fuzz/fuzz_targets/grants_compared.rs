//! Two grants on two lines: a meet lies below both, reads back from what it prints, and is the same both ways.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tombolo_spec::{Grant, GrantSet};

fuzz_target!(|text: &str| {
    let mut lines = text.lines().map(str::parse::<Grant>);
    let (Some(Ok(a)), Some(Ok(b))) = (lines.next(), lines.next()) else { return };
    let met = a.meet(&b);
    assert_eq!(met.is_some(), b.meet(&a).is_some(), "{a}\n{b}");
    assert_eq!(a.covers(&b), b.meet(&a) == Some(b.clone()), "{a}\n{b}");
    let ceiling = GrantSet::new([b.clone()]);
    let effective = GrantSet::new([a.clone()]).meet(&ceiling);
    assert!(ceiling.covers(&effective));
    let Some(met) = met else { return };
    assert!(a.covers(&met) && b.covers(&met), "{a}\n{b}\n{met}");
    assert_eq!(met.to_string().parse::<Grant>(), Ok(met));
});
