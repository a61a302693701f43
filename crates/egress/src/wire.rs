//! What the node, the broker and a cell say to each other.
//!
//! ```text
//! node → broker   4 bytes of length with descriptors, then an [`Order`] of that length
//! broker → node   a byte: how are names resolved now?
//! cell → broker   one packet a [`CellSaid`]
//! broker → cell   one packet a [`Said`], with the socket as a descriptor where there is one
//! broker → gateway  one packet a [`Call`](tombolo_spec::call::Call), with its connection as a descriptor
//! ```
//!
//! Between broker and cell is a Unix socket of packets (`SOCK_SEQPACKET`): a packet is whole or not there, so that
//! neither side's death in the middle leaves the other one with half a message. The node keeps the broker's end too
//! and hands it to the next broker; what a cell asked meanwhile waits in the kernel. So it does with both ends of the
//! way to the gateway: calls outlive either side's process as long as nobody has taken them in.

use std::net::IpAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ask::{Ask, Failed};
use crate::check::Barred;

/// The most bytes of a packet. The longest ask is that for a URL.
pub const PACKET_BYTES_MAX: usize = 64 << 10;
/// The most bytes of an order: of the grants of one cell.
pub const ORDER_BYTES_MAX: usize = 16 << 20;
/// Asks of one cell that are answered at the same time.
pub const ASKS_MAX: usize = 64;
/// The longest that an answer may take, whatever the asker wants.
pub const ASK_TIME_MAX: Duration = Duration::from_secs(120);

/// What the broker says to the node: it is about to look a name up, and wants to know [`Order::Names`].
pub const NAMES_WANTED: u8 = b'?';

/// What the node says to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The way to the gateway, as the descriptor; the first order.
    Calls,
    /// Another cell; its socket is the descriptor.
    Cell(CellGrants),
    /// Which of the files that say how names are resolved there are, as descriptors in this order.
    Names {
        /// `/etc/resolv.conf`
        resolv_conf: bool,
        /// `/etc/hosts`
        hosts: bool,
    },
    /// They are those from before.
    SameNames,
}

/// What the functions of a cell may do: from the node, never from the cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellGrants {
    /// Which cell and whose, for messages.
    pub cell: String,
    /// Whose it is.
    pub tenant: String,
    /// Its functions.
    pub functions: Vec<FunctionGrants>,
}

/// What one function may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionGrants {
    /// Its name within the cell.
    pub name: String,
    /// Grant lines, in the order that the cell has them.
    pub grants: Vec<String>,
}

/// What a cell says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellSaid {
    /// It wants something.
    Asked(Asked),
    /// It waits for answers and does not know whether this broker has its asks. Answered with [`Said::Began`] and a number;
    /// as packets keep their order, the broker has read by then all that was sent to it before.
    Waits {
        /// All its asks so far have smaller numbers.
        below: u64,
    },
}

/// What a cell wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Greater than all before it of this cell.
    pub id: u64,
    /// The function whose grants permit it.
    pub function: String,
    /// How long it may take.
    pub within_ms: u64,
    /// What it is.
    pub ask: Ask,
}

/// What a broker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// A broker begins: the first packet of each, and the answer to [`CellSaid::Waits`].
    Began {
        /// The first ask that it answers: those before were another's, which is gone. `None` while it has read none.
        first: Option<u64>,
    },
    /// What came of an ask.
    Answer {
        /// Which one.
        id: u64,
        /// Addresses that may not be reached.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        barred: Vec<Barred>,
        /// What there is now.
        result: Result<Gave, Failed>,
    },
}

/// What a cell gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gave {
    /// A socket, as the packet's descriptor.
    Socket {
        /// The place of the grant among the function's.
        grant: usize,
        /// The address that it leads to; a listener has none.
        address: Option<IpAddr>,
        /// Whether that is this machine's own.
        is_own: bool,
    },
    /// A connection to an app of this node, as the packet's descriptor: a stream of a Unix socket.
    Call {
        /// The place of the grant among the function's.
        grant: usize,
    },
    /// What a name leads to.
    Addresses(Vec<IpAddr>),
}

/// A packet of this; `None` when it would be longer than [`PACKET_BYTES_MAX`].
pub fn encode(what: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(what).ok().filter(|packet| packet.len() <= PACKET_BYTES_MAX)
}

/// What a packet says; `None` for one that says nothing known.
pub fn decode<T: DeserializeOwned>(packet: &[u8]) -> Option<T> {
    serde_json::from_slice(packet).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asks() -> impl Strategy<Value = Ask> {
        let to = || any::<std::net::SocketAddr>().prop_map(without_scope);
        let name = || proptest::option::of("[a-z.]{0,80}");
        prop_oneof![
            ("[A-Z]{1,9}", any::<bool>(), ".{0,80}", any::<u16>(), ".{0,200}").prop_map(
                |(method, secure, host, port, path)| Ask::Http { method, secure, host, port, path }
            ),
            (name(), to()).prop_map(|(name, to)| Ask::Tcp { name, to }),
            (name(), to()).prop_map(|(name, to)| Ask::Udp { name, to }),
            (to(), any::<u32>()).prop_map(|(at, backlog)| Ask::Listen { at, backlog }),
            ".{0,300}".prop_map(|name| Ask::Resolve { name }),
        ]
    }

    /// Text has no flow.
    fn without_scope(address: std::net::SocketAddr) -> std::net::SocketAddr {
        std::net::SocketAddr::new(address.ip(), address.port())
    }

    proptest! {
        #[test]
        fn an_ask_is_read_as_it_was_written(id: u64, function in ".{0,80}", within_ms: u64, ask in asks()) {
            let asked = Asked { id, function, within_ms, ask };
            let said = CellSaid::Asked(asked);
            let packet = encode(&said).expect("short enough");
            prop_assert_eq!(decode::<CellSaid>(&packet), Some(said));
        }

        #[test]
        fn any_bytes_are_an_ask_or_none(packet: Vec<u8>) {
            if let Some(said) = decode::<CellSaid>(&packet) {
                prop_assert!(encode(&said).is_some());
            }
        }
    }

    #[test]
    fn what_is_too_long_is_no_packet() {
        let ask = |length| Ask::Resolve { name: "a".repeat(length) };
        let asked = |length| Asked { id: 1, function: "f".into(), within_ms: 1, ask: ask(length) };
        assert!(encode(&asked(PACKET_BYTES_MAX / 2)).is_some());
        assert!(encode(&asked(PACKET_BYTES_MAX)).is_none());
    }

    #[test]
    fn half_a_packet_and_more_than_one_say_nothing() {
        let whole = encode(&Said::Began { first: Some(7) }).expect("short enough");
        assert!(decode::<Said>(&whole).is_some());
        assert!(decode::<Said>(&whole[..whole.len() - 1]).is_none());
        assert!(decode::<Said>(&[&whole[..], &whole].concat()).is_none());
    }
}
