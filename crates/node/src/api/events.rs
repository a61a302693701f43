//! The audit log, and why something was refused.

use tombolo_spec::{Grant, GrantSet, Name};

use super::ApiError;
use super::apps::tenant;
use super::call::Call;
use super::types::{AuditEvent, CeilingSays, Explanation};
use crate::audit::Reader;
use crate::reconcile::{AppId, Revision};
use crate::supervise::Node;

/// Events in an answer, if it is not said how many.
const COUNT: usize = 100;
/// The most of them.
const COUNT_MAX: usize = 1000;

pub(super) async fn all(call: Call) -> Result<Vec<AuditEvent>, ApiError> {
    let tenants = tenants(&call)?;
    newest(&call, &tenants).await
}

pub(super) async fn of_tenant(call: Call) -> Result<Vec<AuditEvent>, ApiError> {
    newest(&call, &[tenant(&call)?]).await
}

pub(super) async fn one(call: Call) -> Result<Explanation, ApiError> {
    let tenants = tenants(&call)?;
    explain(&call, &tenants, 0).await
}

pub(super) async fn one_of_tenant(call: Call) -> Result<Explanation, ApiError> {
    explain(&call, &[tenant(&call)?], 1).await
}

/// Every tenant that may have events.
fn tenants(call: &Call) -> Result<Vec<Name>, ApiError> {
    let mut names: Vec<Name> = call.node.with_state(|state| state.tenants());
    let added = call.node.db.borrow().tenants()?;
    names.extend(added.iter().map(String::as_str).chain(["default"]).filter_map(|name| name.parse().ok()));
    names.sort();
    names.dedup();
    Ok(names)
}

async fn newest(call: &Call, tenants: &[Name]) -> Result<Vec<AuditEvent>, ApiError> {
    let count = call.query("count").and_then(|count| count.parse().ok()).unwrap_or(COUNT).min(COUNT_MAX);
    let app = call.query("app").map(str::to_owned);
    let wanted = move |event: &AuditEvent| app.is_none() || event.app == app;
    read(call, tenants, move |reader| reader.newest(count, wanted)).await
}

/// Files are read beside the node's own task.
pub(super) async fn read<T: Send + 'static>(
    call: &Call,
    tenants: &[Name],
    read: impl FnOnce(Reader) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let reader = call.node.audit.reader(tenants);
    tokio::task::spawn_blocking(move || read(reader))
        .await
        .map_err(|error| ApiError::internal(error.to_string()))
}

/// The event is meant by its name, or by the name of the request in which something was refused.
async fn explain(call: &Call, tenants: &[Name], part: usize) -> Result<Explanation, ApiError> {
    let named = call.parts.get(part).cloned().unwrap_or_default();
    let is_meant = {
        let named = named.clone();
        move |event: &AuditEvent| event.id == named || event.request_id.as_ref() == Some(&named)
    };
    let found = read(call, tenants, move |reader| reader.newest(1, is_meant)).await?;
    let event = found.into_iter().next().ok_or_else(|| {
        ApiError::not_found(format!(
            "there is no event {named:?} any more, or there never was: see `tombolo events`"
        ))
    })?;
    Ok(explanation(&call.node, event))
}

fn explanation(node: &Node, event: AuditEvent) -> Explanation {
    let missing = event.add.as_deref().filter(|_| event.event == "refused");
    let Some(missing) = missing.and_then(|line| line.parse::<Grant>().ok()) else {
        let held = held(node, &event, |_| true).unwrap_or_default();
        let held = if event.event == "refused" { held } else { Vec::new() };
        return Explanation { event, held, narrowed: None, ceilings: Vec::new() };
    };
    let held = held(node, &event, |grant| grant.kind() == missing.kind()).unwrap_or_default();
    let narrowed = narrowed(node, &event, &missing);
    let ceilings = event.tenant.parse().map(|tenant| ceilings(node, &tenant, &missing)).unwrap_or_default();
    Explanation { event, held, narrowed, ceilings }
}

/// The grants that the function had, or has, as far as the revision is still known.
fn held(node: &Node, event: &AuditEvent, wanted: impl Fn(&Grant) -> bool) -> Option<Vec<String>> {
    let (_, checked) = node.checked(&app(event)?, Revision(event.revision?)).ok()?;
    let function =
        checked.functions.iter().find(|own| Some(own.name.as_str()) == event.function.as_deref())?;
    let grants = function.allowed.grants.grants().filter(|grant| wanted(grant));
    Some(grants.map(ToString::to_string).collect())
}

/// What the manifest asked for and did not get whole.
fn narrowed(node: &Node, event: &AuditEvent, missing: &Grant) -> Option<String> {
    let (_, checked) = node.checked(&app(event)?, Revision(event.revision?)).ok()?;
    let function = checked.manifest.function(event.function.as_deref()?)?;
    function.grants.grants().find(|asked| asked.covers(missing)).map(ToString::to_string)
}

fn app(event: &AuditEvent) -> Option<AppId> {
    Some(AppId { tenant: event.tenant.parse().ok()?, app: event.app.as_deref()?.parse().ok()? })
}

fn ceilings(node: &Node, tenant: &Name, missing: &Grant) -> Vec<CeilingSays> {
    let asked = GrantSet::new([missing.clone()]);
    let machine = node.ceiling.for_function(&asked);
    let own = node.tenant_ceiling(tenant).ok().flatten();
    let says = |whose: &str, ceiling: &tombolo_spec::Ceiling| CeilingSays {
        whose: whose.to_owned(),
        allows: ceiling.grants.covers(&asked),
        grants: ceiling
            .grants
            .grants()
            .filter(|grant| grant.kind() == missing.kind())
            .map(ToString::to_string)
            .collect(),
    };
    [Some(says("machine", &machine)), own.map(|own| says("tenant", &own))].into_iter().flatten().collect()
}
