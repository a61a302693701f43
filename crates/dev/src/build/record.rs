//! What was built from what: `.tombolo/build/<function>`, the fingerprint of the sources and the hash of the component.
//!
//! Losing a record costs a build; a wrong one is not possible, since both hashes must fit.

use std::path::{Path, PathBuf};

use tombolo_spec::Function;

use crate::project::Project;

/// Whether the function's component is the one that was built from these sources.
pub(super) fn is_current(project: &Project, name: &str, function: &Function, fingerprint: &str) -> bool {
    let recorded = std::fs::read_to_string(path(project, name)).unwrap_or_default();
    content(project, function, fingerprint).is_some_and(|expected| expected == recorded)
}

/// Keeps it for the next build. A folder that cannot be written means no skipping, and nothing worse.
pub(super) fn write(project: &Project, name: &str, function: &Function, fingerprint: &str) {
    let path = path(project, name);
    if let (Some(content), Some(folder)) = (content(project, function, fingerprint), path.parent()) {
        let _ = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
    }
}

fn content(project: &Project, function: &Function, fingerprint: &str) -> Option<String> {
    Some(format!("sources {fingerprint}\ncomponent {}\n", hash(&project.component(function)?)?))
}

fn hash(component: &Path) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(component).ok()?).ok()?;
    Some(hasher.finalize())
}

fn path(project: &Project, name: &str) -> PathBuf {
    project.state_dir().join("build").join(name)
}
