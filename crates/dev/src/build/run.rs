//! Running a build line: a shell, the manifest's folder, and everything that the tools say kept for the user.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;

use rustix::process::{Pid, Signal};
use tombolo_spec::Function;

use super::lock;
use crate::child;
use crate::error::DevError;
use crate::project::Project;
use crate::toolchain::{self, Machine};

/// The last bytes of a tool's output that are kept.
const OUTPUT_BYTES_MAX: u64 = 256 * 1024;

/// A build that gave no usable component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BuildFailure {
    /// The command line, as the manifest has it.
    pub(crate) line: String,
    /// What is wrong, in one line or a few.
    pub(crate) why: String,
    /// What the tools printed.
    pub(crate) output: String,
}

impl BuildFailure {
    /// The line ran, but what it made will not do.
    pub(super) fn of_result(function: &Function, why: String, output: String) -> BuildFailure {
        BuildFailure { line: function.build.clone().unwrap_or_default(), why, output }
    }
}

/// Runs the line to its end; gives what it printed.
pub(super) fn run(
    project: &Project,
    line: &str,
    machine: &Machine,
    groups: Option<&Groups>,
    say: &dyn Fn(&str),
) -> Result<String, BuildFailure> {
    let failure = |why: String, output: String| BuildFailure { line: line.to_owned(), why, output };
    let missing = toolchain::missing_for(line, machine);
    if !missing.is_empty() {
        return Err(failure(missing.iter().map(in_words).collect::<Vec<_>>().join("\n"), String::new()));
    }
    let environment =
        toolchain::environment(line, machine, say).map_err(|e| failure(e.to_string(), String::new()))?;
    let (status, output) = shell(&project.root, line, &environment, groups)
        .map_err(|e| failure(e.to_string(), String::new()))?;
    if status.success() {
        Ok(output)
    } else {
        Err(failure(format!("ended with {}", child::ending(status)), output))
    }
}

fn in_words((name, install): &(String, String)) -> String {
    format!("{name} is not here; install it with\n    {install}")
}

/// Output goes through a file, in the order in which it was written; a pipe would need a thread, and would stay open
/// for as long as whatever a tool left running.
fn shell(
    folder: &Path,
    line: &str,
    environment: &[(OsString, OsString)],
    groups: Option<&Groups>,
) -> Result<(ExitStatus, String), DevError> {
    let temporary = std::env::temp_dir();
    let mut log = tempfile::tempfile().map_err(DevError::file("make a file in", &temporary))?;
    let handle = || log.try_clone().map_err(DevError::file("use a file in", &temporary));
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", line])
        .current_dir(folder)
        .envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(handle()?).stderr(handle()?);
    let start = |source| DevError::Start {
        program: "/bin/sh".to_owned(),
        source,
        remedy: "build lines need a shell".to_owned(),
    };
    let status = match groups {
        Some(groups) => groups.run(&mut command).map_err(start)?,
        None => command.status().map_err(start)?,
    };
    Ok((status, tail(&mut log).map_err(DevError::file("read a file in", &temporary))?))
}

/// Process groups of builds under way, so that all that a build started can be ended with it.
#[derive(Default)]
pub(super) struct Groups(Mutex<Vec<Pid>>);

impl Groups {
    fn run(&self, command: &mut Command) -> std::io::Result<ExitStatus> {
        let mut child = command.process_group(0).spawn()?;
        let group = Pid::from_raw(child.id().cast_signed());
        lock(&self.0).extend(group);
        let status = child.wait();
        lock(&self.0).retain(|known| Some(*known) != group);
        status
    }

    /// Ends all of them.
    pub(super) fn end(&self) {
        for group in lock(&self.0).iter() {
            // One that has just ended by itself is no longer there.
            let _ = rustix::process::kill_process_group(*group, Signal::TERM);
        }
    }
}

fn tail(log: &mut File) -> std::io::Result<String> {
    let length = log.metadata()?.len();
    log.seek(std::io::SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
