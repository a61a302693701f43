use std::net::IpAddr;
use std::sync::atomic::Ordering;

use super::policy::{Failed, lookup};
use crate::testing::{DnsStub, net, refusals, template, to};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn stub() -> DnsStub {
    let public = [to(&["8.8.8.8", "2606:4700::1"])];
    let mixed = [to(&["10.0.0.1", "8.8.4.4"])];
    let private = [to(&["192.168.0.1"])];
    let zone = [
        ("api.example.com", &public[..]),
        ("mixed.example.com", &mixed[..]),
        ("inside.example.com", &private[..]),
        ("db.home.arpa", &private[..]),
    ];
    DnsStub::start(&zone).await
}

#[tokio::test]
async fn granted_names_are_answered_and_counted() {
    let dns = stub().await;
    let template = template(&["dns *.example.com"], &[], Some(&dns));
    let found = lookup(&net(&template), "API.example.com.").await;
    assert_eq!(found, Ok(vec![ip("8.8.8.8"), ip("2606:4700::1")]));
    assert_eq!(template.ledger().report().grants[0].used, 1);
}

#[tokio::test]
async fn other_names_are_denied_and_no_query_leaves() {
    let dns = stub().await;
    let template = template(&["dns api.example.com"], &[], Some(&dns));
    assert_eq!(lookup(&net(&template), "db.home.arpa").await, Err(Failed::Denied));
    assert_eq!(dns.queries.load(Ordering::Relaxed), 0);
    assert_eq!(
        refusals(&template),
        ["refused: dns db.home.arpa: no grant allows it; grant 'dns db.home.arpa'"]
    );
}

#[tokio::test]
async fn what_a_guest_may_connect_to_it_may_look_up() {
    let dns = stub().await;
    let template =
        template(&["tcp connect db.home.arpa:5432", "udp connect api.example.com:53"], &[], Some(&dns));
    assert_eq!(lookup(&net(&template), "db.home.arpa").await, Ok(vec![ip("192.168.0.1")]));
    assert!(lookup(&net(&template), "api.example.com").await.is_ok());
}

#[tokio::test]
async fn a_public_name_never_tells_a_private_address() {
    let dns = stub().await;
    let template = template(&["dns *.example.com"], &[], Some(&dns));
    assert_eq!(lookup(&net(&template), "mixed.example.com").await, Ok(vec![ip("8.8.4.4")]));
    assert_eq!(lookup(&net(&template), "inside.example.com").await, Err(Failed::Denied));
    let refusals = refusals(&template);
    assert!(refusals[0].contains("private address 10.0.0.1"), "{refusals:?}");
}

#[tokio::test]
async fn a_name_that_answers_differently_each_time_is_checked_each_time() {
    let answers = [to(&["8.8.8.8"]), to(&["127.0.0.1"]), to(&["8.8.4.4"])];
    let dns = DnsStub::start(&[("rebind.example.com", &answers)]).await;
    let template = template(&["dns *.example.com"], &[], Some(&dns));
    let net = net(&template);
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(lookup(&net, "rebind.example.com").await);
    }
    assert_eq!(told, [Ok(vec![ip("8.8.8.8")]), Err(Failed::Denied), Ok(vec![ip("8.8.4.4")])]);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_a_refusal() {
    let dns = stub().await;
    let template = template(&["dns *.example.com"], &[], Some(&dns));
    assert_eq!(lookup(&net(&template), "no.example.com").await, Err(Failed::NotFound));
    assert_eq!(refusals(&template), [""; 0]);
}

#[tokio::test]
async fn literals_need_no_lookup_and_odd_forms_are_invalid() {
    let template = template(&[], &[], None);
    let net = net(&template);
    assert_eq!(lookup(&net, "10.0.0.1").await, Ok(vec![ip("10.0.0.1")]));
    assert_eq!(lookup(&net, "::1").await, Ok(vec![ip("::1")]));
    for odd in ["0x7f.1", "127.1", "2130706433", "", "a..b", "no spaces"] {
        assert_eq!(lookup(&net, odd).await, Err(Failed::Invalid), "{odd:?}");
    }
}

#[tokio::test]
async fn lookups_count_as_outbound_requests() {
    let dns = stub().await;
    let template = template(&["dns *.example.com"], &["outbound-requests=1"], Some(&dns));
    let net = net(&template);
    assert!(lookup(&net, "api.example.com").await.is_ok());
    assert_eq!(lookup(&net, "api.example.com").await, Err(Failed::Denied));
}

#[tokio::test]
async fn an_app_of_a_node_is_looked_up_nowhere_whatever_is_granted() {
    let private = [to(&["192.168.0.1"])];
    let dns = DnsStub::start(&[("billing.internal", &private)]).await;
    let template = template(&["dns *.internal", "tcp connect billing.internal:80"], &[], Some(&dns));
    assert_eq!(lookup(&net(&template), "billing.internal").await, Err(Failed::Denied));
    assert_eq!(dns.queries.load(Ordering::Relaxed), 0);
    let refusals = refusals(&template);
    assert!(
        refusals[0].starts_with("refused: dns billing.internal: names that end in .internal"),
        "{refusals:?}"
    );
}
