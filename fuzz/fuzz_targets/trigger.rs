//! Any text is a trigger or an error with a place in it; a trigger reads back from what it prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tombolo_spec::{LimitOverrides, Trigger};

fuzz_target!(|text: &str| {
    match text.parse::<Trigger>() {
        Ok(trigger) => {
            let printed = trigger.to_string();
            assert_eq!(printed.parse::<Trigger>(), Ok(trigger), "{printed:?}");
        }
        Err(error) => assert!(error.at.end <= text.len() && !error.remedy.is_empty()),
    }
    let mut limits = LimitOverrides::default();
    if limits.set_line(text).is_ok() {
        let (limit, value) = limits.iter().next().expect("a limit was written");
        let mut again = LimitOverrides::default();
        again.set(limit, &value.to_string()).expect("a value reads back");
        assert_eq!(again, limits);
    }
});
