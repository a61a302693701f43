//! What a cell's ask comes to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tombolo_spec::GrantSet;
use tombolo_spec::grant::HostName;

use super::fresh::Fresh;
use super::told::Told;
use crate::ask::{Ask, Failed, Outcome};
use crate::check::{Admitted, Barred};
use crate::direct::Direct;
use crate::wire::{ASK_TIME_MAX, Asked, Gave, Said};

/// Answers one cell's asks, by what the node said that its functions may do.
pub(super) struct Answerer {
    pub(super) functions: BTreeMap<String, GrantSet>,
    pub(super) direct: Rc<Direct>,
    pub(super) fresh: Rc<Fresh>,
    pub(super) told: RefCell<Told>,
}

/// An answer.
pub(super) struct Given {
    pub(super) said: Said,
    /// The descriptor that goes with it.
    pub(super) socket: Option<OwnedFd>,
    /// True when no grant names what was asked for.
    pub(super) is_ungranted: bool,
}

type Made = Outcome<(Gave, Option<OwnedFd>)>;

impl Answerer {
    pub(super) async fn answer(&self, asked: &Asked) -> Given {
        let within = Duration::from_millis(asked.within_ms).min(ASK_TIME_MAX);
        let granted = self.functions.get(&asked.function).filter(|grants| is_named(grants, &asked.ask));
        let outcome: Made = match granted {
            None => Failed::Refused.into(),
            Some(grants) => timeout(within, self.make(grants, &asked.ask, within))
                .await
                .unwrap_or_else(|_| Failed::timed_out().into()),
        };
        let is_ungranted = granted.is_none();
        let (result, socket) = match outcome.result {
            Ok((gave, socket)) => (Ok(gave), socket),
            Err(failed) => (Err(failed), None),
        };
        Given { said: Said::Answer { id: asked.id, barred: outcome.barred, result }, socket, is_ungranted }
    }

    async fn make(&self, grants: &GrantSet, ask: &Ask, within: Duration) -> Made {
        self.fresh.before(ask).await;
        match ask {
            Ask::Http { .. } => stream(self.direct.connect(grants, ask, within).await),
            Ask::Tcp { name, to } => match self.led(name.as_deref(), to.ip(), within).await {
                true => stream(self.direct.connect(grants, ask, within).await),
                false => led_elsewhere(to.ip()),
            },
            Ask::Udp { name, to } => match self.led(name.as_deref(), to.ip(), within).await {
                true => datagrams(self.direct.datagrams(grants, ask).await),
                false => led_elsewhere(to.ip()),
            },
            Ask::Listen { at, backlog } => {
                let grant = grants.find(&ask.request(None)).map_or(0, tombolo_spec::GrantId::index);
                let listener = self.direct.listen(*at, *backlog).and_then(|listener| listener.into_std());
                let gave = Gave::Socket { grant, address: None, is_own: true };
                let result = listener.map(|listener| (gave, Some(listener.into()))).map_err(Failed::from);
                Outcome { barred: Vec::new(), result }
            }
            Ask::Resolve { name } => self.resolve(name, within).await,
        }
    }

    /// Whether a name leads to an address: as this broker said, or, if an earlier one may have said so, as it is now.
    async fn led(&self, name: Option<&str>, address: IpAddr, within: Duration) -> bool {
        let Some(name) = name else { return true };
        let Ok(name) = name.parse::<HostName>() else { return false };
        if self.told.borrow().knows(&name, address) {
            return true;
        }
        self.direct.names().lookup(&name, within).await.is_ok_and(|found| found.contains(&address))
    }

    async fn resolve(&self, name: &str, within: Duration) -> Made {
        let Ok(name) = name.parse::<HostName>() else { return Failed::Refused.into() };
        let Outcome { barred, result } = self.direct.resolve(&name, within).await;
        if let Ok(addresses) = &result {
            self.told.borrow_mut().tell(&name, addresses);
        }
        Outcome { barred, result: result.map(|addresses| (Gave::Addresses(addresses), None)) }
    }
}

/// The name does not lead to the address that the cell says it does.
fn led_elsewhere(address: IpAddr) -> Made {
    Outcome { barred: vec![Barred { address, is_own: false }], result: Err(Failed::Barred) }
}

/// Whether a grant names what is asked for, before anything is looked up or connected to.
fn is_named(grants: &GrantSet, ask: &Ask) -> bool {
    grants.permits(&ask.request(None))
}

fn stream(outcome: Outcome<(TcpStream, Admitted)>) -> Made {
    handed_over(outcome, |stream| stream.into_std().map(OwnedFd::from))
}

fn datagrams(outcome: Outcome<(UdpSocket, Admitted)>) -> Made {
    handed_over(outcome, |socket| socket.into_std().map(OwnedFd::from))
}

