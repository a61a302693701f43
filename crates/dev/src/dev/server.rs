//! A serving `tombolo` as a child process: started, asked, told to load anew, stopped.

use std::io::{self, BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use rustix::process::{Pid, Signal};
use tombolo_sandbox::{Rlimits, spawn_limited};

use super::client;
use crate::child;
use crate::error::DevError;
use crate::project::Project;
use crate::tombolo::Tombolo;

pub(crate) use super::line::Line;

/// The first start compiles everything.
const START_TIME: Duration = Duration::from_secs(180);
const STOP_TIME: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// Lines that are kept for whoever asks after the end.
const KEPT_LINES_MAX: usize = 10_000;

/// The public socket of a server for a test.
const PUBLIC: &str = "http.sock";

/// A running server.
pub(crate) struct Server {
    child: Mutex<Child>,
    control: PathBuf,
    readers: Vec<JoinHandle<()>>,
    kept: Arc<Mutex<Vec<String>>>,
    is_ready: Arc<AtomicBool>,
}

/// What a server says.
pub(crate) enum Said<'a> {
    Line(&'a str),
    /// Nothing any more.
    Nothing,
}

/// Where a server of a session has its control socket and its data.
pub(crate) struct Place {
    state: PathBuf,
    number: u32,
}

impl Place {
    pub(super) fn new(project: &Project, number: u32) -> Place {
        Place { state: project.state_dir(), number }
    }

    /// What every control socket of the session is known as, one after the other.
    pub(super) fn known_as(project: &Project) -> PathBuf {
        project.state_dir().join("control.sock")
    }

    /// From the state folder.
    fn control(&self) -> String {
        format!("control-{}.sock", self.number)
    }

    /// Makes this server's control socket the one that everybody knows.
    pub(super) fn announce(&self) -> Result<(), DevError> {
        let (next, known) = (self.state.join("control.next"), self.state.join("control.sock"));
        // Left behind by a session that was killed.
        let _ = std::fs::remove_file(&next);
        std::os::unix::fs::symlink(self.control(), &next)
            .and_then(|()| std::fs::rename(&next, &known))
            .map_err(DevError::file("make", &known))
    }

    /// Takes away what the server leaves behind. What is not there any more is no loss.
    pub(super) fn clear(&self) {
        let known = self.state.join("control.sock");
        if std::fs::read_link(&known).is_ok_and(|to| to == Path::new(&self.control())) {
            let _ = std::fs::remove_file(&known);
        }
        let _ = std::fs::remove_file(self.state.join(self.control()));
    }
}

/// Hands standard input on as a socket in the way of systemd (sd_listen_fds(3)), which needs the process's own number.
const WITH_SOCKET: &str = r#"export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" "$@" 3<&0 </dev/null"#;

impl Server {
    /// For one test: on sockets in `fresh`, which is also all that it can remember anything in.
    pub(crate) fn start_fresh(
        tombolo: &Tombolo,
        project: &Project,
        fresh: &Path,
    ) -> Result<Server, DevError> {
        let (socket, control) = (fresh.join(PUBLIC), fresh.join("control.sock"));
        let mut command = tombolo.command("serve");
        command.stdin(Stdio::null()).arg("--listen").arg(format!("unix:{}", socket.display()));
        command.arg("--control").arg(format!("unix:{}", control.display()));
        Server::start(command, project, control, fresh, |_| {})
    }

    /// For a developer: accepts from `socket`; all that it says goes to `on`.
    pub(crate) fn start_for(
        tombolo: &Tombolo,
        project: &Project,
        socket: OwnedFd,
        place: &Place,
        on: impl Fn(Said<'_>) + Clone + Send + 'static,
    ) -> Result<Server, DevError> {
        std::fs::create_dir_all(&place.state).map_err(DevError::file("make", &place.state))?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WITH_SOCKET]).arg(tombolo.program()).args(["serve", "--listen", "systemd"]);
        // A socket's path has a hundred bytes; a project's folder can be deeper.
        let state = place.state.strip_prefix(&project.root).unwrap_or(&place.state);
        command.arg("--control").arg(format!("unix:{}", state.join(place.control()).display()));
        command.stdin(socket);
        let control = place.state.join(place.control());
        Server::start(command, project, control, &place.state.join("data"), on)
    }

    fn start(
        mut command: Command,
        project: &Project,
        control: PathBuf,
        data: &Path,
        on: impl Fn(Said<'_>) + Clone + Send + 'static,
    ) -> Result<Server, DevError> {
        command.arg("-f").arg(&project.manifest_path);
        command.env("XDG_DATA_HOME", data).env("XDG_STATE_HOME", data).current_dir(&project.root);
        // Its own process group: a terminal's Ctrl-C is for whoever started it, who then stops it in order.
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped());
        let (kept, is_ready) = (Arc::default(), Arc::default());
        let (child, reader) = start_and_read(command, Arc::clone(&kept), Arc::clone(&is_ready), on);
        let child = child.map_err(|source| DevError::Start {
            program: "tombolo serve".to_owned(),
            source,
            remedy: "is this tombolo complete?".to_owned(),
        })?;
        let server = Server { child: Mutex::new(child), control, readers: vec![reader], kept, is_ready };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Sends a request to the public side of a server for a test.
    pub(crate) fn request(
        &self,
        fresh: &Path,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Bytes>, DevError> {
        let socket = fresh.join(PUBLIC);
        client::send(&socket, request).map_err(|why| self.error(&format!("did not answer: {why}")))
    }

    /// Sends an event to the control socket.
    pub(crate) fn event(&self, request: Request<Vec<u8>>) -> Result<Response<Bytes>, DevError> {
        client::send(&self.control, request)
            .map_err(|why| self.error(&format!("did not take the event: {why}")))
    }

    /// Tells it to load the manifest and the components anew.
    pub(crate) fn reload(&self) {
        self.signal(Signal::HUP);
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<String> {
        lock(&self.child).try_wait().ok().flatten().map(child::ending)
    }

    /// Stops it in order, and gives all that it said.
    pub(crate) fn stop(mut self) -> Result<Vec<String>, DevError> {
        self.signal(Signal::TERM);
        if self.wait().is_none() {
            return Err(self.error("did not stop when told to"));
        }
        for reader in self.readers.drain(..) {
            // A reader that panicked has printed why.
            let _ = reader.join();
        }
        Ok(std::mem::take(&mut *lock(&self.kept)))
    }

    fn wait_until_ready(&self) -> Result<(), DevError> {
        let begun = Instant::now();
        while !self.is_ready.load(Ordering::Acquire) {
            if let Some(end) = self.ended() {
                return Err(self.error(&format!("did not start ({end})")));
            }
            if begun.elapsed() > START_TIME {
                return Err(self.error("did not start in time"));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// How it ended, if it does in time.
    pub(crate) fn wait(&self) -> Option<String> {
        let begun = Instant::now();
        loop {
            match self.ended() {
                None if begun.elapsed() < STOP_TIME => std::thread::sleep(LOOK_AGAIN),
                ended => return ended,
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let child = lock(&self.child);
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            // It may have ended by itself just now.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn error(&self, what: &str) -> DevError {
        // What it said last comes through a pipe, a moment after it ended.
        std::thread::sleep(Duration::from_millis(50));
        let kept = lock(&self.kept);
        let said: String = kept.iter().rev().take(20).rev().map(|line| format!("\n  {line}")).collect();
        DevError::Server { what: what.to_owned(), output: said }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        if self.wait().is_none() {
            let mut child = lock(&self.child);
            // Whatever fails here, the process is gone or not ours.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a server on the thread that reads what it says until it says nothing any more. The kernel ends a process with
/// the thread that started it, also when that ends by `kill -9`, so it must be one that lives for as long.
fn start_and_read(
    command: Command,
    kept: Arc<Mutex<Vec<String>>>,
    is_ready: Arc<AtomicBool>,
    on: impl Fn(Said<'_>) + Send + 'static,
) -> (io::Result<Child>, JoinHandle<()>) {
    let (sender, started) = sync_channel(1);
    let reader = std::thread::spawn(move || {
        let mut child = spawn_limited(command, &Rlimits::default());
        let log = child.as_mut().ok().and_then(|child| child.stderr.take());
        // The caller waits for it.
        let _ = sender.send(child);
        if let Some(log) = log {
            read(log, &kept, &is_ready, &on);
            on(Said::Nothing);
        }
    });
    (started.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())), reader)
}

fn read(log: ChildStderr, kept: &Mutex<Vec<String>>, is_ready: &AtomicBool, on: impl Fn(Said<'_>)) {
    for line in BufReader::new(log).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if Line::parse(&line) == Line::Serving {
            is_ready.store(true, Ordering::Release);
        }
        on(Said::Line(&line));
        let mut kept = lock(kept);
        if kept.len() >= KEPT_LINES_MAX {
            kept.drain(..KEPT_LINES_MAX / 2);
        }
        kept.push(line);
    }
}

/// Nothing is half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
