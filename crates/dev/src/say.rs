//! What a command tells its user: on standard error, in colour only where a terminal shows it.

use std::time::Duration;

use console::{Style, StyledObject, style};

/// Prints a line to standard error.
macro_rules! say {
    ($($part:tt)*) => { eprintln!($($part)*) };
}
pub(crate) use say;

pub(crate) fn good<D>(text: D) -> StyledObject<D> {
    style(text).for_stderr().green()
}

pub(crate) fn bad<D>(text: D) -> StyledObject<D> {
    style(text).for_stderr().red()
}

pub(crate) fn warning<D>(text: D) -> StyledObject<D> {
    style(text).for_stderr().yellow()
}

pub(crate) fn bold<D>(text: D) -> StyledObject<D> {
    style(text).for_stderr().bold()
}

pub(crate) fn dim<D>(text: D) -> StyledObject<D> {
    style(text).for_stderr().dim()
}

/// A colour of its own for each function, by its place in the manifest.
pub(crate) fn colour(place: usize) -> Style {
    let colours = [
        Style::new().cyan(),
        Style::new().magenta(),
        Style::new().blue(),
        Style::new().yellow(),
        Style::new().green(),
    ];
    colours[place % colours.len()].clone().for_stderr()
}

/// `640 µs`, `850 ms`, `2.4 s`.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_micros() {
        us @ 0..1000 => format!("{us} µs"),
        us @ 1000..1_000_000 => format!("{} ms", us / 1000),
        us => format!("{:.1} s", us as f64 / 1_000_000.0),
    }
}

/// `912 B`, `4.1 KiB`, `13.6 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// Each line of `text` indented by `by` spaces.
pub(crate) fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}
