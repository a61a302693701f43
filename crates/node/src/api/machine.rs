//! The node itself, and its tenants.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use http::Request;
use hyper::body::Incoming;
use tombolo_spec::Ceiling;

use super::apps::tenant;
use super::routes::{Parts, name};
use super::types::{CellStatus, CreateToken, NodeStatus, Tenant, Token};
use super::{Answer, ApiError, json, read};
use crate::ceilings::MachineCeiling;
use crate::db::{Bearer, UnknownRole};
use crate::supervise::Node;

pub(super) async fn node(node: Rc<Node>, _: Parts, _: Request<Incoming>) -> Answer {
    let state = &node.options.dirs.state;
    let disk = rustix::fs::statvfs(state).map_err(|error| ApiError::internal(error.to_string()))?;
    json(&NodeStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
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
        apps: node.with_state(|state| state.tenants.values().map(|tenant| tenant.apps.len()).sum()),
        cells: cells(&node),
    })
}

fn cells(node: &Node) -> Vec<CellStatus> {
    let processes = node.processes();
    node.with_state(|state| {
        let cells = processes.into_iter().filter_map(|(id, pid, tenant, layers)| {
            let cell = state.tenants.values().find_map(|tenant| tenant.cells.get(&id))?;
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

pub(super) async fn tenants(node: Rc<Node>, _: Parts, _: Request<Incoming>) -> Answer {
    let names = node.db.borrow().tenants()?;
    json(&names)
}

pub(super) async fn put_tenant(node: Rc<Node>, parts: Parts, request: Request<Incoming>) -> Answer {
    let name = name(&parts, 0)?;
    let tenant: Tenant = read(request).await?;
    if let Some(text) = &tenant.ceiling {
        Ceiling::parse(text, "ceiling.toml")
            .map_err(|problems| ApiError::bad_request(problems.to_string()))?;
    }
    node.db.borrow_mut().put_tenant(&name, tenant.ceiling.as_deref())?;
    json(&serde_json::json!({}))
}

pub(super) async fn create_token(node: Rc<Node>, parts: Parts, request: Request<Incoming>) -> Answer {
    let tenant = tenant(&node, &parts)?;
    let create: CreateToken = read(request).await?;
    let role = create.role.parse().map_err(|error: UnknownRole| ApiError::bad_request(error.to_string()))?;
    let expires =
        create.expires_seconds.map(|seconds| SystemTime::now().checked_add(Duration::from_secs(seconds)));
    let token = node.db.borrow_mut().create_token(&Bearer { tenant, role }, expires.flatten())?;
    json(&Token { token })
}
