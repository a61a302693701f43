//! The memory of a process and of all its descendants, as the kernel counts it.

use std::fs;

/// What a tree of processes holds, in bytes.
#[derive(Clone, Copy, Default)]
pub struct Held {
    /// Proportional set size: shared pages counted once over all.
    pub pss: u64,
    /// What of it is no part of a file.
    pub anonymous: u64,
    /// Sum of each process's own peak of its resident set.
    pub peak_rss: u64,
    pub processes: u32,
}

/// Adds up the process `root` and its descendants. Processes that end meanwhile are left out.
pub fn of_tree(root: u32) -> Held {
    tree(root).into_iter().fold(Held::default(), |held, pid| Held {
        pss: held.pss + kibibytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:"),
        anonymous: held.anonymous + kibibytes(&format!("/proc/{pid}/smaps_rollup"), "Pss_Anon:"),
        peak_rss: held.peak_rss + kibibytes(&format!("/proc/{pid}/status"), "VmHWM:"),
        processes: held.processes + 1,
    })
}

/// How many files, sockets and the like a process and its descendants hold open.
pub fn descriptors_of_tree(root: u32) -> usize {
    tree(root)
        .into_iter()
        .filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok())
        .map(Iterator::count)
        .sum()
}

fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

fn kibibytes(file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
