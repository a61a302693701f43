//! `tombolo test`: cases from `tests/*.toml`, each against the real binary, each with fresh state.

mod case;
mod compare;
mod difference;
mod play;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use http::Request;
use tombolo_spec::{Function, Name, Trigger};

use crate::build::{Builder, Detail, Options, Outcome, Progress};
use crate::cli::TestArgs;
use crate::error::DevError;
use crate::project::Project;
use crate::tombolo::Tombolo;

use case::{Case, Event, Input};
use report::{Playing, Tally};

/// Builds, runs the cases, says how each went; exit code 1 when one failed.
pub(crate) fn run(args: &TestArgs) -> Result<u8, DevError> {
    let project = Project::open(&args.manifest)?;
    let tombolo = Tombolo::current()?;
    let cases = selected(&project, args.filter.as_deref())?;
    if !args.no_build && !build(&project, &tombolo, &cases)? {
        return Ok(1);
    }
    let mut tally = Tally::default();
    for (file, case) in &cases {
        let started = Instant::now();
        let playing = Playing::start(case);
        let faults = play::play(&project, &tombolo, file, case)?;
        drop(playing);
        tally.add(
            &file.strip_prefix(&project.root).unwrap_or(file).display().to_string(),
            case,
            &faults,
            started.elapsed(),
        );
    }
    Ok(u8::from(!tally.end(args.filter.as_deref())))
}

/// An event to try a function with: that of its first test case with one, or a plain one.
pub(crate) fn example_event(
    project: &Project,
    name: &Name,
    function: &Function,
) -> Result<Request<Vec<u8>>, DevError> {
    for (file, case) in selected(project, None)? {
        if let Input::Event(event) = &case.input
            && case.function == name.as_str()
        {
            let folder = file.parent().unwrap_or(Path::new("."));
            return play::event_request(name, event, folder)
                .map_err(|why| DevError::TestFile { path: file.clone(), why });
        }
    }
    let kind = function.on.iter().find(|trigger| trigger.route().is_none()).map_or("event", Trigger::kind);
    let event = Event::plain(kind);
    let why = |why: String| DevError::TestFile { path: project.root.join("tests"), why };
    play::event_request(name, &event, &project.root).map_err(why)
}

/// The cases whose name or file has `filter` in it, in the order of files and within them.
fn selected(project: &Project, filter: Option<&str>) -> Result<Vec<(PathBuf, Case)>, DevError> {
    let mut cases = Vec::new();
    for file in files(&project.root.join("tests"))? {
        for case in case::read(&file, project)? {
            let wanted =
                filter.is_none_or(|text| case.name.contains(text) || file.to_string_lossy().contains(text));
            cases.extend(wanted.then(|| (file.clone(), case)));
        }
    }
    Ok(cases)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, DevError> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(DevError::file("look into", folder))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(DevError::file("look into", folder))?.path();
        files.extend(Some(path).filter(|path| path.extension().is_some_and(|extension| extension == "toml")));
    }
    files.sort();
    Ok(files)
}

/// Builds the functions under test; whether all could be.
fn build(project: &Project, tombolo: &Tombolo, cases: &[(PathBuf, Case)]) -> Result<bool, DevError> {
    let mut names: Vec<String> = cases.iter().map(|(_, case)| case.function.clone()).collect();
    names.sort();
    names.dedup();
    // A server serves all functions of the manifest, or none.
    if cases.iter().any(|(_, case)| case.needs_server()) || names.is_empty() {
        names.clear();
    }
    let functions = project.select(&names)?;
    let outcomes = Builder::new(tombolo.clone()).build(
        project,
        &functions,
        Options::default(),
        &Progress::new(Detail::Changes),
    )?;
    Ok(!outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_))))
}
