//! Any text is a grant or an error with a place in it; a grant reads back from what it prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tombolo_spec::Grant;

fuzz_target!(|text: &str| {
    match text.parse::<Grant>() {
        Ok(grant) => {
            let printed = grant.to_string();
            assert_eq!(printed.parse::<Grant>().as_ref(), Ok(&grant), "{printed:?}");
            assert!(grant.covers(&grant));
            assert_eq!(grant.meet(&grant).as_ref(), Some(&grant));
            assert!(!printed.contains('\n') && !grant.meaning().contains('\n'));
        }
        Err(error) => {
            assert!(error.at.start <= error.at.end && error.at.end <= text.len());
            assert!(!error.what.is_empty() && !error.remedy.is_empty());
            assert!(format!("{error:#}").lines().count() <= 3);
        }
    }
});
