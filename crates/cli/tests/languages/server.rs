//! `tombolo serve` for a project, asked by curl.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::project::Project;

/// A server of all functions of a project.
pub(crate) struct Server {
    child: Child,
    address: String,
    control: PathBuf,
    lines: Receiver<String>,
    _home: tempfile::TempDir,
}

impl Server {
    /// Starts it, on a port of its own, and waits until it serves.
    #[track_caller]
    pub(crate) fn start(project: &Project) -> Server {
        let home = tempfile::tempdir().unwrap();
        let control = home.path().join("control.sock");
        let to_control = format!("unix:{}", control.display());
        let arguments = ["serve", "-f", "tombolo.toml", "--listen", "127.0.0.1:0", "--control", &to_control];
        let mut child = project.tombolo(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut server = Server { child, address: String::new(), control, lines, _home: home };
        server.address = server.wait_for("serving on ").rsplit(' ').next().unwrap().to_owned();
        server
    }

    /// The line of its log that has `text` in it.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let mut before = String::new();
        loop {
            // A debug build compiles 20 MB of WebAssembly in this time, also on a busy machine.
            match self.lines.recv_timeout(Duration::from_secs(240)) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before = before + &line + "\n",
                Err(error) => panic!("no line with {text:?} ({error}) after:\n{before}"),
            }
        }
    }

    /// What `curl http://…PATH` prints.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> String {
        curl(&[&format!("http://{}{path}", self.address)])
    }

    /// The status that an event is answered with.
    #[track_caller]
    pub(crate) fn event(&self, subject: &str, data: &str) -> String {
        let subject = format!("ce-subject: {subject}");
        let control = Path::new(&self.control).to_str().unwrap();
        let status = ["--unix-socket", control, "-o", "/dev/null", "-w", "%{http_code}"];
        let event = [
            "-H",
            "ce-specversion: 1.0",
            "-H",
            "ce-id: 1",
            "-H",
            "ce-source: /tests",
            "-H",
            "ce-type: reading",
        ];
        let data = ["-H", &subject, "-d", data, "http://localhost/events/greet"];
        curl(&[&status[..], &event[..], &data[..]].concat())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "60"])
        .args(arguments)
        .output()
        .expect("curl is here");
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
