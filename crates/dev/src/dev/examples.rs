//! What a first-time user needs to see: where it serves, and how to call each function by hand.

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;

use tombolo_spec::{Function, Name, Trigger};

use super::server::Place;
use crate::project::Project;
use crate::say::{bold, colour, dim};

/// The text that is shown when serving begins.
pub(super) fn page(project: &Project, listen: SocketAddr) -> String {
    let mut text = String::new();
    let serves = project.manifest.functions.values().any(|function| !function.on.is_empty());
    if serves {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} http://{listen}/", bold("serving"));
    }
    for (place, (name, function)) in project.manifest.functions.iter().enumerate() {
        let coloured = colour(place).apply_to(name);
        for trigger in &function.on {
            let _ = writeln!(
                text,
                "  {coloured}  {trigger}\n    {}",
                dim(by_hand(project, name, trigger, listen))
            );
        }
        if function.on.is_empty() {
            let _ = writeln!(text, "  {coloured}  by name\n    {}", dim(command(project, name)));
        }
    }
    text += &dim(format!("builds again when a file below {} changes", shown(&project.root))).to_string();
    if std::io::stdin().is_terminal() {
        text += "\nr build again · t send an event · l show or hide requests · q stop";
    }
    text
}

/// The functions that events wake, in the order of the manifest.
pub(super) fn event_functions(project: &Project) -> Vec<(&Name, &Function)> {
    let takes_events = |function: &Function| function.on.iter().any(|trigger| trigger.route().is_none());
    project.manifest.functions.iter().filter(|(_, function)| takes_events(function)).collect()
}

fn by_hand(project: &Project, name: &Name, trigger: &Trigger, listen: SocketAddr) -> String {
    match trigger.route() {
        Some(route) => {
            let method = match route.methods.to_string() {
                any if any.contains("GET") || any == "*" => String::new(),
                methods => format!("-X {} ", methods.split(',').next().unwrap_or("POST")),
            };
            let host = route
                .host
                .as_ref()
                .map(|host| format!("-H 'host: {}' ", host.to_string().replace('*', "www")))
                .unwrap_or_default();
            format!("curl {method}{host}http://{listen}{}", example_path(&route.path.to_string()))
        }
        None => format!(
            "curl --unix-socket {} -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /by-hand' -H 'ce-type: {}' \
             -d 21.5 http://localhost/events/{name}",
            shown(&Place::known_as(project)),
            trigger.kind(),
        ),
    }
}

fn command(project: &Project, name: &Name) -> String {
    format!("tombolo run -f {} {name}", shown(&project.manifest_path))
}

/// A path that the pattern takes: `/api/*` by `/api/`, `/users/*/posts` by `/users/1/posts`.
fn example_path(pattern: &str) -> String {
    let whole = pattern.strip_suffix('*').unwrap_or(pattern);
    whole.replace('*', "1")
}

/// From the current folder, if it is below.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match path.strip_prefix(here) {
        Ok(here) if here.as_os_str().is_empty() => "this folder".to_owned(),
        Ok(below) => below.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_has_a_path_that_it_takes() {
        for (pattern, expected) in
            [("/*", "/"), ("/api/*", "/api/"), ("/users/*/posts", "/users/1/posts"), ("/x", "/x")]
        {
            assert_eq!(example_path(pattern), expected);
        }
    }

    #[test]
    fn every_trigger_has_its_example() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("tombolo.toml");
        let text = "name = \"a\"\nversion = \"1\"\n[functions.api]\ncomponent = \"a.wasm\"\non = [\"http POST /api/*\"]\n\
            [functions.tick]\ncomponent = \"t.wasm\"\non = [\"every 30s\"]\n[functions.tool]\ncomponent = \"x.wasm\"\n";
        std::fs::write(&path, text).unwrap();
        let project = Project::open(&path).unwrap();
        let page = page(&project, SocketAddr::from(([127, 0, 0, 1], 8080)));
        let page = console::strip_ansi_codes(&page);
        assert!(page.contains("curl -X POST http://127.0.0.1:8080/api/\n"), "{page}");
        assert!(page.contains("http://localhost/events/tick"), "{page}");
        assert!(page.contains("tombolo run -f"), "{page}");
        assert_eq!(event_functions(&project).len(), 1);
    }
}
