//! Which variables a guest has.

use tombolo_spec::{Grant, GrantSet};

/// A `secret … reveal` grant names a secret that this machine does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret {name:?} is granted but not known here; set it, or take out 'secret {name} reveal'")]
pub struct MissingSecret {
    /// The secret's name.
    pub name: String,
}

/// What a guest reads at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) args: Vec<String>,
    /// Each name once, in the order they were granted.
    pub(crate) vars: Vec<(String, String)>,
}

impl Environment {
    /// `own` variables come first and are replaced by a grant of the same name.
    ///
    /// A variable that is passed on but not set here stays unset, as for a native program.
    pub(crate) fn new(
        args: Vec<String>,
        own: Vec<(String, String)>,
        grants: &GrantSet,
        host: &dyn Fn(&str) -> Option<String>,
        secrets: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Environment, MissingSecret> {
        let mut environment = Environment { args, vars: own };
        for (_, grant) in grants.iter() {
            match grant {
                Grant::Env { name, value } => {
                    if let Some(value) = value.clone().or_else(|| host(name)) {
                        environment.set(name, value);
                    }
                }
                Grant::Secret { name, reveal: true } => {
                    let text = secrets(name).ok_or_else(|| MissingSecret { name: name.to_string() })?;
                    environment.set(name, text);
                }
                _ => {}
            }
        }
        Ok(environment)
    }

    /// Sets a variable, in the place of one with the same name.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        match self.vars.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.vars.push((name.to_owned(), value)),
        }
    }
}
