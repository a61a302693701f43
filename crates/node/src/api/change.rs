//! What somebody changes, for the audit log.

use std::rc::Rc;

use http::Response;

use super::call::Note;
use super::routes::Route;
use super::{Answer, ApiError, Body};
use crate::audit::AuditEvent;
use crate::supervise::Node;

/// A change on its way. It is written down when it ends, also if whoever asked for it does not wait for that.
pub(super) struct Change {
    node: Rc<Node>,
    event: Option<AuditEvent>,
    note: Note,
}

impl Change {
    /// A call of this route; nothing is written down of one that changes nothing.
    pub(super) fn begins(node: &Rc<Node>, route: &Route, parts: &[String], by: &str, note: &Note) -> Change {
        let event = route.audit.and_then(|word| {
            // What is no name belongs to nobody.
            let tenant = super::routes::name(parts, 0).ok()?;
            let app = parts.get(1).cloned();
            Some(AuditEvent { app, by: Some(by.to_owned()), ..AuditEvent::new(word, &tenant) })
        });
        Change { node: Rc::clone(node), event, note: Rc::clone(note) }
    }

    /// The call was answered.
    pub(super) fn ends(mut self, answer: Answer) -> Answer {
        if let Some(event) = &mut self.event {
            let status = answer.as_ref().map_or_else(ApiError::status, Response::<Body>::status);
            event.status = Some(status.as_u16());
            event.reason = answer.as_ref().err().map(|error| error.message().to_owned());
        }
        answer
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        if let Some(mut event) = self.event.take() {
            event.reason = event.reason.or_else(|| self.note.take());
            self.node.record_event(event);
        }
    }
}
