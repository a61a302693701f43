//! `--report`: what was granted, used and refused.

use std::fmt::Write as _;

use tombolo_host::ledger::Report;

/// Prints a report to standard error, after the program's own output.
pub(super) fn print(report: &Report) {
    eprint!("{}", text(report));
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let width = report.grants.iter().map(|grant| grant.grant.len()).max().unwrap_or_default().max(5);
    let _ = writeln!(text, "grants of {}", report.function);
    let _ = writeln!(text, "  {:width$}  {:>8}  {:>8}", "grant", "used", "refused");
    for grant in &report.grants {
        let _ = writeln!(text, "  {:width$}  {:>8}  {:>8}", grant.grant, grant.used, grant.refused);
    }
    if report.grants.is_empty() {
        let _ = writeln!(text, "  none");
    }
    refusals(&mut text, report);
    text
}

fn refusals(text: &mut String, report: &Report) {
    for refusal in &report.refusals {
        let _ = writeln!(text, "{refusal}");
    }
    if report.refusals_dropped > 0 {
        let _ = writeln!(text, "and {} refusals more", report.refusals_dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_host::ledger::GrantUse;

    #[test]
    fn every_grant_has_its_line_also_when_it_was_not_used() {
        let use_of =
            |grant: &str, used| GrantUse { grant: grant.to_owned(), used, refused: 0, needs: Vec::new() };
        let report = Report {
            function: "grep.wasm".to_owned(),
            grants: vec![use_of("dir . as . read", 3), use_of("random", 0)],
            refused_without_grant: 0,
            refusals: Vec::new(),
            refusals_dropped: 2,
        };
        assert_eq!(
            text(&report),
            "grants of grep.wasm\n  grant                used   refused\n  dir . as . read         3         0\n  \
             random                  0         0\nand 2 refusals more\n"
        );
    }
}
