//! A test case as it is written.
//!
//! ```text
//! [[case]]
//! name = "greets by name"
//! request = { path = "/Ada" }                       # or: event = { type, subject, data }, run = { args, stdin }
//! expect.status = 200
//! expect.body = "Hello, Ada!\n"                     # or: { contains = […] }, { regex = "…" }, { json = {…} }
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::compare::Text;
use crate::error::DevError;
use crate::project::Project;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "case")]
    cases: Vec<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    function: Option<String>,
    request: Option<Request>,
    event: Option<Event>,
    run: Option<Run>,
    expect: Expect,
}

/// One thing that goes in, and what must come out.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) function: String,
    pub(crate) input: Input,
    pub(crate) expect: Expect,
}

/// What goes in.
#[derive(Debug)]
pub(crate) enum Input {
    Request(Request),
    Event(Event),
    Run(Run),
}

/// An HTTP request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default = "get")]
    pub(crate) method: String,
    #[serde(default = "slash")]
    pub(crate) path: String,
    #[serde(default = "localhost")]
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    body: Option<String>,
    json: Option<serde_json::Value>,
    file: Option<PathBuf>,
}

/// An event (CloudEvents 1.0).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default = "tests")]
    pub(crate) source: String,
    #[serde(default = "one")]
    pub(crate) id: String,
    pub(crate) subject: Option<String>,
    /// Further attributes.
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
    data: Option<String>,
    json: Option<serde_json::Value>,
    file: Option<PathBuf>,
}

/// A program that is started by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    #[serde(default)]
    pub(crate) args: Vec<String>,
    #[serde(default)]
    pub(crate) stdin: String,
}

/// What must come out. What is not said is not looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// Of a request.
    pub(crate) status: Option<u16>,
    /// Of a request; a header that must not be there is `false`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, HeaderRule>,
    /// Of a request.
    pub(crate) body: Option<Text>,
    /// Of an event: whether it counts as handled.
    pub(crate) taken: Option<bool>,
    /// Of a program.
    pub(crate) exit: Option<i32>,
    /// What the function printed; for a request or an event, in whole lines.
    pub(crate) stdout: Option<Text>,
    pub(crate) stderr: Option<Text>,
    /// What the function asked for and did not get, in the words of a grant: all of it, in any order.
    pub(crate) refused: Option<Vec<String>>,
}

/// What a header must be.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum HeaderRule {
    Present(bool),
    Text(Text),
}

/// Reads all cases of a file and checks that they can be played.
pub(super) fn read(path: &Path, project: &Project) -> Result<Vec<Case>, DevError> {
    let text = std::fs::read_to_string(path).map_err(DevError::file("read", path))?;
    let error = |why: String| DevError::TestFile { path: path.to_owned(), why };
    let file: File = toml::from_str(&text).map_err(|e| error(e.to_string()))?;
    file.cases.into_iter().map(|written| case(written, project).map_err(error)).collect()
}

fn case(written: Written, project: &Project) -> Result<Case, String> {
    let name = written.name;
    let fault = |why: &str| format!("case {name:?}: {why}");
    let input = match (written.request, written.event, written.run) {
        (Some(request), None, None) => Input::Request(request),
        (None, Some(event), None) => Input::Event(event),
        (None, None, Some(run)) => Input::Run(run),
        _ => return Err(fault("write exactly one of `request`, `event` and `run`")),
    };
    let mut functions = project.manifest.functions.keys();
    let function = match (written.function, functions.next(), functions.next()) {
        (Some(function), ..) if project.manifest.function(&function).is_some() => function,
        (Some(function), ..) => return Err(fault(&format!("the manifest has no function {function:?}"))),
        (None, Some(only), None) => only.to_string(),
        // A request finds its function by its route.
        (None, Some(first), _) if matches!(input, Input::Request(_)) => first.to_string(),
        (None, ..) => return Err(fault("the manifest has several functions: say which with `function`")),
    };
    misplaced(&input, &written.expect).map_or(Ok(()), |why| Err(fault(why)))?;
    Ok(Case { name, function, input, expect: written.expect })
}

fn misplaced(input: &Input, expect: &Expect) -> Option<&'static str> {
    let of_request = expect.status.is_some() || expect.body.is_some() || !expect.headers.is_empty();
    match input {
        Input::Request(_) if expect.exit.is_some() || expect.taken.is_some() => {
            Some("a request has `status`, `headers` and `body`, not `exit` or `taken`")
        }
        Input::Event(_) if of_request || expect.exit.is_some() => {
            Some("an event is `taken` or not; it has no `status`, `headers`, `body` or `exit`")
        }
        Input::Run(_) if of_request || expect.taken.is_some() => {
            Some("a program has `exit`, `stdout` and `stderr`, not `status`, `headers`, `body` or `taken`")
        }
        _ => None,
    }
}

impl Case {
    /// Whether it takes more than one process of its own.
    pub(super) fn needs_server(&self) -> bool {
        !matches!(self.input, Input::Run(_))
    }
}

