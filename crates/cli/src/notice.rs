//! What tombolo itself says to its user, always on standard error and always with its name in front.

/// Prints one line (or several) to standard error. A closed standard error is no reason to fail.
#[macro_export]
macro_rules! notice {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "tombolo: {}", format_args!($($argument)*));
    }};
}
