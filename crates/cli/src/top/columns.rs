//! The columns of the table: what each shows of a function, and how functions are ordered by it.

use std::cmp::Ordering;

use tombolo_node::api::types::FunctionStats;

/// A column, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Function,
    Revision,
    Rate,
    P50,
    P99,
    Errors,
    Cpu,
    Memory,
    Running,
    Waiting,
    Refused,
}

impl Column {
    pub(super) const ALL: [Column; 11] = [
        Column::Function,
        Column::Revision,
        Column::Rate,
        Column::P50,
        Column::P99,
        Column::Errors,
        Column::Cpu,
        Column::Memory,
        Column::Running,
        Column::Waiting,
        Column::Refused,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Column::Function => "TENANT/APP/FUNCTION",
            Column::Revision => "REV",
            Column::Rate => "REQ/S",
            Column::P50 => "P50",
            Column::P99 => "P99",
            Column::Errors => "ERR/S",
            Column::Cpu => "CPU",
            Column::Memory => "MEM",
            Column::Running => "RUN",
            Column::Waiting => "WAIT",
            Column::Refused => "REFUSED",
        }
    }

    /// Characters; the first column takes what is left.
    pub(super) fn width(self) -> u16 {
        match self {
            Column::Function => 20,
            Column::Revision | Column::Running | Column::Waiting => 5,
            Column::Cpu | Column::Memory => 6,
            _ => 8,
        }
    }

    pub(super) fn cell(self, of: &FunctionStats) -> String {
        match self {
            Column::Function => name(of),
            Column::Revision => of.revision.to_string(),
            Column::Rate => of.rate.map_or(String::new(), count),
            Column::P50 => of.p50_us.map_or("-".to_owned(), duration),
            Column::P99 => of.p99_us.map_or("-".to_owned(), duration),
            Column::Errors => of.error_rate.map_or(String::new(), count),
            Column::Cpu => of.cpu.map_or(String::new(), |cpu| format!("{cpu:.2}")),
            Column::Memory => bytes(of.memory_bytes),
            Column::Running => of.running.to_string(),
            Column::Waiting => of.waiting.to_string(),
            Column::Refused => of.refusals.to_string(),
        }
    }

    /// Names upwards, numbers downwards: what is looked for stands first.
    pub(super) fn order(self, a: &FunctionStats, b: &FunctionStats) -> Ordering {
        let numbers = |value: fn(&FunctionStats) -> f64| value(b).total_cmp(&value(a));
        let first = match self {
            Column::Function => Ordering::Equal,
            Column::Revision => b.revision.cmp(&a.revision),
            Column::Rate => numbers(|of| of.rate.unwrap_or_default()),
            Column::P50 => b.p50_us.cmp(&a.p50_us),
            Column::P99 => b.p99_us.cmp(&a.p99_us),
            Column::Errors => numbers(|of| of.error_rate.unwrap_or_default()),
            Column::Cpu => numbers(|of| of.cpu.unwrap_or_default()),
            Column::Memory => b.memory_bytes.cmp(&a.memory_bytes),
            Column::Running => b.running.cmp(&a.running),
            Column::Waiting => b.waiting.cmp(&a.waiting),
            Column::Refused => b.refusals.cmp(&a.refusals),
        };
        first.then_with(|| name(a).cmp(&name(b)))
    }
}

/// The function's whole name.
pub(super) fn name(of: &FunctionStats) -> String {
    format!("{}/{}/{}", of.tenant, of.app, of.function)
}

fn count(rate: f64) -> String {
    if rate > 0.0 && rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us}us"),
        1_000..10_000 => format!("{:.1}ms", us as f64 / 1e3),
        10_000..1_000_000 => format!("{}ms", us / 1_000),
        _ => format!("{:.1}s", us as f64 / 1e6),
    }
}

/// A size in three digits and a letter.
pub(super) fn bytes(bytes: u64) -> String {
    let steps = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match steps.into_iter().find(|(_, step)| bytes >= *step) {
        None => bytes.to_string(),
        Some((letter, step)) if bytes < 10 * step => format!("{:.1}{letter}", bytes as f64 / step as f64),
        Some((letter, step)) => format!("{}{letter}", bytes / step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let durations = [0, 999, 1_500, 12_345, 999_999, 2_500_000].map(duration);
        assert_eq!(durations, ["0us", "999us", "1.5ms", "12ms", "999ms", "2.5s"]);
        assert_eq!([0, 1023, 1536, 64 << 20, 3 << 30].map(bytes), ["0", "1023", "1.5K", "64M", "3.0G"]);
        assert_eq!([0.0, 0.25, 12.4].map(count), ["0", "0.2", "12"]);
    }
}
