//! The functions to serve, as the arguments and the manifest say.

use std::path::Path;

use anyhow::anyhow;
use tombolo_spec::{Grant, GrantSet, Profile};

use crate::args::{ProgramArgs, ServeArgs};
use crate::exit::Failure;
use crate::plan::{self, OpenManifest, Plan};

/// What a program that was named by its file answers.
const EVERYTHING: &str = "http * /*";

/// One plan for each function, in the order of the manifest.
#[derive(Clone)]
pub(super) struct Wanted {
    manifest: Option<OpenManifest>,
    pub(super) plans: Vec<Plan>,
}

impl Wanted {
    /// Reads the manifest, if there is one.
    ///
    /// # Errors
    /// The manifest's problems, or those of the arguments.
    pub(super) fn read(args: &ServeArgs) -> Result<Wanted, Failure> {
        match &args.manifest {
            Some(file) => Wanted::of(OpenManifest::read(file)?, &args.grants),
            None => {
                let program = args.program.as_deref().unwrap_or(Path::new(""));
                let mut plan = plan::of_file(program, Vec::new(), &args.grants, Profile::Serve)?;
                plan.on = vec![EVERYTHING.parse().map_err(|error| anyhow!("{error}"))?];
                Ok(Wanted { manifest: None, plans: vec![plan] })
            }
        }
    }

    /// What another text of the manifest wants. Opens nothing.
    ///
    /// # Errors
    /// The text's problems.
    pub(super) fn with_text(&self, text: Option<&str>, given: &ProgramArgs) -> Result<Wanted, Failure> {
        match (&self.manifest, text) {
            (Some(manifest), Some(text)) => Wanted::of(manifest.with_text(text)?, given),
            _ => Ok(self.clone()),
        }
    }

    /// The manifest's text.
    pub(super) fn text(&self) -> Option<&str> {
        self.manifest.as_ref().map(OpenManifest::text)
    }

    /// The name of the whole: the manifest's, or the program's.
    pub(super) fn app(&self) -> String {
        let program = || self.plans.first().map(|plan| plan.function.clone()).unwrap_or_default();
        self.manifest.as_ref().map_or_else(program, |manifest| manifest.app().to_owned())
    }

    /// All grants that the kernel has rules for.
    pub(super) fn walled(&self) -> GrantSet {
        let grants = self.plans.iter().flat_map(|plan| plan.grants.grants());
        GrantSet::new(grants.filter(|grant| is_walled(grant)).cloned())
    }

    fn of(manifest: OpenManifest, given: &ProgramArgs) -> Result<Wanted, Failure> {
        let plan = |name: &str| manifest.plan(name, Vec::new(), given, Profile::Serve);
        let plans = manifest.names().map(plan).collect::<Result<_, _>>()?;
        Ok(Wanted { manifest: Some(manifest), plans })
    }
}

/// What stays within the process needs no rule of the kernel.
fn is_walled(grant: &Grant) -> bool {
    !matches!(
        grant,
        Grant::Env { .. } | Grant::Secret { .. } | Grant::Random | Grant::Clock { .. } | Grant::Topic { .. }
    )
}
