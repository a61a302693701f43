//! A serving `tombolo` as a child process: started, asked, told to load anew, stopped.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use rustix::process::{Pid, Signal};

use super::client::{self, Address};
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

/// A running server.
pub(crate) struct Server {
    child: Mutex<Child>,
    listen: Address,
    control: PathBuf,
    readers: Vec<JoinHandle<()>>,
    kept: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// For one test: on sockets in `fresh`, which is also all that it can remember anything in.
    pub(crate) fn start_fresh(
        tombolo: &Tombolo,
        project: &Project,
        fresh: &Path,
    ) -> Result<Server, DevError> {
        let socket = fresh.join("http.sock");
        let mut command = tombolo.command("serve");
        command.arg("--listen").arg(format!("unix:{}", socket.display()));
        Server::start(command, project, Address::Unix(socket), &fresh.join("control.sock"), fresh, |_| {})
    }

    /// For a developer: on `listen`, with a control socket in the project's folder; every line goes to `on_line`.
    pub(crate) fn start_for(
        tombolo: &Tombolo,
        project: &Project,
        listen: std::net::SocketAddr,
        on_line: impl Fn(&str) + Clone + Send + 'static,
    ) -> Result<Server, DevError> {
        let state = project.state_dir();
        std::fs::create_dir_all(&state).map_err(DevError::file("make", &state))?;
        let mut command = tombolo.command("serve");
        command.arg("--listen").arg(listen.to_string());
        Server::start(
            command,
            project,
            Address::Tcp(listen),
            &state.join("control.sock"),
            &state.join("data"),
            on_line,
        )
    }

    fn start(
        mut command: Command,
        project: &Project,
        listen: Address,
        control: &Path,
        data: &Path,
        on_line: impl Fn(&str) + Clone + Send + 'static,
    ) -> Result<Server, DevError> {
        command
            .arg("-f")
            .arg(&project.manifest_path)
            .arg("--control")
            .arg(format!("unix:{}", control.display()));
        command.env("XDG_DATA_HOME", data).env("XDG_STATE_HOME", data).current_dir(&project.root);
        // Its own process group: a terminal's Ctrl-C is for whoever started it, who then stops it in order.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| DevError::Start {
            program: "tombolo serve".to_owned(),
            source,
            remedy: "is this tombolo complete?".to_owned(),
        })?;
        let kept = Arc::new(Mutex::new(Vec::new()));
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|out| Box::new(out) as _),
            child.stderr.take().map(|err| Box::new(err) as _),
        ];
        let readers = streams
            .into_iter()
            .flatten()
            .map(|stream| reader(stream, Arc::clone(&kept), on_line.clone()))
            .collect();
        let server = Server { child: Mutex::new(child), listen, control: control.to_owned(), readers, kept };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Sends a request to the public side.
    pub(crate) fn request(&self, request: Request<Vec<u8>>) -> Result<Response<Bytes>, DevError> {
        client::send(&self.listen, request).map_err(|why| self.error(&format!("did not answer: {why}")))
    }

    /// Sends an event to the control socket.
    pub(crate) fn event(&self, request: Request<Vec<u8>>) -> Result<Response<Bytes>, DevError> {
        let control = Address::Unix(self.control.clone());
        client::send(&control, request).map_err(|why| self.error(&format!("did not take the event: {why}")))
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
        if self.wait(STOP_TIME).is_none() {
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
        while !(self.listen.answers() && Address::Unix(self.control.clone()).answers()) {
            if let Some(end) = self.ended() {
                return Err(self.error(&format!("did not start ({end})")));
            }
            if begun.elapsed() > START_TIME {
                return Err(self.error("did not start in time"));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        // A socket that answers may be another's, while this one could not have it.
        self.ended().map_or(Ok(()), |end| Err(self.error(&format!("did not start ({end})"))))
    }

    fn wait(&self, time: Duration) -> Option<String> {
        let begun = Instant::now();
        loop {
            match self.ended() {
                None if begun.elapsed() < time => std::thread::sleep(LOOK_AGAIN),
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
        if self.wait(STOP_TIME).is_none() {
            let mut child = lock(&self.child);
            // Whatever fails here, the process is gone or not ours.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn reader(
    stream: Box<dyn Read + Send>,
    kept: Arc<Mutex<Vec<String>>>,
    on_line: impl Fn(&str) + Send + 'static,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            on_line(&line);
            let mut kept = lock(&kept);
            if kept.len() >= KEPT_LINES_MAX {
                kept.drain(..KEPT_LINES_MAX / 2);
            }
            kept.push(line);
        }
    })
}

/// Nothing is half done behind these locks.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
