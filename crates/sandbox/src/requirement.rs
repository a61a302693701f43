//! Layers without which the caller would rather not run.

use std::fmt;
use std::str::FromStr;

use crate::{Layer, Layers, SandboxError, Status};

/// The layers that must be in force; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement(Vec<Layer>);

impl Requirement {
    /// The layers, in the order given, without repetition.
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// The required layers that are not in force, each with the reason.
    pub fn missing(&self, layers: &Layers) -> Vec<(Layer, String)> {
        self.unmet(layers, |status| matches!(status, Status::InForce(_)))
    }

    /// The required layers that this machine cannot have, as far as a probe can tell.
    pub fn impossible(&self, layers: &Layers) -> Vec<(Layer, String)> {
        self.unmet(layers, |status| !matches!(status, Status::Missing(_)))
    }

    /// Fails with every layer of [`missing`](Self::missing).
    pub(crate) fn check(&self, layers: &Layers) -> Result<(), SandboxError> {
        let missing = self.missing(layers);
        if missing.is_empty() { Ok(()) } else { Err(SandboxError::Missing { missing }) }
    }

    fn unmet(&self, layers: &Layers, met: impl Fn(&Status) -> bool) -> Vec<(Layer, String)> {
        let unmet = self.0.iter().filter(|&&layer| !met(layers.get(layer)));
        unmet.map(|&layer| (layer, layers.get(layer).text().to_owned())).collect()
    }
}

/// A list of layers that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sandbox layer \"{name}\" does not exist; the layers are {}", known())]
pub struct RequirementError {
    /// What was written.
    pub name: String,
}

fn known() -> String {
    Layer::ALL.map(Layer::name).join(", ")
}

impl FromStr for Requirement {
    type Err = RequirementError;

    /// Reads names separated by commas: `landlock,seccomp`.
    fn from_str(text: &str) -> Result<Self, RequirementError> {
        let mut layers = Vec::new();
        for name in text.split(',').map(str::trim) {
            let layer = Layer::from_name(name).ok_or_else(|| RequirementError { name: name.to_owned() })?;
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
        Ok(Requirement(layers))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|layer| layer.name()).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_once_each_and_printed_back() {
        let requirement: Requirement = "seccomp, landlock,seccomp".parse().expect("known names");
        assert_eq!(requirement.layers(), [Layer::Seccomp, Layer::Landlock]);
        assert_eq!(requirement.to_string(), "seccomp,landlock");
        let all = Layer::ALL.map(Layer::name).join(",");
        assert_eq!(all.parse::<Requirement>().expect("known names").to_string(), all);
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        for (text, name) in [("landlok", "landlok"), ("landlock,", ""), ("", ""), ("Landlock", "Landlock")] {
            let error = text.parse::<Requirement>().expect_err("no such layer");
            assert_eq!(error.name, name);
            assert!(error.to_string().ends_with("no-core, not-dumpable"), "{error}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_its_reason() {
        let requirement: Requirement = "landlock,seccomp,user".parse().expect("known names");
        let layers = Layers::new(|layer| match layer {
            Layer::Landlock => Status::InForce("ABI 7".into()),
            Layer::Seccomp => Status::Available("".into()),
            _ => Status::Missing("refused".into()),
        });
        let missing = [(Layer::Seccomp, String::new()), (Layer::UserNamespace, "refused".to_owned())];
        assert_eq!(requirement.missing(&layers), missing);
        assert_eq!(requirement.impossible(&layers), missing[1..]);
        let error = requirement.check(&layers).expect_err("two are missing").to_string();
        assert!(error.contains("layers are not in force: seccomp, user (refused);"), "{error}");
        assert!(Requirement::default().check(&layers).is_ok());
    }
}
