//! Plays one case against tombolo itself.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use http::{HeaderMap, Request};

use super::case::{Case, Event, Expect, HeaderRule, Input, Run};
use crate::dev::server::{Line, Server};
use crate::error::DevError;
use crate::project::Project;
use crate::tombolo::Tombolo;

/// What came out of a case.
#[derive(Default)]
struct Outcome {
    status: Option<u16>,
    headers: HeaderMap,
    body: Vec<u8>,
    exit: Option<i32>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    refused: Vec<String>,
    /// Why there was none.
    no_answer: Option<String>,
}

/// Plays a case; gives what was not as expected.
pub(super) fn play(
    project: &Project,
    tombolo: &Tombolo,
    file: &Path,
    case: &Case,
) -> Result<Vec<String>, DevError> {
    let fresh = tempfile::tempdir().map_err(DevError::file("make a folder in", &std::env::temp_dir()))?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let test_file = |why: String| DevError::TestFile {
        path: file.to_owned(),
        why: format!("case {:?}: {why}", case.name),
    };
    let outcome = match &case.input {
        Input::Run(run) => command(project, tombolo, case, run, fresh.path())?,
        Input::Request(request) => {
            let (body, media_type) = request.payload(folder).map_err(test_file)?;
            let mut built = Request::builder()
                .method(request.method.as_str())
                .uri(&request.path)
                .header("host", &request.host);
            let typed = request.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
            if let Some(media_type) = media_type.filter(|_| !typed) {
                built = built.header("content-type", media_type);
            }
            let built = request.headers.iter().fold(built, |built, (name, value)| built.header(name, value));
            let built = built.body(body).map_err(|error| test_file(error.to_string()))?;
            served(project, tombolo, fresh.path(), |server| server.request(fresh.path(), built))?
        }
        Input::Event(event) => {
            let built = event_request(&case.function, event, folder).map_err(test_file)?;
            served(project, tombolo, fresh.path(), |server| server.event(built))?
        }
    };
    Ok(faults(&case.expect, &outcome))
}

/// A CloudEvent in binary mode (HTTP protocol binding 1.0.2).
pub(crate) fn event_request(
    function: &str,
    event: &Event,
    folder: &Path,
) -> Result<Request<Vec<u8>>, String> {
    let (data, media_type) = event.payload(folder)?;
    let mut request = Request::builder()
        .method("POST")
        .uri(format!("/events/{function}"))
        .header("host", "localhost")
        .header("ce-specversion", "1.0")
        .header("ce-id", &event.id)
        .header("ce-type", &event.kind)
        .header("ce-source", &event.source);
    if let Some(subject) = &event.subject {
        request = request.header("ce-subject", subject);
    }
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    for (name, value) in &event.attributes {
        request = request.header(format!("ce-{name}"), value);
    }
    request.body(data).map_err(|error| error.to_string())
}

/// Asks a server of its own, which has nothing but `fresh` to remember things in. No answer is an outcome too.
fn served(
    project: &Project,
    tombolo: &Tombolo,
    fresh: &Path,
    ask: impl FnOnce(&Server) -> Result<http::Response<bytes::Bytes>, DevError>,
) -> Result<Outcome, DevError> {
    let server = Server::start_fresh(tombolo, project, fresh)?;
    let mut outcome = match ask(&server) {
        Ok(answer) => {
            let (parts, body) = answer.into_parts();
            let (status, headers, body) = (Some(parts.status.as_u16()), parts.headers, body.to_vec());
            Outcome { status, headers, body, ..Outcome::default() }
        }
        Err(error) => Outcome { no_answer: Some(error.to_string()), ..Outcome::default() },
    };
    for line in server.stop()? {
        match Line::parse(&line) {
            Line::Guest { stream, text, .. } => {
                let stream = if stream == "stderr" { &mut outcome.stderr } else { &mut outcome.stdout };
                stream.extend_from_slice(text.as_bytes());
                stream.push(b'\n');
            }
            Line::Refused { request, .. } => outcome.refused.push(request),
            _ => {}
        }
    }
    Ok(outcome)
}

fn command(
    project: &Project,
    tombolo: &Tombolo,
    case: &Case,
    run: &Run,
    fresh: &Path,
) -> Result<Outcome, DevError> {
    let audit = fresh.join("audit");
    let mut command = tombolo.command("run");
    command
        .arg("--audit")
        .arg(&audit)
        .arg("-f")
        .arg(&project.manifest_path)
        .arg(&case.function)
        .args(&run.args);
    command.env("XDG_DATA_HOME", fresh).env("XDG_STATE_HOME", fresh).current_dir(&project.root);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let start = |source| DevError::Start {
        program: "tombolo run".to_owned(),
        source,
        remedy: "is this tombolo complete?".to_owned(),
    };
    let mut child = command.spawn().map_err(start)?;
    let stdin = child.stdin.take();
    let input = run.stdin.clone().into_bytes();
    // A program may stop reading whenever it likes.
    let feeder = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let output = child.wait_with_output().map_err(start)?;
    let _ = feeder.join();
    let lines = std::fs::read_to_string(&audit).unwrap_or_default();
    let refused = lines.lines().filter_map(|line| match Line::parse(line) {
        Line::Refused { request, .. } => Some(request),
        _ => None,
    });
    Ok(Outcome {
        exit: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
        refused: refused.collect(),
        ..Outcome::default()
    })
}