fn handed_over<S>(
    outcome: Outcome<(S, Admitted)>,
    descriptor: impl FnOnce(S) -> std::io::Result<OwnedFd>,
) -> Made {
    let Outcome { barred, result } = outcome;
    let result = result.and_then(|(socket, Admitted { address, is_own, grant })| {
        let gave = Gave::Socket { grant: grant.index(), address: Some(address), is_own };
        Ok((gave, Some(descriptor(socket)?)))
    });
    Outcome { barred, result }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::names::NameConfig;

    const LINES: [&str; 4] = [
        "tcp connect db.internal:5432",
        "http GET http://127.0.0.1:*/*",
        "dns *.internal",
        "udp connect 127.0.0.1:9",
    ];

    fn answerer() -> Answerer {
        let hosts = "10.0.0.5 db.internal\n10.0.0.9 public.example\n".to_owned();
        let direct = Rc::new(Direct::new(&NameConfig { hosts, ..NameConfig::empty() }).expect("names"));
        // Nobody answers there: what is known is used.
        let (node, _) = tokio::net::UnixStream::pair().expect("a pair of sockets");
        let fresh = Rc::new(Fresh::new(node.into_split().1, Rc::clone(&direct)));
        let grants = LINES.iter().map(|line| line.parse().expect("a grant")).collect();
        Answerer {
            functions: BTreeMap::from([
                ("app/one".to_owned(), grants),
                ("app/two".to_owned(), GrantSet::default()),
            ]),
            direct,
            fresh,
            told: RefCell::default(),
        }
    }

    async fn answer(answerer: &Answerer, function: &str, ask: Ask) -> (Result<Gave, Failed>, bool, bool) {
        let asked = Asked { id: 1, function: function.to_owned(), within_ms: 5000, ask };
        let Given { said, socket, is_ungranted } = answerer.answer(&asked).await;
        let Said::Answer { id: 1, result, .. } = said else { panic!("{said:?} is no answer") };
        (result, socket.is_some(), is_ungranted)
    }

    fn http(port: u16) -> Ask {
        Ask::Http { method: "GET".into(), secure: false, host: "127.0.0.1".into(), port, path: "/".into() }
    }

    fn tcp(name: Option<&str>, to: &str) -> Ask {
        Ask::Tcp { name: name.map(str::to_owned), to: to.parse().expect("an address") }
    }

    #[tokio::test]
    async fn what_a_grant_names_is_connected_and_handed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let gave = Gave::Socket { grant: 1, address: Some([127, 0, 0, 1].into()), is_own: false };
        assert_eq!(answer(&answerer(), "app/one", http(port)).await, (Ok(gave), true, false));
        let peer = Ask::Udp { name: None, to: ([127, 0, 0, 1], 9).into() };
        assert!(answer(&answerer(), "app/one", peer).await.1);
        drop(listener);
        let refused = rustix::io::Errno::CONNREFUSED.raw_os_error();
        assert_eq!(
            answer(&answerer(), "app/one", http(port)).await,
            (Err(Failed::Io(refused)), false, false)
        );
    }

    #[tokio::test]
    async fn what_no_grant_of_that_function_names_is_refused_and_said() {
        let secure = Ask::Http {
            method: "GET".into(),
            secure: true,
            host: "127.0.0.1".into(),
            port: 443,
            path: "/".into(),
        };
        let asks = [
            secure,
            tcp(None, "127.0.0.1:22"),
            tcp(None, "10.0.0.5:5432"),
            tcp(Some("db.internal"), "10.0.0.5:22"),
            tcp(Some("other.internal"), "10.0.0.5:5432"),
            Ask::Udp { name: None, to: ([127, 0, 0, 1], 53).into() },
            Ask::Listen { at: ([0, 0, 0, 0], 5432).into(), backlog: 1 },
            Ask::Resolve { name: "example.com".into() },
        ];
        for ask in asks {
            assert_eq!(
                answer(&answerer(), "app/one", ask.clone()).await,
                (Err(Failed::Refused), false, true),
                "{ask:?}"
            );
        }
        for function in ["app/two", "app/nobody", "other/one"] {
            assert_eq!(answer(&answerer(), function, http(80)).await, (Err(Failed::Refused), false, true));
        }
    }

    #[tokio::test]
    async fn a_name_leads_where_the_broker_says_and_not_where_the_cell_does() {
        let answerer = answerer();
        let lie = tcp(Some("db.internal"), "10.0.0.6:5432");
        assert_eq!(answer(&answerer, "app/one", lie.clone()).await, (Err(Failed::Barred), false, false));
        let resolved = answer(&answerer, "app/one", Ask::Resolve { name: "db.internal".into() }).await;
        assert_eq!(resolved.0, Ok(Gave::Addresses(vec![[10, 0, 0, 5].into()])));
        assert!(answerer.led(Some("db.internal"), [10, 0, 0, 5].into(), Duration::from_secs(5)).await);
        assert_eq!(answer(&answerer, "app/one", lie).await, (Err(Failed::Barred), false, false));
    }
}
