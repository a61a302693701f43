//! The sockets on which a node listens: opened, or taken over from the program before; kept for the one that comes.
//!
//! Each has a name, under which a service manager keeps it too (sd_notify(3), `FDSTORE=1`) and gives it back when the
//! node starts again, so that nobody is refused a connection meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tombolo_listen::{ListenAddress, ListenError, Listener};
use tombolo_sandbox::FDS_MAX;

use super::node::Options;
use super::notify::{notify, notify_with};
use crate::api::Doors;
use crate::public::Public;

/// What the names begin with: others are those of a socket unit.
const OURS: &str = "tombolo/";
/// The longest name that a service manager takes, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// How often an address that is in use is tried again, and after what time.
const BIND_TRIES: u32 = 20;
const BIND_PAUSE: Duration = Duration::from_millis(50);

/// Descriptors by name.
pub(super) type Named<F> = Vec<(String, F)>;

/// Where a node is to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    name: String,
    address: ListenAddress,
    workers: usize,
}

/// All listening sockets of a node.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) public: Vec<(Public, Listener)>,
    pub(super) doors: Doors,
    /// Another descriptor of each.
    pub(super) kept: Named<OwnedFd>,
}

/// Opens what `options` want. `before` are the sockets of the program before, those that a service manager kept among
/// them; what nobody wants any more is closed, first of all: it may be in the way of what is opened.
pub(super) fn open(options: &Options, before: Named<OwnedFd>) -> Result<Opened, ListenError> {
    let wanted = wanted(options);
    let mut kept = Kept::default();
    let mut before = taken(&wanted, before, &mut kept);
    let mut opened = Vec::new();
    for wanted in wanted {
        let listeners = match before.remove(&wanted.name) {
            Some(listeners) => listeners,
            None => {
                let listeners = bind(&wanted)?;
                kept.fresh.push(wanted.name.clone());
                listeners
            }
        };
        for listener in &listeners {
            let bind = |source: io::Error| ListenError::Bind { address: listener.to_string(), source };
            for socket in listener.descriptors() {
                kept.sockets.push((wanted.name.clone(), socket.try_clone_to_owned().map_err(bind)?));
            }
        }
        opened.push(listeners);
    }
    kept.store();
    let mut opened = opened.into_iter();
    let public = options.listen.iter().zip(&mut opened);
    let public =
        public.flat_map(|(public, all)| all.into_iter().map(move |listener| (public.clone(), listener)));
    let public = public.collect();
    let mut next = || opened.next().and_then(|all| all.into_iter().next());
    let own = next().ok_or(ListenError::NothingInherited)?;
    let api = options.api.and_then(|_| next());
    let page = options.admin.and_then(|_| next());
    Ok(Opened { public, doors: Doors { own, api, page }, kept: kept.sockets })
}

/// In the order in which they are opened.
fn wanted(options: &Options) -> Vec<Wanted> {
    let mut seen = BTreeMap::<String, u32>::new();
    let mut all: Vec<_> = options
        .listen
        .iter()
        .map(|public| {
            let name = name("public", &public.address);
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            // Several may let the kernel choose a port.
            let name = if *count > 1 { format!("{name}/{count}") } else { name };
            // One socket for each thread of the gateway, as far as one message carries them.
            Wanted { name, address: public.address.clone(), workers: options.workers.min(FDS_MAX) }
        })
        .collect();
    let one = |role, address: ListenAddress| Wanted { name: name(role, &address), address, workers: 1 };
    all.push(one("socket", ListenAddress::Unix(options.dirs.api_socket())));
    all.extend(options.api.map(|address| one("api", ListenAddress::Tcp(address))));
    all.extend(options.admin.map(|address| one("page", ListenAddress::Tcp(address))));
    all
}

/// A name that a service manager takes: without colons, control characters and what is no ASCII.
fn name(role: &str, address: &ListenAddress) -> String {
    let mut name = format!("{OURS}{role}/");
    for byte in address.to_string().bytes() {
        match byte {
            b'!'..=b'~' if byte != b':' && byte != b'%' => name.push(char::from(byte)),
            // Writing to a text does not fail.
            _ => drop(write!(name, "%{byte:02X}")),
        }
    }
    name
}

/// The listeners by name that there are already.
fn taken(wanted: &[Wanted], before: Named<OwnedFd>, kept: &mut Kept) -> BTreeMap<String, Vec<Listener>> {
    let mut by_name = BTreeMap::<String, Vec<OwnedFd>>::new();
    for (name, socket) in before {
        // What a socket unit opened has its own names.
        let name = if name.starts_with(OURS) { name } else { self::name("public", &ListenAddress::Systemd) };
        by_name.entry(name).or_default().push(socket);
    }
    let mut taken = BTreeMap::new();
    for wanted in wanted {
        let Some(sockets) = by_name.remove(&wanted.name) else { continue };
        let listeners = Listener::opened(&wanted.address, sockets);
        if listeners.is_empty() {
            kept.forgotten.push(wanted.name.clone());
        } else {
            taken.insert(wanted.name.clone(), listeners);
        }
    }
    kept.forgotten.extend(by_name.into_keys());
    taken
}

/// The gateway of a node that was killed dies with it, but not in the same moment, and holds the address until then.
fn bind(wanted: &Wanted) -> Result<Vec<Listener>, ListenError> {
    if wanted.address == ListenAddress::Systemd {
        // All that were inherited are among those before.
        return Err(ListenError::NothingInherited);
    }
    for _ in 0..BIND_TRIES {
        match Listener::bind(&wanted.address, wanted.workers) {
            Err(ListenError::Bind { source, .. }) if source.kind() == io::ErrorKind::AddrInUse => {
                std::thread::sleep(BIND_PAUSE);
            }
            bound => return bound,
        }
    }
    Listener::bind(&wanted.address, wanted.workers)
}

/// What stays open for the program after this one.
#[derive(Debug, Default)]
struct Kept {
    sockets: Named<OwnedFd>,
    /// Names of those that were not there before.
    fresh: Vec<String>,
    /// Names under which something was kept that nobody wants.
    forgotten: Vec<String>,
}

impl Kept {
    /// Gives the service manager what it does not have yet, and lets it close what is not wanted.
    fn store(&self) {
        for name in &self.forgotten {
            notify(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
        }
        for name in self.fresh.iter().filter(|name| name.len() <= NAME_BYTES_MAX) {
            let sockets = self.sockets.iter().filter(|(own, _)| own == name);
            let sockets: Vec<_> = sockets.map(|(_, socket)| socket).collect();
            notify_with(&format!("FDSTORE=1\nFDNAME={name}"), &sockets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_whatever_an_address_holds() {
        let name = |address: &str| name("public", &address.parse().expect("an address"));
        assert_eq!(name("127.0.0.1:80"), "tombolo/public/127.0.0.1%3A80");
        assert_eq!(name("[::1]:443"), "tombolo/public/[%3A%3A1]%3A443");
        assert_eq!(name("unix:/run/ä b%"), "tombolo/public/unix%3A/run/%C3%A4%20b%25");
        assert_eq!(name("systemd"), "tombolo/public/systemd");
    }
}
