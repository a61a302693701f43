//! One entry of the audit log.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tombolo_spec::one_line;

/// Longer texts are cut: what is refused, a guest chooses.
const TEXT_CHARS_MAX: usize = 2048;

/// Something that an operator may have to account for. One line of JSON in the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// Its name: 12 hex digits, for `tombolo explain`.
    pub id: String,
    /// When it was written down: RFC 3339, UTC; as wrong as the clock was.
    pub time: String,
    /// `refused` (a function asked for what it was not granted), `deploy`, `rollback`, `remove`, `tenant`, `token` (what
    /// somebody did), `denied` (what a token was not for), `serving`, `failed` (what became of a revision) or `ended` (a
    /// cell that was not asked to).
    pub event: String,
    /// Whose affair it is.
    pub tenant: String,
    /// The app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Its function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The app's revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Who did it: a user of this machine, or a token by the first digits of its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What was asked for: in the words of a grant, or as a request to the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The request in which a refusal came up first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The grant that came closest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The smallest grant that would allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<String>,
    /// Why not, or what came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the API answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How often it was refused so far; told at every doubling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Events of this tenant that came too fast to be written down before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<u64>,
}

/// A refusal as a cell's log tells it.
#[derive(Deserialize)]
struct RefusedLine {
    function: String,
    revision: String,
    request_id: Option<String>,
    request: String,
    reason: String,
    grant: Option<String>,
    add: Option<String>,
    count: u64,
}

impl AuditEvent {
    /// An event of a tenant, with nothing else said yet.
    pub(crate) fn new(event: &str, tenant: &str) -> AuditEvent {
        AuditEvent { event: event.to_owned(), tenant: tenant.to_owned(), ..AuditEvent::default() }
    }

    /// The refusal that a line of a cell's log is about, if it is about one.
    pub(crate) fn refused(tenant: &str, line: &str) -> Option<AuditEvent> {
        // What guests write stands in these lines with its quotes escaped.
        if !line.contains("\"event\":\"refused\"") {
            return None;
        }
        let line: RefusedLine = serde_json::from_str(line).ok()?;
        let (app, function) = line.function.split_once('/')?;
        Some(AuditEvent {
            app: Some(app.to_owned()),
            function: Some(function.to_owned()),
            revision: line.revision.parse().ok(),
            request: Some(line.request),
            request_id: line.request_id,
            grant: line.grant,
            add: line.add,
            reason: Some(line.reason),
            count: Some(line.count),
            ..AuditEvent::new("refused", tenant)
        })
    }

    /// Whether it may come as often as a guest pleases.
    pub(super) fn is_of_guests(&self) -> bool {
        matches!(self.event.as_str(), "refused" | "ended" | "denied")
    }

    /// With no text longer than it may be, and none that breaks its line.
    pub(super) fn cut(mut self) -> AuditEvent {
        let texts = [
            &mut self.app,
            &mut self.function,
            &mut self.by,
            &mut self.request,
            &mut self.request_id,
            &mut self.grant,
            &mut self.reason,
        ];
        for text in texts.into_iter().flatten() {
            *text = one_line(text, TEXT_CHARS_MAX);
        }
        // Cut it would be another grant.
        self.add.take_if(|grant| one_line(grant, TEXT_CHARS_MAX) != *grant);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"time":"t","event":"refused","function":"web/api","revision":"3","request_id":"00","kind":"dns","request":"dns a.example","reason":"no grant allows it","add":"dns a.example","count":4}"#;

    #[test]
    fn a_refusal_is_read_from_its_line() {
        let event = AuditEvent::refused("acme", LINE).expect("a refusal");
        assert_eq!((event.app.as_deref(), event.function.as_deref()), (Some("web"), Some("api")));
        assert_eq!((event.revision, event.count), (Some(3), Some(4)));
        assert_eq!(event.add.as_deref(), Some("dns a.example"));
    }

    #[test]
    fn what_guests_write_is_no_refusal() {
        let said = serde_json::json!({ "event": "guest", "text": LINE }).to_string();
        assert_eq!(AuditEvent::refused("acme", &said), None);
        assert_eq!(AuditEvent::refused("acme", "\"event\":\"refused\""), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let event = AuditEvent { reason: Some("é".repeat(5000)), ..AuditEvent::new("failed", "acme") };
        assert_eq!(event.cut().reason.map(|reason| reason.chars().count()), Some(TEXT_CHARS_MAX));
    }

    #[test]
    fn a_cell_that_was_taken_over_forges_no_line_and_proposes_no_cut_grant() {
        let line = |request: &str, add: &str| {
            serde_json::json!({
                "event": "refused", "function": "web/api\u{1b}[2J", "revision": "3", "request": request,
                "reason": "no\ngrant", "add": add, "count": 1,
            })
        };
        let cut = |request: &str, add: &str| {
            let line = line(request, add).to_string();
            AuditEvent::refused("acme", &line).expect("a refusal").cut()
        };
        let event = cut("dns a\n\u{1b}[31m", "dns a.example");
        assert_eq!(event.request.as_deref(), Some("dns a\\u{a}\\u{1b}[31m"));
        assert_eq!(event.function.as_deref(), Some("api\\u{1b}[2J"));
        assert_eq!(
            (event.reason.as_deref(), event.add.as_deref()),
            (Some("no\\u{a}grant"), Some("dns a.example"))
        );
        assert_eq!(cut("dns a", "dns a\nb").add, None);
        assert_eq!(cut("dns a", &"a".repeat(TEXT_CHARS_MAX + 1)).add, None);
    }
}
