//! A ceiling as a file, `ceiling.toml`.

use super::Problems;
use super::read::{Reader, Value};
use crate::ceiling::{Ceiling, Mode};
use crate::grant::{Grant, GrantSet};

const KEYS: [&str; 3] = ["mode", "grants", "limits"];

impl Ceiling {
    /// Reads a ceiling. `file_name` is for messages only; nothing is opened.
    ///
    /// Fails with all problems at once, in the order of the text.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, Problems> {
        let (mut reader, table) = Reader::open(text, file_name);
        let table = table.get_ref();
        reader.unknown_keys(table, &KEYS, "a ceiling", |_| None);
        let mode = table.get("mode").map_or(Some(Mode::default()), |value| reader.mode(value));
        let grants = reader.lines::<Grant>(table, "grants").into_iter().map(|(_, grant)| grant);
        let grants = GrantSet::new(grants);
        let limits = table.get("limits").map(|value| reader.limits(value)).unwrap_or_default();
        reader.close(mode.map(|mode| Self { grants, limits, mode }))
    }
}

impl Reader<'_> {
    fn mode(&mut self, value: &Value<'_>) -> Option<Mode> {
        match self.string(value, "mode")? {
            "strict" => Some(Mode::Strict),
            "narrow" => Some(Mode::Narrow),
            other => {
                let remedy = "write \"strict\" to refuse what asks for more, or \"narrow\" to give less";
                self.problem(value.span(), format!("{other:?} is no mode"), remedy);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_has_grants_limits_and_a_mode() {
        let text = "mode = \"narrow\"\ngrants = [\"env LOG\"]\nlimits = { memory = \"32MiB\" }\n";
        let ceiling = Ceiling::parse(text, "ceiling.toml").expect("a ceiling");
        assert_eq!(ceiling.mode, Mode::Narrow);
        assert_eq!(ceiling.grants.to_string(), "env LOG\n");
        assert!(!ceiling.limits.is_empty());
        assert_eq!(Ceiling::parse("", "ceiling.toml").expect("nothing at all"), Ceiling::default());
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let text = "mode = \"lax\"\ngrants = [\"env *\"]\ngrant = []\nlimits = { memory = \"much\" }\n";
        let problems = Ceiling::parse(text, "ceiling.toml").expect_err("four problems");
        assert_eq!(problems.len(), 4, "{problems}");
    }
}
