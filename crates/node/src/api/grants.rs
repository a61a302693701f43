//! What an app's grants were used for, and the smallest that would do.

use std::collections::BTreeMap;

use tombolo_spec::grant::smallest;
use tombolo_spec::{Grant, GrantKind, GrantUse, Observed};

use super::ApiError;
use super::apps::existing;
use super::call::Call;
use super::events::read;
use super::invoke::not_serving;
use super::types::{AuditEvent, FunctionGrants, GrantSeen, RefusedSeen};

/// Refusals of one app that are looked at.
const EVENTS_MAX: usize = 1000;

pub(super) async fn get(call: Call) -> Result<Vec<FunctionGrants>, ApiError> {
    let app = existing(&call)?;
    let functions = call.node.observed(&app.tenant).await;
    let name = app.app.to_string();
    let of_app = move |event: &AuditEvent| event.event == "refused" && event.app.as_deref() == Some(&name);
    let refused =
        read(&call, std::slice::from_ref(&app.tenant), move |reader| reader.newest(EVENTS_MAX, of_app))
            .await?;
    let own = functions.iter().filter_map(|observed| Some((observed.function.split_once('/')?, observed)));
    let own: Vec<FunctionGrants> = own
        .filter(|((owner, _), _)| *owner == app.app.as_str())
        .map(|((_, function), observed)| of_function(function, observed, &refused))
        .collect();
    if own.is_empty() { Err(not_serving()) } else { Ok(own) }
}

fn of_function(function: &str, observed: &Observed, refused: &[AuditEvent]) -> FunctionGrants {
    let revision = observed.revision.parse().unwrap_or_default();
    let own = refused
        .iter()
        .filter(|event| event.function.as_deref() == Some(function) && event.revision == Some(revision));
    // The newest of equal ones has the highest count.
    let mut different = BTreeMap::new();
    for (age, event) in own.enumerate() {
        different.entry((&event.request, &event.reason)).or_insert((age, event));
    }
    let mut refused: Vec<_> = different.into_values().collect();
    refused.sort_by_key(|(age, _)| *age);
    FunctionGrants {
        function: function.to_owned(),
        revision,
        requests: observed.requests(),
        grants: observed.grants.iter().map(of_grant).collect(),
        refused: refused.into_iter().map(|(_, event)| of_refusal(event)).collect(),
    }
}

fn of_grant(seen: &GrantUse) -> GrantSeen {
    let grant = seen.grant.parse::<Grant>().ok();
    let is_counted = grant.as_ref().is_some_and(|grant| is_counted(grant.kind()));
    let whole = || vec![seen.grant.clone()];
    let smallest = match (grant, seen.used) {
        (Some(_), 0) if is_counted => Vec::new(),
        (Some(grant), _) if is_counted && !seen.needs.is_empty() => {
            let needs: Vec<Grant> = seen.needs.iter().filter_map(|need| need.parse().ok()).collect();
            smallest(&grant, &needs).iter().map(ToString::to_string).collect()
        }
        _ => whole(),
    };
    GrantSeen {
        grant: seen.grant.clone(),
        used: is_counted.then_some(seen.used),
        refused: seen.refused,
        smallest,
    }
}

fn of_refusal(event: &AuditEvent) -> RefusedSeen {
    RefusedSeen {
        event: event.id.clone(),
        request: event.request.clone().unwrap_or_default(),
        reason: event.reason.clone().unwrap_or_default(),
        add: event.add.clone(),
        count: event.count.unwrap_or(1),
    }
}

/// What an instance has from its start on is not asked for again.
fn is_counted(kind: GrantKind) -> bool {
    !matches!(kind, GrantKind::Env | GrantKind::Secret | GrantKind::Clock | GrantKind::Topic)
}
