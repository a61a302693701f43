//! What `tombolo inspect` shows, as text and as JSON.

use std::fmt;

use serde::Serialize;
use tombolo_engine::{ArtifactInfo, Entry};
use tombolo_spec::{GrantSet, Limits};

use super::needs::{Need, need};
use crate::program::Program;

/// All there is to say about an artifact.
#[derive(Serialize)]
pub(crate) struct View<'a> {
    path: String,
    #[serde(flatten)]
    info: &'a ArtifactInfo,
    /// The triggers that its exports fit.
    triggers: Vec<&'static str>,
    needs: Vec<ImportNeed<'a>>,
    limits: Vec<LimitView>,
    /// What the given grants allow; `null` when none were given.
    grants_suffice: Option<bool>,
}

#[derive(Serialize)]
struct ImportNeed<'a> {
    import: &'a str,
    functions: usize,
    /// The kinds of grant of which one is needed.
    needs: Vec<String>,
    /// `free`, `needed`, `refines` or `unknown`.
    grant: &'static str,
    /// Whether the given grants have one of these kinds.
    granted: bool,
}

#[derive(Serialize)]
struct LimitView {
    name: &'static str,
    value: String,
    is_default: bool,
    what: &'static str,
}

impl<'a> View<'a> {
    /// The view of a program under grants and limits.
    pub(crate) fn new(program: &'a Program, grants: &GrantSet, limits: &Limits) -> View<'a> {
        let info = &program.info;
        let needs: Vec<ImportNeed> = info
            .imports
            .iter()
            .map(|import| import_need(&import.name, import.functions.len(), need(import), grants))
            .collect();
        let suffice =
            needs.iter().all(|need| need.grant == "free" || need.grant == "refines" || need.granted);
        View {
            path: program.path.display().to_string(),
            info,
            triggers: triggers(&info.entries),
            needs,
            limits: limit_views(limits),
            grants_suffice: (!grants.is_empty()).then_some(suffice),
        }
    }

    /// Whether every import that needs a grant has one of its kind.
    pub(crate) fn grants_suffice(&self) -> bool {
        self.grants_suffice.unwrap_or(true)
    }
}

fn import_need<'a>(import: &'a str, functions: usize, need: Need, grants: &GrantSet) -> ImportNeed<'a> {
    let (grant, kinds) = match need {
        Need::Nothing => ("free", Vec::new()),
        Need::Grant(kinds) => ("needed", kinds.to_vec()),
        Need::Refined(kind) => ("refines", vec![kind]),
        Need::Unknown => ("unknown", Vec::new()),
    };
    let granted = grants.iter().any(|(_, grant)| kinds.contains(&grant.kind()));
    ImportNeed { import, functions, needs: kinds.iter().map(ToString::to_string).collect(), grant, granted }
}

/// The triggers of architecture's table: what wakes a function with these entry points.
fn triggers(entries: &[Entry]) -> Vec<&'static str> {
    let http = entries.iter().any(|entry| matches!(entry, Entry::HttpP2 | Entry::HttpP3));
    let command =
        entries.iter().any(|entry| matches!(entry, Entry::Start | Entry::CommandP2 | Entry::CommandP3));
    match (http, command) {
        (true, _) => vec!["http", "events (CloudEvents over HTTP)"],
        (false, true) => vec!["run", "http (CGI)", "events (payload on stdin)"],
        (false, false) => Vec::new(),
    }
}

fn limit_views(limits: &Limits) -> Vec<LimitView> {
    let defaults = Limits::defaults(tombolo_spec::Profile::Run);
    limits
        .iter()
        .map(|(limit, value)| LimitView {
            name: limit.name(),
            value: value.to_string(),
            is_default: defaults.get(limit) == value,
            what: limit.doc(),
        })
        .collect()
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wasi: Vec<String> = self.info.wasi.iter().map(ToString::to_string).collect();
        let wasi = if wasi.is_empty() { "none".to_owned() } else { wasi.join(", ") };
        writeln!(f, "{}", self.path)?;
        writeln!(f, "  kind      {}, WASI {wasi}", self.info.kind)?;
        writeln!(f, "  size      {} bytes", self.info.bytes)?;
        writeln!(f, "  digest    {}", self.info.digest)?;
        let triggers =
            if self.triggers.is_empty() { "none: a library".to_owned() } else { self.triggers.join(", ") };
        writeln!(f, "  wakes on  {triggers}")?;
        for producer in &self.info.producers {
            writeln!(f, "  {:<9} {} {}", producer.field, producer.name, producer.version)?;
        }
        self.imports(f)?;
        self.exports(f)?;
        self.limits(f)
    }
}

impl View<'_> {
    fn imports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nimports{}", if self.needs.is_empty() { ": none" } else { "" })?;
        for need in &self.needs {
            let kinds = need.needs.join(" or ");
            let what = match (need.grant, need.granted) {
                ("free", _) => "no grant needed".to_owned(),
                ("needed", true) => format!("granted: {kinds}"),
                ("needed", false) => format!("needs a grant: {kinds}"),
                ("refines", true) => format!("granted: {kinds}"),
                ("refines", false) => format!("limited without a grant: {kinds}"),
                _ => "nothing provides it: the program will not start".to_owned(),
            };
            writeln!(f, "  {:<44} {what}", need.import)?;
        }
        match self.grants_suffice {
            Some(true) => writeln!(f, "  the grants given suffice"),
            Some(false) => writeln!(f, "  the grants given do not suffice"),
            None => Ok(()),
        }
    }

    fn exports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nexports{}", if self.info.exports.is_empty() { ": none" } else { "" })?;
        self.info.exports.iter().try_for_each(|export| writeln!(f, "  {}", export.name))
    }

    fn limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nlimits (change one with --limit NAME=VALUE)")?;
        for limit in &self.limits {
            let origin = if limit.is_default { "" } else { " (changed)" };
            writeln!(f, "  {:<18} {:>10}  {}{origin}", limit.name, limit.value, limit.what)?;
        }
        Ok(())
    }
}
