//! Whether what was built can be woken by what the manifest says, and what it asks for in vain.

use std::path::Path;

use tombolo_spec::Function;

use crate::tombolo::{Inspection, Tombolo};

/// What the component is, and which kinds of grant its imports ask for in vain; or why it will not do.
pub(super) fn check(
    tombolo: &Tombolo,
    function: &Function,
    component: &Path,
) -> Result<(Inspection, Vec<String>), String> {
    if !component.is_file() {
        return Err(not_there(function, component));
    }
    let inspection = tombolo.inspect(component, &function.grants).map_err(|error| error.to_string())?;
    fault(function, &inspection).map_or(Ok(()), Err)?;
    let ungranted = ungranted(&inspection);
    Ok((inspection, ungranted))
}

fn not_there(function: &Function, component: &Path) -> String {
    match &function.build {
        Some(_) => format!(
            "the build succeeded and {} is not there; make `component` the path that the build line writes",
            component.display()
        ),
        None => format!("{} is not there, and no `build` line says how to make it", component.display()),
    }
}

/// Why no trigger could ever wake it, if so.
fn fault(function: &Function, inspection: &Inspection) -> Option<String> {
    let unknown: Vec<&str> = inspection
        .needs
        .iter()
        .filter(|need| need.grant == "unknown")
        .map(|need| need.import.as_str())
        .collect();
    if !unknown.is_empty() {
        return Some(format!(
            "it would not start: nothing provides its import {}; `tombolo wit --list` names what can be imported",
            unknown.join(", ")
        ));
    }
    let startable = inspection.entries.iter().any(|entry| entry != "initialize");
    if startable {
        return None;
    }
    let on = function
        .on
        .first()
        .map_or_else(|| "start it".to_owned(), |trigger| format!("wake it on `{trigger}`"));
    Some(format!(
        "nothing can {on}: this {} is a library; it must export wasi:http/incoming-handler or wasi:cli/run, or be a \
         module with _start",
        inspection.kind
    ))
}

/// The kinds of grant that imports ask for and the manifest does not give, each once: `dir`, `volume`, `http`.
fn ungranted(inspection: &Inspection) -> Vec<String> {
    let mut kinds: Vec<String> = Vec::new();
    let unserved = inspection.needs.iter().filter(|need| need.grant == "needed" && !need.granted);
    for kind in unserved.flat_map(|need| &need.needs) {
        if !kinds.contains(kind) {
            kinds.push(kind.clone());
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use tombolo_spec::Manifest;

    use super::*;
    use crate::tombolo::Need;

    fn function(on: &str) -> Function {
        let text =
            format!("name = \"a\"\nversion = \"1\"\n[functions.f]\ncomponent = \"f.wasm\"\non = {on}\n");
        Manifest::parse(&text, "tombolo.toml").unwrap().function("f").unwrap().clone()
    }

    fn inspection(entries: &[&str], needs: &[(&str, &[&str], &str, bool)]) -> Inspection {
        let need = |&(import, needs, grant, granted): &(&str, &[&str], &str, bool)| Need {
            import: import.to_owned(),
            needs: needs.iter().map(ToString::to_string).collect(),
            grant: grant.to_owned(),
            granted,
        };
        Inspection {
            kind: "component".to_owned(),
            bytes: 1,
            digest: "sha256:00".to_owned(),
            wasi: vec!["0.2".to_owned()],
            entries: entries.iter().map(ToString::to_string).collect(),
            needs: needs.iter().map(need).collect(),
        }
    }

    #[test]
    fn handlers_and_programs_can_be_woken_by_everything() {
        for entry in ["http-p3", "http-p2", "command-p3", "command-p2", "start"] {
            for on in ["[\"http GET /*\"]", "[\"every 30s\"]", "[]"] {
                assert_eq!(fault(&function(on), &inspection(&[entry], &[])), None, "{entry} {on}");
            }
        }
    }

    #[test]
    fn a_library_is_refused_with_what_would_wake_it() {
        let why = fault(&function("[\"every 30s\"]"), &inspection(&["initialize"], &[])).unwrap();
        assert!(why.contains("`every 30s`") && why.contains("wasi:cli/run"), "{why}");
        assert!(fault(&function("[]"), &inspection(&[], &[])).is_some());
    }

    #[test]
    fn an_import_that_nothing_provides_is_a_failure() {
        let unknown = inspection(&["http-p2"], &[("acme:rockets/launch@1.0.0", &[], "unknown", false)]);
        assert!(fault(&function("[]"), &unknown).unwrap().contains("acme:rockets/launch@1.0.0"));
    }

    #[test]
    fn what_no_grant_serves_is_listed_once_for_each_kind() {
        let found = inspection(
            &["http-p2"],
            &[
                ("wasi:filesystem/types@0.2.6", &["dir", "volume"], "needed", false),
                ("wasi:filesystem/preopens@0.2.6", &["dir", "volume"], "needed", false),
                ("wasi:filesystem/types@0.2.12", &["dir", "volume"], "needed", false),
                ("wasi:http/outgoing-handler@0.2.6", &["http"], "needed", true),
                ("wasi:sockets/ip-name-lookup@0.2.6", &["dns", "udp connect"], "needed", false),
                ("wasi:sockets/udp@0.2.6", &["udp connect"], "needed", false),
                ("wasi:clocks/wall-clock@0.2.6", &["clock"], "refines", false),
            ],
        );
        assert_eq!(ungranted(&found), ["dir", "volume", "dns", "udp connect"]);
    }
}
