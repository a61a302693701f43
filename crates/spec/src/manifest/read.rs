//! Reading a manifest: from TOML with spans to [`Manifest`], collecting every problem on the way.

use super::{Function, Manifest, Problem, Problems, Source};
use crate::grant::{Grant, GrantSet};
use crate::limits::{LimitName, LimitOverrides};
use crate::line::SyntaxError;
use crate::name::Name;
use crate::suggest::closest;
use crate::trigger::Trigger;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) fn manifest(text: &str, file_name: &str) -> Result<Manifest, Problems> {
    let mut reader = Reader { text, file: file_name, problems: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        reader.problem(span, error.message().to_owned(), "see https://toml.io/en/v1.0.0");
    }
    let manifest = reader.app(table.get_ref());
    match manifest {
        Some(manifest) if reader.problems.is_empty() => Ok(manifest),
        _ => Err(Problems::new(reader.problems)),
    }
}

struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    problems: Vec<Problem>,
}

type Value<'i> = Spanned<DeValue<'i>>;

const APP_KEYS: [&str; 3] = ["name", "version", "functions"];
const FUNCTION_KEYS: [&str; 7] = ["component", "build", "on", "grants", "limits", "args", "reuse"];

impl Reader<'_> {
    fn problem(&mut self, span: Range<usize>, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::new(self.file, self.text, span, what.into(), remedy.into()));
    }

    fn app(&mut self, table: &DeTable<'_>) -> Option<Manifest> {
        self.unknown_keys(table, &APP_KEYS, "an app");
        let name = self.required(table, "name", 0..0).and_then(|value| self.parsed::<Name>(value, "name"));
        let version = self.required(table, "version", 0..0).and_then(|value| self.string(value, "version"));
        let functions =
            self.required(table, "functions", 0..0).and_then(|value| self.table(value, "functions"));
        let functions = self.functions(functions?);
        Some(Manifest { name: name?, version: version?, functions })
    }

    fn functions(&mut self, table: &DeTable<'_>) -> BTreeMap<Name, Function> {
        let mut functions = BTreeMap::new();
        for (key, value) in table {
            let name = match key.get_ref().parse::<Name>() {
                Ok(name) => Some(name),
                Err(e) => {
                    self.problem(key.span(), e.what, e.remedy);
                    None
                }
            };
            let function =
                self.table(value, key.get_ref()).and_then(|table| self.function(key.span(), table));
            if let (Some(name), Some(function)) = (name, function) {
                functions.insert(name, function);
            }
        }
        functions
    }

    fn function(&mut self, key: Range<usize>, table: &DeTable<'_>) -> Option<Function> {
        self.unknown_keys(table, &FUNCTION_KEYS, "a function");
        let component = self
            .required(table, "component", key)
            .and_then(|value| self.parsed::<Source>(value, "component"));
        let build = table.get("build").and_then(|value| self.string(value, "build"));
        let on = self.lines::<Trigger>(table, "on");
        let grants = self.lines::<Grant>(table, "grants");
        let limits = table.get("limits").map(|value| self.limits(value)).unwrap_or_default();
        let args = table.get("args").map(|value| self.strings(value, "args")).unwrap_or_default();
        let reuse = table.get("reuse").and_then(|value| self.count(value));
        let args = args.into_iter().map(|(_, text)| text).collect();
        Some(Function {
            component: component?,
            build,
            on,
            grants: GrantSet::new(grants),
            limits,
            args,
            reuse,
        })
    }

    fn limits(&mut self, value: &Value<'_>) -> LimitOverrides {
        let mut limits = LimitOverrides::default();
        let Some(table) = self.table(value, "limits") else { return limits };
        for (key, value) in table {
            match key.get_ref().parse::<LimitName>() {
                Err(e) => self.problem(key.span(), format!("{:?} is no limit", e.name), e.remedy),
                Ok(limit) => {
                    let Some(text) = self.limit_text(value) else { continue };
                    if let Err(e) = limits.set(limit, &text) {
                        self.problem(value.span(), format!("limit {limit}: {}", e.what), e.remedy);
                    }
                }
            }
        }
        limits
    }

    fn limit_text(&mut self, value: &Value<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            _ => self.string(value, "a limit"),
        }
    }

    fn count(&mut self, value: &Value<'_>) -> Option<NonZeroU32> {
        let number = value.get_ref().as_integer().and_then(|n| n.as_str().parse().ok());
        if number.is_none() {
            self.problem(
                value.span(),
                "reuse is no count",
                "write how many requests one instance may answer, e.g. 100",
            );
        }
        number
    }

    fn lines<T: FromStr<Err = SyntaxError>>(&mut self, table: &DeTable<'_>, key: &str) -> Vec<T> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let mut lines = Vec::new();
        for (span, line) in self.strings(value, key) {
            match line.parse::<T>() {
                Ok(line) => lines.push(line),
                Err(e) => self.problem(span, format!("{} {line:?}: {}", e.subject, e.what), e.remedy),
            }
        }
        lines
    }

    fn strings(&mut self, value: &Value<'_>, key: &str) -> Vec<(Range<usize>, String)> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(value, key, "a list of texts");
            return Vec::new();
        };
        array.iter().filter_map(|item| Some((item.span(), self.string(item, key)?))).collect()
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, value: &Value<'_>, key: &str) -> Option<T> {
        let text = self.string(value, key)?;
        text.parse()
            .map_err(|e: T::Err| {
                let message = e.to_string();
                let (what, remedy) =
                    message.split_once("; ").unwrap_or((message.as_str(), "see docs/manifest.md"));
                self.problem(value.span(), what, remedy);
            })
            .ok()
    }

    fn string(&mut self, value: &Value<'_>, key: &str) -> Option<String> {
        if let Some(text) = value.get_ref().as_str() {
            return Some(text.to_owned());
        }
        self.wrong_type(value, key, "a text in quotes");
        None
    }

    fn table<'v, 'i>(&mut self, value: &'v Value<'i>, key: &str) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong_type(value, key, "a table");
        }
        table
    }

    fn wrong_type(&mut self, value: &Value<'_>, key: &str, wanted: &str) {
        let found = value.get_ref().type_str();
        self.problem(value.span(), format!("{key} is of type {found}"), format!("write {wanted}"));
    }

    fn required<'v, 'i>(
        &mut self,
        table: &'v DeTable<'i>,
        key: &str,
        at: Range<usize>,
    ) -> Option<&'v Value<'i>> {
        let value = table.get(key);
        if value.is_none() {
            self.problem(at, format!("{key} is missing"), format!("add {key} = …"));
        }
        value
    }

    fn unknown_keys(&mut self, table: &DeTable<'_>, known: &[&str], what: &str) {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let remedy = match closest(name, known.iter().copied()) {
                Some(guess) => format!("did you mean {guess:?}?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.problem(key.span(), format!("{name:?} is no key of {what}"), remedy);
        }
    }
}
