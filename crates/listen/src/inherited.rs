//! Sockets that the service manager gave to this process when it started (sd_listen_fds(3)), with their names.

use std::os::fd::OwnedFd;

/// The sockets of `LISTEN_FDS`, each with its name of `LISTEN_FDNAMES`; nothing where there are none for this process.
/// What is no listening stream socket is left out.
#[derive(Debug, Default)]
pub struct Inherited(pub Vec<(String, OwnedFd)>);

impl Inherited {
    /// Takes them, once: whoever asks again finds none.
    pub fn from_env() -> Inherited {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = listenfd::ListenFd::from_env();
        let mut names = names.split(':');
        let sockets = (0..passed.len()).filter_map(|index| {
            let name = names.next().unwrap_or_default().to_owned();
            let socket = match passed.take_tcp_listener(index) {
                Ok(listener) => listener.map(OwnedFd::from),
                Err(_) => passed.take_unix_listener(index).ok().flatten().map(OwnedFd::from),
            };
            Some((name, socket?))
        });
        Inherited(sockets.collect())
    }
}
