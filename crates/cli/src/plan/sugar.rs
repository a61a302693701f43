//! Short forms of grant lines: `--dir`, `--env`, `--secret`.
//!
//! Each becomes the grant that its line would be, so that there is one language and one place that enforces it.

use anyhow::{Context, bail};
use tombolo_spec::grant::{GuestPath, HostPath};
use tombolo_spec::{Access, Grant, GrantSet};

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
        [host] => (host, own_name(host)?),
        [host, guest] => (host, guest.to_owned()),
        _ => bail!("write HOST, HOST::GUEST, HOST::ro or HOST::GUEST::ro"),
    };
    Ok(Grant::Dir { host: host.parse::<HostPath>()?, guest: guest.parse::<GuestPath>()?, access })
}

/// The name under which a folder is seen when none is given: the one it was typed with.
fn own_name(host: &str) -> anyhow::Result<String> {
    let path = host.parse::<HostPath>()?;
    match path.as_str() {
        path if path == "." || path.starts_with('/') => Ok(path.to_owned()),
        path if path.starts_with("..") => bail!("say where the program sees it, such as --dir {host}::/data"),
        path => Ok(format!("/{path}")),
    }
}

/// `K=V` sets a variable, `K` passes this machine's on. The name is checked as in a grant line; the value is free.
fn env(spec: &str) -> anyhow::Result<Grant> {
    let (name, value) = match spec.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (spec, None),
    };
    match format!("env {name}").parse()? {
        Grant::Env { name, .. } => Ok(Grant::Env { name, value: value.map(str::to_owned) }),
        _ => bail!("not a variable"),
    }
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
        check("./site::ro", "dir ./site as /site read");
    }

    #[test]
    fn a_folder_named_ro_needs_its_access_spelled_out() {
        check("ro", "dir ./ro as /ro read-write");
        check("ro::rw", "dir ./ro as /ro read-write");
    }

    #[test]
    fn too_many_parts_are_refused() {
        assert!(dir("/a::/b::/c::ro").is_err());
        assert!(dir("").is_err());
        assert!(dir("../up").is_err(), "a folder above has no name in the guest");
    }
}
