//! Grants made from parts instead of from a line.

use super::parse::env_name;
use super::{Grant, GrantError};
use crate::line::{Flaw, SyntaxError};

impl Grant {
    /// `env NAME=value`, or `env NAME` without a value.
    ///
    /// # Errors
    /// The name is not a variable's name.
    pub fn env(name: &str, value: Option<&str>) -> Result<Self, GrantError> {
        env_name(name)
            .map_err(|(what, remedy)| SyntaxError::new("variable", name, Flaw::new(0..name.len(), what, remedy)))?;
        Ok(Self::Env { name: name.to_owned(), value: value.map(str::to_owned) })
    }
}
