//! Configuration: `wasi:config/store` 0.2.0-rc.1, and `wasi:config/runtime` 0.2.0-draft, its name before.
//!
//! The same values as the environment holds: those of `env` grants and of secrets that are revealed. So there is
//! one list of what a function is told, and a ceiling decides on it once. Variables of one request alone, such as
//! those of CGI, are no configuration.
//!
//! A guest can change nothing with it and learns nothing that its grants do not say.

mod host;

pub(crate) use host::{ConfigView, HasConfig};
