//! What apps on this machine can get at most: the operator's ceiling, and the tenant's below it.

use std::path::Path;

use tombolo_spec::{Ceiling, Function, Grant, GrantSet, Limits, Mode, Problems, Profile};

/// The ceiling of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineCeiling {
    /// What `ceiling.toml` says.
    Written(Box<Ceiling>),
    /// Nobody wrote one: what stays inside the app, and public addresses.
    Usual,
}

/// The ceiling can't be read. A node does not go on without: it would give too much.
#[derive(Debug, thiserror::Error)]
pub enum CeilingError {
    /// The file is there and can't be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// The kernel's answer.
        source: std::io::Error,
    },
    /// All that is wrong with it.
    #[error("{0}")]
    Problems(Problems),
}

/// What a function gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// What it may do.
    pub grants: GrantSet,
    /// What it may use up.
    pub limits: Limits,
    /// What it asked for and did not get, one line each.
    pub missing: String,
}

impl MachineCeiling {
    /// Reads `ceiling.toml` in the folder of the node's configuration.
    ///
    /// # Errors
    /// [`CeilingError`] for a file that is there and can't be used.
    pub fn read(config: &Path) -> Result<MachineCeiling, CeilingError> {
        let path = config.join("ceiling.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ceiling::parse(&text, &path.display().to_string())
                .map(|ceiling| MachineCeiling::Written(Box::new(ceiling)))
                .map_err(CeilingError::Problems),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(MachineCeiling::Usual),
            Err(source) => Err(CeilingError::Io { path, source }),
        }
    }

    /// The ceiling for a function that asks for this.
    pub(crate) fn for_function(&self, asked: &GrantSet) -> Ceiling {
        match self {
            MachineCeiling::Written(ceiling) => (**ceiling).clone(),
            MachineCeiling::Usual => usual(asked),
        }
    }
}

/// What a function of a tenant gets: manifest ∩ tenant ∩ machine.
///
/// # Errors
/// What a strict ceiling refuses, one line each, and which ceiling it was.
pub fn allow(
    machine: &MachineCeiling,
    tenant: Option<&Ceiling>,
    function: &Function,
    grants: &GrantSet,
) -> Result<Allowed, String> {
    let under = |ceiling: &Ceiling, grants: &GrantSet, whose: &str| {
        let refused = |error: tombolo_spec::AboveCeiling| format!("{whose}: {error}");
        ceiling.apply(grants, &function.limits, Profile::Serve).map_err(refused)
    };
    let machine = machine.for_function(grants);
    let first = under(&machine, grants, "the ceiling of this machine")?;
    let Some(tenant) = tenant else {
        let missing = first.difference.to_string();
        return Ok(Allowed { grants: first.grants, limits: first.limits, missing });
    };
    let second = under(tenant, &first.grants, "the ceiling of this tenant")?;
    let (limits, _) = second.limits.clamp(&machine.limits);
    let missing = format!("{}{}", first.difference, second.difference);
    Ok(Allowed { grants: second.grants, limits, missing })
}

