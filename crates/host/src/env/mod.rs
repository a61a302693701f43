//! Arguments, environment variables and secrets that a guest may read.
//!
//! A guest's environment holds what `env` grants say and nothing of this machine's own. A secret is in it, under
//! the secret's name, only with `reveal`; without, it is there for the host to use on the guest's behalf.

pub(crate) mod host;
mod policy;

#[cfg(test)]
mod tests;

pub(crate) use policy::Environment;
pub use policy::MissingSecret;
