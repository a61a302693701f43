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
use crate::wire::{ASKS_MAX, Asked, CellGrants, CellSaid, PACKET_BYTES_MAX, Said, decode, encode};

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
        let mut waiting = self.waiting(&mut packet);
        let mut first = match &waiting {
            Some(CellSaid::Asked(asked)) => Some(asked.id),
            _ => None,
        };
        self.send(&Said::Began { first }, None).await;
        loop {
            let Ok(place) = Arc::clone(&self.asks).acquire_owned().await else { return };
            let said = match waiting.take() {
                Some(waiting) => Some(waiting),
                None => self.next(&mut packet).await,
            };
            match said {
                Some(CellSaid::Asked(asked)) => {
                    first.get_or_insert(asked.id);
                    let cell = self.clone();
                    spawn_local(async move { cell.answer(asked, place).await });
                }
                Some(CellSaid::Waits { below }) => {
                    self.send(&Said::Began { first: first.or(Some(below)) }, None).await;
                }
                None => return,
            }
        }
    }

    /// What the cell said before this broker was there.
    fn waiting(&self, packet: &mut [u8]) -> Option<CellSaid> {
        let (length, _) = recv_fds(&*self.socket, packet).ok()?;
        decode(&packet[..length])
    }

    /// What the cell says next; `None` when it is gone, or says what no cell of ours would.
    async fn next(&self, packet: &mut [u8]) -> Option<CellSaid> {
        // Descriptors that a cell sends are nothing that anybody wants: they are closed.
        let (length, _) = self
            .socket
            .async_io(Interest::READABLE, || recv_fds(&*self.socket, packet))
            .await
            .ok()
            .filter(|(length, _)| *length > 0)?;
        let said = decode(&packet[..length]);
        if said.is_none() {
            say(&format!(
                "{} is not heard any more: it sent what no cell sends; is it taken over?",
                self.name
            ));
        }
        said
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

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};
    use tokio::task::{LocalSet, spawn_blocking};

    use super::*;
    use crate::ask::Ask;
    use crate::broker::{Calls, Fresh};
    use crate::direct::Direct;
    use crate::names::NameConfig;

    /// The cell's end of a socket whose other end a broker serves, on this thread's tasks.
    fn served() -> OwnedFd {
        let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let ((ours, theirs), (calls, _)) = (pair().expect("a pair"), pair().expect("a pair"));
        set_socket_timeout(&ours, Timeout::Recv, Some(TAKE_TIME)).expect("a time-out");
        let direct = Rc::new(Direct::new(&NameConfig::empty()).expect("no names"));
        let (node, _) = tokio::net::UnixStream::pair().expect("a pair");
        let ways = Ways {
            fresh: Rc::new(Fresh::new(node.into_split().1, Rc::clone(&direct))),
            calls: Rc::new(Calls::new(calls).expect("a socket")),
            direct,
        };
        let grants = CellGrants { cell: "cell 1".into(), tenant: "acme".into(), functions: Vec::new() };
        spawn_local(Cell::new(theirs, &grants, ways).expect("a cell").serve());
        ours
    }

    fn tell(cell: &OwnedFd, said: &CellSaid) {
        send(cell, &encode(said).expect("short"), SendFlags::NOSIGNAL).expect("sent");
    }

    async fn hear(cell: &OwnedFd) -> Said {
        let cell = cell.try_clone().expect("another handle");
        let heard = spawn_blocking(move || {
            let mut packet = vec![0; PACKET_BYTES_MAX];
            let (length, _) = recv_fds(&cell, &mut packet).expect("a packet");
            decode(&packet[..length]).expect("words")
        });
        heard.await.expect("heard")
    }

    #[tokio::test]
    async fn a_cell_that_waits_is_told_which_of_its_asks_this_broker_has() {
        let began = |first| Said::Began { first };
        let ask = Ask::Resolve { name: "a.example".into() };
        let asked =
            |id| CellSaid::Asked(Asked { id, function: "app/f".into(), within_ms: 1000, ask: ask.clone() });
        let broker = async {
            let cell = served();
            assert_eq!(hear(&cell).await, began(None));
            tell(&cell, &asked(5));
            assert!(matches!(hear(&cell).await, Said::Answer { id: 5, .. }));
            tell(&cell, &asked(6));
            assert!(matches!(hear(&cell).await, Said::Answer { id: 6, .. }));
            tell(&cell, &CellSaid::Waits { below: 7 });
            assert_eq!(hear(&cell).await, began(Some(5)), "of those before 5 nobody hears");
            let cell = served();
            assert_eq!(hear(&cell).await, began(None));
            tell(&cell, &CellSaid::Waits { below: 7 });
            assert_eq!(hear(&cell).await, began(Some(7)), "it has none of them");
        };
        LocalSet::new().run_until(broker).await;
    }
}
