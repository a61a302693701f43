//! One cell's connection to the broker.

use std::cell::{Cell as Counter, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tombolo_sandbox::{recv_fds, send_fds};
use tombolo_spec::{GrantSet, one_line};

use super::asked::{Answerer, Given};
use super::{Ways, say};
use crate::wire::{ASKS_MAX, Asked, CellGrants, PACKET_BYTES_MAX, Said, decode, encode};

/// How long a cell may leave an answer untaken.
const TAKE_TIME: Duration = Duration::from_secs(5);

/// What of a cell's own words is told.
const SAID_CHARS_MAX: usize = 256;

/// A cell, as the broker knows it.
pub(super) struct Cell {
    name: String,
    socket: Rc<UnixDatagram>,
    answerer: Rc<Answerer>,
    asks: Arc<Semaphore>,
    /// Asks that the cell itself should not have let through.
    ungranted: Rc<Counter<u64>>,
}

impl Cell {
    /// # Errors
    /// A socket that can't be waited for.
    pub(super) fn new(socket: OwnedFd, grants: &CellGrants, ways: Ways) -> io::Result<Cell> {
        let Ways { direct, fresh, calls } = ways;
        // Of packets, as datagrams are, but with an end.
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        socket.set_nonblocking(true)?;
        // A line that does not parse grants nothing.
        let set =
            |lines: &[String]| -> GrantSet { lines.iter().filter_map(|line| line.parse().ok()).collect() };
        let functions: BTreeMap<String, GrantSet> =
            grants.functions.iter().map(|function| (function.name.clone(), set(&function.grants))).collect();
        Ok(Cell {
            name: grants.cell.clone(),
            socket: Rc::new(UnixDatagram::from_std(socket)?),
            answerer: Rc::new(Answerer {
                tenant: grants.tenant.clone(),
                functions,
                direct,
                fresh,
                calls,
                told: RefCell::default(),
            }),
            asks: Arc::new(Semaphore::new(ASKS_MAX)),
            ungranted: Rc::default(),
        })
    }

    /// Answers until the cell is gone. An ask is read only when there is a place for it.
    pub(super) async fn serve(self) {
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let mut asked = self.waiting(&mut packet);
        let began = Said::Began { first: asked.as_ref().map(|asked| asked.id) };
        self.send(&began, None).await;
        loop {
            let Ok(place) = Arc::clone(&self.asks).acquire_owned().await else { return };
            let next = match asked.take() {
                Some(waiting) => Some(waiting),
                None => self.next(&mut packet).await,
            };
            let Some(next) = next else { return };
            let cell = self.clone();
            spawn_local(async move { cell.answer(next, place).await });
        }
    }

    /// What the cell asked before this broker was there.
    fn waiting(&self, packet: &mut [u8]) -> Option<Asked> {
        let (length, _) = recv_fds(&*self.socket, packet).ok()?;
        decode(&packet[..length])
    }

    /// The next ask; `None` when the cell is gone, or says what no cell of ours would.
    async fn next(&self, packet: &mut [u8]) -> Option<Asked> {
        // Descriptors that a cell sends are nothing that anybody wants: they are closed.
        let (length, _) = self
            .socket
            .async_io(Interest::READABLE, || recv_fds(&*self.socket, packet))
            .await
            .ok()
            .filter(|(length, _)| *length > 0)?;
        let asked = decode(&packet[..length]);
        if asked.is_none() {
            say(&format!(
                "{} is not heard any more: it sent what no cell sends; is it taken over?",
                self.name
            ));
        }
        asked
    }

    async fn answer(&self, asked: Asked, _place: OwnedSemaphorePermit) {
        let Given { said, socket, is_ungranted } = self.answerer.answer(&asked).await;
        if is_ungranted {
            self.tell_ungranted(&asked);
        }
        self.send(&said, socket.as_ref().map(AsFd::as_fd)).await;
    }

    /// A cell that does not take its answer goes without.
    async fn send(&self, said: &Said, socket: Option<std::os::fd::BorrowedFd<'_>>) {
        let Some(packet) = encode(said) else { return };
        let sockets = socket.as_slice();
        let send = self.socket.async_io(Interest::WRITABLE, || send_fds(&*self.socket, &packet, sockets));
        let _ = timeout(TAKE_TIME, send).await;
    }

    /// A cell checks first, so this is no mistake of a guest. Told at each doubling, so that nobody fills the log.
    fn tell_ungranted(&self, asked: &Asked) {
        let count = self.ungranted.get() + 1;
        self.ungranted.set(count);
        if count.is_power_of_two() {
            let request = one_line(&asked.ask.request(None).to_string(), SAID_CHARS_MAX);
            let function = one_line(&asked.function, SAID_CHARS_MAX);
            say(&format!(
                "refused: {}, function {function}: {request}: no grant allows it, and its cell asked all the same; \
                 is it taken over? (×{count})",
                self.name
            ));
        }
    }
}

impl Clone for Cell {
    fn clone(&self) -> Cell {
        Cell {
            name: self.name.clone(),
            socket: Rc::clone(&self.socket),
            answerer: Rc::clone(&self.answerer),
            asks: Arc::clone(&self.asks),
            ungranted: Rc::clone(&self.ungranted),
        }
    }
}