fn faults(expect: &Expect, outcome: &Outcome) -> Vec<String> {
    let mut faults: Vec<String> = outcome.no_answer.iter().cloned().collect();
    if !faults.is_empty() {
        return faults;
    }
    if expect.status.is_some() && expect.status != outcome.status {
        faults.push(differs("status", expect.status, outcome.status));
    }
    let taken = outcome.status.map(|status| (200..300).contains(&status));
    if expect.taken.is_some() && expect.taken != taken {
        faults.push(differs("taken", expect.taken, taken));
    }
    if expect.exit.is_some() && expect.exit != outcome.exit {
        faults.push(differs("exit", expect.exit, outcome.exit));
    }
    for (name, rule) in &expect.headers {
        faults.extend(header_faults(name, rule, &outcome.headers));
    }
    for (what, rule, actual) in [
        ("body", &expect.body, &outcome.body),
        ("stdout", &expect.stdout, &outcome.stdout),
        ("stderr", &expect.stderr, &outcome.stderr),
    ] {
        faults.extend(rule.iter().flat_map(|rule| rule.faults(what, actual)));
    }
    faults.extend(expect.refused.iter().flat_map(|refused| refusal_faults(refused, &outcome.refused)));
    if !faults.is_empty() && !outcome.stderr.is_empty() && expect.stderr.is_none() {
        let said = super::difference::quoted(&String::from_utf8_lossy(&outcome.stderr));
        faults.push(format!("it said on stderr:\n{said}"));
    }
    faults
}

fn differs<T: std::fmt::Display>(what: &str, expected: Option<T>, actual: Option<T>) -> String {
    let word = |value: Option<T>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
    format!("{what} is {}; expected {}", word(actual), word(expected))
}

/// Fields of one name count as one, joined by commas (RFC 9110, section 5.2).
fn header_faults(name: &str, rule: &HeaderRule, headers: &HeaderMap) -> Vec<String> {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let actual = (!values.is_empty()).then(|| values.join(", "));
    match (rule, actual) {
        (HeaderRule::Present(true), None) | (HeaderRule::Text(_), None) => {
            vec![format!("header {name} is not there")]
        }
        (HeaderRule::Present(false), Some(actual)) => {
            vec![format!("header {name} is {actual:?}; expected none")]
        }
        (HeaderRule::Text(text), Some(actual)) => text.faults(&format!("header {name}"), actual.as_bytes()),
        (HeaderRule::Present(_), _) => Vec::new(),
    }
}

fn refusal_faults(expected: &[String], actual: &[String]) -> Vec<String> {
    let lacking =
        expected.iter().filter(|request| !actual.contains(request)).map(|r| format!("not refused: {r}"));
    let surplus =
        actual.iter().filter(|request| !expected.contains(request)).map(|r| format!("refused: {r}"));
    lacking.chain(surplus).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(text: &str) -> Expect {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn every_part_of_an_outcome_is_compared() {
        let mut outcome = Outcome {
            status: Some(200),
            exit: Some(0),
            body: b"x".to_vec(),
            stdout: b"out\n".to_vec(),
            refused: vec!["dns a".to_owned()],
            ..Outcome::default()
        };
        outcome.headers.insert("via", http::HeaderValue::from_static("y"));
        for (text, faults_expected) in [
            (
                "status = 200\nbody = \"x\"\nheaders = { via = \"y\", server = false }\nrefused = [\"dns a\"]",
                0,
            ),
            ("taken = true\nexit = 0\nstdout = \"out\\n\"", 0),
            ("status = 404", 1),
            ("taken = false", 1),
            ("exit = 1", 1),
            ("body = \"y\"\nstdout = \"\"", 2),
            ("headers = { via = \"z\", server = true, date = \"\" }", 3),
            ("headers = { via = false }", 1),
            ("refused = []", 1),
            ("refused = [\"dns b\"]", 2),
        ] {
            let found = faults(&expect(text), &outcome);
            assert_eq!(found.len(), faults_expected, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_failed_case_shows_what_the_function_said() {
        let outcome = Outcome { exit: Some(1), stderr: b"no such file\n".to_vec(), ..Outcome::default() };
        let found = faults(&expect("exit = 0"), &outcome).join("\n");
        assert!(found.contains("exit is 1; expected 0") && found.contains("no such file"), "{found}");
    }
}
