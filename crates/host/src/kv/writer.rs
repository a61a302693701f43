//! The one thread that writes to a store.
//!
//! Changes that wait while it is at work are made together: one transaction, one trip to the disk. Each has a
//! savepoint of its own, so that one which is refused takes nothing with it. All are answered after the commit.

use std::sync::{Mutex, OnceLock, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tombolo_spec::ByteSize;

use super::error::StoreFault;
use super::ops::{Change, Changed};

/// Changes that wait for the writer; whoever brings one more waits for a place.
const WAITING_MAX: usize = 64;

type Answer = Result<Changed, StoreFault>;

/// The way to the thread, which begins with the first change.
pub(super) struct Writer {
    store: String,
    idle: Mutex<Option<Connection>>,
    jobs: OnceLock<mpsc::Sender<Job>>,
}

struct Job {
    change: Change,
    most: ByteSize,
    answer: oneshot::Sender<Answer>,
}

impl Writer {
    pub(super) fn new(store: &str, connection: Connection) -> Writer {
        Writer { store: store.to_owned(), idle: Mutex::new(Some(connection)), jobs: OnceLock::new() }
    }

    /// Makes a change; comes back when it is on the disk. A caller that goes away on the way learns nothing: the
    /// change may be made or not.
    pub(super) async fn change(&self, change: Change, most: ByteSize) -> Answer {
        change.check()?;
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs()?.send(Job { change, most, answer }).await;
        sent.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    fn jobs(&self) -> Result<&mpsc::Sender<Job>, StoreFault> {
        if let Some(jobs) = self.jobs.get() {
            return Ok(jobs);
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = idle.take() {
            let (sender, receiver) = mpsc::channel(WAITING_MAX);
            let name = format!("kv-{}", self.store);
            let thread = std::thread::Builder::new().name(name).spawn(move || work(connection, receiver));
            thread.map_err(|error| StoreFault::Disk(format!("no thread for its writes: {error}")))?;
            let _ = self.jobs.set(sender);
        }
        self.jobs.get().ok_or_else(gone)
    }
}

fn gone() -> StoreFault {
    StoreFault::Disk("its writer has ended".into())
}

/// Until the store is given up.
fn work(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::with_capacity(WAITING_MAX);
    while jobs.blocking_recv_many(&mut waiting, WAITING_MAX) > 0 {
        commit(&mut connection, &mut waiting);
    }
}

fn commit(connection: &mut Connection, jobs: &mut Vec<Job>) {
    let mut answers = Vec::with_capacity(jobs.len());
    let committed = make(connection, jobs, &mut answers);
    for (sender, answer) in answers {
        let answer = match &committed {
            Ok(()) => answer,
            Err(fault) => Err(fault.clone()),
        };
        // Whoever asked may have gone.
        let _ = sender.send(answer);
    }
    // Those that were not even begun.
    if let Err(fault) = committed {
        jobs.drain(..).for_each(|job| drop(job.answer.send(Err(fault.clone()))));
    }
}

fn make(
    connection: &mut Connection,
    jobs: &mut Vec<Job>,
    answers: &mut Vec<(oneshot::Sender<Answer>, Answer)>,
) -> Result<(), StoreFault> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in jobs.drain(..) {
        let savepoint = transaction.savepoint()?;
        let answer = job.change.apply(&savepoint, job.most);
        // Dropped without a commit, a savepoint is rolled back.
        if answer.is_ok() {
            savepoint.commit()?;
        }
        answers.push((job.answer, answer));
    }
    Ok(transaction.commit()?)
}
