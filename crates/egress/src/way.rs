//! The two makes of the way out.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tombolo_spec::grant::HostName;
use tombolo_spec::{GrantId, GrantSet};

use crate::ask::{Ask, Failed, Outcome};
use crate::check::Admitted;
use crate::client::Broker;
use crate::direct::Direct;
use crate::names::LookupError;
use crate::wire::Gave;

/// How a process gets its connections. What may be reached is decided by the same code either way.
pub enum Way {
    /// It makes them itself.
    Direct(Box<Direct>),
    /// The node's broker makes them and hands over the sockets.
    Brokered(Arc<Broker>),
}

/// A function, to the way out.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Its name within the process.
    pub function: &'a str,
    /// What it may do.
    pub grants: &'a GrantSet,
    /// How long it waits.
    pub within: Duration,
}

impl Way {
    /// A connection for [`Ask::Http`] or [`Ask::Tcp`].
    pub async fn connect(&self, asker: Asker<'_>, ask: Ask) -> Outcome<(TcpStream, Admitted)> {
        match self {
            Way::Direct(direct) => direct.connect(asker.grants, &ask, asker.within).await,
            Way::Brokered(broker) => socket(broker, asker, ask, |fd| TcpStream::from_std(fd.into())).await,
        }
    }

    /// A connection for an [`Ask::Http`] whose host is an app of the node, and the grant that permits it. It leads to
    /// that app, whatever is sent on it.
    pub async fn call(&self, asker: Asker<'_>, ask: Ask) -> Outcome<(UnixStream, GrantId)> {
        let Way::Brokered(broker) = self else { return Failed::Lookup(LookupError::Internal).into() };
        let Outcome { barred, result } = broker.ask(asker.function, ask, asker.within).await;
        let result = result.and_then(|gave| match gave {
            (Gave::Call { grant }, Some(fd)) => {
                let (grant, _) = asker.grants.get(grant).ok_or(Failed::Gone)?;
                Ok((UnixStream::from_std(fd.into())?, grant.clone()))
            }
            _ => Err(Failed::Gone),
        });
        Outcome { barred, result }
    }

    /// A socket for [`Ask::Udp`].
    pub async fn datagrams(&self, asker: Asker<'_>, ask: Ask) -> Outcome<(UdpSocket, Admitted)> {
        match self {
            Way::Direct(direct) => direct.datagrams(asker.grants, &ask).await,
            Way::Brokered(broker) => socket(broker, asker, ask, |fd| UdpSocket::from_std(fd.into())).await,
        }
    }

    /// The addresses of a name, as far as the guest may know them; it must have been checked that it may ask.
    pub async fn resolve(&self, asker: Asker<'_>, name: &HostName) -> Outcome<Vec<IpAddr>> {
        match self {
            Way::Direct(direct) => direct.resolve(name, asker.within).await,
            Way::Brokered(broker) => {
                let ask = Ask::Resolve { name: name.to_string() };
                let Outcome { barred, result } = broker.ask(asker.function, ask, asker.within).await;
                let result = match result {
                    Ok((Gave::Addresses(addresses), _)) => Ok(addresses),
                    Ok(_) => Err(Failed::Gone),
                    Err(failed) => Err(failed),
                };
                Outcome { barred, result }
            }
        }
    }

    /// A listener; it must have been checked that a grant names its port.
    ///
    /// # Errors
    /// [`Failed`].
    pub async fn listen(
        &self,
        asker: Asker<'_>,
        at: SocketAddr,
        backlog: u32,
    ) -> Result<TcpListener, Failed> {
        match self {
            Way::Direct(direct) => Ok(direct.listen(at, backlog)?),
            Way::Brokered(broker) => {
                let ask = Ask::Listen { at, backlog };
                match broker.ask(asker.function, ask, asker.within).await.result? {
                    (Gave::Socket { .. }, Some(fd)) => Ok(TcpListener::from_std(fd.into())?),
                    _ => Err(Failed::Gone),
                }
            }
        }
    }
}

/// A socket of the broker's, as the kind that it is.
async fn socket<S>(
    broker: &Broker,
    asker: Asker<'_>,
    ask: Ask,
    make: impl FnOnce(OwnedFd) -> io::Result<S>,
) -> Outcome<(S, Admitted)> {
    let Outcome { barred, result } = broker.ask(asker.function, ask, asker.within).await;
    let grant = |place: usize| -> Option<GrantId> { asker.grants.get(place).map(|(id, _)| id.clone()) };
    let result = result.and_then(|gave| match gave {
        (Gave::Socket { grant: place, address: Some(address), is_own }, Some(fd)) => {
            let grant = grant(place).ok_or(Failed::Gone)?;
            Ok((make(fd)?, Admitted { address, is_own, grant }))
        }
        // A broker that answers something else is of another version, or broken.
        _ => Err(Failed::Gone),
    });
    Outcome { barred, result }
}
