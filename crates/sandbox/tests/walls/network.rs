//! The network: sentinels listen outside, and must see nothing.

use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};

use tombolo_sandbox::Layer::{Capabilities, NetNamespace, Scope, Seccomp, TcpPorts};

use crate::act::{Act, NO_ACCESS, NOT_PERMITTED, Outcome, call};
use crate::stage::{Stage, given_sockets, tcp_elsewhere};

const UNREACHABLE: Outcome = Outcome::Refused(libc::ENETUNREACH);
const NOBODY_LISTENS: Outcome = Outcome::Refused(libc::ECONNREFUSED);

pub(crate) const ACTS: &[Act] = &[
    Act::new("connect with no network granted", connect).refused_by(&[
        (NetNamespace, UNREACHABLE),
        (TcpPorts, NO_ACCESS),
        (Seccomp, NOT_PERMITTED),
    ]),
    Act::new("connect to a port not granted", connect)
        .under(tcp_elsewhere)
        .refused_by(&[(TcpPorts, NO_ACCESS)]),
    Act::new("listen on a port not granted", |_| TcpListener::bind("127.0.0.1:0").map(drop))
        .under(tcp_elsewhere)
        .refused_by(&[(TcpPorts, NO_ACCESS)]),
    Act::new("connect by sending", connect_by_sending)
        .under(tcp_elsewhere)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("make a stream that is not TCP", |_| socket(libc::AF_INET, libc::SOCK_STREAM, MPTCP).map(drop))
        .under(tcp_elsewhere)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("send a datagram with no network granted", datagram)
        .refused_by(&[(NetNamespace, UNREACHABLE), (Seccomp, NOT_PERMITTED)]),
    Act::new("send a datagram with TCP granted", datagram)
        .under(tcp_elsewhere)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("talk to the kernel's network", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW, 0).map(drop))
        .under(tcp_elsewhere)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("listen to the wire", |_| socket(libc::AF_PACKET, libc::SOCK_RAW, 0).map(drop))
        .under(tcp_elsewhere)
        .by_root()
        .refused_by(&[(Capabilities, NOT_PERMITTED), (Seccomp, NOT_PERMITTED)]),
    Act::new("talk to the machine's host", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map(drop))
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("connect to an abstract socket", |stage| {
        UnixStream::connect_addr(&stage.abstract_unix.local_addr()?).map(drop)
    })
    .refused_by(&[(NetNamespace, NOBODY_LISTENS), (Scope, NOT_PERMITTED), (Seccomp, NOT_PERMITTED)]),
    Act::new("lead a given socket elsewhere", |stage| stage.led.connect("127.0.0.1:9"))
        .under(given_sockets)
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("send elsewhere by a given socket", |stage| {
        stage.led.send_to(b"x", stage.udp.local_addr()?).map(drop)
    })
    .under(given_sockets)
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("give a given socket a source route", source_route)
        .under(given_sockets)
        .by_root()
        .refused_by(&[(Capabilities, NOT_PERMITTED), (Seccomp, NOT_PERMITTED)]),
    Act::new("connect to a socket file", |stage| UnixStream::connect(stage.path("socket")).map(drop))
        .refused_by(&[(Seccomp, NOT_PERMITTED)]),
    Act::new("send to a socket file from one of a pair", |stage| {
        UnixDatagram::pair()?.0.send_to(b"x", stage.path("datagrams")).map(drop)
    })
    .under(given_sockets)
    .refused_by(&[(Seccomp, NOT_PERMITTED)]),
];

/// `linux/in.h`
const MPTCP: i32 = 262;

fn connect(stage: &Stage) -> io::Result<()> {
    TcpStream::connect(stage.tcp.local_addr()?).map(drop)
}

/// TCP Fast Open connects without `connect`.
fn connect_by_sending(stage: &Stage) -> io::Result<()> {
    let socket = socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: stage.tcp.local_addr()?.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        sin_zero: [0; 8],
    };
    let (data, flags) = (c"x".as_ptr() as usize, libc::MSG_FASTOPEN as usize);
    let arguments = [socket.as_raw_fd() as usize, data, 1, flags, &raw const to as usize, size_of_val(&to)];
    call(libc::SYS_sendto, arguments).map(drop)
}

/// The first hop of a loose source route is where the kernel sends a packet, whatever the socket is connected to.
fn source_route(stage: &Stage) -> io::Result<()> {
    const LOOSE: [u8; 8] = [131, 7, 4, 127, 0, 0, 1, 0];
    let (level, name) = (libc::IPPROTO_IP as usize, libc::IP_OPTIONS as usize);
    let socket = stage.led.as_raw_fd() as usize;
    call(libc::SYS_setsockopt, [socket, level, name, LOOSE.as_ptr() as usize, LOOSE.len()]).map(drop)
}

fn datagram(stage: &Stage) -> io::Result<()> {
    UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", stage.udp.local_addr()?).map(drop)
}

fn socket(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    let fd = call(libc::SYS_socket, [domain as usize, kind as usize, protocol as usize])?;
    // SAFETY: the descriptor is new and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
