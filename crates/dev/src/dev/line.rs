//! A line of a server's log.

use serde::Deserialize;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A function printed or logged it.
    Guest { function: String, stream: String, text: String },
    /// A function asked for something and did not get it.
    Refused { function: String, request: String, reason: String },
    /// A request was answered.
    Request {
        function: Option<String>,
        method: String,
        path: String,
        status: u16,
        micros: u64,
        cause: Option<String>,
    },
    /// The server answers from now on.
    Serving,
    /// The server has loaded anew.
    Swapped,
    /// The server could not load anew, and serves what it served.
    ReloadFailed { cause: String },
    /// Anything else, as it is.
    Other(String),
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Written {
    Guest {
        function: String,
        #[serde(default)]
        stream: String,
        #[serde(default)]
        text: String,
    },
    Refused {
        function: String,
        request: String,
        #[serde(default)]
        reason: String,
    },
    Request {
        function: Option<String>,
        method: String,
        path: String,
        status: u16,
        #[serde(default)]
        duration_us: u64,
        cause: Option<String>,
    },
    Swapped,
    ReloadFailed {
        #[serde(default)]
        cause: String,
    },
}

impl Line {
    /// Reads a line; one that is not structured is [`Line::Other`].
    pub(crate) fn parse(text: &str) -> Line {
        match serde_json::from_str(text) {
            Ok(Written::Guest { function, stream, text }) => Line::Guest { function, stream, text },
            Ok(Written::Refused { function, request, reason }) => Line::Refused { function, request, reason },
            Ok(Written::Request { function, method, path, status, duration_us, cause }) => {
                Line::Request { function, method, path, status, micros: duration_us, cause }
            }
            Ok(Written::Swapped) => Line::Swapped,
            Ok(Written::ReloadFailed { cause }) => Line::ReloadFailed { cause },
            Err(_) if text.starts_with("tombolo: serving on ") => Line::Serving,
            Err(_) => Line::Other(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_known_and_everything_else_is_kept_as_it_is() {
        let guest = r#"{"time":"x","event":"guest","function":"f","revision":"1","request":"00","stream":"stderr","text":"a"}"#;
        assert_eq!(
            Line::parse(guest),
            Line::Guest { function: "f".to_owned(), stream: "stderr".to_owned(), text: "a".to_owned() }
        );
        let refused = r#"{"event":"refused","function":"f","request":"dns a","reason":"no grant","count":1}"#;
        assert!(matches!(Line::parse(refused), Line::Refused { request, .. } if request == "dns a"));
        let request = r#"{"event":"request","method":"GET","path":"/","status":404,"duration_us":12}"#;
        assert!(matches!(
            Line::parse(request),
            Line::Request { function: None, status: 404, micros: 12, .. }
        ));
        assert_eq!(Line::parse(r#"{"time":"x","event":"swapped","functions":1}"#), Line::Swapped);
        let failed = Line::parse(r#"{"time":"x","event":"reload-failed","cause":"why"}"#);
        assert_eq!(failed, Line::ReloadFailed { cause: "why".to_owned() });
        assert_eq!(Line::parse("tombolo: serving on 127.0.0.1:8080"), Line::Serving);
        for other in ["", "plain", "{}", "{\"event\":\"certificates-swapped\"}"] {
            assert_eq!(Line::parse(other), Line::Other(other.to_owned()));
        }
    }
}
