//! `tombolo doctor`: which languages can be built here.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::cli::DoctorArgs;
use crate::error::DevError;
use crate::language::Language;
use crate::say::{bad, dim, good};
use crate::toolchain::{self, Machine, Part, State};

/// One language's tools.
#[derive(Serialize)]
struct Report {
    language: &'static str,
    ready: bool,
    parts: Vec<Part>,
}

/// Prints a report on each language. What is missing is a result, not a failure.
pub(crate) fn run(args: &DoctorArgs) -> Result<u8, DevError> {
    let machine = Machine::this();
    let languages = if args.languages.is_empty() { Language::ALL.to_vec() } else { args.languages.clone() };
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let checks: Vec<_> = languages
            .iter()
            .map(|&language| {
                let machine = &machine;
                scope.spawn(move || report(language, machine))
            })
            .collect();
        checks.into_iter().filter_map(|check| check.join().ok()).collect()
    });
    let text = match args.json {
        true => serde_json::json!({ "languages": reports }).to_string() + "\n",
        false => reports.iter().map(page).collect(),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(DevError::file("write", Path::new("standard output")))?;
    Ok(0)
}

fn report(language: Language, machine: &Machine) -> Report {
    let parts = toolchain::check(language, machine);
    Report { language: language.word(), ready: parts.iter().all(|part| part.missing().is_none()), parts }
}

fn page(report: &Report) -> String {
    let word = if report.ready { good("ready").for_stdout() } else { bad("missing").for_stdout() };
    let mut text = format!("{:<8}{word}\n", report.language);
    for part in &report.parts {
        text += &match &part.state {
            State::Ready { version, path, note } => {
                let note = note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
                format!("        {version} {}\n", dim(format!("({}{note})", path.display())).for_stdout())
            }
            State::Missing { install } => {
                format!("        {}; install it with\n            {install}\n", part.what)
            }
        };
    }
    text
}
