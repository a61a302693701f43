//! A cell's side of the broker.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, ioctl_fionbio, retry_on_intr};
use rustix::net::{SendFlags, send};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tombolo_sandbox::recv_fds;

use crate::ask::{Ask, Failed, Outcome};
use crate::check::Barred;
use crate::wire::{ASKS_MAX, Asked, CellSaid, Gave, PACKET_BYTES_MAX, Said, decode, encode};

/// A pause before an ask is sent again to a broker that takes none: it is being started, or has much to do.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks the node's broker; shared by all functions and threads of a cell.
pub struct Broker {
    socket: OwnedFd,
    asks: Mutex<Asks>,
    places: Semaphore,
}

#[derive(Default)]
struct Asks {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Answer>>,
}

/// An answer as it came: the descriptor is there where the result says so, if the broker is what it should be.
struct Answer {
    barred: Vec<Barred>,
    result: Result<Gave, Failed>,
    socket: Option<OwnedFd>,
}

impl Broker {
    /// The broker at the other end of `socket`.
    ///
    /// # Errors
    /// A descriptor that is no socket.
    pub fn new(socket: OwnedFd) -> io::Result<Arc<Broker>> {
        ioctl_fionbio(&socket, true)?;
        Ok(Arc::new(Broker { socket, asks: Mutex::default(), places: Semaphore::new(ASKS_MAX) }))
    }

    /// Begins to hear answers, on a thread of its own that sleeps while there are none. To be called after the
    /// lock-down, which wants a single thread.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn listen(self: &Arc<Broker>) -> io::Result<()> {
        let broker = Arc::clone(self);
        std::thread::Builder::new().name("egress".into()).stack_size(256 << 10).spawn(move || {
            let heard = broker.hear();
            broker.forget(|_| true);
            heard
        })?;
        Ok(())
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(
        &self,
        function: &str,
        ask: Ask,
        within: Duration,
    ) -> Outcome<(Gave, Option<OwnedFd>)> {
        let until = Instant::now() + within;
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let Ok(Ok(_place)) = timeout_at(until, self.places.acquire()).await else {
            return Failed::timed_out().into();
        };
        let asked = Asked { id: 0, function: function.to_owned(), within_ms, ask };
        loop {
            let (waiting, answer) = match self.send(&asked) {
                Ok(sent) => sent,
                Err(Errno::AGAIN) if Instant::now() < until => {
                    sleep(PAUSE).await;
                    continue;
                }
                Err(Errno::AGAIN) => return Failed::timed_out().into(),
                Err(Errno::MSGSIZE) => return Failed::TooLong.into(),
                Err(_) => return Failed::Gone.into(),
            };
            let answered = timeout_at(until, answer).await;
            drop(waiting);
            return match answered {
                Ok(Ok(Answer { barred, result, socket })) => {
                    Outcome { barred, result: result.map(|gave| (gave, socket)) }
                }
                Ok(Err(_)) => Failed::Gone.into(),
                Err(_) => Failed::timed_out().into(),
            };
        }
    }

    /// Numbers and sends in one: asks arrive in the order of their numbers.
    fn send(&self, asked: &Asked) -> Result<(Waiting<'_>, oneshot::Receiver<Answer>), Errno> {
        let mut asks = self.asks();
        let id = asks.last + 1;
        self.send_packet(&CellSaid::Asked(Asked { id, ..asked.clone() }))?;
        asks.last = id;
        let (sender, answer) = oneshot::channel();
        asks.waiting.insert(id, sender);
        Ok((Waiting { broker: self, id }, answer))
    }

    /// Says that somebody waits, if somebody does; whether that is said.
    fn say_who_waits(&self) -> bool {
        let asks = self.asks();
        let said = CellSaid::Waits { below: asks.last + 1 };
        asks.waiting.is_empty() || !matches!(self.send_packet(&said), Err(Errno::AGAIN))
    }

