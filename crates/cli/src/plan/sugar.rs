//! Short forms of grant lines: `--dir`, `--env`, `--secret`.
//!
//! Each becomes the grant that its line would be, so that there is one language and one place that enforces it.

use anyhow::{Context, bail};
use tombolo_spec::{Access, Grant, GrantSet, GuestPath};

use super::Secrets;
use crate::args::ProgramArgs;

/// All grants of the command line, in this order: lines, folders, variables, secrets.
pub(super) fn grants(given: &ProgramArgs) -> anyhow::Result<(GrantSet, Secrets)> {
    let mut grants = super::parse_grants(&given.grants)?;
    let mut secrets = Secrets::default();
    for spec in &given.dirs {
        grants.extend([dir(spec).with_context(|| format!("--dir {spec}"))?]);
    }
    for spec in &given.env {
        grants.extend([env(spec).with_context(|| format!("--env {spec}"))?]);
    }
    for spec in &given.secrets {
        grants.extend([secrets.add(spec).with_context(|| format!("--secret {spec}"))?]);
    }
    Ok((grants, secrets))
}

/// `HOST[::GUEST][::ro]`. A relative folder is named as it is typed: `--dir .` is `.` in the guest.
fn dir(spec: &str) -> anyhow::Result<Grant> {
    let mut parts: Vec<&str> = spec.split("::").collect();
    let access = match parts.last() {
        Some(&"ro") if parts.len() > 1 => {
            parts.pop();
            Access::Read
        }
        Some(&"rw") if parts.len() > 1 => {
            parts.pop();
            Access::ReadWrite
        }
        _ => Access::ReadWrite,
    };
    let (host, guest) = match parts[..] {
        [host] => (host, host),
        [host, guest] => (host, guest),
        _ => bail!("write HOST, HOST::GUEST, HOST::ro or HOST::GUEST::ro"),
    };
    Ok(Grant::Dir { host: host.parse()?, guest: guest.parse::<GuestPath>()?, access })
}

fn env(spec: &str) -> anyhow::Result<Grant> {
    let (name, value) = match spec.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (spec, None),
    };
    Ok(Grant::env(name, value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: &str, line: &str) {
        assert_eq!(dir(spec).expect("the short form is right").to_string(), line);
    }

    #[test]
    fn a_folder_is_read_write_unless_it_says_ro() {
        check("/data", "dir /data as /data read-write");
        check("/data::ro", "dir /data as /data read");
        check("/data::/in", "dir /data as /in read-write");
        check("/data::/in::ro", "dir /data as /in read");
        check(".", "dir . as . read-write");
    }

    #[test]
    fn a_folder_named_ro_needs_its_access_spelled_out() {
        check("ro", "dir ro as ro read-write");
        check("ro::rw", "dir ro as ro read-write");
    }

    #[test]
    fn too_many_parts_are_refused() {
        assert!(dir("/a::/b::/c::ro").is_err());
        assert!(dir("").is_err());
    }
}
