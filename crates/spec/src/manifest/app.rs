//! From a document to an app.

use super::checks::{Routes, check_grants, check_triggers};
use super::read::{Reader, Value};
use super::{Function, Isolation, Manifest, Problems};
use crate::grant::{Grant, GrantSet};
use crate::limits::{LimitName, LimitOverrides};
use crate::line::{Shown, SyntaxError};
use crate::name::Name;
use crate::trigger::Trigger;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;
use toml::de::{DeTable, DeValue};

/// The longest manifest, in bytes.
pub(super) const MANIFEST_BYTES_MAX: usize = 1 << 20;
/// The most triggers, and the most grants, of a function.
pub(super) const LINES_MAX: usize = 256;
/// The longest version, in characters.
const VERSION_CHARS_MAX: usize = 128;

const APP_KEYS: [&str; 4] = ["name", "version", "isolation", "functions"];
const FUNCTION_KEYS: [&str; 7] = ["component", "build", "on", "grants", "limits", "args", "reuse"];

/// A line of a list and its place.
pub(super) type Placed<T> = (Range<usize>, T);

pub(super) fn read(text: &str, file: &str) -> Result<Manifest, Problems> {
    if text.len() > MANIFEST_BYTES_MAX {
        let (mut reader, _) = Reader::open("", file);
        let what = format!("the manifest has {} bytes", text.len());
        reader.problem(0..0, what, format!("make two apps of it: the most is {MANIFEST_BYTES_MAX}"));
        return reader.close(None);
    }
    let (mut reader, table) = Reader::open(text, file);
    let app = reader.app(table.get_ref());
    reader.close(app)
}

