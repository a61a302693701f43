use std::net::IpAddr;

use tombolo_spec::Request;
use tombolo_spec::grant::Scheme;

use super::own::OwnAddresses;
use crate::testing::{DnsStub, net, refusals, template, to};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn own_addresses_are_told_from_others_without_a_packet() {
    let own = OwnAddresses::new();
    assert!(own.contains(ip("127.0.0.1")));
    assert!(own.contains(ip("127.9.9.9")));
    assert!(!own.contains(ip("192.0.2.1")));
    assert!(!own.contains(ip("8.8.8.8")));
}

#[tokio::test]
async fn of_mixed_answers_only_the_permitted_are_tried_in_their_order() {
    let template = template(&["http GET http://api.example.com/*"], &[], None);
    let ask = |addr| Request::Http {
        method: "GET",
        scheme: Scheme::Http,
        host: "api.example.com",
        addr: Some(addr),
        port: 80,
        path: "/",
    };
    let mixed =
        [ip("10.0.0.1"), ip("8.8.8.8"), ip("169.254.169.254"), ip("2606:4700::1"), ip("::ffff:10.0.0.1")];
    let admitted = template.net_policy().admit(&mixed, ask);
    let addresses: Vec<IpAddr> = admitted.iter().map(|admitted| admitted.address).collect();
    assert_eq!(addresses, [ip("8.8.8.8"), ip("2606:4700::1")]);
    assert_eq!(refusals(&template).len(), 3);
}

#[tokio::test]
async fn a_name_that_answers_differently_each_time_is_checked_each_time() {
    let answers = [to(&["8.8.8.8"]), to(&["127.0.0.1"]), to(&["8.8.4.4"])];
    let dns = DnsStub::start(&[("rebind.example.com", &answers)]).await;
    let template = template(&["dns *.example.com"], &[], Some(&dns));
    let name = "rebind.example.com".parse().unwrap();
    let within = std::time::Duration::from_secs(5);
    let mut told = Vec::new();
    for _ in 0..3 {
        let found = template.network().lookup(&name, within).await.unwrap();
        told.push(template.net_policy().tell(&name, found));
    }
    assert_eq!(told, [vec![ip("8.8.8.8")], vec![], vec![ip("8.8.4.4")]]);
}

#[tokio::test]
async fn the_hosts_file_is_asked_before_any_server() {
    let mut config = super::NetworkConfig::empty();
    config.hosts = "10.1.2.3 db.internal db # local\n".to_owned();
    let network = super::Network::new(&config).unwrap();
    let found = network.lookup(&"db.internal".parse().unwrap(), std::time::Duration::from_secs(5)).await;
    assert_eq!(found, Ok(vec![ip("10.1.2.3")]));
    let found = network.lookup(&"db".parse().unwrap(), std::time::Duration::from_secs(5)).await;
    assert_eq!(found, Ok(vec![ip("10.1.2.3")]));
}

#[tokio::test]
async fn a_name_with_a_dot_is_not_tried_in_search_domains() {
    let inside = [to(&["10.0.0.9"])];
    let zone = [("api.example.com.corp.internal", &inside[..]), ("db.corp.internal", &inside[..])];
    let dns = DnsStub::start(&zone).await;
    let mut config = super::NetworkConfig::empty();
    config.name_servers = vec![dns.address];
    config.search = vec!["corp.internal".to_owned()];
    let network = super::Network::new(&config).unwrap();
    let within = std::time::Duration::from_secs(5);
    let dotted = network.lookup(&"api.example.com".parse().unwrap(), within).await;
    assert_eq!(dotted, Err(super::LookupError::NotFound));
    let single = network.lookup(&"db".parse().unwrap(), within).await;
    assert_eq!(single, Ok(vec![ip("10.0.0.9")]));
}

#[test]
fn what_an_instance_was_told_is_bounded() {
    let template = template(&[], &[], None);
    let net = net(&template);
    let name = "a.example.com".parse().unwrap();
    for n in 0..3000u32 {
        net.tell(&name, &[IpAddr::from(n.to_be_bytes())]);
    }
    assert_eq!(net.names_of(ip("0.0.0.1")).len(), 1);
    assert!(net.names_of(IpAddr::from(2999u32.to_be_bytes())).is_empty());
}
