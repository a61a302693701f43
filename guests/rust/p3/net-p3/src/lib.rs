//! Tries things on the network over WASI 0.3 and prints how each went:
//! `net fetch URL`, `net dns NAME`, `net tcp ADDRESS:PORT [TEXT]`, `net udp ADDRESS:PORT TEXT`;
//! several acts in one instance are written with `then` between them.
//!
//! A command of WASI 0.3: its standard output is that of the standard library (0.2), side by side with 0.3.

use std::net::{IpAddr, SocketAddr};

use wasip3::http::client;
use wasip3::http::types::{Fields, Request, Response, Scheme};
use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, TcpSocket, UdpSocket,
};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Net;

wasip3::cli::command::export!(Net);

impl wasip3::exports::cli::run::Guest for Net {
    async fn run() -> Result<(), ()> {
        let args = wasip3::cli::environment::get_arguments();
        let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
        let mut outcome = Ok(());
        for act in args.split(|arg| *arg == "then") {
            match act_on(act).await {
                Ok(text) => print!("{text}"),
                Err(problem) => {
                    println!("error: {problem}");
                    outcome = Err(());
                }
            }
        }
        outcome
    }
}

async fn act_on(act: &[&str]) -> Result<String, String> {
    match *act {
        ["fetch", url] => fetch(url).await,
        ["dns", name] => lookup(name).await,
        ["tcp", address] => tcp(address, "").await,
        ["tcp", address, text] => tcp(address, text).await,
        ["udp", address, text] => udp(address, text).await,
        _ => Err("usage: net fetch|dns|tcp|udp …".to_owned()),
    }
}

fn name(code: impl std::fmt::Debug) -> String {
    format!("{code:?}")
}

async fn fetch(url: &str) -> Result<String, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme in the URL")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let (_trailers, trailers_end) = wit_future::new(|| Ok(None));
    let (request, _sent) = Request::new(Fields::new(), None, trailers_end, None);
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused")?;
    request.set_authority(Some(authority)).map_err(|()| "authority refused")?;
    request
        .set_path_with_query(Some(if path.is_empty() { "/" } else { path }))
        .map_err(|()| "path refused")?;
    let response = client::send(request).await.map_err(name)?;
    let status = response.get_status_code();
    let (_read, read_end) = wit_future::new(|| Ok(()));
    let (body, _trailers) = Response::consume_body(response, read_end);
    Ok(format!("{status}\n{}", String::from_utf8_lossy(&body.collect().await)))
}

async fn lookup(host: &str) -> Result<String, String> {
    let found = resolve_addresses(host.to_owned()).await.map_err(name)?;
    Ok(found.into_iter().map(|address| format!("{}\n", from_wasi(address))).collect())
}

async fn tcp(address: &str, text: &str) -> Result<String, String> {
    let address: SocketAddr = address.parse().map_err(|_| "not an address")?;
    let socket = TcpSocket::create(family(address)).map_err(name)?;
    socket.connect(to_wasi(address)).await.map_err(name)?;
    let (mut to_send, sending) = wit_stream::new();
    let _sent = socket.send(sending);
    let text = text.as_bytes().to_vec();
    wit_bindgen::spawn_local(async move {
        to_send.write_all(text).await;
    });
    let (received, _end) = socket.receive();
    Ok(format!("connected\n{}", String::from_utf8_lossy(&received.collect().await)))
}

async fn udp(address: &str, text: &str) -> Result<String, String> {
    let address: SocketAddr = address.parse().map_err(|_| "not an address")?;
    let socket = UdpSocket::create(family(address)).map_err(name)?;
    socket.send(text.as_bytes().to_vec(), Some(to_wasi(address))).await.map_err(name)?;
    println!("sent");
    let (answer, _from) = socket.receive().await.map_err(name)?;
    Ok(format!("{}\n", String::from_utf8_lossy(&answer)))
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

fn from_wasi(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}
