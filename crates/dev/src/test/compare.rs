//! Whether a text is what a case expects.

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::difference;

/// What a text must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a text, or a table with `contains`, `regex` or `json`")]
pub(crate) enum Text {
    /// This and nothing else.
    Exact(String),
    /// All of these rules hold.
    Rules(Rules),
}

/// Rules for a text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// It has each of these in it.
    #[serde(default)]
    contains: OneOrMore,
    /// It matches this, anywhere unless anchored.
    regex: Option<String>,
    /// It is JSON with at least this in it: objects may have more members, lists are complete.
    json: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> OneOrMore {
        OneOrMore::More(Vec::new())
    }
}

impl Text {
    /// What is wrong with `actual`, in full: nothing if it is as expected.
    pub(super) fn faults(&self, what: &str, actual: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(actual);
        match self {
            Text::Exact(expected) if expected.as_bytes() == actual => Vec::new(),
            Text::Exact(expected) => vec![format!("{what} differs:\n{}", difference::lines(expected, &text))],
            Text::Rules(rules) => rules.faults(what, &text),
        }
    }
}

impl Rules {
    fn faults(&self, what: &str, text: &str) -> Vec<String> {
        let parts = match &self.contains {
            OneOrMore::One(part) => std::slice::from_ref(part),
            OneOrMore::More(parts) => parts,
        };
        let lacking = parts.iter().filter(|part| !text.contains(part.as_str()));
        let mut faults: Vec<String> = lacking
            .map(|part| format!("{what} does not contain {part:?}:\n{}", difference::quoted(text)))
            .collect();
        faults.extend(self.regex.as_deref().and_then(|pattern| regex_fault(what, pattern, text)));
        if let Some(expected) = &self.json {
            faults.extend(json_faults(what, expected, text));
        }
        faults
    }
}

fn regex_fault(what: &str, pattern: &str, text: &str) -> Option<String> {
    match Regex::new(pattern) {
        Err(error) => Some(format!("the regex for {what} is none: {error}")),
        Ok(regex) if regex.is_match(text) => None,
        Ok(_) => Some(format!("{what} does not match {pattern:?}:\n{}", difference::quoted(text))),
    }
}

fn json_faults(what: &str, expected: &Value, text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Err(error) => vec![format!("{what} is not JSON ({error}):\n{}", difference::quoted(text))],
        Ok(actual) => {
            let mut faults = Vec::new();
            subset("$", expected, &actual, &mut faults);
            faults.into_iter().map(|fault| format!("{what}: {fault}")).collect()
        }
    }
}

/// Notes where `actual` lacks something of `expected`, by its JSONPath (RFC 9535).
fn subset(path: &str, expected: &Value, actual: &Value, faults: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                match actual.get(key) {
                    Some(there) => subset(&path, value, there, faults),
                    None => faults.push(format!("{path} is not there; expected {value}")),
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (place, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                subset(&format!("{path}[{place}]"), expected, actual, faults);
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            faults.push(format!("{path} has {} items; expected {}", actual.len(), expected.len()));
        }
        (expected, actual) if equal(expected, actual) => {}
        (expected, actual) => faults.push(format!("{path} is {actual}; expected {expected}")),
    }
}

/// JSON knows one kind of number: 1 and 1.0 are the same.
fn equal(expected: &Value, actual: &Value) -> bool {
    expected == actual || matches!((expected.as_f64(), actual.as_f64()), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rule: &str, actual: &str) -> Vec<String> {
        #[derive(Deserialize)]
        struct Holder {
            rule: Text,
        }
        let holder: Holder = toml::from_str(&format!("rule = {rule}")).unwrap();
        holder.rule.faults("body", actual.as_bytes())
    }

    #[test]
    fn what_is_as_expected_has_no_faults() {
        for (rule, actual) in [
            ("\"a\\n\"", "a\n"),
            ("{ contains = \"b\" }", "abc"),
            ("{ contains = [\"a\", \"c\"] }", "abc"),
            ("{ regex = \"^a.c$\" }", "abc"),
            ("{ json = { a = 1 } }", "{\"a\": 1.0, \"b\": 2}"),
            ("{ json = { list = [{ a = 1 }, {}] } }", "{\"list\": [{\"a\": 1, \"x\": 0}, {\"y\": 0}]}"),
            ("{ contains = \"a\", regex = \"c$\" }", "abc"),
        ] {
            assert_eq!(faults(rule, actual), Vec::<String>::new(), "{rule} {actual}");
        }
    }

    #[test]
    fn every_fault_is_named_with_what_was_expected_and_what_there_is() {
        for (rule, actual, expected) in [
            ("\"a\"", "b", vec!["body differs"]),
            ("\"a\"", "a\n", vec!["body differs"]),
            (
                "{ contains = [\"x\", \"b\", \"y\"] }",
                "abc",
                vec!["does not contain \"x\"", "does not contain \"y\""],
            ),
            ("{ regex = \"^b\" }", "abc", vec!["does not match \"^b\""]),
            ("{ regex = \"(\" }", "abc", vec!["the regex for body is none"]),
            ("{ json = {} }", "abc", vec!["is not JSON"]),
            ("{ json = { a = { b = 1 } } }", "{\"a\": {\"b\": 2}}", vec!["$.a.b is 2; expected 1"]),
            ("{ json = { a = 1 } }", "{}", vec!["$.a is not there; expected 1"]),
            ("{ json = [1, 2] }", "[1]", vec!["$ has 1 items; expected 2"]),
            ("{ json = [1, \"2\"] }", "[1, 2]", vec!["$[1] is 2; expected \"2\""]),
        ] {
            let found = faults(rule, actual);
            assert_eq!(found.len(), expected.len(), "{rule} {actual}: {found:?}");
            for (fault, part) in found.iter().zip(expected) {
                assert!(fault.contains(part), "{rule} {actual}: {fault}");
            }
        }
    }
}
