//! Options of a socket that may not be there yet.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use wasmtime_wasi::sockets::ErrorCode;

use super::Family;

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    KeepAlive,
    KeepAliveIdle,
    KeepAliveInterval,
    KeepAliveCount,
    HopLimit,
    ReceiveBuffer,
    SendBuffer,
}

const NAMES: [Name; 7] = [
    Name::KeepAlive,
    Name::KeepAliveIdle,
    Name::KeepAliveInterval,
    Name::KeepAliveCount,
    Name::HopLimit,
    Name::ReceiveBuffer,
    Name::SendBuffer,
];

/// What was set, times in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Options([Option<u64>; NAMES.len()]);

impl Options {
    /// The value in use; what Linux begins with where nobody set one.
    pub(super) fn get(&self, name: Name) -> u64 {
        self.0[name as usize].unwrap_or(match name {
            Name::KeepAlive => 0,
            Name::KeepAliveIdle => 7_200 * NANOS,
            Name::KeepAliveInterval => 75 * NANOS,
            Name::KeepAliveCount => 9,
            Name::HopLimit => 64,
            Name::ReceiveBuffer | Name::SendBuffer => 64 << 10,
        })
    }

    /// Keeps a value, and gives it to the socket if there is one.
    pub(super) fn set(
        &mut self,
        name: Name,
        value: u64,
        socket: Option<BorrowedFd<'_>>,
        family: Family,
    ) -> Result<(), ErrorCode> {
        if value == 0 && name != Name::KeepAlive {
            return Err(ErrorCode::InvalidArgument);
        }
        let value = in_range(name, value);
        if let Some(socket) = socket {
            apply(name, value, socket, family)?;
        }
        self.0[name as usize] = Some(value);
        Ok(())
    }

    /// Gives all that was set to a socket.
    pub(super) fn apply(&self, socket: impl AsFd, family: Family) -> Result<(), ErrorCode> {
        NAMES.into_iter().filter_map(|name| Some((name, self.0[name as usize]?))).try_for_each(
            |(name, value)| {
                apply(name, value, socket.as_fd(), family).map_err(|errno| io::Error::from(errno).into())
            },
        )
    }
}

const NANOS: u64 = 1_000_000_000;

/// The nearest value that the kernel takes: seconds of 15 bits, counts of 7.
fn in_range(name: Name, value: u64) -> u64 {
    match name {
        Name::KeepAlive => value.min(1),
        Name::KeepAliveIdle | Name::KeepAliveInterval => value.div_ceil(NANOS).min(32_767) * NANOS,
        Name::KeepAliveCount => value.min(127),
        Name::HopLimit => value.min(255),
        Name::ReceiveBuffer | Name::SendBuffer => value.min(i32::MAX as u64),
    }
}

fn apply(name: Name, value: u64, socket: BorrowedFd<'_>, family: Family) -> Result<(), Errno> {
    let time = Duration::from_nanos(value);
    let number = u32::try_from(value).unwrap_or(u32::MAX);
    match (name, family) {
        (Name::KeepAlive, _) => sockopt::set_socket_keepalive(socket, value != 0),
        (Name::KeepAliveIdle, _) => sockopt::set_tcp_keepidle(socket, time),
        (Name::KeepAliveInterval, _) => sockopt::set_tcp_keepintvl(socket, time),
        (Name::KeepAliveCount, _) => sockopt::set_tcp_keepcnt(socket, number),
        (Name::HopLimit, Family::V4) => sockopt::set_ip_ttl(socket, number),
        (Name::HopLimit, Family::V6) => sockopt::set_ipv6_unicast_hops(socket, u8::try_from(value).ok()),
        (Name::ReceiveBuffer, _) => sockopt::set_socket_recv_buffer_size(socket, number as usize),
        (Name::SendBuffer, _) => sockopt::set_socket_send_buffer_size(socket, number as usize),
    }
}
