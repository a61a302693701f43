//! `tombolo suggest`: the smallest grants that were needed, as a piece of a manifest.

use std::fmt::Write;

use tombolo_node::api::types::{FunctionGrants, GrantSeen, RefusedSeen};

use super::events::toml;
use super::{client, path, print, print_json, wait};
use crate::args::SuggestArgs;
use crate::exit::{Exit, Failure};

/// Prints what an app needs, as far as it was seen.
pub(crate) fn suggest(args: &SuggestArgs) -> Result<Exit, Failure> {
    let path = path(&args.at, &args.app, "/grants");
    let functions: Vec<FunctionGrants> = wait(client(&args.at.node)?.get(&path))?;
    if args.json { print_json(&functions) } else { print(&text(&functions)) }
}

/// Each function as a table of TOML. What is left out or refused stands beside it as a comment.
fn text(functions: &[FunctionGrants]) -> String {
    let tables: Vec<String> = functions.iter().map(table).collect();
    tables.join("\n")
}

fn table(seen: &FunctionGrants) -> String {
    let FunctionGrants { function, revision, requests, grants, refused } = seen;
    let mut text =
        format!("[functions.{function}]  # revision {revision}, {requests} requests seen\ngrants = [\n");
    let lines =
        grants.iter().flat_map(|grant| grant.smallest.iter().map(move |line| (line, comment(grant, line))));
    let lines: Vec<(String, String)> =
        lines.map(|(line, comment)| (format!("    {},", toml(line)), comment)).collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or_default();
    for (line, comment) in &lines {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}", format!("{line:width$}  # {comment}").trim_end());
    }
    text.push_str("]\n");
    for grant in grants.iter().filter(|grant| grant.smallest.is_empty()) {
        let _ = writeln!(text, "# not used, left out: {}", toml(&grant.grant));
    }
    refused.iter().for_each(|refused| text.push_str(&refusal(refused)));
    text
}

fn comment(grant: &GrantSeen, line: &str) -> String {
    match grant.used {
        None => "given at the start of each call: use is not counted".to_owned(),
        Some(used) if line == grant.grant => format!("used {used} times"),
        Some(used) => format!("used {used} times, of {}", grant.grant),
    }
}

fn refusal(refused: &RefusedSeen) -> String {
    let RefusedSeen { event, request, reason, add, count } = refused;
    match add {
        Some(add) => {
            format!("# refused {count} times, add it if it is meant: {}  (event {event})\n", toml(add))
        }
        None => format!("# refused {count} times: {request}: {reason}  (event {event})\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(grant: &str, used: Option<u64>, smallest: &[&str]) -> GrantSeen {
        let smallest = smallest.iter().map(|line| (*line).to_owned()).collect();
        GrantSeen { grant: grant.to_owned(), used, refused: 0, smallest }
    }

    #[test]
    fn a_suggestion_is_a_piece_of_a_manifest() {
        let function = FunctionGrants {
            function: "api".to_owned(),
            revision: 3,
            requests: 7,
            grants: vec![
                seen("kv data read-write", Some(7), &["kv data read"]),
                seen("env A=\"b c\"", None, &["env A=\"b c\""]),
                seen("random", Some(0), &[]),
            ],
            refused: vec![RefusedSeen {
                event: "0123456789ab".to_owned(),
                request: "dns a.example".to_owned(),
                reason: "no grant allows it".to_owned(),
                add: Some("dns a.example".to_owned()),
                count: 2,
            }],
        };
        let text = text(&[function]);
        let expected = "[functions.api]  # revision 3, 7 requests seen\ngrants = [\n    \"kv data read\",   # used 7 \
             times, of kv data read-write\n    \"env A=\\\"b c\\\"\",  # given at the start of each call: use is not \
             counted\n]\n# not used, left out: \"random\"\n# refused 2 times, add it if it is meant: \"dns a.example\"  \
             (event 0123456789ab)\n";
        assert_eq!(text, expected);
        let manifest = format!("name = \"a\"\nversion = \"1\"\n{text}component = \"a.wasm\"\n");
        let manifest = tombolo_spec::Manifest::parse(&manifest, "tombolo.toml").expect("a manifest");
        assert_eq!(manifest.function("api").map(|function| function.grants.len()), Some(2));
    }
}
