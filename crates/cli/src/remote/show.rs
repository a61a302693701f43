//! What a node says, as text for people.

use std::fmt::Write;

use tombolo_node::api::types::{AppStatus, HistoryRow, NodeStatus, VolumeStatus};
use tombolo_spec::ByteSize;

/// One line for each app.
pub(super) fn apps(apps: &[AppStatus]) -> String {
    let mut text = format!("{:<20}{:<24}{:<12}{:<10}REVISION\n", "TENANT", "APP", "VERSION", "STATE");
    for app in apps {
        let revision = app.serving.map_or("-".to_owned(), |revision| revision.to_string());
        let AppStatus { tenant, app, version, state, .. } = app;
        // Writing to a text does not fail.
        let _ = writeln!(text, "{tenant:<20}{app:<24}{version:<12}{state:<10}{revision}");
    }
    text
}

/// All that is known of one app.
pub(super) fn app(status: &AppStatus) -> String {
    let AppStatus { app, tenant, version, state, wanted, .. } = status;
    let number = |revision: Option<u64>| revision.map_or("none".to_owned(), |revision| revision.to_string());
    let (serving, good) = (number(status.serving), number(status.good));
    let mut text = format!(
        "{app} {version} of {tenant}: {state}\n  revision serving {serving}, wanted {wanted}, last good {good}\n"
    );
    if let Some(reason) = &status.reason {
        let _ = writeln!(text, "  {reason}");
    }
    for (function, triggers) in &status.functions {
        let _ = writeln!(text, "  {function}: {}", triggers.join(", "));
    }
    for (volume, VolumeStatus { held_bytes, size_bytes }) in &status.volumes {
        let _ = writeln!(text, "  volume {volume}: {} of {size_bytes} bytes", held_bytes.unwrap_or(0));
    }
    text
}

/// The revisions of an app, the newest first.
pub(super) fn history(app: &AppStatus, rows: &[HistoryRow]) -> String {
    let mut text = String::new();
    for row in rows {
        let mark = if app.serving == Some(row.revision.0) { "serving" } else { "" };
        let failed = row.failed.as_ref().map_or(String::new(), |reason| format!("failed: {reason}"));
        let line = format!("{:<6}{:<16}{mark}{failed}", row.revision, row.version);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The node with its cells.
pub(super) fn node(status: &NodeStatus) -> String {
    let process = |pid: Option<u32>| pid.map_or("not running".to_owned(), |pid| format!("process {pid}"));
    let (gateway, egress) = (process(status.gateway), process(status.egress));
    let free = ByteSize(status.disk_free_bytes >> 20 << 20);
    let mut text = format!(
        "tombolo {}, process {}\ngateway: {gateway}, listens on {}\n{}egress: {egress}\nstate: {}, {free} free\nceiling: {}\ncontrol groups {}\napps: {}\n",
        status.version,
        status.pid,
        status.listen.join(", "),
        walls(&status.gateway_layers),
        status.state,
        status.ceiling,
        status.cgroups,
        status.apps,
    );
    for cell in &status.cells {
        let apps: Vec<String> = cell.apps.iter().map(|(app, revision)| format!("{app}@{revision}")).collect();
        let _ = write!(
            text,
            "cell {} of {}: {}, process {}, {}\n{}",
            cell.cell,
            cell.tenant,
            cell.phase,
            cell.pid,
            apps.join(" "),
            walls(&cell.layers),
        );
    }
    text
}

/// The kernel's walls around a process, those that are up and those that are not.
fn walls(of: &serde_json::Value) -> String {
    format!("  walls: {}\n  missing: {}\n", layers(of, "in-force"), layers(of, "missing"))
}

fn layers(layers: &serde_json::Value, status: &str) -> String {
    let rows = layers.as_object().into_iter().flatten();
    let names: Vec<&str> =
        rows.filter(|(_, row)| row["status"] == status).map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}
