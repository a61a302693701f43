//! The commands that talk to a node: each is one or two requests to its API.

mod apply;
mod events;
mod show;
mod suggest;
mod upgrade;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tombolo_node::api::types::{
    AppStatus, CreateToken, HistoryRow, NodeStatus, Outcome, Rollback, Tenant, Token,
};
use tombolo_node::client::{Client, Method};
use tombolo_node::dirs::Dirs;

use crate::args::{
    AppsArgs, HistoryArgs, InvokeArgs, LogsArgs, NodeAddress, RemoveArgs, RollbackArgs, StatusArgs,
    TenantAddress, TenantArgs, TenantCommand, TokenArgs, TokenCommand,
};
use crate::exit::{Exit, Failure};

pub(crate) use apply::apply;
pub(crate) use events::{events, explain};
pub(crate) use suggest::suggest;
pub(crate) use upgrade::upgrade;

/// Where the machine's own node is asked, by those who have none.
const MACHINE_SOCKET: &str = "/run/tombolo/api.sock";

pub(crate) fn apps(args: &AppsArgs) -> Result<Exit, Failure> {
    let path = match &args.tenant {
        Some(tenant) => format!("/v1/tenants/{tenant}/apps"),
        None => "/v1/apps".to_owned(),
    };
    let apps: Vec<AppStatus> = wait(client(&args.node)?.get(&path))?;
    if args.json { print_json(&apps) } else { print(&show::apps(&apps)) }
}

pub(crate) fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let client = client(&args.at.node)?;
    let apps: Vec<AppStatus> = match &args.app {
        Some(app) => vec![wait(client.get(&path(&args.at, app, "")))?],
        None => wait(client.get(&format!("/v1/tenants/{}/apps", args.at.tenant)))?,
    };
    if args.json { print_json(&apps) } else { print(&apps.iter().map(show::app).collect::<String>()) }
}

pub(crate) fn node_status(node: &NodeAddress, json: bool) -> Result<Exit, Failure> {
    let status: NodeStatus = wait(client(node)?.get("/v1/node"))?;
    if json { print_json(&status) } else { print(&show::node(&status)) }
}

pub(crate) fn logs(args: &LogsArgs) -> Result<Exit, Failure> {
    let query = format!("/logs?lines={}&follow={}", args.lines, args.follow);
    let client = client(&args.at.node)?;
    runtime()?.block_on(async {
        let mut answer = client.send(Method::GET, &path(&args.at, &args.app, &query), Vec::new()).await?;
        while let Some(bytes) = answer.next().await? {
            std::io::stdout().write_all(&bytes)?;
        }
        Ok(Exit::Program(0))
    })
}

pub(crate) fn invoke(args: &InvokeArgs) -> Result<Exit, Failure> {
    let (app, function) = args.function.split_once('/').context("write APP/FUNCTION")?;
    let (app, function): (tombolo_spec::Name, tombolo_spec::Name) = (app.parse()?, function.parse()?);
    let data = match args.data.strip_prefix('@') {
        Some(file) => std::fs::read(file).with_context(|| format!("{file}: cannot be read"))?,
        None => args.data.clone().into_bytes(),
    };
    let client = client(&args.at.node)?;
    let path = path(&args.at, &app, &format!("/functions/{function}/invoke"));
    runtime()?.block_on(async {
        let mut answer = client.send(Method::POST, &path, data).await?;
        while let Some(bytes) = answer.next().await? {
            std::io::stdout().write_all(&bytes)?;
        }
        Ok(Exit::Program(0))
    })
}

pub(crate) fn history(args: &HistoryArgs) -> Result<Exit, Failure> {
    let client = client(&args.at.node)?;
    let app: AppStatus = wait(client.get(&path(&args.at, &args.app, "")))?;
    let rows: Vec<HistoryRow> = wait(client.get(&path(&args.at, &args.app, "/revisions")))?;
    print(&show::history(&app, &rows))
}

