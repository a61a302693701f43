//! Where the API is asked, and who may ask there.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tombolo_listen::{Listener, Socket};

use super::caller::Caller;
use super::serve;
use crate::supervise::Node;

/// Connections at once, at each door.
const CONNECTIONS_MAX: usize = 64;
/// A pause before accepting again when there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The Unix socket: the node's own user and root, as the kernel says.
    Socket,
    /// The address for programs: everybody who bears a token.
    Api(SocketAddr),
    /// The address of the page: its own page, and everybody may look if only this machine reaches it.
    Page(SocketAddr),
}

/// A door's listener, with places of its own: who comes elsewhere can't take them.
struct Entrance<L> {
    listener: L,
    door: Door,
    places: Rc<Semaphore>,
}

impl<L> Entrance<L> {
    fn new(listener: L, door: Door) -> Entrance<L> {
        Entrance { listener, door, places: Rc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }
}

/// Where the API is asked.
#[derive(Debug)]
pub(crate) struct Doors {
    /// By this machine's user and root.
    pub(crate) own: Listener,
    /// By programs, if anywhere.
    pub(crate) api: Option<Listener>,
    /// By the page, if anywhere.
    pub(crate) page: Option<Listener>,
}

/// Opens all doors; the future serves them. With it comes where the page is, if anywhere.
pub(crate) fn listen(
    node: &Rc<Node>,
    Doors { own, api, page }: Doors,
) -> io::Result<(impl Future<Output = ()> + use<>, Option<SocketAddr>)> {
    let own = Entrance::new(socket(&own)?, Door::Socket);
    let api = api.map(|listener| tcp(&listener, Door::Api)).transpose()?;
    let page = page.map(|listener| tcp(&listener, Door::Page)).transpose()?;
    let shown = page.as_ref().and_then(|page| match page.door {
        Door::Page(address) => Some(address),
        _ => None,
    });
    let node = Rc::clone(node);
    let served = async move {
        let own = async {
            loop {
                let accepted = own.listener.accept().await;
                let caller = |stream: &UnixStream| owner(stream);
                enter(&node, &own, accepted.map(|(stream, _)| stream), caller).await;
            }
        };
        let remote = |entrance: Option<Entrance<TcpListener>>| {
            let node = &node;
            async move {
                let Some(entrance) = entrance else { return };
                loop {
                    let accepted = entrance.listener.accept().await;
                    let caller = |_: &TcpStream| Some(Caller::at(entrance.door));
                    enter(node, &entrance, accepted.map(|(stream, _)| stream), caller).await;
                }
            }
        };
        tokio::join!(own, remote(api), remote(page));
    };
    Ok((served, shown))
}

async fn enter<L, S>(
    node: &Rc<Node>,
    entrance: &Entrance<L>,
    accepted: io::Result<S>,
    caller: impl Fn(&S) -> Option<Caller>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    match accepted {
        Ok(stream) => {
            if let Some(caller) = caller(&stream) {
                let places = Rc::clone(&entrance.places);
                tokio::task::spawn_local(serve(Rc::clone(node), entrance.door, caller, stream, places));
            }
        }
        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
    }
}

fn socket(listener: &Listener) -> io::Result<UnixListener> {
    match listener.for_worker(0)? {
        Socket::Unix(listener) => Ok(listener),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn tcp(listener: &Listener, door: fn(SocketAddr) -> Door) -> io::Result<Entrance<TcpListener>> {
    match listener.for_worker(0)? {
        Socket::Tcp(listener) => {
            let actual = listener.local_addr()?;
            Ok(Entrance::new(listener, door(actual)))
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// The node's own user, and root.
fn owner(stream: &UnixStream) -> Option<Caller> {
    let own = rustix::process::geteuid().as_raw();
    let uid = stream.peer_cred().ok()?.uid();
    (uid == own || uid == 0).then_some(Caller::Owner { uid })
}
