//! From what was deployed to what a cell is told.

use std::path::{Path, PathBuf};

use tombolo_spec::grant::HostPath;
use tombolo_spec::{Ceiling, Digest, Function, Grant, GrantSet, Isolation, Manifest, Name};

use crate::ceilings::{Allowed, MachineCeiling, allow};
use crate::db::Release;
use crate::reconcile::Revision;
use crate::wire::CellFunction;

/// A release that was read and checked against the ceilings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// Each function with its artifact and what it gets.
    pub(crate) functions: Vec<CheckedFunction>,
}

/// A function of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedFunction {
    /// Its name.
    pub(crate) name: Name,
    /// Its artifact.
    pub(crate) digest: Digest,
    /// What it gets.
    pub(crate) allowed: Allowed,
}

/// Reads a release and applies the ceilings.
///
/// # Errors
/// Everything that keeps it from being deployed, for people.
pub(crate) fn check(
    release: &Release,
    machine: &MachineCeiling,
    tenant: Option<&Ceiling>,
) -> Result<Checked, String> {
    let manifest =
        Manifest::parse(&release.manifest, "tombolo.toml").map_err(|problems| problems.to_string())?;
    let base =
        release.base.as_deref().map(str::parse::<HostPath>).transpose().map_err(|error| error.to_string())?;
    let functions = manifest
        .functions
        .iter()
        .map(|(name, function)| {
            let grants = resolved(function, base.as_ref())?;
            let allowed = allow(machine, tenant, function, &grants);
            let allowed =
                allowed.map_err(|refused| format!("function {name:?}: {refused}", name = name.as_str()))?;
            Ok(CheckedFunction { name: name.clone(), digest: digest(release, name)?, allowed })
        })
        .collect::<Result<_, String>>()?;
    Ok(Checked { manifest, functions })
}

fn resolved(function: &Function, base: Option<&HostPath>) -> Result<GrantSet, String> {
    match base {
        Some(base) => Ok(function.grants.resolve(base)),
        None => Ok(function.grants.clone()),
    }
}

fn digest(release: &Release, function: &Name) -> Result<Digest, String> {
    let text = release.artifacts.get(function.as_str());
    let text =
        text.ok_or_else(|| format!("function {:?}: no artifact was sent for it", function.as_str()))?;
    text.parse().map_err(|error| format!("function {:?}: {error}", function.as_str()))
}

impl Release {
    /// With whom it shares a cell. What cannot be read runs nowhere, and shares with others.
    pub(crate) fn isolation(&self) -> Isolation {
        Manifest::parse(&self.manifest, "tombolo.toml")
            .map_or_else(|_| Isolation::default(), |manifest| manifest.isolation)
    }
}

impl Checked {
    /// The functions as a cell is told of them; `classes` are those of their artifacts, in order.
    pub(crate) fn for_cell(
        &self,
        revision: Revision,
        release: &Release,
        classes: &[String],
    ) -> Vec<CellFunction> {
        let base =
            release.base.as_deref().map_or_else(|| PathBuf::from("/"), |base| Path::new(base).to_owned());
        let functions = self.functions.iter().zip(classes);
        functions
            .filter_map(|(checked, class)| {
                let function = self.manifest.function(&checked.name)?;
                let limits = checked.allowed.limits.iter().filter(|(_, value)| value.raw().is_some());
                Some(CellFunction {
                    app: self.manifest.name.to_string(),
                    name: checked.name.to_string(),
                    revision: revision.0,
                    digest: checked.digest.to_string(),
                    class: class.clone(),
                    on: function.on.iter().map(ToString::to_string).collect(),
                    grants: checked.allowed.grants.grants().map(ToString::to_string).collect(),
                    limits: limits.map(|(limit, value)| format!("{limit}={value}")).collect(),
                    args: function.args.clone(),
                    base: base.clone(),
                })
            })
            .collect()
    }

    /// Whether it matters where its manifest was.
    pub(crate) fn needs_base(&self) -> bool {
        let grants = self.manifest.functions.values().flat_map(|function| function.grants.grants());
        grants.into_iter().any(|grant| matches!(grant, Grant::Dir { host, .. } if !host.is_absolute()))
    }

    /// The lines of its routes.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &tombolo_spec::Trigger> {
        self.manifest.functions.values().flat_map(|function| &function.on).filter(|on| on.route().is_some())
    }

    /// What was asked for and not given, one line each.
    pub(crate) fn missing(&self) -> Vec<String> {
        let lines = self.functions.iter().flat_map(|function| {
            let name = function.name.as_str();
            function.allowed.missing.lines().map(move |line| format!("{name}: {line}"))
        });
        lines.collect()
    }
}
