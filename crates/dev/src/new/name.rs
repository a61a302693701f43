//! Which names a project can have.

use tombolo_spec::Name;

use crate::language::Language;

/// Names that Cargo keeps for its own folders, or rustc for its own crates.
const TAKEN_IN_RUST: [&str; 9] =
    ["alloc", "build", "core", "deps", "examples", "incremental", "proc-macro", "std", "test"];

/// Why `name` cannot be the name of a project in this language, with what to do about it.
pub(crate) fn fault(name: &str, language: Language) -> Option<String> {
    if let Err(error) = name.parse::<Name>() {
        return Some(error.to_string());
    }
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Some(format!(
            "the name {name:?} starts with a digit, which a package's name cannot; put a letter first"
        ));
    }
    let taken = language == Language::Rust && TAKEN_IN_RUST.contains(&name);
    taken.then(|| {
        format!("the name {name:?} means something else to Rust's tools; choose another, e.g. \"my-{name}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label_that_every_tool_accepts() {
        for name in ["greet", "a", "greet-2", "std-logger"] {
            assert_eq!(fault(name, Language::Rust), None, "{name}");
        }
        for name in ["", "Greet", "../greet", "a/b", "-greet", "greet-", "2nd", "grüße", "a b", "std"] {
            assert!(fault(name, Language::Rust).is_some(), "{name}");
        }
        assert_eq!(fault("std", Language::Go), None);
    }
}
