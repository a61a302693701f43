//! Public sockets: how one is opened, handed to another process, accepted from, written to, and spoken TLS on.
//!
//! What a cell in the foreground and a node's gateway have in common. It does not know about HTTP, and reads no file
//! but certificates.

#![warn(missing_docs)]

mod accept;
mod bind;
mod certificates;
mod inherited;
mod outbox;
mod passage;
mod tls;

pub use accept::{Accepted, Socket, Stream};
pub use bind::{ListenAddress, ListenError, Listener};
pub use certificates::{TlsError, TlsFiles, TlsPems};
pub use inherited::Inherited;
pub use outbox::{Gathered, Outbox};
pub use passage::Passage;
pub use tls::Tls;
