//! Connections made by this very process: `grant → name → addresses → check → connect`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tombolo_spec::GrantSet;
use tombolo_spec::grant::{Host, HostName};

use crate::ask::{Ask, Failed, Outcome};
use crate::check::{Admitted, Barred, admit, tellable};
use crate::names::{NameConfig, Names};
use crate::own::OwnAddresses;

/// The most connections that may wait at a listener, whatever is asked for.
const BACKLOG_MAX: u32 = 4096;

/// What a process needs to make connections itself.
pub struct Direct {
    names: Names,
    own: OwnAddresses,
}

impl Direct {
    /// # Errors
    /// A hosts file that cannot be parsed.
    pub fn new(config: &NameConfig) -> io::Result<Direct> {
        Ok(Direct { names: Names::new(config)?, own: OwnAddresses::new() })
    }

    /// Looks names up.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether an address leads to this machine.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.own.lead_here(address)
    }

    /// Connects to the first address that may be reached and answers: to exactly the one that was checked.
    pub async fn connect(
        &self,
        grants: &GrantSet,
        ask: &Ask,
        within: Duration,
    ) -> Outcome<(TcpStream, Admitted)> {
        let (admitted, barred) = match self.admitted(grants, ask, within).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let mut result = Err(Failed::Barred);
        for candidate in admitted {
            match TcpStream::connect(at(ask, candidate.address)).await {
                Ok(stream) => {
                    result = Ok((stream, candidate));
                    break;
                }
                Err(error) => result = Err(error.into()),
            }
        }
        Outcome { barred, result }
    }

    /// A socket that sends datagrams to the address and hears from it alone.
    pub async fn datagrams(&self, grants: &GrantSet, ask: &Ask) -> Outcome<(UdpSocket, Admitted)> {
        let (admitted, barred) = match self.admitted(grants, ask, Duration::ZERO).await {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        let mut result = Err(Failed::Barred);
        if let Some(candidate) = admitted.into_iter().next() {
            result = connected(at(ask, candidate.address))
                .await
                .map(|socket| (socket, candidate))
                .map_err(Failed::from);
        }
        Outcome { barred, result }
    }

    /// The addresses of a name, as far as a guest may know them. Whether it may ask is checked before.
    pub async fn resolve(&self, name: &HostName, within: Duration) -> Outcome<Vec<IpAddr>> {
        match self.names.lookup(name, within).await {
            Ok(found) => {
                let (told, barred) = tellable(name, found);
                let result = if told.is_empty() { Err(Failed::Barred) } else { Ok(told) };
                Outcome { barred, result }
            }
            Err(error) => Failed::Lookup(error).into(),
        }
    }

    /// A listener whose port a grant names; that is checked before.
    ///
    /// # Errors
    /// The kernel's answer.
    pub fn listen(&self, at: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
        let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        if at.is_ipv6() {
            // WASI: IPv6 sockets are of IPv6 alone.
            sockopt::set_ipv6_v6only(&socket, true)?;
        }
        bind(&socket, &at)?;
        listen(&socket, i32::try_from(backlog.min(BACKLOG_MAX)).unwrap_or(i32::MAX))?;
        TcpListener::from_std(socket.into())
    }

    /// Where the ask may lead, in the order in which it is tried.
    async fn admitted<T>(
        &self,
        grants: &GrantSet,
        ask: &Ask,
        within: Duration,
    ) -> Result<(Vec<Admitted>, Vec<Barred>), Outcome<T>> {
        let addresses = match ask {
            Ask::Http { host, .. } => self.addresses(host, within).await?,
            Ask::Tcp { to, .. } | Ask::Udp { to, .. } => vec![to.ip()],
            Ask::Listen { .. } | Ask::Resolve { .. } => return Err(Failed::Refused.into()),
        };
        let (mut admitted, mut barred) = (Vec::new(), Vec::new());
        for address in addresses {
            match admit(grants, &ask.request(Some(address)), address, |address| self.is_own(address)) {
                Ok(reached) => admitted.push(reached),
                Err(not) => barred.push(not),
            }
        }
        if admitted.is_empty() {
            return Err(Outcome { barred, result: Err(Failed::Barred) });
        }
        Ok((admitted, barred))
    }

    async fn addresses(&self, host: &str, within: Duration) -> Result<Vec<IpAddr>, Failed> {
        match host.parse::<Host>() {
            Ok(Host::Address(address)) => Ok(vec![address]),
            Ok(Host::Name(name)) => Ok(self.names.lookup(&name, within).await?),
            Err(_) => Err(Failed::Refused),
        }
    }
}

/// Where to connect: with the link of a link-local address, if the guest named one.
fn at(ask: &Ask, address: IpAddr) -> SocketAddr {
    match ask {
        Ask::Tcp { to, .. } | Ask::Udp { to, .. } => *to,
        Ask::Http { port, .. } => SocketAddr::new(address, *port),
        Ask::Listen { at, .. } => *at,
        Ask::Resolve { .. } => SocketAddr::new(address, 0),
    }
}

async fn connected(to: SocketAddr) -> io::Result<UdpSocket> {
    let unspecified: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(unspecified, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}
