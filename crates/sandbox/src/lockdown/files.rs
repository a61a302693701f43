//! Landlock: files by rule, TCP by port, and nothing that leaves the cell (landlock(7)).
//!
//! Landlock does not cover what reads or changes only metadata (stat, chmod, chown, utimes, extended attributes) and
//! what is already open. Of these seccomp leaves stat and utimes.

use landlock::{
    ABI, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{FileType, fstat};

use super::{Access, FileRule, Network, Policy};
use crate::{Layer, Layers, SandboxError, Status};

/// The newest interface that the tests have seen; on older kernels the rights they do not know are left out.
const TESTED: ABI = ABI::V7;

/// Puts up the three layers that Landlock gives, as far as the kernel has them and the policy wants them.
pub(super) fn restrict(policy: &Policy<'_>, layers: &mut Layers) -> Result<(), SandboxError> {
    let wanted = Wanted::of(policy, layers);
    if wanted.files || wanted.ports || wanted.scope {
        let failed =
            |error: RulesetError| SandboxError::Layer { layer: Layer::Landlock, why: error.to_string() };
        let status = rules(policy, &wanted).and_then(RulesetCreated::restrict_self).map_err(failed)?;
        enforced(&status)?;
    }
    note(&wanted, policy, layers);
    Ok(())
}

/// Which of the layers will be put up.
struct Wanted {
    files: bool,
    ports: bool,
    scope: bool,
}

impl Wanted {
    fn of(policy: &Policy<'_>, layers: &Layers) -> Self {
        let can = |layer| policy.walls.has(layer) && !matches!(layers.get(layer), Status::Missing(_));
        Wanted {
            files: can(Layer::Landlock),
            ports: can(Layer::TcpPorts) && !matches!(policy.network, Network::Tcp { any: true, .. }),
            scope: can(Layer::Scope),
        }
    }
}

fn rules(policy: &Policy<'_>, wanted: &Wanted) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default();
    if wanted.files {
        ruleset = ruleset.handle_access(<AccessFs as landlock::Access>::from_all(TESTED))?;
    }
    if wanted.ports {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?;
    }
    if wanted.scope {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal)?;
    }
    let mut ruleset = ruleset.create()?;
    if wanted.files {
        for rule in &policy.files {
            ruleset = ruleset.add_rule(PathBeneath::new(rule.fd, rights(rule)))?;
        }
    }
    match &policy.network {
        Network::Tcp { connect, bind, .. } if wanted.ports => ruleset
            .add_rules(
                connect.iter().map(|&port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::ConnectTcp))),
            )?
            .add_rules(
                bind.iter().map(|&port| Ok::<_, RulesetError>(NetPort::new(port, AccessNet::BindTcp))),
            ),
        _ => Ok(ruleset),
    }
}

/// Never to execute, to make device nodes, sockets or pipes, or to command devices.
fn rights(rule: &FileRule<'_>) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer;
    let rights = match rule.access {
        Access::ReadOnly => read,
        Access::ReadWrite => read | write,
    };
    // A rule for a file takes only the rights that a file can have.
    let folder =
        fstat(rule.fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
    if folder { rights } else { rights & AccessFs::from_file(TESTED) }
}

/// A kernel that has Landlock and does not enforce the rules is not something to go on with.
fn enforced(status: &RestrictionStatus) -> Result<(), SandboxError> {
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(SandboxError::Layer {
            layer: Layer::Landlock,
            why: "the kernel did not enforce the rules".into(),
        }),
    }
}

fn note(wanted: &Wanted, policy: &Policy<'_>, layers: &mut Layers) {
    let left_out_ports = match policy.network {
        Network::Tcp { any: true, .. } => "a grant allows every port",
        _ => "left out",
    };
    for (layer, up, otherwise) in [
        (Layer::Landlock, wanted.files, "left out"),
        (Layer::TcpPorts, wanted.ports, left_out_ports),
        (Layer::Scope, wanted.scope, "left out"),
    ] {
        let status = match (layers.get(layer), up) {
            (Status::Missing(why), _) => Status::Missing(why.clone()),
            (status, true) => Status::InForce(status.text().to_owned().into()),
            (_, false) => Status::NotUsed(otherwise.into()),
        };
        layers.set(layer, status);
    }
}
