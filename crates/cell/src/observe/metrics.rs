//! Metrics in Prometheus' text format 0.0.4, added up from the workers' counters when asked for.

use std::fmt::{Display, Write};

use tombolo_spec::observed::{LATENCY_BOUNDS_US, Latency};

use super::counters::{Counters, Totals};
use crate::function::Function;
use crate::refusal::Refusal;
use crate::worker::Shared;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// All metrics of a cell. Functions that were never called are left out, so that the text does not grow with them.
pub(crate) fn text(shared: &Shared) -> String {
    let generation = shared.generation.load();
    let called: Vec<(&Function, Totals)> = generation
        .functions
        .iter()
        .map(|function| (&**function, totals(&function.counters)))
        .filter(|(_, totals)| totals.calls() > 0)
        .collect();
    let mut page = Page(String::new());
    cell(&mut page, shared, generation.functions.len());
    traces(&mut page, shared);
    functions(&mut page, &called, &totals(&shared.unrouted));
    page.0
}

pub(super) fn totals(counters: &[Counters]) -> Totals {
    let mut totals = Totals::default();
    counters.iter().for_each(|counters| totals.add(counters));
    totals
}

fn cell(page: &mut Page, shared: &Shared, functions: usize) {
    let (running, instances_max) = shared.cell.instances();
    let (memory, memory_max) = shared.cell.memory_bytes();
    page.family("tombolo_functions", "gauge", "Functions that are served.");
    page.value("tombolo_functions", &[], functions);
    page.family("tombolo_instances", "gauge", "Instances that run now.");
    page.value("tombolo_instances", &[], running);
    page.family("tombolo_instances_max", "gauge", "Instances that can run at once.");
    page.value("tombolo_instances_max", &[], instances_max);
    page.family("tombolo_guest_memory_bytes", "gauge", "Memory taken by running instances.");
    page.value("tombolo_guest_memory_bytes", &[], memory);
    page.family("tombolo_guest_memory_bytes_max", "gauge", "Memory that running instances may take.");
    page.value("tombolo_guest_memory_bytes_max", &[], memory_max);
    page.family(
        "tombolo_log_blocks_dropped_total",
        "counter",
        "Blocks of log lines dropped: the log's reader is slow.",
    );
    page.value("tombolo_log_blocks_dropped_total", &[], shared.log.dropped());
}

fn traces(page: &mut Page, shared: &Shared) {
    if let Some(tracer) = &shared.tracer {
        page.family(
            "tombolo_traces_dropped_total",
            "counter",
            "Traces dropped: the collector is slow or away.",
        );
        page.value("tombolo_traces_dropped_total", &[], tracer.dropped());
    }
}

fn functions(page: &mut Page, called: &[(&Function, Totals)], unrouted: &Totals) {
    let named = || called.iter().map(|(function, totals)| (&*function.name, totals));
    let all = || named().chain(std::iter::once(("", unrouted)));
    page.family(
        "tombolo_requests_total",
        "counter",
        "Answered requests; without a function's name if none was found.",
    );
    for (name, totals) in all() {
        for (class, count) in CLASSES.iter().zip(totals.classes).filter(|(_, count)| *count > 0) {
            page.value("tombolo_requests_total", &[("function", name), ("class", class)], count);
        }
    }
    page.family("tombolo_refusals_total", "counter", "Requests that did not get the guest's own answer.");
    for (name, totals) in all() {
        for (reason, count) in Refusal::NAMES.iter().zip(totals.refusals).filter(|(_, count)| *count > 0) {
            page.value("tombolo_refusals_total", &[("function", name), ("reason", reason)], count);
        }
    }
    page.family("tombolo_cpu_seconds_total", "counter", "Processor time of a function's guests.");
    for (name, totals) in named() {
        page.value("tombolo_cpu_seconds_total", &[("function", name)], totals.cpu_ns as f64 / 1e9);
    }
    page.family("tombolo_canceled_total", "counter", "Requests whose client left before the answer.");
    for (name, totals) in named() {
        page.value("tombolo_canceled_total", &[("function", name)], totals.canceled);
    }
    page.family(
        "tombolo_request_duration_seconds",
        "histogram",
        "From a request's first byte until its answer is complete.",
    );
    for (name, totals) in named() {
        page.histogram("tombolo_request_duration_seconds", name, &totals.duration);
    }
    page.family(
        "tombolo_start_duration_seconds",
        "histogram",
        "From admission until the instance can be called.",
    );
    for (name, totals) in named() {
        page.histogram("tombolo_start_duration_seconds", name, &totals.start);
    }
    grants(page, called);
    state(page, called);
}

