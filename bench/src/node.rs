//! A node with folders of its own, and apps for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::peers::Peers;
use crate::run::Server;
use crate::servers::free_port;

/// A node that runs.
pub struct Node {
    pub server: Server,
    /// Where everybody asks.
    pub port: u16,
    /// Where the tenant `own` alone is asked.
    pub own_port: u16,
    tombolo: PathBuf,
    folder: TempDir,
}

/// An app with one function.
pub struct App<'a> {
    pub tenant: &'a str,
    pub name: &'a str,
    pub component: &'a Path,
    pub on: &'a str,
}

impl Node {
    /// Starts a node on these processors, as `taskset` lists them, with one thread for each process that serves.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(peers: &Peers, cpus: &str) -> anyhow::Result<Node> {
        Node::start_in(peers, cpus, TempDir::new()?)
    }

    /// The same node again, after it was killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn again(self, peers: &Peers, cpus: &str) -> anyhow::Result<Node> {
        drop(self.server);
        Node::start_in(peers, cpus, self.folder)
    }

    fn start_in(peers: &Peers, cpus: &str, folder: TempDir) -> anyhow::Result<Node> {
        let (port, own_port) = (free_port()?, free_port()?);
        let mut command = Command::new("taskset");
        command.args(["-c", cpus]).arg(&peers.tombolo);
        command.args(["node", "--workers", "1", "--trial", "1ms"]);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--listen", &format!("127.0.0.1:{own_port}=own")]);
        for (flag, name) in [("--state", "state"), ("--runtime", "run"), ("--config", "config")] {
            command.arg(flag).arg(folder.path().join(name));
        }
        let server = Server::start(&mut command, port)?;
        Ok(Node { server, port, own_port, tombolo: peers.tombolo.clone(), folder })
    }

    /// Adds a tenant.
    ///
    /// # Errors
    /// When the node refuses.
    pub fn add_tenant(&self, name: &str) -> anyhow::Result<()> {
        self.ask(&["tenant", "add", name]).map(drop)
    }

    /// Deploys an app, and waits until it serves.
    ///
    /// # Errors
    /// When it does not.
    pub fn apply(&self, app: &App<'_>) -> anyhow::Result<()> {
        let App { tenant, name, component, on } = app;
        let folder = TempDir::new()?;
        let manifest = folder.path().join("tombolo.toml");
        let text = format!(
            "name = \"{name}\"\nversion = \"1\"\n[functions.f]\ncomponent = {component:?}\non = [\"{on}\"]\n\
             limits = {{ concurrency = 512, queue = 512 }}\n"
        );
        fs::write(&manifest, text)?;
        let manifest = manifest.to_str().context("a path that is no text")?;
        self.ask(&["apply", "-f", manifest, "--tenant", tenant]).map(drop)
    }

    /// How many apps serve.
    ///
    /// # Errors
    /// When the node does not say.
    pub fn serving(&self) -> anyhow::Result<usize> {
        let apps: Value = serde_json::from_str(&self.ask(&["apps", "--json"])?)?;
        let apps = apps.as_array().context("no list of apps")?;
        Ok(apps.iter().filter(|app| app["state"] == "serving").count())
    }

    fn ask(&self, args: &[&str]) -> anyhow::Result<String> {
        let done = Command::new(&self.tombolo)
            .args(args)
            .env("TOMBOLO_NODE", self.folder.path().join("run/api.sock"))
            .stdin(Stdio::null())
            .output()?;
        ensure!(
            done.status.success(),
            "tombolo {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(String::from_utf8(done.stdout)?)
    }
}
