use std::net::SocketAddr;

use wasmtime_wasi::sockets::SocketAddrUse::*;

use super::policy::may_use;
use crate::testing::{net, refusals, template};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn only_granted_addresses_and_ports_are_connected_to() {
    let template = template(&["tcp connect 10.0.0.0/8:5432", "tcp connect *:443"], &[], None);
    let net = net(&template);
    assert!(may_use(&net, at("10.1.2.3:5432"), TcpConnect));
    assert!(may_use(&net, at("8.8.8.8:443"), TcpConnect));
    for address in
        ["10.1.2.3:22", "8.8.8.8:80", "127.0.0.1:443", "169.254.169.254:443", "[::ffff:127.0.0.1]:443"]
    {
        assert!(!may_use(&net, at(address), TcpConnect), "{address}");
    }
    let report = template.ledger().report();
    assert_eq!((report.grants[0].used, report.grants[1].used, report.refusals.len()), (1, 1, 5));
    assert_eq!(
        refusals(&template)[0],
        "refused: tcp connect 10.1.2.3:22: private address 10.1.2.3; no grant names it; grant 'tcp connect 10.1.2.3:22'"
    );
}

#[test]
fn an_address_that_a_granted_name_led_to_is_connected_to() {
    let template = template(&["tcp connect db.home.arpa:5432"], &[], None);
    let net = net(&template);
    assert!(!may_use(&net, at("10.0.0.5:5432"), TcpConnect), "before the lookup");
    net.tell(&"db.home.arpa".parse().unwrap(), &["10.0.0.5".parse().unwrap()]);
    assert!(may_use(&net, at("10.0.0.5:5432"), TcpConnect));
    assert!(!may_use(&net, at("10.0.0.5:22"), TcpConnect), "another port");
    assert!(!may_use(&net, at("10.0.0.6:5432"), TcpConnect), "another address");
}

#[test]
fn one_instance_does_not_profit_from_what_another_looked_up() {
    let template = template(&["tcp connect db.home.arpa:5432"], &[], None);
    net(&template).tell(&"db.home.arpa".parse().unwrap(), &["10.0.0.5".parse().unwrap()]);
    assert!(!may_use(&net(&template), at("10.0.0.5:5432"), TcpConnect));
}

#[test]
fn a_name_of_another_protocol_or_a_lookup_alone_permits_no_connection() {
    let template = template(&["udp connect db.home.arpa:5432", "dns *.home.arpa"], &[], None);
    let net = net(&template);
    net.tell(&"db.home.arpa".parse().unwrap(), &["10.0.0.5".parse().unwrap()]);
    assert!(!may_use(&net, at("10.0.0.5:5432"), TcpConnect));
    assert!(may_use(&net, at("10.0.0.5:5432"), UdpSend));
}

#[test]
fn each_datagram_is_checked_in_both_directions() {
    let template = template(&["udp connect 10.0.0.7:514"], &[], None);
    let net = net(&template);
    for _ in 0..3 {
        assert!(may_use(&net, at("10.0.0.7:514"), UdpSend));
    }
    assert!(!may_use(&net, at("10.0.0.8:514"), UdpSend));
    assert!(may_use(&net, at("10.0.0.7:514"), UdpReceive));
    assert!(!may_use(&net, at("10.0.0.8:514"), UdpReceive));
    assert_eq!(template.ledger().report().grants[0].used, 3);
}

#[test]
fn listening_needs_its_port_and_binding_without_one_needs_nothing() {
    let template = template(&["listen tcp 9000"], &[], None);
    let net = net(&template);
    assert!(may_use(&net, at("0.0.0.0:0"), TcpBind));
    assert!(may_use(&net, at("0.0.0.0:9000"), TcpBind));
    assert!(may_use(&net, at("[::]:9000"), TcpListen));
    assert!(may_use(&net, at("203.0.113.5:40000"), TcpAccept));
    assert!(!may_use(&net, at("0.0.0.0:9001"), TcpBind));
    assert!(!may_use(&net, at("0.0.0.0:40001"), TcpListen));
    assert!(may_use(&net, at("0.0.0.0:0"), UdpBind));
    assert!(!may_use(&net, at("0.0.0.0:514"), UdpBind));
}

#[test]
fn connections_and_peers_count_as_outbound_requests() {
    let template = template(&["tcp connect *:443", "udp connect *:53"], &["outbound-requests=2"], None);
    let net = net(&template);
    assert!(may_use(&net, at("8.8.8.8:53"), UdpSend));
    assert!(may_use(&net, at("8.8.8.8:53"), UdpSend), "the same peer again");
    assert!(may_use(&net, at("8.8.8.8:443"), TcpConnect));
    assert!(!may_use(&net, at("8.8.4.4:443"), TcpConnect));
    assert!(!may_use(&net, at("8.8.4.4:53"), UdpSend));
}