    fn send_packet(&self, said: &CellSaid) -> Result<(), Errno> {
        let packet = encode(said).ok_or(Errno::MSGSIZE)?;
        retry_on_intr(|| send(&self.socket, &packet, SendFlags::NOSIGNAL)).map(|_| ())
    }

    /// Until the node is gone, which ends this process too.
    fn hear(&self) -> io::Result<()> {
        let mut packet = vec![0; PACKET_BYTES_MAX];
        let mut is_said = true;
        loop {
            is_said = is_said || self.say_who_waits();
            let (length, sockets) = match recv_fds(&self.socket, &mut packet) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let ready = if is_said { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
                    let mut wanted = [PollFd::new(&self.socket, ready)];
                    retry_on_intr(|| poll(&mut wanted, None))?;
                    continue;
                }
                Ok((0, _)) => return Ok(()),
                heard => heard?,
            };
            match decode(&packet[..length]) {
                Some(Said::Answer { id, barred, result }) => {
                    let asker = self.asks().waiting.remove(&id);
                    if let Some(asker) = asker {
                        // An asker that does not wait any more lets go of the socket.
                        let _ = asker.send(Answer { barred, result, socket: sockets.into_iter().next() });
                    }
                }
                Some(Said::Began { first: Some(first) }) => self.forget(|id| id < first),
                Some(Said::Began { first: None }) => is_said = false,
                None => {}
            }
        }
    }

    /// Nobody answers these.
    fn forget(&self, which: impl Fn(u64) -> bool) {
        self.asks().waiting.retain(|id, _| !which(*id));
    }

    fn asks(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An ask that somebody waits for: forgotten with its asker.
struct Waiting<'a> {
    broker: &'a Broker,
    id: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.broker.asks().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use tombolo_sandbox::send_fds;

    use super::*;

    const WITHIN: Duration = Duration::from_secs(20);
    /// What a broker waits for comes sooner, or not at all.
    const HEARD_WITHIN: Duration = Duration::from_secs(10);

    fn pair() -> (Arc<Broker>, OwnedFd) {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .expect("a pair");
        set_socket_timeout(&theirs, Timeout::Recv, Some(HEARD_WITHIN)).expect("a time-out");
        let broker = Broker::new(ours).expect("a client");
        broker.listen().expect("a thread");
        (broker, theirs)
    }

    /// The next packet, taken by a broker that the test plays.
    async fn hear(broker: &OwnedFd) -> CellSaid {
        let broker = broker.try_clone().expect("another handle");
        let heard = tokio::task::spawn_blocking(move || {
            let mut packet = vec![0; PACKET_BYTES_MAX];
            let (length, _) = recv_fds(&broker, &mut packet).expect("a packet");
            decode(&packet[..length]).expect("words")
        });
        heard.await.expect("heard")
    }

    async fn heard(broker: &OwnedFd) -> Asked {
        match hear(broker).await {
            CellSaid::Asked(asked) => asked,
            other => panic!("no ask: {other:?}"),
        }
    }

    fn say(broker: &OwnedFd, said: &Said) {
        send_fds(broker, &encode(said).expect("short"), &[broker.as_fd()]).expect("said");
    }

    type Asker = tokio::task::JoinHandle<Result<(Gave, Option<OwnedFd>), Failed>>;

    fn ask(broker: &Arc<Broker>) -> Asker {
        let broker = Arc::clone(broker);
        let ask = Ask::Resolve { name: "a.example".into() };
        tokio::spawn(async move { broker.ask("app/f", ask, WITHIN).await.result })
    }

    fn nothing() -> Result<Gave, Failed> {
        Ok(Gave::Addresses(Vec::new()))
    }

    /// The broker's answer, which must reach its asker.
    async fn answer(broker: &OwnedFd, asked: &Asked, asker: Asker) {
        say(broker, &Said::Answer { id: asked.id, barred: Vec::new(), result: nothing() });
        assert!(asker.await.expect("it ended").is_ok());
    }

    #[tokio::test]
    async fn answers_find_their_askers_whatever_their_order() {
        let (client, broker) = pair();
        let (one, other) = (ask(&client), ask(&client));
        let (first, second) = (heard(&broker).await, heard(&broker).await);
        assert!(first.id < second.id);
        say(&broker, &Said::Answer { id: 99, barred: Vec::new(), result: nothing() });
        let not_found = Failed::Lookup(crate::names::LookupError::NotFound);
        say(&broker, &Said::Answer { id: second.id, barred: Vec::new(), result: Err(not_found.clone()) });
        say(&broker, &Said::Answer { id: first.id, barred: Vec::new(), result: nothing() });
        assert!(one.await.expect("answered").is_ok_and(|(_, socket)| socket.is_some()));
        assert_eq!(other.await.expect("answered").err(), Some(not_found));
    }

    #[tokio::test]
    async fn what_a_dead_broker_had_read_fails_and_what_it_had_not_is_answered_by_the_next() {
        let (client, broker) = pair();
        let lost = ask(&client);
        heard(&broker).await;
        let kept = ask(&client);
        let next = heard(&broker).await;
        say(&broker, &Said::Began { first: Some(next.id) });
        assert_eq!(lost.await.expect("it ended").err(), Some(Failed::Gone));
        answer(&broker, &next, kept).await;
    }

    #[tokio::test]
    async fn what_is_asked_in_the_moment_in_which_a_broker_begins_is_answered_by_that_one() {
        let (client, broker) = pair();
        let lost = ask(&client);
        heard(&broker).await;
        // Another broker has found nothing, and before that is heard something is asked.
        let kept = ask(&client);
        let asked = heard(&broker).await;
        say(&broker, &Said::Began { first: None });
        assert_eq!(hear(&broker).await, CellSaid::Waits { below: asked.id + 1 });
        let later = ask(&client);
        let asked_later = heard(&broker).await;
        say(&broker, &Said::Began { first: Some(asked.id) });
        assert_eq!(lost.await.expect("it ended").err(), Some(Failed::Gone));
        answer(&broker, &asked, kept).await;
        answer(&broker, &asked_later, later).await;
        // Nobody waits: nothing is said, and the next packet is an ask.
        say(&broker, &Said::Began { first: None });
        let next = ask(&client);
        let asked = heard(&broker).await;
        answer(&broker, &asked, next).await;
    }

    #[tokio::test]
    async fn who_waits_is_told_to_a_broker_that_has_much_to_read_once_there_is_room() {
        let (client, broker) = pair();
        let lost = ask(&client);
        heard(&broker).await;
        let mut sent = 0;
        while client.send_packet(&CellSaid::Waits { below: 0 }).is_ok() {
            sent += 1;
        }
        say(&broker, &Said::Began { first: None });
        for _ in 0..sent {
            assert_eq!(hear(&broker).await, CellSaid::Waits { below: 0 });
        }
        let CellSaid::Waits { below } = hear(&broker).await else { panic!("nothing waits") };
        say(&broker, &Said::Began { first: Some(below) });
        assert_eq!(lost.await.expect("it ended").err(), Some(Failed::Gone));
    }

    #[tokio::test]
    async fn a_silent_or_lost_broker_costs_the_asker_its_time_and_no_more() {
        let (client, broker) = pair();
        let ask = |within| client.ask("app/f", Ask::Resolve { name: "a.example".into() }, within);
        assert_eq!(ask(Duration::from_millis(20)).await.result.err(), Some(Failed::timed_out()));
        assert!(client.asks().waiting.is_empty(), "nobody waits");
        let long = Ask::Resolve { name: "a".repeat(PACKET_BYTES_MAX) };
        assert_eq!(client.ask("app/f", long, WITHIN).await.result.err(), Some(Failed::TooLong));
        drop(broker);
        assert_eq!(ask(WITHIN).await.result.err(), Some(Failed::Gone));
    }
}