/// What a function's present revision used its grants for. A grant of no text stands for none.
fn grants(page: &mut Page, called: &[(&Function, Totals)]) {
    let reports: Vec<_> =
        called.iter().map(|(function, _)| (&*function.name, function.template.ledger().report())).collect();
    page.family("tombolo_grant_uses_total", "counter", "What a grant allowed.");
    for (name, report) in &reports {
        for grant in report.grants.iter().filter(|grant| grant.used > 0) {
            let labels = [("function", *name), ("grant", &grant.grant)];
            page.value("tombolo_grant_uses_total", &labels, grant.used);
        }
    }
    let family = "tombolo_grant_refusals_total";
    page.family(
        family,
        "counter",
        "What was refused, by the grant that came closest; without one if none did.",
    );
    for (name, report) in &reports {
        for grant in report.grants.iter().filter(|grant| grant.refused > 0) {
            page.value(family, &[("function", *name), ("grant", &grant.grant)], grant.refused);
        }
        if report.refused_without_grant > 0 {
            page.value(family, &[("function", *name), ("grant", "")], report.refused_without_grant);
        }
    }
}

fn state(page: &mut Page, called: &[(&Function, Totals)]) {
    page.family("tombolo_function_running", "gauge", "Instances of a function that run now.");
    for (function, _) in called {
        page.value("tombolo_function_running", &[("function", &function.name)], function.gate.running());
    }
    page.family("tombolo_function_waiting", "gauge", "Requests that wait for a place.");
    for (function, _) in called {
        page.value("tombolo_function_waiting", &[("function", &function.name)], function.gate.waiting());
    }
    page.family(
        "tombolo_log_lines_dropped_total",
        "counter",
        "Lines that a function logged over its budget.",
    );
    for (function, _) in called {
        page.value(
            "tombolo_log_lines_dropped_total",
            &[("function", &function.name)],
            function.log.dropped(),
        );
    }
}

/// The text as it grows.
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{separator}{label}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    fn histogram(&mut self, name: &str, function: &str, distribution: &Latency) {
        let bucket = format!("{name}_bucket");
        let mut count = 0;
        for (index, observed) in distribution.counts.iter().enumerate() {
            count += observed;
            let bound = LATENCY_BOUNDS_US.get(index).map_or("+Inf".into(), |us| seconds(*us));
            self.value(&bucket, &[("function", function), ("le", &bound)], count);
        }
        self.value(&format!("{name}_sum"), &[("function", function)], seconds(distribution.sum_us));
        self.value(&format!("{name}_count"), &[("function", function)], count);
    }
}

fn seconds(us: u64) -> String {
    (us as f64 / 1e6).to_string()
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_histograms_print_as_prometheus_reads_them() {
        let mut page = Page(String::new());
        page.value("a", &[], 1);
        page.value("b", &[("function", "x\"y\\z\n"), ("class", "2xx")], 2);
        let mut distribution = Latency::default();
        distribution.counts[0] = 3;
        distribution.counts[16] = 1;
        distribution.sum_us = 1_500_000;
        page.histogram("h", "f", &distribution);
        let lines: Vec<_> = page.0.lines().collect();
        assert_eq!(lines[0], "a 1");
        assert_eq!(lines[1], "b{function=\"x\\\"y\\\\z\\n\",class=\"2xx\"} 2");
        assert_eq!(lines[2], "h_bucket{function=\"f\",le=\"0.00005\"} 3");
        assert_eq!(lines[18], "h_bucket{function=\"f\",le=\"+Inf\"} 4");
        assert_eq!(lines[19..], ["h_sum{function=\"f\"} 1.5", "h_count{function=\"f\"} 4"]);
    }
}
