//! How a server's log looks to a developer: each function in its own colour.

use std::time::Duration;

use super::line::Line;
use crate::project::Project;
use crate::say::{bad, colour, dim, duration, say, warning};

/// Prints a line of `project`'s server; of its requests only failed ones, unless all are wanted.
pub(super) fn show(line: Line, project: Option<&Project>, shows_requests: bool) {
    match line {
        Line::Guest { function, stream, text } => {
            let mark = if stream == "stderr" { warning("!") } else { dim("|") };
            say!("{} {mark} {text}", coloured(&function, project));
        }
        Line::Refused { function, request, reason } => {
            say!("{} {} {request}: {reason}", coloured(&function, project), bad("refused"));
        }
        Line::Request { function, method, path, status, micros, cause }
            if shows_requests || status >= 500 =>
        {
            let function = coloured(function.as_deref().unwrap_or("-"), project);
            let status = if status >= 500 { bad(status) } else { dim(status) };
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            let took = dim(duration(Duration::from_micros(micros)));
            say!("{function} {} {status} {took}{cause}", dim(format!("{method} {path}")));
        }
        Line::Request { .. } | Line::Serving | Line::Swapped | Line::ReloadFailed { .. } => {}
        Line::Other(text) => say!("{}", dim(text)),
    }
}

fn coloured(function: &str, project: Option<&Project>) -> String {
    let functions = project.map(|project| &project.manifest.functions);
    let place = functions.and_then(|functions| functions.keys().position(|name| name.as_str() == function));
    place.map_or_else(|| dim(function).to_string(), |place| colour(place).apply_to(function).to_string())
}
