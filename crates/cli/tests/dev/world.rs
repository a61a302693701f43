//! A session of `tombolo dev`, what it says and what it answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::project::Project;

/// A debug build on a busy machine needs long for what a user waits for moments.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A session in a project's folder.
pub(crate) struct Dev {
    pub(crate) child: Child,
    /// What a user types; nothing comes of it where there is no terminal.
    pub(crate) keys: Option<ChildStdin>,
    /// `127.0.0.1:PORT`, once it serves.
    pub(crate) address: String,
    lines: Receiver<String>,
}

impl Dev {
    /// Starts a session without a terminal and waits until it serves.
    #[track_caller]
    pub(crate) fn start(project: &Project) -> Dev {
        Dev::serving(&mut project.tombolo(&["dev", "--listen", "127.0.0.1:0"]))
    }

    /// The same, where nothing may be served.
    pub(crate) fn watching(project: &Project) -> Dev {
        let mut command = project.tombolo(&["dev", "--listen", "127.0.0.1:0"]);
        Dev::spawn(command.stdin(Stdio::null()).stderr(Stdio::piped()))
    }

    /// The same on a terminal, which script(1) is; when the session ends, it says how the terminal is set.
    #[track_caller]
    pub(crate) fn start_on_terminal(project: &Project) -> Dev {
        let line = format!("{} dev --listen 127.0.0.1:0; stty -a", env!("CARGO_BIN_EXE_tombolo"));
        let mut command = Command::new("script");
        command.args(["-qefc", &line, "/dev/null"]).env("TERM", "xterm").current_dir(&project.folder);
        Dev::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped())).that_serves()
    }

    /// A session without a terminal, from a command for it.
    #[track_caller]
    pub(crate) fn serving(command: &mut Command) -> Dev {
        Dev::spawn(command.stdin(Stdio::null()).stderr(Stdio::piped())).that_serves()
    }

    fn spawn(command: &mut Command) -> Dev {
        let mut child = command.spawn().unwrap();
        let keys = child.stdin.take();
        let said: Box<dyn Read + Send> = match child.stderr.take() {
            Some(stderr) => Box::new(stderr),
            None => Box::new(child.stdout.take().unwrap()),
        };
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(said).split(b'\n').map_while(Result::ok) {
                if sender.send(plain(&String::from_utf8_lossy(&line))).is_err() {
                    return;
                }
            }
        });
        Dev { child, keys, address: String::new(), lines }
    }

    #[track_caller]
    fn that_serves(mut self) -> Dev {
        let (_, line) = self.wait_for("serving http://");
        self.address = line.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
        self
    }

    /// Everything up to the line with `text` in it, and that line.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) -> (String, String) {
        let (mut said, begun) = (String::new(), Instant::now());
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
                Ok(line) => {
                    said = said + &line + "\n";
                    if line.contains(text) {
                        return (said, line);
                    }
                }
                Err(error) => panic!("no line with {text:?} ({error}) after:\n{said}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn press(&mut self, key: &str) {
        self.keys.as_mut().unwrap().write_all(key.as_bytes()).unwrap();
    }

    /// The body of `/`; fails when it is not answered with 200.
    #[track_caller]
    pub(crate) fn body(&self) -> String {
        get(&self.address).unwrap()
    }

    /// Sends Ctrl-C's signal and waits for the end.
    #[track_caller]
    pub(crate) fn interrupt(mut self) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, Signal::INT).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // What has ended by itself can't be told to.
        let _ = rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// One GET of `/` on a connection of its own: the body, or why there is none.
pub(crate) fn get(address: &str) -> Result<String, String> {
    let words = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).map_err(words)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(words)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").map_err(words)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(words)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => Err(format!("answered {answer:?}")),
    }
}

/// A program that prints `text`, in WebAssembly's text format; over HTTP it is a CGI program.
pub(crate) fn printing(text: &str) -> String {
    let data: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = text.len();
    format!(
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
           (memory (export \"memory\") 1) (data (i32.const 0) \"\\10\\00\\00\\00\") (data (i32.const 16) \"{data}\")
           (func (export \"_start\")
             (i32.store (i32.const 4) (i32.const {length}))
             (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"
    )
}

/// A CGI program that answers with `body`.
pub(crate) fn answering(body: &str) -> String {
    printing(&format!("Content-Type: text/plain\r\n\r\n{body}"))
}

/// A process and all that it has started.
pub(crate) fn family(of: u32) -> Vec<u32> {
    let mut family = vec![of];
    let mut place = 0;
    while let Some(pid) = family.get(place).copied() {
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
        place += 1;
    }
    family
}

/// Without what a terminal makes of it: colours, moves of the cursor, carriage returns.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                let _ = characters.by_ref().find(char::is_ascii_alphabetic);
            }
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}
