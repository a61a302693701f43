//! Structured log lines: one JSON object a line, gathered per worker thread, written by one thread of its own.
//!
//! A request never waits for whoever reads the log: when the writer falls behind, lines are dropped and counted, and
//! the next line that gets through says how many.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;

use tombolo_spec::Timestamp;

use super::time;

/// Blocks of lines that may wait for the writer.
const BLOCKS_MAX: usize = 64;
/// Lines gathered before they are handed over at once.
const BLOCK_BYTES: usize = 32 * 1024;
/// How long a line waits for company.
const GATHER_TIME: Duration = Duration::from_millis(20);

/// The process' log: where every worker hands its lines in.
#[derive(Clone)]
pub(crate) struct Log {
    blocks: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Log {
    /// A log that a thread of its own writes to `out`.
    pub(crate) fn start(out: Box<dyn Write + Send>) -> std::io::Result<(Log, std::thread::JoinHandle<()>)> {
        let (blocks, received) = sync_channel(BLOCKS_MAX);
        let writer =
            std::thread::Builder::new().name("log".into()).spawn(move || write_all(received, out))?;
        Ok((Log { blocks, dropped: Arc::default() }, writer))
    }

    /// Blocks of lines that were dropped because the writer fell behind.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Ends the log once everything handed in so far is written.
    pub(crate) fn end(&self) {
        // An empty block is the mark; a writer that is gone needs none.
        let _ = self.blocks.send(Vec::new());
    }

    /// One line from outside of a worker, such as "configuration swapped".
    pub(crate) fn line(&self, line: &impl Serialize) {
        let mut block = Vec::new();
        append(&mut block, line);
        self.hand_over(block);
    }

    fn hand_over(&self, block: Vec<u8>) {
        if self.blocks.try_send(block).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }
}

fn write_all(blocks: Receiver<Vec<u8>>, mut out: Box<dyn Write + Send>) {
    for block in blocks {
        if block.is_empty() {
            return;
        }
        // Whoever read the log may be gone; requests go on without.
        let _ = out.write_all(&block).and_then(|()| out.flush());
    }
}

/// The lines of one worker thread on their way to the log.
pub(crate) struct Lines {
    log: Log,
    block: RefCell<Vec<u8>>,
    gathering: Cell<bool>,
    wake: Notify,
}

impl Lines {
    pub(crate) fn new(log: Log) -> Rc<Lines> {
        Rc::new(Lines { log, block: RefCell::default(), gathering: Cell::new(false), wake: Notify::new() })
    }

    /// Adds one line; it reaches the log within [`GATHER_TIME`].
    pub(crate) fn line(&self, line: &impl Serialize) {
        let mut block = self.block.borrow_mut();
        append(&mut block, line);
        if block.len() >= BLOCK_BYTES {
            self.log.hand_over(std::mem::take(&mut block));
        } else if !self.gathering.replace(true) {
            self.wake.notify_one();
        }
    }

    /// Hands over what was gathered.
    pub(crate) fn flush(&self) {
        let block = std::mem::take(&mut *self.block.borrow_mut());
        if !block.is_empty() {
            self.log.hand_over(block);
        }
    }

    /// Hands lines over in time. Sleeps while there are none.
    pub(crate) async fn keep_flushing(&self) {
        loop {
            self.wake.notified().await;
            tokio::time::sleep(GATHER_TIME).await;
            self.gathering.set(false);
            self.flush();
        }
    }
}

fn append(block: &mut Vec<u8>, line: &impl Serialize) {
    let start = block.len();
    match serde_json::to_writer(&mut *block, line) {
        Ok(()) => block.push(b'\n'),
        Err(_) => block.truncate(start),
    }
}

/// One answered request.
#[derive(Serialize)]
pub(crate) struct RequestLine<'a> {
    pub(crate) time: Timestamp,
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<&'a str>,
    #[serde(serialize_with = "super::time::display")]
    pub(crate) request: super::RequestId,
    #[serde(serialize_with = "super::time::hex")]
    pub(crate) trace: u128,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
}

/// One line that a guest wrote to its standard output or error, or logged.
#[derive(Serialize)]
pub(crate) struct GuestLine<'a> {
    pub(crate) time: Timestamp,
    pub(crate) event: &'static str,
    pub(crate) function: &'a str,
    pub(crate) revision: &'a str,
    #[serde(serialize_with = "super::time::hex64")]
    pub(crate) request: u64,
    /// `stdout`, `stderr`, or `log` for what was logged with a level.
    pub(crate) stream: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) context: &'a str,
    pub(crate) text: std::borrow::Cow<'a, str>,
    /// Lines of this function that were dropped so far, over its budget.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) dropped: u64,
}

/// What became of a wish to serve something else.
#[derive(Serialize)]
pub(crate) struct SteeringLine<'a> {
    time: Timestamp,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    functions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
}

impl<'a> SteeringLine<'a> {
    pub(crate) fn new(event: &'static str) -> SteeringLine<'a> {
        SteeringLine { time: time::now(), event, functions: None, cause: None }
    }

    /// How many functions are served now.
    pub(crate) fn functions(self, functions: usize) -> SteeringLine<'a> {
        SteeringLine { functions: Some(functions), ..self }
    }

    /// Why not.
    pub(crate) fn cause(self, cause: &'a str) -> SteeringLine<'a> {
        SteeringLine { cause: Some(cause), ..self }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