/// Without a written ceiling an app gets what concerns nobody but itself and its tenant's other apps, and what anybody on
/// the network can reach.
fn usual(asked: &GrantSet) -> Ceiling {
    let own = asked.grants().filter(|grant| {
        matches!(
            grant,
            Grant::Env { value: Some(_), .. }
                | Grant::Secret { .. }
                | Grant::Volume { .. }
                | Grant::Random
                | Grant::Clock { .. }
                | Grant::Kv { .. }
                | Grant::Topic { .. }
                | Grant::Dns { .. }
        ) || matches!(grant, Grant::Http { url, .. } if url.host.is_own_app())
    });
    let public = ["http * https://*/*", "http * http://*/*"].iter().filter_map(|line| line.parse().ok());
    let grants = GrantSet::new(own.cloned().chain(public));
    Ceiling { grants, limits: tombolo_spec::LimitOverrides::default(), mode: Mode::Strict }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_spec::Manifest;

    fn function(grants: &str, limits: &str) -> Function {
        let text = format!(
            "name = \"a\"\nversion = \"1\"\n[functions.f]\ncomponent = \"f.wasm\"\ngrants = [{grants}]\nlimits = {{ {limits} }}\n"
        );
        let manifest = Manifest::parse(&text, "tombolo.toml").expect("a manifest");
        manifest.function("f").expect("its function").clone()
    }

    fn allowed(
        machine: &MachineCeiling,
        tenant: Option<&str>,
        function: &Function,
    ) -> Result<Allowed, String> {
        let tenant = tenant.map(|text| Ceiling::parse(text, "ceiling.toml").expect("a ceiling"));
        allow(machine, tenant.as_ref(), function, &function.grants)
    }

    #[test]
    fn without_a_ceiling_an_app_gets_what_is_its_own_and_what_is_public() {
        let usual = MachineCeiling::Usual;
        let own = function("\"env A=b\", \"kv store read\", \"http GET https://api.example.com/*\"", "");
        assert_eq!(allowed(&usual, None, &own).expect("allowed").grants.len(), 3);
        for line in [
            "dir /srv as /srv read",
            "env HOME",
            "tcp connect db.internal:5432",
            "http GET http://127.0.0.1/*",
        ] {
            let asks = function(&format!("\"{line}\""), "");
            let refused = allowed(&usual, None, &asks).expect_err(line);
            assert!(refused.contains(line), "{refused}");
        }
    }

    #[test]
    fn apps_of_other_tenants_are_called_only_where_the_ceilings_name_them() {
        let own = function("\"http GET http://billing.internal/*\"", "");
        let other = function("\"http GET http://billing.acme.internal/*\"", "");
        let all = function("\"http GET http://*.internal/*\"", "");
        let written = |lines: &str| {
            let ceiling = Ceiling::parse(&format!("grants = [{lines}]"), "c").expect("a ceiling");
            MachineCeiling::Written(Box::new(ceiling))
        };
        let public = "\"http * http://*/*\", \"http * https://*/*\"";
        let named = "\"http GET http://billing.acme.internal/*\"";
        let below = "\"http * http://*.acme.internal/*\"";
        for (machine, tenant, allows) in [
            (MachineCeiling::Usual, None, [true, false, false]),
            (MachineCeiling::Usual, Some(named), [false, false, false]),
            (written(public), None, [false, false, false]),
            (written(named), None, [false, true, false]),
            (written(named), Some(named), [false, true, false]),
            (written(named), Some(public), [false, false, false]),
            (written(below), Some(named), [false, true, false]),
            (written("\"http * http://*.internal/*\""), None, [true, true, true]),
        ] {
            let tenant = tenant.map(|lines| format!("grants = [{lines}]"));
            let got =
                [&own, &other, &all].map(|function| allowed(&machine, tenant.as_deref(), function).is_ok());
            assert_eq!(got, allows, "{machine:?} and {tenant:?}");
        }
    }

    #[test]
    fn the_tenants_ceiling_lies_under_the_machines_whatever_it_says() {
        let text = "mode = \"narrow\"\ngrants = [\"env A\"]\nlimits = { memory = \"16MiB\" }";
        let machine = MachineCeiling::Written(Box::new(Ceiling::parse(text, "c").expect("a ceiling")));
        let asks = function("\"env A=1\", \"env B=2\"", "memory = \"64MiB\"");
        let wide = "mode = \"narrow\"\ngrants = [\"env A\", \"env B\"]\nlimits = { memory = \"1GiB\" }";
        let got = allowed(&machine, Some(wide), &asks).expect("narrowed");
        assert_eq!(got.grants.to_string(), "env A=1\n");
        assert_eq!(got.limits.memory(), tombolo_spec::ByteSize::mib(16));
        assert!(got.missing.contains("env B=2"), "{}", got.missing);
        let strict = "grants = []";
        assert!(allowed(&machine, Some(strict), &asks).expect_err("refused").contains("tenant"));
    }
}
