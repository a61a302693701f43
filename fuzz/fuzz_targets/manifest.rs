//! Any text is a manifest or a list of problems, each with a place in it, in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tombolo_spec::Manifest;

fuzz_target!(|text: &str| {
    match Manifest::parse(text, "fuzz.toml") {
        Ok(manifest) => {
            assert!(!manifest.functions.is_empty());
            assert!(manifest.functions.values().all(|function| function.grants.conflicts().is_empty()));
        }
        Err(problems) => {
            let places: Vec<_> = problems.iter().map(|problem| (problem.line, problem.column)).collect();
            assert!(!places.is_empty() && places.is_sorted());
            assert!(problems.iter().all(|problem| !problem.what.is_empty() && !problem.remedy.is_empty()));
            assert!(places.iter().all(|(line, _)| *line <= text.matches('\n').count() + 1));
            let _ = format!("{problems:#}");
        }
    }
});
