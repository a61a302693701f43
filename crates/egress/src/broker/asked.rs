//! What a cell's ask comes to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tombolo_spec::call::{AppOf, Call};
use tombolo_spec::grant::{AppHost, HostName};
use tombolo_spec::{Grant, GrantSet};

use super::calls::Calls;
use super::fresh::Fresh;
use super::told::Told;
use crate::ask::{Ask, Failed, Outcome};
use crate::check::{Admitted, Barred};
use crate::direct::Direct;
use crate::wire::{ASK_TIME_MAX, Asked, Gave, Said};

/// Answers one cell's asks, by what the node said that its functions may do.
pub(super) struct Answerer {
    /// Whose cell it is.
    pub(super) tenant: String,
    pub(super) functions: BTreeMap<String, GrantSet>,
    pub(super) direct: Rc<Direct>,
    pub(super) fresh: Rc<Fresh>,
    pub(super) calls: Rc<Calls>,
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
            Some(grants) => timeout(within, self.make(grants, asked, within))
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

    async fn make(&self, grants: &GrantSet, Asked { function, ask, .. }: &Asked, within: Duration) -> Made {
        self.fresh.before(ask).await;
        match ask {
            Ask::Http { host, .. } => match self.called(host) {
                None => stream(self.direct.connect(grants, ask, within).await),
                Some(called) => self.call(grants, function, ask, called).await,
            },
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

    /// The app that a host means, if it is one of those names, and the name.
    fn called(&self, host: &str) -> Option<(HostName, Option<AppOf>)> {
        let name: HostName = host.parse().ok()?;
        let own = || self.tenant.clone();
        let app = name.app()?.ok().map(|AppHost { app, tenant }| AppOf {
            tenant: tenant.map_or_else(own, |tenant| tenant.to_string()),
            app: app.to_string(),
        });
        Some((name, app))
    }

    /// A connection to another app. Such a name is named by grants for http on port 80 alone.
    async fn call(
        &self,
        grants: &GrantSet,
        function: &str,
        ask: &Ask,
        (host, to): (HostName, Option<AppOf>),
    ) -> Made {
        let (Some(to), Some(grant)) = (to, grants.find(&ask.request(None))) else {
            return Failed::Refused.into();
        };
        let names_it = |grant: &Grant| matches!(grant, Grant::Http { url, .. } if url.host.names(&host));
        let app = function.split_once('/').map_or(function, |(app, _)| app).to_owned();
        let call = Call {
            from: AppOf { tenant: self.tenant.clone(), app },
            to,
            grants: grants.grants().filter(|grant| names_it(grant)).map(Grant::to_string).collect(),
            host: host.to_string(),
        };
        let begun = self.calls.begin(&call).await;
        let result = begun.map(|connection| (Gave::Call { grant: grant.index() }, Some(connection)));
        Outcome { barred: Vec::new(), result }
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

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;
    use crate::names::{LookupError, NameConfig};

    const LINES: [&str; 8] = [
        "tcp connect db.home.arpa:5432",
        "http GET http://127.0.0.1:*/*",
        "dns *.home.arpa",
        "udp connect 127.0.0.1:9",
        "http GET http://billing.internal/v1/*",
        "http POST http://*.internal/*",
        "tcp connect *.internal:80",
        "http GET http://billing.other.internal/*",
    ];

    fn answerer() -> Answerer {
        answerer_and_gateway().0
    }

    /// With the gateway's end of the way to it.
    fn answerer_and_gateway() -> (Answerer, OwnedFd) {
        let (calls, gateway) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::NONBLOCK, None)
                .expect("a pair");
        let hosts = "10.0.0.5 db.home.arpa\n10.0.0.9 public.example\n".to_owned();
        let direct = Rc::new(Direct::new(&NameConfig { hosts, ..NameConfig::empty() }).expect("names"));
        // Nobody answers there: what is known is used.
        let (node, _) = tokio::net::UnixStream::pair().expect("a pair of sockets");
        let fresh = Rc::new(Fresh::new(node.into_split().1, Rc::clone(&direct)));
        let grants = LINES.iter().map(|line| line.parse().expect("a grant")).collect();
        let answerer = Answerer {
            tenant: "acme".to_owned(),
            calls: Rc::new(Calls::new(calls).expect("a socket")),
            functions: BTreeMap::from([
                ("app/one".to_owned(), grants),
                ("app/two".to_owned(), GrantSet::default()),
            ]),
            direct,
            fresh,
            told: RefCell::default(),
        };
        (answerer, gateway)
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
            tcp(Some("db.home.arpa"), "10.0.0.5:22"),
            tcp(Some("other.home.arpa"), "10.0.0.5:5432"),
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

    fn call(method: &str, secure: bool, host: &str, port: u16, path: &str) -> Ask {
        Ask::Http { method: method.into(), secure, host: host.into(), port, path: path.into() }
    }

    #[tokio::test]
    async fn a_call_goes_to_the_gateway_with_who_calls_whom_by_which_grants() {
        let (answerer, gateway) = answerer_and_gateway();
        let wanted = |host: &str, tenant: &str, grants: &[&str]| Call {
            from: AppOf { tenant: "acme".into(), app: "app".into() },
            to: AppOf { tenant: tenant.into(), app: "billing".into() },
            grants: grants.iter().map(|line| (*line).to_owned()).collect(),
            host: host.to_owned(),
        };
        for (host, place, expected) in [
            ("billing.internal", 4, wanted("billing.internal", "acme", &LINES[4..6])),
            ("billing.other.internal", 7, wanted("billing.other.internal", "other", &[LINES[5], LINES[7]])),
        ] {
            let (result, connection, is_ungranted) =
                answer(&answerer, "app/one", call("GET", false, host, 80, "/v1/x")).await;
            assert_eq!((result, connection, is_ungranted), (Ok(Gave::Call { grant: place }), true, false));
            let mut packet = vec![0; 4096];
            let (length, with) = tombolo_sandbox::recv_fds(&gateway, &mut packet).expect("a call");
            assert_eq!(crate::wire::decode::<Call>(&packet[..length]), Some(expected));
            assert_eq!(with.len(), 1);
        }
    }

    #[tokio::test]
    async fn nothing_but_http_on_port_80_leads_to_an_app_and_nothing_is_looked_up() {
        let (answerer, gateway) = answerer_and_gateway();
        for (ask, expected) in [
            (call("GET", true, "billing.internal", 443, "/v1/x"), Failed::Refused),
            (call("GET", false, "billing.internal", 8080, "/v1/x"), Failed::Refused),
            (call("GET", false, "billing.internal", 80, "/v2"), Failed::Refused),
            (call("GET", false, "other.internal", 80, "/v1/x"), Failed::Refused),
            (call("POST", false, "a.b.c.internal", 80, "/"), Failed::Refused),
            (Ask::Resolve { name: "billing.internal".into() }, Failed::Lookup(LookupError::Internal)),
            (tcp(Some("billing.internal"), "10.0.0.5:80"), Failed::Barred),
        ] {
            let (result, connection, _) = answer(&answerer, "app/one", ask.clone()).await;
            assert_eq!((result, connection), (Err(expected), false), "{ask:?}");
        }
        let nothing = tombolo_sandbox::recv_fds(&gateway, &mut [0; 8]).expect_err("no call");
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_name_leads_where_the_broker_says_and_not_where_the_cell_does() {
        let answerer = answerer();
        let lie = tcp(Some("db.home.arpa"), "10.0.0.6:5432");
        assert_eq!(answer(&answerer, "app/one", lie.clone()).await, (Err(Failed::Barred), false, false));
        let resolved = answer(&answerer, "app/one", Ask::Resolve { name: "db.home.arpa".into() }).await;
        assert_eq!(resolved.0, Ok(Gave::Addresses(vec![[10, 0, 0, 5].into()])));
        assert!(answerer.led(Some("db.home.arpa"), [10, 0, 0, 5].into(), Duration::from_secs(5)).await);
        assert_eq!(answer(&answerer, "app/one", lie).await, (Err(Failed::Barred), false, false));
    }
}
