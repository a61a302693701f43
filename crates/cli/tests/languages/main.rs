//! From an empty folder to a function that answers, in each language, with that language's own tools.
//!
//! A language whose tools are not here is skipped, or fails where `TOMBOLO_TEST_REQUIRE=all` is set. Rust, C, Go,
//! JavaScript and Python are tried in every run; the others, and the kinds that differ little, where
//! `TOMBOLO_TEST_LANGUAGES=all` is set, and by `scripts/all-languages.sh`.

mod builds;
mod cases;
mod doctor;
mod new;
mod project;
mod server;
mod templates;
mod wit;
