use std::net::IpAddr;
use std::time::Duration;

use tombolo_egress::{LookupError, NameConfig, Names};

use crate::testing::{DnsStub, net, template, to};

const WITHIN: Duration = Duration::from_secs(5);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_name_with_a_dot_is_not_tried_in_search_domains() {
    let inside = [to(&["10.0.0.9"])];
    let zone = [("api.example.com.corp.home.arpa", &inside[..]), ("db.corp.home.arpa", &inside[..])];
    let dns = DnsStub::start(&zone).await;
    let search = vec!["corp.home.arpa".to_owned()];
    let names =
        Names::new(&NameConfig { servers: vec![dns.address], search, ..NameConfig::empty() }).unwrap();
    let dotted = names.lookup(&"api.example.com".parse().unwrap(), WITHIN).await;
    assert_eq!(dotted, Err(LookupError::NotFound));
    let single = names.lookup(&"db".parse().unwrap(), WITHIN).await;
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
