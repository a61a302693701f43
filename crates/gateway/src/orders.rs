//! Taking in the node's orders, with what comes with them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use memchr::memchr;
use tombolo_sandbox::recv_fds;

use crate::run::GatewayError;
use crate::wire::{Order, Said};

/// Bytes that are taken in at once.
const CHUNK_BYTES: usize = 64 << 10;

/// The socket to the node.
pub(crate) struct Node {
    socket: UnixStream,
    bytes: Vec<u8>,
    /// They come no later than the order to which they belong, and in the same order.
    descriptors: VecDeque<OwnedFd>,
}

impl Node {
    pub(crate) fn new(socket: UnixStream) -> Node {
        Node { socket, bytes: Vec::new(), descriptors: VecDeque::new() }
    }

    /// The next order with its descriptors; `None` when the node is gone.
    pub(crate) fn next(&mut self) -> Result<Option<(Order, Vec<OwnedFd>)>, GatewayError> {
        let mut looked = 0;
        loop {
            if let Some(end) = memchr(b'\n', &self.bytes[looked..]) {
                return self.order(looked + end).map(Some);
            }
            looked = self.bytes.len();
            if !self.take_in()? {
                return Ok(None);
            }
        }
    }

    /// Takes in more; false when there is none.
    fn take_in(&mut self) -> io::Result<bool> {
        let before = self.bytes.len();
        self.bytes.resize(before + CHUNK_BYTES, 0);
        let (bytes, descriptors) = recv_fds(&self.socket, &mut self.bytes[before..])?;
        self.bytes.truncate(before + bytes);
        self.descriptors.extend(descriptors);
        Ok(bytes > 0)
    }

    fn order(&mut self, end: usize) -> Result<(Order, Vec<OwnedFd>), GatewayError> {
        let order: Order = serde_json::from_slice(&self.bytes[..end])
            .map_err(|error| GatewayError::Words(error.to_string()))?;
        self.bytes.drain(..=end);
        let count = order.descriptors();
        if count > self.descriptors.len() {
            return Err(GatewayError::Words("an order without its descriptors".into()));
        }
        Ok((order, self.descriptors.drain(..count).collect()))
    }

    /// Says something to the node.
    pub(crate) fn say(&mut self, said: &Said) -> io::Result<()> {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use tombolo_sandbox::send_fds;

    #[test]
    fn orders_come_with_their_descriptors_however_they_are_cut() {
        let (mut theirs, ours) = UnixStream::pair().expect("a pair");
        let mut node = Node::new(ours);
        theirs.write_all(b"\"drain\"\n{\"begin\":{\"work").expect("sent");
        theirs.write_all(b"ers\":1}}\n").expect("sent");
        for cell in [3, 4] {
            let (one, _) = UnixStream::pair().expect("a pair");
            let line = format!("{{\"cell\":{{\"cell\":{cell}}}}}\n");
            send_fds(&theirs, line.as_bytes(), &[one.as_fd()]).expect("sent");
        }
        theirs.write_all(b"{\"cell\":{\"cell\":5}}\n").expect("sent");
        let mut next = || node.next().map(|order| order.map(|(order, with)| (order, with.len())));
        assert_eq!(next().expect("an order"), Some((Order::Drain, 0)));
        assert_eq!(next().expect("an order"), Some((Order::Begin { workers: 1 }, 0)));
        assert_eq!(next().expect("an order"), Some((Order::Cell { cell: 3 }, 1)));
        assert_eq!(next().expect("an order"), Some((Order::Cell { cell: 4 }, 1)));
        assert!(next().is_err(), "its descriptor is missing");
        drop(theirs);
        assert_eq!(next().expect("the end"), None);
    }
}
