//! Where a node listens, other than at an address and port.

use std::process::Command;

use crate::common::{finish, folder, tombolo};
use crate::world::{App, Node, path};

#[test]
fn a_socket_file_is_for_a_proxy_on_the_same_machine() {
    let folder = folder(&[]);
    let socket = folder.path().join("web.sock");
    let node = Node::start_in(folder, &format!("unix:{}", path(&socket)), &[], None, crate::common::binary());
    node.apply(&App::saying("web", "http * /*", "hello")).exits(0);
    let mut command = Command::new("curl");
    command.args(["-sS", "--unix-socket", path(&socket), "http://localhost/"]);
    finish(&mut command, b"").exits(0).prints("hello");
}

#[test]
fn what_is_no_listener_is_refused_with_the_reason() {
    let refused = |listen: &str| finish(&mut tombolo(["node", "--listen", listen]), b"").exits(125);
    refused("http://127.0.0.1:80").says("not an address");
    refused("127.0.0.1:80=Acme!").says("Acme!");
    refused("192.0.2.1:80").says("this machine does not have that address");
}
