//! Apps: deploy, look, roll back, remove.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tombolo_spec::{Digest, Name};

use super::ApiError;
use super::call::Call;
use super::routes::name;
use super::types::{AppStatus, Deploy, HistoryRow, Nothing, Outcome, Rollback};
use crate::db::Release;
use crate::failpoint;
use crate::reconcile::{AppId, Event, Revision, State};
use crate::release::Checked;
use crate::supervise::Node;
use crate::volumes;

/// The tenant that needs not be added.
const DEFAULT_TENANT: &str = "default";
/// What is sent is deployed within this time, or may be swept out.
const SWEEP_AFTER: Duration = Duration::from_secs(600);

pub(super) async fn all(call: Call) -> Result<Vec<AppStatus>, ApiError> {
    Ok(statuses(&call.node, None))
}

pub(super) async fn of_tenant(call: Call) -> Result<Vec<AppStatus>, ApiError> {
    let tenant = tenant(&call)?;
    Ok(statuses(&call.node, Some(&tenant)))
}

pub(super) async fn one(call: Call) -> Result<AppStatus, ApiError> {
    Ok(status(&call.node, &existing(&call)?))
}

pub(super) async fn history(call: Call) -> Result<Vec<HistoryRow>, ApiError> {
    let app = existing(&call)?;
    Ok(call.node.db.borrow().history(&app)?)
}

pub(super) async fn deploy(call: Call, deploy: Deploy) -> Result<Outcome, ApiError> {
    let app = AppId { tenant: tenant(&call)?, app: name(&call.parts, 1)? };
    let node = &call.node;
    let mut release = Release {
        version: String::new(),
        manifest: deploy.manifest,
        base: deploy.base,
        artifacts: deploy.artifacts,
    };
    let checked = node.check(&app.tenant, &release).map_err(ApiError::bad_request)?;
    release.version = checked.manifest.version.clone();
    if !checked.needs_base() {
        release.base = None;
    }
    refuse_what_cannot_be(node, &app, &checked)?;
    if let Some(revision) = unchanged(node, &app, &release) {
        let serving = Some(revision.0);
        call.note(format!("revision {revision}, which serves already"));
        return Ok(outcome(&app, revision, "unchanged", serving, None, checked.missing()));
    }
    failpoint("deploy-checked");
    let revision = node.db.borrow_mut().deploy(&app, &release)?;
    failpoint("deploy-written");
    call.note(format!("revision {revision}, version {}", release.version));
    node.tell(Event::Deploy { app: app.clone(), revision, isolation: checked.manifest.isolation });
    sweep(node);
    Ok(settled(node, &app, revision, checked.missing()).await)
}

pub(super) async fn rollback(call: Call, rollback: Rollback) -> Result<Outcome, ApiError> {
    let app = existing(&call)?;
    let revision = match rollback.revision {
        Some(number) => Revision(number),
        None => one_before(&call.node, &app)?,
    };
    call.node.db.borrow_mut().want(&app, revision)?;
    call.note(format!("to revision {revision}"));
    let isolation = call.node.isolation(&app, revision);
    call.node.tell(Event::Deploy { app: app.clone(), revision, isolation });
    Ok(settled(&call.node, &app, revision, Vec::new()).await)
}

pub(super) async fn remove(call: Call) -> Result<Nothing, ApiError> {
    let app = existing(&call)?;
    call.node.db.borrow_mut().remove(&app)?;
    call.node.past.forget(&app.tenant, &app.app);
    call.node.tell(Event::Remove { app });
    sweep(&call.node);
    Ok(Nothing {})
}

fn refuse_what_cannot_be(node: &Node, app: &AppId, checked: &Checked) -> Result<(), ApiError> {
    if checked.manifest.name != app.app {
        let (named, asked) = (&checked.manifest.name, &app.app);
        return Err(ApiError::bad_request(format!("the manifest is of the app {named}, not {asked}")));
    }
    for function in &checked.functions {
        if !node.artifacts.has(&function.digest) {
            let (name, digest) = (&function.name, &function.digest);
            return Err(ApiError::conflict(format!("function {name}: its artifact {digest} was not sent")));
        }
    }
    refuse_taken_routes(node, app, checked)
}

/// Two apps cannot have the same requests.
fn refuse_taken_routes(node: &Node, app: &AppId, checked: &Checked) -> Result<(), ApiError> {
    let others = node.with_state(|state| {
        let apps = state.apps().map(|(id, app)| (id, app.good.unwrap_or(app.wanted)));
        apps.filter(|(other, _)| other != app).collect::<Vec<_>>()
    });
    for (other, revision) in others {
        let Ok((_, theirs)) = node.checked(&other, revision) else { continue };
        let clash = checked.routes().find(|own| {
            let conflicts = |their: &tombolo_spec::Trigger| match (own.route(), their.route()) {
                (Some(own), Some(their)) => own.conflicts(their),
                _ => false,
            };
            theirs.routes().any(conflicts)
        });
        if let Some(clash) = clash {
            let whose = if other.tenant == app.tenant {
                format!("the app {}", other.app)
            } else {
                "another tenant".into()
            };
            return Err(ApiError::conflict(format!(
                "\"{clash}\" is taken by {whose}; name a host or another path"
            )));
        }
    }
    Ok(())
}

/// The revision that serves, if it is the same release.
fn unchanged(node: &Node, app: &AppId, release: &Release) -> Option<Revision> {
    let (wanted, good, serving) = node.with_state(|state| {
        let own = state.app(app)?;
        Some((own.wanted, own.good, state.serving(app)))
    })?;
    let same = node.db.borrow().release(app, wanted).is_ok_and(|before| before == *release);
    (same && good == Some(wanted) && serving == Some(wanted)).then_some(wanted)
}

