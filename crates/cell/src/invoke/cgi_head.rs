//! The head of a CGI answer (RFC 3875, section 6): what a program prints before the empty line.

use http::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};

/// What a CGI program answers.
#[derive(Debug)]
pub(crate) enum CgiAnswer {
    /// A response; the body follows (sections 6.2.1, 6.2.3 and 6.2.4).
    Response(Response<()>),
    /// Another path of this server, which answers in its place (section 6.2.2).
    Elsewhere(String),
}

/// Finds the end of a head: the length of the head with its empty line.
///
/// Looks only at what comes after the first `seen` bytes, which were looked at before.
pub(crate) fn end_of_head(bytes: &[u8], seen: usize) -> Option<usize> {
    let start = seen.saturating_sub(2);
    memchr::memchr_iter(b'\n', &bytes[start..]).map(|at| start + at + 1).find(|&after| {
        let line_before = &bytes[..after - 1];
        let line_before = line_before.strip_suffix(b"\r").unwrap_or(line_before);
        line_before.is_empty() || line_before.ends_with(b"\n")
    })
}

/// Reads a head, its empty line included.
///
/// # Errors
/// In words for the operator, when the program broke the rules.
pub(crate) fn parse(head: &[u8]) -> Result<CgiAnswer, String> {
    let mut status = None;
    let mut location = None;
    let mut has_type = false;
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n').map(trim_cr).filter(|line| !line.is_empty()) {
        let (name, value) = field(line)?;
        match name.as_str() {
            "status" => set_once(&mut status, &name, status_code(&value)?)?,
            "location" => set_once(&mut location, &name, value)?,
            "content-type" if std::mem::replace(&mut has_type, true) => return Err(twice(&name)),
            _ => drop(headers.try_append(name, value).map_err(|_| "too many fields")?),
        }
    }
    let answered = status.is_some() || location.is_some() || has_type;
    if !answered {
        return Err("it has none of Content-Type, Location and Status".into());
    }
    if let Some(path) = &location
        && path.as_bytes().starts_with(b"/")
        && !path.as_bytes().starts_with(b"//")
        && status.is_none()
        && headers.is_empty()
    {
        return path
            .to_str()
            .map(|path| CgiAnswer::Elsewhere(path.to_owned()))
            .map_err(|_| "Location is not text".into());
    }
    Ok(CgiAnswer::Response(response(status, location, headers)))
}

fn response(status: Option<StatusCode>, location: Option<HeaderValue>, headers: HeaderMap) -> Response<()> {
    let default = if location.is_some() { StatusCode::FOUND } else { StatusCode::OK };
    let mut response = Response::new(());
    *response.status_mut() = status.unwrap_or(default);
    *response.headers_mut() = headers;
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn field(line: &[u8]) -> Result<(HeaderName, HeaderValue), String> {
    let shown = || String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
    let Some(colon) = memchr::memchr(b':', line) else {
        let hint = if line.starts_with(b"HTTP/") {
            "; write \"Status: 200\" in place of an HTTP status line"
        } else {
            ""
        };
        return Err(format!("its head has the line {:?}, which is no field{hint}", shown()));
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    match (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(format!("its head has the line {:?}, which is no field", shown())),
    }
}

/// `404 Not Found`: three digits, then whatever.
fn status_code(value: &HeaderValue) -> Result<StatusCode, String> {
    let digits = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
    StatusCode::from_bytes(digits)
        .map_err(|_| format!("its Status is {value:?}, which does not start with a status"))
}

fn set_once<T>(slot: &mut Option<T>, name: &HeaderName, value: T) -> Result<(), String> {
    match slot.replace(value) {
        Some(_) => Err(twice(name)),
        None => Ok(()),
    }
}

fn twice(name: &HeaderName) -> String {
    format!("it has {name} twice")
}

fn trim_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer in short: status and fields, or the path, or the error.
    fn check(head: &str) -> String {
        match parse(head.as_bytes()) {
            Ok(CgiAnswer::Elsewhere(path)) => format!("-> {path}"),
            Ok(CgiAnswer::Response(response)) => {
                let fields: Vec<_> = response
                    .headers()
                    .iter()
                    .map(|(name, value)| format!(" {name}={}", value.to_str().unwrap_or("?")))
                    .collect();
                format!("{}{}", response.status().as_u16(), fields.concat())
            }
            Err(error) => error,
        }
    }

    #[test]
    fn documents_and_redirects() {
        assert_eq!(check("Content-Type: text/plain\n\n"), "200 content-type=text/plain");
        assert_eq!(
            check("content-type:text/plain\r\nSTATUS: 404 Not Found\r\n\r\n"),
            "404 content-type=text/plain"
        );
        assert_eq!(check("Status: 204\n\n"), "204");
        assert_eq!(check("Location: https://example.com/\n\n"), "302 location=https://example.com/");
        assert_eq!(check("Location: //example.com/\n\n"), "302 location=//example.com/");
        assert_eq!(check("Location: /other?x=1\n\n"), "-> /other?x=1");
        assert_eq!(check("Status: 301\nLocation: /other\n\n"), "301 location=/other");
        assert_eq!(check("Content-Type: a/b\nX: 1\nX: 2\n\n"), "200 content-type=a/b x=1 x=2");
    }

    #[test]
    fn heads_that_break_the_rules() {
        assert_eq!(check("X: 1\n\n"), "it has none of Content-Type, Location and Status");
        assert_eq!(check("Status: 200\nStatus: 200\n\n"), "it has status twice");
        assert_eq!(check("Content-Type: a/b\nContent-Type: a/b\n\n"), "it has content-type twice");
        assert_eq!(check("Status: OK\n\n"), "its Status is \"OK\", which does not start with a status");
        assert!(check("HTTP/1.1 200 OK\n\n").contains("write \"Status: 200\""));
        for line in ["no colon", "a b: c", ": c", " folded: yes", "a: b\rc: d", "a: b\0"] {
            let answer = check(&format!("Content-Type: a/b\n{line}\n\n"));
            assert!(answer.ends_with("which is no field"), "{line:?}: {answer}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_however_it_arrives() {
        for (head, length) in [
            ("A: b\n\nbody", 6),
            ("A: b\r\n\r\nbody", 8),
            ("A: b\r\n\nbody", 7),
            ("\nbody", 1),
            ("\r\nbody", 2),
        ] {
            let bytes = head.as_bytes();
            assert_eq!(end_of_head(bytes, 0), Some(length), "{head:?}");
            let bytewise = (1..=bytes.len()).find_map(|count| end_of_head(&bytes[..count], count - 1));
            assert_eq!(bytewise, Some(length), "{head:?} byte by byte");
        }
        assert_eq!(end_of_head(b"A: b\nC: d\n", 0), None);
    }
}
