//! How what came differs from what was expected, so that a person sees it at once.

use similar::{ChangeTag, TextDiff};

use crate::say::{bad, dim, good};

/// The most lines that are shown of one text.
const LINES_MAX: usize = 60;

/// Line by line: `-` was expected, `+` came. What cannot be seen is escaped.
pub(super) fn lines(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    let mut shown: Vec<String> = Vec::new();
    for change in diff.iter_all_changes() {
        let line = visible(change.value());
        shown.push(match change.tag() {
            ChangeTag::Delete => bad(format!("    - {line}")).to_string(),
            ChangeTag::Insert => good(format!("    + {line}")).to_string(),
            ChangeTag::Equal => dim(format!("      {line}")).to_string(),
        });
    }
    capped(shown)
}

/// A text as it is, escaped where one could not see it.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() {
        return format!("    {}", dim("(empty)"));
    }
    capped(text.split_inclusive('\n').map(|line| format!("    | {}", visible(line))).collect())
}

/// One line; a missing line end is said, other control characters are escaped.
fn visible(line: &str) -> String {
    let (text, end) = match line.strip_suffix('\n') {
        Some(text) => (text, ""),
        None => (line, " (no line end)"),
    };
    let escaped: String = text
        .chars()
        .map(|c| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    escaped + end
}

fn capped(mut lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(LINES_MAX);
    lines.truncate(LINES_MAX);
    if more > 0 {
        lines.push(format!("    … and {more} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_line_end_and_control_characters_are_seen() {
        assert_eq!(visible("a\n"), "a");
        assert_eq!(visible("a"), "a (no line end)");
        assert_eq!(visible("a\r\n"), "a\\r");
        assert_eq!(visible("\u{1b}[1m\n"), "\\u{1b}[1m");
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "x\n".repeat(1000);
        assert!(quoted(&long).lines().count() <= LINES_MAX + 1);
    }

    #[test]
    fn both_sides_of_a_difference_are_shown() {
        let text = console::strip_ansi_codes(&lines("a\nb\nc\n", "a\nx\nc\n")).into_owned();
        assert_eq!(text, "      a\n    - b\n    + x\n      c");
    }
}
