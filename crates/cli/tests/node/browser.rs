//! Headless Chromium, told what to do over its DevTools protocol.
//!
//! Messages go through two named pipes as its file descriptors 3 and 4 (`--remote-debugging-pipe`), each ended by a zero
//! byte: no port that another process could connect to.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::TempDir;
use crate::world::path;

const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub(crate) struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    session: Value,
    next: u64,
    /// What the page complained about.
    pub(crate) complaints: Vec<String>,
    _folder: TempDir,
}

impl Browser {
    /// Opens a page; none where there is no Chromium.
    pub(crate) fn open(url: &str) -> Option<Browser> {
        let installed = Command::new("chromium").arg("--version").output().is_ok();
        if !installed {
            assert!(
                std::env::var_os("TOMBOLO_TEST_REQUIRE").is_none(),
                "no chromium here: scripts/install-test-tools"
            );
            eprintln!("skipped: no chromium here");
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder");
        let [to, from] = ["to", "from"].map(|name| folder.path().join(name));
        let made = Command::new("mkfifo").args([&to, &from]).status().expect("mkfifo runs");
        assert!(made.success());
        let line = format!(
            "exec chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
             --window-size=1280,900 --user-data-dir={} --remote-debugging-pipe 3<{} 4>{}",
            path(&folder.path().join("profile")),
            path(&to),
            path(&from)
        );
        let mut command = Command::new("sh");
        command.args(["-c", &line]).env("HOME", folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(Stdio::null()).spawn().expect("a shell");
        // Each open waits for the other end's.
        let to = File::options().write(true).open(to).expect("a pipe");
        let from = BufReader::new(File::open(from).expect("a pipe"));
        let mut browser = Browser {
            process,
            to,
            from,
            session: Value::Null,
            next: 0,
            complaints: Vec::new(),
            _folder: folder,
        };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].clone();
        browser.ask("Runtime.enable", json!({}));
        browser.ask("Log.enable", json!({}));
        browser.ask("Page.navigate", json!({ "url": url }));
        Some(browser)
    }

    /// The value of an expression in the page; of a promise, what it comes to.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&mut self, expression: &str) {
        let begun = Instant::now();
        while self.value(expression) != Value::Bool(true) {
            let page = self.value("document.body.innerText");
            assert!(begun.elapsed() < PATIENCE, "not in time: {expression}; {:?}; {page}", self.complaints);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Pretends that the system prefers a dark or light page.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.ask("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        write!(self.to, "{message}\0").expect("the browser listens");
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).expect("the browser speaks");
            assert!(!answer.is_empty(), "the browser is gone");
            let answer: Value = serde_json::from_slice(&answer[..answer.len() - 1]).expect("JSON");
            if answer["id"] == self.next {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, event: &Value) {
        let complaint = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => &event["params"]["exceptionDetails"],
            Some("Log.entryAdded") if event["params"]["entry"]["level"] == "error" => {
                &event["params"]["entry"]
            }
            _ => return,
        };
        self.complaints.push(complaint.to_string());
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
