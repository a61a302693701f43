//! A node that runs the guests: their cells have no network.

use std::fs::DirBuilder;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Done, TempDir, finish, folder, guest, tombolo};

/// How long anything may take here, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// As `tombolo run` does it: deploys the guest with these grants, invokes it once, and gathers what it printed.
pub(crate) fn run(program: &str, grants: &[&str], args: &[String]) -> Done {
    let node = match deploy(program, grants, args) {
        Ok(node) => node,
        Err(stderr) => return Done { code: Some(125), stdout: String::new(), stderr },
    };
    let worked = node.invoke();
    let lines = node.logged();
    let printed = lines.iter().filter(|line| line["stream"] == "stdout");
    let printed = printed.map(|line| format!("{}\n", line["text"].as_str().unwrap_or_default()));
    Done {
        code: Some(i32::from(!worked)),
        stdout: printed.collect(),
        stderr: lines.iter().map(|line| format!("{line}\n")).collect(),
    }
}

/// A node with the guest under these grants; what it said if it ended at once.
pub(crate) fn deploy(program: &str, grants: &[&str], args: &[String]) -> Result<Node, String> {
    let manifest = format!(
        "name = \"net\"\nversion = \"1\"\n[functions.net]\ncomponent = {:?}\nargs = {}\ngrants = {}\n\
         limits = {{ outbound-requests = 1000, logs = \"64MiB/s\" }}\n",
        guest(program),
        json!(args),
        json!(grants),
    );
    let app = folder(&[("tombolo.toml", &manifest)]);
    let node = Node::start(&format!("grants = {}\n", json!(grants)))?;
    node.ask(&["apply", "-f", app.path().join("tombolo.toml").to_str().expect("UTF-8")]).exits(0);
    Ok(node)
}

pub(crate) struct Node {
    folder: TempDir,
    process: Child,
}

impl Node {
    /// A node with this ceiling; what it said if it ended at once.
    fn start(ceiling: &str) -> Result<Node, String> {
        let folder = folder(&[("config/ceiling.toml", ceiling)]);
        share_compiled(&folder.path().join("state"));
        let mut command = tombolo(["node", "--workers", "1", "--listen", "127.0.0.1:0", "--trial", "1ms"]);
        for (flag, name) in [("--state", "state"), ("--runtime", "run"), ("--config", "config")] {
            command.arg(flag).arg(folder.path().join(name));
        }
        let mut process =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the built binary starts");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let said: Vec<String> = lines.by_ref().take_while(|line| !line.contains("the API is at")).collect();
        let node = Node { folder, process };
        if !said.last().is_some_and(|line| line.contains("serving on")) {
            return Err(said.join("\n"));
        }
        std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
        Ok(node)
    }

    /// Runs the guest once; whether all that it tried worked.
    pub(crate) fn invoke(&self) -> bool {
        self.ask(&["invoke", "net/net"]).code == Some(0)
    }

    /// Runs the guest until that comes of it.
    #[track_caller]
    pub(crate) fn invoke_until(&self, works: bool) {
        let begun = Instant::now();
        while self.invoke() != works {
            assert!(begun.elapsed() < PATIENCE, "it does not come to {works}: {:?}", self.logged());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// All that was logged, once the one request is among it.
    fn logged(&self) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let logs = self.ask(&["logs", "net", "--lines", "1000"]).exits(0).stdout;
            let lines = logs.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let lines: Vec<Value> = lines.collect();
            if lines.iter().any(|line| line["event"] == "request") {
                return lines;
            }
            assert!(begun.elapsed() < PATIENCE, "no request was logged: {logs}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn ask(&self, args: &[&str]) -> Done {
        finish(tombolo(args).env("TOMBOLO_NODE", self.folder.path().join("run/api.sock")), b"")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        // Before the folder is removed, or what is shared would be too.
        mount("umount", &["--lazy".as_ref(), &self.folder.path().join("state/compiled")]);
    }
}

/// The nodes of all tests compile a guest once: in the test's own namespaces a folder can be laid over another.
fn share_compiled(state: &Path) {
    let shared = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("node-compiled");
    let compiled = state.join("compiled");
    for folder in [&shared, &compiled] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).expect("a folder");
    }
    mount("mount", &["--bind".as_ref(), &shared, &compiled]);
}

fn mount(program: &str, args: &[&Path]) {
    assert!(
        Command::new(program).args(args).status().expect("it can be started").success(),
        "{program} {args:?}"
    );
}
