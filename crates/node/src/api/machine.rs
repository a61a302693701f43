//! The node itself, and its tenants.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tombolo_spec::Ceiling;

use super::ApiError;
use super::apps::tenant;
use super::call::Call;
use super::caller::Known;
use super::routes::name;
use super::types::{Asker, CellStatus, CreateToken, NodeStatus, Nothing, Tenant, Token, Upgrade, Upgraded};
use crate::ceilings::MachineCeiling;
use crate::db::{Bearer, UnknownRole, token_name};
use crate::supervise::{Node, UpgradeError};

pub(super) async fn node(call: Call) -> Result<NodeStatus, ApiError> {
    let node = &call.node;
    let state = &node.options.dirs.state;
    let disk = rustix::fs::statvfs(state).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(NodeStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program: node.options.program.path.display().to_string(),
        upgrades: node.before.upgrades,
        leaving: node.before.left(),
        not_upgraded: node.before.failed.borrow().clone(),
        pid: std::process::id(),
        gateway: node.gateway_pid(),
        gateway_layers: node.gateway_layers(),
        egress: node.egress_pid(),
        listen: node.addresses.clone(),
        state: state.display().to_string(),
        disk_free_bytes: disk.f_bavail.saturating_mul(disk.f_frsize),
        ceiling: match node.ceiling {
            MachineCeiling::Written(_) => "written".to_owned(),
            MachineCeiling::Usual => "usual".to_owned(),
        },
        cgroups: node.groups.describe(),
        apps: node.with_state(|state| state.apps().count()),
        cells: cells(node),
    })
}

pub(super) async fn upgrade(call: Call, upgrade: Upgrade) -> Result<Upgraded, ApiError> {
    let program = Path::new(&upgrade.program);
    if !call.caller.is_owner && program != call.node.options.program.path {
        let why = "over the network a node is replaced by the program at its own path alone; put it there";
        return Err(ApiError::forbidden(why));
    }
    let fit = call.node.upgrade(program).await.map_err(|error| match error {
        UpgradeError::Ending | UpgradeError::Early(_) => ApiError::conflict(error.to_string()),
        _ => ApiError::bad_request(error.to_string()),
    })?;
    Ok(Upgraded { version: fit.version, upgrades: call.node.before.upgrades + 1 })
}

fn cells(node: &Node) -> Vec<CellStatus> {
    let processes = node.processes();
    node.with_state(|state| {
        let cells = processes.into_iter().filter_map(|(id, pid, tenant, layers)| {
            let cell = state.cell(id)?;
            Some(CellStatus {
                cell: id.0,
                tenant,
                pid,
                phase: cell.phase.word().to_owned(),
                apps: cell.plan.iter().map(|(app, revision)| (app.to_string(), revision.0)).collect(),
                layers,
            })
        });
        cells.collect()
    })
}

pub(super) async fn caller(call: Call) -> Result<Asker, ApiError> {
    let Known { by, tenant, role, .. } = call.caller;
    Ok(Asker { by, tenant: tenant.map(|tenant| tenant.to_string()), role: role.to_string() })
}

pub(super) async fn tenants(call: Call) -> Result<Vec<String>, ApiError> {
    Ok(call.node.db.borrow().tenants()?)
}

pub(super) async fn put_tenant(call: Call, tenant: Tenant) -> Result<Nothing, ApiError> {
    let name = name(&call.parts, 0)?;
    if let Some(text) = &tenant.ceiling {
        Ceiling::parse(text, "ceiling.toml")
            .map_err(|problems| ApiError::bad_request(problems.to_string()))?;
    }
    call.node.db.borrow_mut().put_tenant(&name, tenant.ceiling.as_deref())?;
    let under =
        if tenant.ceiling.is_some() { "with a ceiling of its own" } else { "without a ceiling of its own" };
    call.note(under.to_owned());
    Ok(Nothing {})
}

pub(super) async fn create_token(call: Call, create: CreateToken) -> Result<Token, ApiError> {
    let tenant = tenant(&call)?;
    let role = create.role.parse().map_err(|error: UnknownRole| ApiError::bad_request(error.to_string()))?;
    let expires =
        create.expires_seconds.map(|seconds| SystemTime::now().checked_add(Duration::from_secs(seconds)));
    let expires = expires.flatten();
    let token = call.node.db.borrow_mut().create_token(&Bearer { tenant, role }, expires)?;
    let until = create.expires_seconds.map_or("".to_owned(), |seconds| format!(" for {seconds} s"));
    call.note(format!("{}, for {role}{until}", token_name(&token)));
    Ok(Token { token })
}
