//! How many descriptors the process may hold.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open descriptors as far as it goes. The soft limit is kept low for programs that call `select`,
/// which none of ours does. Where the kernel refuses, there are as many as there were.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
