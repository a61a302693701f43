//! `wasi:sockets` by hand: the standard library of this target has no networking.

use std::net::{IpAddr, SocketAddr};

use wasip2::io::streams::{InputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp::OutgoingDatagram;
use wasip2::sockets::udp_create_socket::create_udp_socket;

/// Prints the addresses of a name, one on a line.
pub fn lookup(host: &str) -> Result<(), String> {
    for address in resolve(host)? {
        println!("{address}");
    }
    Ok(())
}

/// Connects to the first address that answers, sends the text, prints what comes back.
pub fn tcp(target: &str, text: &str) -> Result<(), String> {
    let mut last = "no address".to_owned();
    for address in addresses(target)? {
        match connect(address) {
            Ok((socket, input, output)) => {
                println!("connected");
                output.blocking_write_and_flush(text.as_bytes()).map_err(|e| format!("{e:?}"))?;
                socket.shutdown(ShutdownType::Send).map_err(name)?;
                return print_all(&input);
            }
            Err(code) => last = name(code),
        }
    }
    Err(last)
}

/// Accepts one connection, prints what it sends, and answers `hello`.
pub fn listen(address: &str) -> Result<(), String> {
    let address: SocketAddr = address.parse().map_err(|_| "not an address")?;
    let socket = create_tcp_socket(family(address)).map_err(name)?;
    socket.start_bind(&instance_network(), to_wasi(address)).map_err(name)?;
    ready(&socket, TcpSocket::finish_bind).map_err(name)?;
    socket.start_listen().map_err(name)?;
    ready(&socket, TcpSocket::finish_listen).map_err(name)?;
    println!("listening on {}", bound_to(socket.local_address().map_err(name)?));
    let (_connection, input, output) = ready(&socket, TcpSocket::accept).map_err(name)?;
    output.blocking_write_and_flush(b"hello\n").map_err(|e| format!("{e:?}"))?;
    print_all(&input)
}

/// Sends one datagram and prints the first answer; as a connected socket or not.
pub fn udp(address: &str, text: &str, connected: bool) -> Result<(), String> {
    let address: SocketAddr = address.parse().map_err(|_| "not an address")?;
    let socket = create_udp_socket(family(address)).map_err(name)?;
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }.parse().map_err(|_| "not an address")?;
    socket.start_bind(&instance_network(), to_wasi(any)).map_err(name)?;
    socket.subscribe().block();
    socket.finish_bind().map_err(name)?;

    let (input, output) = socket.stream(connected.then(|| to_wasi(address))).map_err(name)?;
    output.subscribe().block();
    output.check_send().map_err(name)?;
    let remote_address = (!connected).then(|| to_wasi(address));
    output.send(&[OutgoingDatagram { data: text.as_bytes().to_vec(), remote_address }]).map_err(name)?;
    println!("sent");
    input.subscribe().block();
    for datagram in input.receive(1).map_err(name)? {
        println!("{}", String::from_utf8_lossy(&datagram.data));
    }
    Ok(())
}

fn name(code: ErrorCode) -> String {
    code.name().to_owned()
}

fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let stream = resolve_addresses(&instance_network(), host).map_err(name)?;
    let mut found = Vec::new();
    loop {
        stream.subscribe().block();
        match stream.resolve_next_address() {
            Ok(Some(address)) => found.push(from_wasi(address)),
            Ok(None) => return Ok(found),
            Err(ErrorCode::WouldBlock) => {}
            Err(code) => return Err(name(code)),
        }
    }
}

fn addresses(target: &str) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = target.parse() {
        return Ok(vec![address]);
    }
    let (host, port) = target.rsplit_once(':').ok_or("no port")?;
    let port = port.parse().map_err(|_| "bad port")?;
    Ok(resolve(host)?.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

type Connection = (TcpSocket, InputStream, wasip2::io::streams::OutputStream);

fn connect(address: SocketAddr) -> Result<Connection, ErrorCode> {
    let socket = create_tcp_socket(family(address))?;
    socket.start_connect(&instance_network(), to_wasi(address))?;
    let (input, output) = ready(&socket, TcpSocket::finish_connect)?;
    Ok((socket, input, output))
}

fn ready<T>(socket: &TcpSocket, finish: impl Fn(&TcpSocket) -> Result<T, ErrorCode>) -> Result<T, ErrorCode> {
    loop {
        socket.subscribe().block();
        match finish(socket) {
            Err(ErrorCode::WouldBlock) => {}
            outcome => return outcome,
        }
    }
}

fn print_all(input: &InputStream) -> Result<(), String> {
    loop {
        match input.blocking_read(16 * 1024) {
            Ok(bytes) => print!("{}", String::from_utf8_lossy(&bytes)),
            Err(StreamError::Closed) => return Ok(()),
            Err(error) => return Err(format!("{error:?}")),
        }
    }
}

fn family(address: SocketAddr) -> IpAddressFamily {
    if address.is_ipv4() { IpAddressFamily::Ipv4 } else { IpAddressFamily::Ipv6 }
}

fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(v4) => {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port: v4.port(), address: v4.ip().octets().into() })
        }
        SocketAddr::V6(v6) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: v6.port(),
            flow_info: v6.flowinfo(),
            address: v6.ip().segments().into(),
            scope_id: v6.scope_id(),
        }),
    }
}

fn bound_to(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(v4) => SocketAddr::new(from_wasi(IpAddress::Ipv4(v4.address)), v4.port),
        IpSocketAddress::Ipv6(v6) => SocketAddr::new(from_wasi(IpAddress::Ipv6(v6.address)), v6.port),
    }
}

fn from_wasi(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}
