//! Named points at which a test lets a process end as by `kill -9`: without a word, with nothing put in order.
//!
//! They are in builds with debug assertions alone. `TOMBOLO_FAILPOINTS` names a folder; a file in it with the name of a
//! point is taken away by the first process that comes there, which then ends.

/// The variable that names the folder.
const FOLDER: &str = "TOMBOLO_FAILPOINTS";

/// The variable for a child of this process, where there are such points.
pub fn variable_for_child() -> Option<(&'static str, std::ffi::OsString)> {
    let folder = cfg!(debug_assertions).then(|| std::env::var_os(FOLDER)).flatten()?;
    Some((FOLDER, folder))
}

/// Ends this process, if a test wants it to.
pub fn failpoint(name: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    let folder = std::env::var_os(FOLDER).map(std::path::PathBuf::from);
    if folder.is_some_and(|folder| std::fs::remove_file(folder.join(name)).is_ok()) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The first process of a namespace does not hear its own signals.
        std::process::abort();
    }
}
