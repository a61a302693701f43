//! `tombolo events` and `tombolo explain`.

use std::fmt::Write;

use tombolo_node::api::types::{AuditEvent, CeilingSays, Explanation};

use super::{client, print, print_json, wait};
use crate::args::{EventsArgs, ExplainArgs};
use crate::exit::{Exit, Failure};

/// Lists events, the newest last as in a log.
pub(crate) fn events(args: &EventsArgs) -> Result<Exit, Failure> {
    let place = args.tenant.as_ref().map_or(String::new(), |tenant| format!("/tenants/{tenant}"));
    let app = args.app.as_ref().map_or(String::new(), |app| format!("&app={app}"));
    let path = format!("/v1{place}/events?count={}{app}", args.count);
    let mut events: Vec<AuditEvent> = wait(client(&args.node)?.get(&path))?;
    events.reverse();
    if args.json { print_json(&events) } else { print(&list(&events)) }
}

/// Explains one event.
pub(crate) fn explain(args: &ExplainArgs) -> Result<Exit, Failure> {
    let named: String = args.event.chars().filter(char::is_ascii_alphanumeric).collect();
    let explanation: Explanation = wait(client(&args.node)?.get(&format!("/v1/events/{named}")))?;
    if args.json { print_json(&explanation) } else { print(&text(&explanation)) }
}

fn list(events: &[AuditEvent]) -> String {
    let mut text = String::new();
    for event in events {
        let what = [&event.request, &event.by, &event.reason];
        let mut what = what.into_iter().flatten().cloned().collect::<Vec<String>>();
        what.extend(event.count.filter(|count| *count > 1).map(|count| format!("×{count}")));
        let what = if what.is_empty() { String::new() } else { format!(": {}", what.join("; ")) };
        let time = event.time.split('.').next().unwrap_or_default();
        let (id, word, place) = (&event.id, &event.event, place(event));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{time}Z  {id}  {word:<9} {place}{what}");
    }
    text
}

/// `acme/web/api revision 3`, as far as it is known.
fn place(event: &AuditEvent) -> String {
    let names = [Some(&event.tenant), event.app.as_ref(), event.function.as_ref()];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    let revision = event.revision.map_or(String::new(), |revision| format!(" revision {revision}"));
    format!("{}{revision}", names.join("/"))
}

fn text(explanation: &Explanation) -> String {
    let event = &explanation.event;
    if event.event == "refused" { refusal(explanation) } else { list(std::slice::from_ref(event)) }
}

fn refusal(explanation: &Explanation) -> String {
    let Explanation { event, held, narrowed, ceilings } = explanation;
    let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let mut text = format!(
        "{} asked for\n    {}\nand was refused: {}\n",
        place(event),
        shown(&event.request),
        shown(&event.reason),
    );
    let count = event.count.unwrap_or(1);
    let request = event.request_id.as_ref().map_or(String::new(), |id| format!(", first in request {id}"));
    let _ = writeln!(text, "\nWhen: {}, {count} times so far{request}", event.time);
    if held.is_empty() {
        let _ = writeln!(text, "It has no grant for this.");
    } else {
        let _ = writeln!(text, "Its grants of this kind, none of which allows it:");
        held.iter().for_each(|grant| text.push_str(&format!("    {grant}\n")));
    }
    if let Some(grant) = &event.grant {
        let _ = writeln!(text, "The one that came closest: {grant}");
    }
    if let Some(narrowed) = narrowed {
        let _ = writeln!(text, "The manifest asks for it, and a ceiling took it away: {narrowed}");
    }
    match &event.add {
        None => text.push_str("\nNo grant can allow it.\n"),
        Some(add) => remedy(&mut text, event, add, narrowed.is_some(), ceilings),
    }
    text
}

fn remedy(text: &mut String, event: &AuditEvent, add: &str, is_asked: bool, ceilings: &[CeilingSays]) {
    let line = toml(add);
    text.push('\n');
    for ceiling in ceilings.iter().filter(|ceiling| !ceiling.allows) {
        let what = if ceiling.grants.is_empty() {
            "nothing of this kind".to_owned()
        } else {
            format!("only {}", ceiling.grants.join(", "))
        };
        let change = match ceiling.whose.as_str() {
            "tenant" => {
                format!("put {line} into its grants: tombolo tenant add {} --ceiling FILE", event.tenant)
            }
            _ => format!("put {line} into the grants of ceiling.toml and start the node again"),
        };
        let _ = writeln!(text, "The ceiling of this {} allows {what}. To allow it, {change}.", ceiling.whose);
    }
    if is_asked {
        return;
    }
    let function = event.function.as_deref().unwrap_or("…");
    let _ = writeln!(
        text,
        "If it is meant, add to the grants of [functions.{function}] in tombolo.toml:\n    {line},"
    );
    if ceilings.iter().all(|ceiling| ceiling.allows) {
        text.push_str("The ceilings allow that.\n");
    }
}

/// A grant as it stands in a manifest.
pub(super) fn toml(grant: &str) -> String {
    format!("\"{}\"", grant.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explanation() -> Explanation {
        let event = AuditEvent {
            event: "refused".to_owned(),
            tenant: "acme".to_owned(),
            app: Some("web".to_owned()),
            function: Some("api".to_owned()),
            revision: Some(3),
            request: Some("http GET https://b.example/".to_owned()),
            reason: Some("no grant allows it".to_owned()),
            add: Some("http GET https://b.example/".to_owned()),
            count: Some(4),
            ..AuditEvent::default()
        };
        Explanation { event, held: Vec::new(), narrowed: None, ceilings: Vec::new() }
    }

    fn says(allows: bool, grants: &[&str]) -> CeilingSays {
        let grants = grants.iter().map(|grant| (*grant).to_owned()).collect();
        CeilingSays { whose: "machine".to_owned(), allows, grants }
    }

    #[test]
    fn a_refusal_under_a_ceiling_that_allows_it_is_a_line_to_add() {
        let explanation = Explanation { ceilings: vec![says(true, &[])], ..explanation() };
        let text = text(&explanation);
        assert!(
            text.starts_with("acme/web/api revision 3 asked for\n    http GET https://b.example/\n"),
            "{text}"
        );
        assert!(text.contains("add to the grants of [functions.api]"), "{text}");
        assert!(text.contains("    \"http GET https://b.example/\",\nThe ceilings allow that."), "{text}");
    }

    #[test]
    fn a_ceiling_that_is_too_low_is_named_with_what_to_change() {
        let explanation = Explanation { ceilings: vec![says(false, &["dns a.example"])], ..explanation() };
        let text = text(&explanation);
        assert!(text.contains("ceiling of this machine allows only dns a.example"), "{text}");
        assert!(text.contains("into the grants of ceiling.toml"), "{text}");
        assert!(!text.contains("The ceilings allow"), "{text}");
    }

    #[test]
    fn what_no_grant_can_allow_has_no_line_to_add() {
        let mut explanation = explanation();
        explanation.event.add = None;
        assert!(text(&explanation).ends_with("No grant can allow it.\n"));
    }

    #[test]
    fn quotes_in_a_grant_are_escaped_for_the_manifest() {
        assert_eq!(toml("env A=\"b c\""), "\"env A=\\\"b c\\\"\"");
    }
}
