//! Child processes: what they printed, how they ended.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};

use crate::error::DevError;

/// Runs `command` to its end, gathering what it prints.
pub(crate) fn output(command: &mut Command, remedy: &str) -> Result<Output, DevError> {
    command.stdin(std::process::Stdio::null()).output().map_err(|source| DevError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
        remedy: remedy.to_owned(),
    })
}

/// The standard output of `program`, trimmed, if it ran and succeeded.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// `exit code 2`, `signal 9`.
pub(crate) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_owned(),
    }
}