impl Request {
    /// The body, and the media type that goes with it. A file is looked for from `folder`.
    pub(super) fn payload(&self, folder: &Path) -> Result<Payload, String> {
        payload(self.body.as_ref(), self.json.as_ref(), self.file.as_ref(), folder)
    }
}

impl Event {
    /// One without data.
    pub(super) fn plain(kind: &str) -> Event {
        Event {
            kind: kind.to_owned(),
            source: tests(),
            id: one(),
            subject: None,
            attributes: BTreeMap::new(),
            data: None,
            json: None,
            file: None,
        }
    }

    /// The data, and the media type that goes with it. A file is looked for from `folder`.
    pub(crate) fn payload(&self, folder: &Path) -> Result<Payload, String> {
        payload(self.data.as_ref(), self.json.as_ref(), self.file.as_ref(), folder)
    }
}

type Payload = (Vec<u8>, Option<&'static str>);

fn payload(
    text: Option<&String>,
    json: Option<&serde_json::Value>,
    file: Option<&PathBuf>,
    folder: &Path,
) -> Result<Payload, String> {
    match (text, json, file) {
        (None, None, None) => Ok((Vec::new(), None)),
        (Some(text), None, None) => Ok((text.clone().into_bytes(), Some("text/plain; charset=utf-8"))),
        (None, Some(json), None) => Ok((json.to_string().into_bytes(), Some("application/json"))),
        (None, None, Some(file)) => {
            let path = folder.join(file);
            let bytes =
                std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            Ok((bytes, Some("application/octet-stream")))
        }
        _ => Err("write at most one of `body` (of an event: `data`), `json` and `file`".to_owned()),
    }
}

fn get() -> String {
    "GET".to_owned()
}

fn slash() -> String {
    "/".to_owned()
}

fn localhost() -> String {
    "localhost".to_owned()
}

fn tests() -> String {
    "/tests".to_owned()
}

fn one() -> String {
    "1".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "name = \"a\"\nversion = \"1\"\n[functions.f]\ncomponent = \"f.wasm\"\n[functions.g]\ncomponent = \"g.wasm\"\n";

    fn read_text(text: &str) -> Result<Vec<Case>, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("tombolo.toml"), TWO).unwrap();
        let project = Project::open(&home.path().join("tombolo.toml")).unwrap();
        let path = home.path().join("case.toml");
        std::fs::write(&path, text).unwrap();
        read(&path, &project).map_err(|error| error.to_string())
    }

    #[test]
    fn a_case_of_each_kind_is_read() {
        let cases = read_text(
            "[[case]]\nname = \"r\"\nrequest = { path = \"/x\", headers = { accept = \"*/*\" }, json = { a = 1 } }\nexpect.status = 200\n\
             expect.headers = { server = false, via = \"x\" }\nexpect.body = { contains = [\"a\"] }\n\
             [[case]]\nname = \"e\"\nfunction = \"g\"\nevent = { type = \"t\", data = \"21\" }\nexpect.taken = true\n\
             [[case]]\nname = \"c\"\nfunction = \"f\"\nrun = { args = [\"-n\"], stdin = \"x\" }\nexpect.exit = 2\nexpect.refused = []\n",
        )
        .unwrap();
        assert_eq!(cases.len(), 3);
        assert!(matches!(&cases[0].input, Input::Request(r) if r.method == "GET" && r.json.is_some()));
        assert!(matches!(&cases[1].input, Input::Event(e) if e.payload(Path::new("/")).unwrap().0 == b"21"));
        assert!(cases[0].needs_server() && cases[1].needs_server() && !cases[2].needs_server());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_why() {
        let check = |text: &str, expected: &str| {
            let error = read_text(&format!("[[case]]\nname = \"x\"\n{text}")).unwrap_err();
            assert!(error.contains(expected), "{text}\n{error}");
        };
        check("expect.status = 200\n", "exactly one of");
        check("run = {}\nexpect.exit = 0\n", "say which with `function`");
        check("function = \"h\"\nrun = {}\nexpect.exit = 0\n", "no function \"h\"");
        check("request = {}\nexpect.exit = 0\n", "a request has `status`");
        check("function = \"f\"\nrun = {}\nexpect.status = 200\n", "a program has `exit`");
        check("function = \"f\"\nevent = { type = \"t\" }\nexpect.body = \"\"\n", "an event is `taken`");
        check("request = {}\nexpect.statsu = 200\n", "statsu");
        check("request = { pth = \"/\" }\nexpect.status = 200\n", "pth");
        check("request = {}\nexpect.body = { contain = \"x\" }\n", "a text, or");
    }

    #[test]
    fn a_payload_is_one_thing() {
        let (text, json) = (String::new(), serde_json::Value::Null);
        assert!(payload(Some(&text), Some(&json), None, Path::new("/")).is_err());
        assert_eq!(payload(None, None, None, Path::new("/")).unwrap(), (Vec::new(), None));
    }
}