impl Reader<'_> {
    fn app(&mut self, table: &DeTable<'_>) -> Option<Manifest> {
        // Behind a table's broken header, its keys seem to be the app's.
        let known = if self.broken { [&APP_KEYS[..], &FUNCTION_KEYS].concat() } else { APP_KEYS.to_vec() };
        self.unknown_keys(table, &known, "an app", app_hint);
        let name = self.required(table, "name", 0..0, "name = \"…\", the app's name");
        let name = name.and_then(|value| self.parsed(value, "name"));
        let version = self.required(table, "version", 0..0, "version = \"0.1.0\"");
        let version = version.and_then(|value| self.version(value));
        let isolation = table.get("isolation").and_then(|value| self.isolation(value)).unwrap_or_default();
        let functions = self.required(table, "functions", 0..0, "a table [functions.NAME] for each function");
        let functions = functions.and_then(|value| self.functions(value));
        Some(Manifest { name: name?, version: version?, isolation, functions: functions? })
    }

    fn version(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.string(value, "version")?;
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-_".contains(&b));
        if text.is_empty() || text.len() > VERSION_CHARS_MAX || !plain {
            let remedy =
                format!("write 1 to {VERSION_CHARS_MAX} letters, digits and . + - _, e.g. \"0.3.1\"");
            self.problem(value.span(), format!("{} is no version", Shown(text)), remedy);
            return None;
        }
        Some(text.to_owned())
    }

    fn isolation(&mut self, value: &Value<'_>) -> Option<Isolation> {
        match self.string(value, "isolation")? {
            "tenant" => Some(Isolation::Tenant),
            "app" => Some(Isolation::App),
            other => {
                let remedy =
                    "write \"app\" for a process of its own, or \"tenant\" for the one of its tenant";
                self.problem(value.span(), format!("{} is no isolation", Shown(other)), remedy);
                None
            }
        }
    }

    fn functions(&mut self, value: &Value<'_>) -> Option<BTreeMap<Name, Function>> {
        let table = self.table(value, "functions")?;
        if table.is_empty() {
            self.problem(value.span(), "an app without functions", "add a table [functions.NAME]");
        }
        let mut functions = BTreeMap::new();
        let mut routes = Routes::default();
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = key.get_ref().parse::<Name>().map_err(|error| self.invalid(key.span(), error)).ok();
            let function = self.function(key.span(), key.get_ref(), value, &mut routes);
            functions.extend(name.zip(function));
        }
        Some(functions)
    }

    fn function(
        &mut self,
        key: Range<usize>,
        name: &str,
        value: &Value<'_>,
        routes: &mut Routes,
    ) -> Option<Function> {
        let table = self.table(value, &format!("the function {name}"))?;
        self.unknown_keys(table, &FUNCTION_KEYS, "a function", function_hint);
        let component = self.required(table, "component", key, "component = \"….wasm\"");
        let component = component.and_then(|value| self.parsed(value, "component"));
        let build = table.get("build").and_then(|value| self.build(value));
        let on = self.lines::<Trigger>(table, "on");
        check_triggers(self, &on);
        routes.add(self, name, &on);
        let grants = self.lines::<Grant>(table, "grants");
        check_grants(self, &grants);
        let limits = table.get("limits").map(|value| self.limits(value)).unwrap_or_default();
        let args = table.get("args").map(|value| self.args(value)).unwrap_or_default();
        let reuse = table.get("reuse").and_then(|value| self.reuse(value));
        let on = on.into_iter().map(|(_, trigger)| trigger).collect();
        let grants = GrantSet::new(grants.into_iter().map(|(_, grant)| grant));
        Some(Function { component: component?, build, on, grants, limits, args, reuse })
    }

    fn build(&mut self, value: &Value<'_>) -> Option<String> {
        let text = self.string(value, "build")?;
        if text.trim().is_empty() {
            self.problem(value.span(), "an empty build command", "write the command, or leave build out");
        }
        Some(text.to_owned())
    }

    pub(super) fn limits(&mut self, value: &Value<'_>) -> LimitOverrides {
        let mut limits = LimitOverrides::default();
        let table = self.table(value, "limits");
        for (key, value) in table.into_iter().flatten() {
            let limit = match key.get_ref().parse::<LimitName>() {
                Ok(limit) => limit,
                Err(error) => {
                    self.invalid(key.span(), error);
                    continue;
                }
            };
            let text = match value.get_ref() {
                DeValue::Integer(number) => Some(number.to_string()),
                _ => self.string(value, &format!("the limit {limit}")).map(str::to_owned),
            };
            if let Some(Err(error)) = text.map(|text| limits.set(limit, &text)) {
                self.problem(value.span(), format!("limit {limit}: {}", error.what), error.remedy);
            }
        }
        limits
    }

    fn args(&mut self, value: &Value<'_>) -> Vec<String> {
        let args = self.strings(value, "args");
        for (span, arg) in &args {
            if arg.contains('\0') {
                self.problem(
                    span.clone(),
                    "a NUL in an argument",
                    "leave it out: no program can be given one",
                );
            }
        }
        args.into_iter().map(|(_, arg)| arg.to_owned()).collect()
    }

    fn reuse(&mut self, value: &Value<'_>) -> Option<NonZeroU32> {
        let number = value.get_ref().as_integer();
        let number =
            number.and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok()).and_then(NonZeroU32::new);
        if number.is_none() {
            let remedy =
                "write how many requests one instance may answer, e.g. 100; leave it out for one each";
            self.problem(value.span(), "reuse is no number of requests", remedy);
        }
        number
    }

    /// A list of grants or triggers.
    pub(super) fn lines<T: FromStr<Err = SyntaxError>>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
    ) -> Vec<Placed<T>> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let lines = self.strings(value, key);
        if let Some((span, _)) = lines.get(LINES_MAX) {
            let what = format!("more than {LINES_MAX} lines in {key}");
            self.problem(span.clone(), what, "use wildcards, or make two functions of it");
        }
        let mut read = Vec::new();
        for (span, line) in lines.into_iter().take(LINES_MAX) {
            match line.parse::<T>() {
                Ok(parsed) => read.push((span, parsed)),
                Err(error) => {
                    let at = self.inside(&span, line, &error.at);
                    self.problem(
                        at,
                        format!("{} {}: {}", error.subject, Shown(line), error.what),
                        error.remedy,
                    );
                }
            }
        }
        read
    }
}

fn app_hint(key: &str) -> Option<String> {
    if FUNCTION_KEYS.contains(&key) {
        return Some("write it in a table [functions.NAME]: it belongs to a function".to_owned());
    }
    ["function", "app", "application"].contains(&key).then(|| match key {
        "function" => "did you mean \"functions\"?".to_owned(),
        _ => "write name and version at the top, without a table".to_owned(),
    })
}

fn function_hint(key: &str) -> Option<String> {
    if let Ok(limit) = key.parse::<LimitName>() {
        return Some(format!("write limits = {{ {limit} = … }}"));
    }
    Some(match key {
        "env" | "environment" => "write grants = [\"env NAME=value\"]".to_owned(),
        "secrets" => "write grants = [\"secret NAME\"]".to_owned(),
        "dirs" | "files" | "mounts" | "volumes" => "write grants = [\"dir HOST as GUEST read\"]".to_owned(),
        "source" | "wasm" | "module" | "artifact" => "did you mean \"component\"?".to_owned(),
        "trigger" | "triggers" | "route" | "routes" => "did you mean \"on\"?".to_owned(),
        "grant" | "permissions" | "capabilities" => "did you mean \"grants\"?".to_owned(),
        _ => return None,
    })
}
