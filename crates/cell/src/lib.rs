//! The data plane: serves functions over HTTP, with a fresh instance for each request.
//!
//! A request's way is in `path.rs`, from top to bottom:
//!
//! ```text
//! listener → route → admit → invoke → guest ⇄ host → respond → drop
//! ```
//!
//! Everything that can be prepared is prepared before the first request ([`PreparedFunction`]): the path opens no
//! file, parses no configuration and takes no lock that functions share. Each worker thread runs a whole cell of its
//! own: its listeners, its connections, their guests.
//!
//! This crate knows nothing of manifests' files, of artifacts and how they are compiled, or of nodes.

mod admin;
mod admit;
mod body;
mod called;
pub mod command;
mod events;
mod function;
mod invoke;
mod limit_watch;
mod link;
mod listener;
mod observe;
mod path;
mod policy;
mod redirect;
mod refusal;
mod request_body;
mod respond;
mod route;
mod serve;
mod turns;
mod worker;

pub use function::{PrepareError, PreparedFunction};
pub use listener::Patience;
pub use observe::{RefusalLog, Traces};
pub use policy::policy;
pub use serve::{Drained, Handle, Public, ServeError, ServeOptions, Serving, serve};
pub use tombolo_host::needs_network;
