//! Key-value stores, on the built binary with a built guest.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/server.rs"]
mod server;

mod grants;
mod kills;
mod run;
mod shared;

use common::TempDir;
use server::Server;

/// `tombolo serve` of the store's guest, with these flags and a data folder.
fn serve(data: &TempDir, flags: &[&str]) -> Server {
    try_serve(data, flags).unwrap_or_else(|said| panic!("it does not serve: {said}"))
}

fn try_serve(data: &TempDir, flags: &[&str]) -> Result<Server, String> {
    let (guest, folder) = (common::guest("rust-http-kv"), data.path());
    let own = [guest.to_str(), Some("--data"), folder.to_str()].map(|word| word.expect("paths are text"));
    Server::try_start(&[&own, flags].concat())
}

fn folder() -> TempDir {
    common::folder(&[])
}