fn one_before(node: &Node, app: &AppId) -> Result<Revision, ApiError> {
    let now = node.with_state(|state| state.app(app).map(|app| app.good.unwrap_or(app.wanted)));
    let history = node.db.borrow().history(app)?;
    let before = history.iter().find(|row| row.failed.is_none() && now.is_some_and(|now| row.revision < now));
    before.map(|row| row.revision).ok_or_else(|| ApiError::not_found("there is no revision before this one"))
}

/// Waits until a revision serves, has failed, or is not wanted any more.
async fn settled(node: &Node, app: &AppId, revision: Revision, missing: Vec<String>) -> Outcome {
    let mut changed = node.changed.subscribe();
    loop {
        let now = node.with_state(|state| verdict(state, app, revision));
        if let Some((word, serving, reason)) = now {
            return outcome(app, revision, word, serving, reason, missing);
        }
        if changed.changed().await.is_err() {
            return outcome(app, revision, "superseded", None, None, missing);
        }
    }
}

type Verdict = (&'static str, Option<u64>, Option<String>);

fn verdict(state: &State, app: &AppId, revision: Revision) -> Option<Verdict> {
    let Some(own) = state.app(app) else { return Some(("superseded", None, None)) };
    let serving = state.serving(app).map(|now| now.0);
    if let Some(reason) = own.failed.get(&revision) {
        return Some(("failed", serving, Some(reason.clone())));
    }
    if own.wanted != revision {
        return Some(("superseded", serving, None));
    }
    (own.good == Some(revision) && serving == Some(revision.0)).then_some(("serving", serving, None))
}

fn outcome(
    app: &AppId,
    revision: Revision,
    state: &str,
    serving: Option<u64>,
    reason: Option<String>,
    missing: Vec<String>,
) -> Outcome {
    Outcome {
        app: app.app.to_string(),
        revision: revision.0,
        state: state.to_owned(),
        serving,
        reason,
        missing,
    }
}

/// Removes artifacts that nobody needs. What cannot be removed now can be later.
fn sweep(node: &Node) {
    if let Ok(needed) = node.db.borrow().artifacts() {
        let _ = node.artifacts.keep_only(&needed, SWEEP_AFTER);
    }
}

fn statuses(node: &Node, only: Option<&Name>) -> Vec<AppStatus> {
    let apps = node.with_state(|state| {
        let ids = state.apps().map(|(id, _)| id).filter(|id| only.is_none_or(|only| *only == id.tenant));
        ids.collect::<BTreeSet<_>>()
    });
    apps.iter().map(|app| status(node, app)).collect()
}

fn status(node: &Node, id: &AppId) -> AppStatus {
    let mut status = node.with_state(|state| known(state, id));
    let shown = Revision(status.serving.unwrap_or(status.wanted));
    if let Ok((release, checked)) = node.checked(id, shown) {
        status.version = release.version;
        let functions = checked.manifest.functions.iter();
        status.functions = functions
            .map(|(name, function)| (name.to_string(), function.on.iter().map(ToString::to_string).collect()))
            .collect();
        let data = node.options.dirs.data(&id.tenant).join(&*id.app);
        status.volumes = volumes::statuses(&data, checked.functions.iter().map(|of| &of.allowed.grants));
    }
    status
}

/// What the reconciler knows of an app.
fn known(state: &State, id: &AppId) -> AppStatus {
    let own = state.app(id);
    let serving = state.serving(id);
    let wanted = own.map_or(Revision(0), |own| own.wanted);
    let failed = own.and_then(|own| own.failed.get(&wanted));
    let trouble = state.trouble(id);
    let word = match (serving, failed, trouble) {
        (Some(revision), _, _) if revision == wanted => "serving",
        (_, Some(_), _) => "failed",
        (None, None, Some(_)) => "down",
        _ => "starting",
    };
    AppStatus {
        tenant: id.tenant.to_string(),
        app: id.app.to_string(),
        version: String::new(),
        state: word.to_owned(),
        serving: serving.map(|revision| revision.0),
        wanted: wanted.0,
        good: own.and_then(|own| own.good).map(|good| good.0),
        reason: failed.cloned().or_else(|| trouble.map(str::to_owned)),
        functions: BTreeMap::new(),
        volumes: BTreeMap::new(),
    }
}

/// The tenant of a path.
pub(super) fn tenant(call: &Call) -> Result<Name, ApiError> {
    let tenant = name(&call.parts, 0)?;
    if &*tenant != DEFAULT_TENANT && !call.node.db.borrow().has_tenant(&tenant)? {
        let add = format!("there is no tenant {tenant}; add it with `tombolo tenant add {tenant}`");
        return Err(ApiError::not_found(add));
    }
    Ok(tenant)
}

/// The app of a path.
pub(super) fn existing(call: &Call) -> Result<AppId, ApiError> {
    let app = AppId { tenant: tenant(call)?, app: name(&call.parts, 1)? };
    let exists = call.node.with_state(|state| state.app(&app).is_some());
    exists.then_some(app.clone()).ok_or_else(|| ApiError::not_found(format!("there is no app {}", app.app)))
}

/// The digest of a path.
pub(super) fn digest(parts: &[String]) -> Result<Digest, ApiError> {
    let text = parts.first().map_or("", String::as_str);
    text.parse().map_err(|error: tombolo_spec::Invalid| ApiError::bad_request(error.to_string()))
}
