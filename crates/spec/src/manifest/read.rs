//! Values of a TOML document, read with their places; what does not fit becomes a problem.

use super::problem::Lines;
use super::{Problem, Problems};
use crate::invalid::Invalid;
use crate::line::Shown;
use crate::suggest::did_you_mean;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// The most problems that are reported; nobody reads on, and the next run shows the rest.
const PROBLEMS_MAX: usize = 1000;

/// Collects problems while a document is read.
pub(super) struct Reader<'t> {
    lines: Lines<'t>,
    file: &'t str,
    problems: Vec<Problem>,
    /// True when the text is no TOML: what seems to be missing may be hidden behind the fault.
    pub(super) broken: bool,
}

impl<'t> Reader<'t> {
    /// Reads the text as TOML as far as it is TOML.
    pub(super) fn open(text: &'t str, file: &'t str) -> (Self, Spanned<DeTable<'t>>) {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader =
            Self { lines: Lines::new(text), file, problems: Vec::new(), broken: !errors.is_empty() };
        for error in errors {
            let remedy = if error.message().contains("duplicate key") {
                "delete one of the two"
            } else {
                "correct the TOML: texts stand in double quotes, lists in [ ]"
            };
            reader.problem(error.span().unwrap_or(0..0), error.message(), remedy);
        }
        (reader, table)
    }

    /// The value, if nothing was wrong.
    pub(super) fn close<T>(self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Problems::new(self.problems)),
        }
    }

    pub(super) fn problem(&mut self, span: Range<usize>, what: impl Into<String>, remedy: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(self.lines.problem(self.file, span, what.into(), remedy.into()));
        }
    }

    pub(super) fn invalid(&mut self, span: Range<usize>, error: Invalid) {
        self.problem(span, error.what, error.remedy);
    }

    /// The line, from 1, that a place is in.
    pub(super) fn line_of(&self, place: usize) -> usize {
        self.lines.number(place)
    }

    /// A value that must be there; `at` is where its absence is reported.
    pub(super) fn required<'v, 'i>(
        &mut self,
        table: &'v DeTable<'i>,
        key: &str,
        at: Range<usize>,
        example: &str,
    ) -> Option<&'v Value<'i>> {
        let value = table.get(key);
        if value.is_none() && !self.broken {
            self.problem(at, format!("{key} is missing"), format!("add {example}"));
        }
        value
    }

    /// Reports keys that nobody reads; `hints` knows better remedies for some.
    pub(super) fn unknown_keys(
        &mut self,
        table: &DeTable<'_>,
        known: &[&str],
        what: &str,
        hint: impl Fn(&str) -> Option<String>,
    ) {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) && self.problems.len() < PROBLEMS_MAX {
                let remedy = hint(name).unwrap_or_else(|| did_you_mean(name, known.iter().copied()));
                self.problem(key.span(), format!("{} is no key of {what}", Shown(name)), remedy);
            }
        }
    }

    pub(super) fn parsed<T: FromStr<Err = Invalid>>(&mut self, value: &Value<'_>, key: &str) -> Option<T> {
        let text = self.string(value, key)?;
        text.parse().map_err(|error| self.invalid(value.span(), error)).ok()
    }

    pub(super) fn string<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(value, key, "a text in quotes");
        }
        text
    }

    pub(super) fn table<'v, 'i>(&mut self, value: &'v Value<'i>, key: &str) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(value, key, "a table");
        }
        table
    }

    /// A list of texts, each with its place.
    pub(super) fn strings<'v>(&mut self, value: &'v Value<'_>, key: &str) -> Vec<(Range<usize>, &'v str)> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a list of texts, [\"…\"]");
            return Vec::new();
        };
        array.iter().filter_map(|item| Some((item.span(), self.string(item, key)?))).collect()
    }

    /// The place of bytes within a text, where the document shows the text as it is.
    pub(super) fn inside(&self, span: &Range<usize>, text: &str, at: &Range<usize>) -> Range<usize> {
        let raw = self.lines.text.get(span.clone()).unwrap_or_default();
        let quoted = raw.len() == text.len() + 2 && raw.get(1..raw.len() - 1) == Some(text);
        if quoted { span.start + 1 + at.start..span.start + 1 + at.end } else { span.clone() }
    }

    fn wrong_type(&mut self, value: &Value<'_>, key: &str, wanted: &str) {
        let found = value.get_ref().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.problem(value.span(), format!("{key} is {article} {found}"), format!("write {wanted}"));
    }
}