pub(crate) fn rollback(args: &RollbackArgs) -> Result<Exit, Failure> {
    let rollback = Rollback { revision: args.revision };
    let path = path(&args.at, &args.app, "/rollback");
    let outcome: Outcome = wait(client(&args.at.node)?.ask(Method::POST, &path, &rollback))?;
    told(&outcome)
}

pub(crate) fn remove(args: &RemoveArgs) -> Result<Exit, Failure> {
    let nothing = serde_json::json!({});
    let path = path(&args.at, &args.app, "");
    let _: serde_json::Value = wait(client(&args.at.node)?.ask(Method::DELETE, &path, &nothing))?;
    print(&format!("{}: removed\n", args.app))
}

pub(crate) fn tenant(args: &TenantArgs) -> Result<Exit, Failure> {
    match &args.command {
        TenantCommand::Add { name, ceiling, node } => {
            let tenant = Tenant { ceiling: ceiling.as_deref().map(read_ceiling).transpose()? };
            let path = format!("/v1/tenants/{name}");
            let _: serde_json::Value = wait(client(node)?.ask(Method::PUT, &path, &tenant))?;
            print(&format!("{name}: added\n"))
        }
        TenantCommand::List { node } => {
            let names: Vec<String> = wait(client(node)?.get("/v1/tenants"))?;
            print(&names.iter().map(|name| format!("{name}\n")).collect::<String>())
        }
    }
}

pub(crate) fn token(args: &TokenArgs) -> Result<Exit, Failure> {
    let TokenCommand::Create { tenant, role, expires, node } = &args.command;
    let create = CreateToken { role: role.to_string(), expires_seconds: expires.map(|time| time.as_secs()) };
    let path = format!("/v1/tenants/{tenant}/tokens");
    let made: Token = wait(client(node)?.ask(Method::POST, &path, &create))?;
    print(&format!("{}\n", made.token))
}

fn read_ceiling(file: &Path) -> Result<String, Failure> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("{shown}: cannot be read"))?;
    tombolo_spec::Ceiling::parse(&text, &shown)?;
    Ok(text)
}

/// Says what came of a deploy or a rollback.
fn told(outcome: &Outcome) -> Result<Exit, Failure> {
    let Outcome { app, revision, state, serving, reason, missing } = outcome;
    let reason = reason.as_deref().unwrap_or("somebody else deployed meanwhile");
    match (state.as_str(), serving) {
        ("serving" | "unchanged", _) => {
            let mut text = format!("{app}: revision {revision} {state}\n");
            missing.iter().for_each(|line| text.push_str(&format!("not given: {line}\n")));
            print(&text)
        }
        (_, Some(serving)) => {
            Err(anyhow!("{app}: revision {revision} {state}: {reason}; revision {serving} serves").into())
        }
        (_, None) => Err(anyhow!("{app}: revision {revision} {state}: {reason}").into()),
    }
}

fn path(at: &TenantAddress, app: &tombolo_spec::Name, rest: &str) -> String {
    format!("/v1/tenants/{}/apps/{app}{rest}", at.tenant)
}

/// The node that was named, else this user's, else the machine's.
pub(crate) fn client(node: &NodeAddress) -> Result<Client, Failure> {
    let named = node.socket.clone().or_else(|| std::env::var_os("TOMBOLO_NODE").map(PathBuf::from));
    let own = || Dirs::usual().ok().map(|dirs| dirs.api_socket()).filter(|socket| socket.exists());
    let socket = named.or_else(own).unwrap_or_else(|| PathBuf::from(MACHINE_SOCKET));
    Ok(Client::new(socket))
}

pub(crate) fn wait<T>(
    request: impl Future<Output = Result<T, tombolo_node::client::ClientError>>,
) -> Result<T, Failure> {
    Ok(runtime()?.block_on(request)?)
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

pub(crate) fn print(text: &str) -> Result<Exit, Failure> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Exit::Program(0))
}

pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<Exit, Failure> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}
