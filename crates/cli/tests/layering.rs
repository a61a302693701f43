//! The house's plan, held by a test: which crate may know which, and what may stand only in some of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Arrows point down only: a crate may depend on those further up in this table, never on one of its own row.
const ROWS: &[&[&str]] = &[
    &["tombolo-spec", "tombolo-sandbox"],
    &["tombolo-engine", "tombolo-egress", "tombolo-listen"],
    &["tombolo-host", "tombolo-store", "tombolo-dev"],
    &["tombolo-cell", "tombolo-gateway", "tombolo-registry", "tombolo-fleet"],
    &["tombolo-node", "tombolo-kube"],
    &["tombolo"],
];

/// Pairs that the rows would permit: the data plane's parts stay unknown to the control plane.
const NEVER: &[(&str, &str)] = &[
    ("tombolo-node", "tombolo-cell"),
    ("tombolo-node", "tombolo-engine"),
    ("tombolo-node", "tombolo-store"),
    ("tombolo-gateway", "tombolo-engine"),
    ("tombolo-gateway", "tombolo-store"),
];

/// The engine, its hosts and the data plane between them speak to Wasmtime.
const MAY_NAME_WASMTIME: &[&str] = &["tombolo-engine", "tombolo-host", "tombolo-cell"];

const MAY_BE_UNSAFE: &[&str] = &["tombolo-sandbox", "tombolo-engine"];

/// Crates that do input or output, read the clock, or wait: none is allowed anywhere below `spec`.
const IMPURE: &[&str] = &[
    "async-io", "futures", "hyper", "libc", "mio", "reqwest", "rustix", "smol", "socket2", "tempfile",
    "tokio",
];

#[test]
fn every_crate_has_its_row() {
    let house = House::read();
    let missing: Vec<_> = house.members.keys().filter(|name| row(name).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}: give each a row in ROWS and in docs/architecture.md");
}

#[test]
fn arrows_point_down_only() {
    let house = House::read();
    for (from, to) in house.arrows().filter(|(_, to)| house.members.contains_key(*to)) {
        assert!(row(to) < row(from), "{from} must not depend on {to}: it stands on the same row or above");
        assert!(!NEVER.contains(&(from, to)), "{from} must never name {to}");
    }
}

#[test]
fn spec_is_pure() {
    let house = House::read();
    let below = house.all_below("tombolo-spec");
    let impure: Vec<_> = IMPURE.iter().filter(|name| below.contains(**name)).collect();
    assert!(impure.is_empty(), "tombolo-spec reaches {impure:?}");
}

#[test]
fn wasmtime_is_named_only_by_the_crates_around_the_engine() {
    let house = House::read();
    for (from, to) in house.arrows().filter(|(_, to)| to.starts_with("wasmtime")) {
        assert!(MAY_NAME_WASMTIME.contains(&from), "{from} must not depend on {to}");
    }
}

#[test]
fn unsafe_code_is_denied_everywhere_but_in_two_crates() {
    for (name, folder) in House::read().members {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a member has a manifest");
        let inherits = manifest
            .split("[lints]")
            .nth(1)
            .is_some_and(|rest| rest.trim_start().starts_with("workspace = true"));
        assert!(inherits, "{name} must take over the workspace's lints");
        let allowed = sources(&folder.join("src")).find(|(_, text)| text.contains("allow(unsafe_code"));
        if let Some((file, _)) = allowed {
            assert!(MAY_BE_UNSAFE.contains(&name.as_str()), "{file} allows unsafe code");
        }
    }
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

/// What `cargo metadata` says about the workspace; dependencies of tests are left out.
struct House {
    /// Name to folder.
    members: BTreeMap<String, PathBuf>,
    /// Name to the names of its direct dependencies, over all packages.
    dependencies: BTreeMap<String, BTreeSet<String>>,
}

impl House {
    fn read() -> Self {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let output = Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--offline",
                "--all-features",
                "--manifest-path",
                manifest,
            ])
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
        Self::from_metadata(&metadata)
    }

    fn from_metadata(metadata: &Value) -> Self {
        let names: BTreeMap<_, _> = list(&metadata["packages"])
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let ours = list(&metadata["packages"]).filter(|package| package["source"].is_null());
        let members = ours.map(|package| (text(&package["name"]).to_owned(), folder_of(package))).collect();
        let mut dependencies = BTreeMap::<_, BTreeSet<_>>::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let needed =
                list(&node["deps"]).filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"] != "dev"));
            let needed = needed.map(|dep| names[text(&dep["pkg"])].to_owned());
            dependencies.entry(names[text(&node["id"])].to_owned()).or_default().extend(needed);
        }
        Self { members, dependencies }
    }

    /// Every direct dependency of a crate of ours, as (from, to).
    fn arrows(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members
            .keys()
            .flat_map(|from| self.dependencies[from].iter().map(move |to| (from.as_str(), to.as_str())))
    }

    /// All that a crate reaches, through however many others.
    fn all_below(&self, name: &str) -> BTreeSet<&str> {
        let (mut found, mut open) = (BTreeSet::new(), vec![&self.dependencies[name]]);
        while let Some(below) = open.pop() {
            let new = below.iter().filter(|name| found.insert(name.as_str()));
            open.extend(new.filter_map(|name| self.dependencies.get(name)));
        }
        found
    }
}

fn folder_of(package: &Value) -> PathBuf {
    Path::new(text(&package["manifest_path"])).parent().expect("a file has a folder").to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("cargo metadata has text here")
}

/// The Rust files below a folder, as (path, content).
fn sources(folder: &Path) -> Box<dyn Iterator<Item = (String, String)>> {
    let entries =
        std::fs::read_dir(folder).expect("a crate has sources").map(|entry| entry.expect("readable").path());
    Box::new(entries.flat_map(|path| -> Box<dyn Iterator<Item = (String, String)>> {
        if path.is_dir() {
            return sources(&path);
        }
        if path.extension().is_none_or(|end| end != "rs") {
            return Box::new(std::iter::empty());
        }
        let content = std::fs::read_to_string(&path).expect("sources are text");
        Box::new(std::iter::once((path.display().to_string(), content)))
    }))
}
