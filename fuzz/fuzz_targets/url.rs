//! A host and a path as a guest may send them: what is canonical stays so, and no pattern names an ambiguous path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tombolo_spec::grant::{Host, HostPattern, PathPattern, canonical_path};

fuzz_target!(|text: &str| {
    let (host, path) = text.split_once('\n').unwrap_or((text, text));
    check_host(host);
    check_path(path);
});

fn check_host(text: &str) {
    if let Ok(Host::Name(name)) = text.parse::<Host>() {
        assert_eq!(name.as_str().parse::<Host>(), Ok(Host::Name(name.clone())));
        assert!(name.as_str().is_ascii() && !name.as_str().contains(['@', ':', '/', '%', '\0', ' ']));
    }
    if let Ok(pattern) = text.parse::<HostPattern>() {
        assert_eq!(pattern.to_string().parse::<HostPattern>().as_ref(), Ok(&pattern));
        assert!(pattern.covers(&pattern));
    }
}

fn check_path(text: &str) {
    let everything = PathPattern { segments: Vec::new(), rest: true };
    match canonical_path(text) {
        Ok(path) => {
            assert_eq!(canonical_path(&path).as_deref(), Ok(&*path));
            assert!(everything.matches(text));
            assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
            let literal = PathPattern::parse(&path).expect("a canonical path is a pattern of itself");
            assert!(literal.matches(text));
        }
        Err(_) => assert!(!everything.matches(text)),
    }
    if let Ok(pattern) = PathPattern::parse(text) {
        assert_eq!(PathPattern::parse(&pattern.to_string()), Ok(pattern));
    }
}
