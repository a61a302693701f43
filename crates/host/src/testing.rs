//! Peers for tests, all on loopback: a name server that says what it is told to, and web servers that count.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, UdpSocket};
use tombolo_spec::{Grant, GrantSet, LimitOverrides, Profile};

use crate::egress::{InstanceNet, Network, NetworkConfig};
use crate::template::{Template, TemplateParts};

pub(crate) fn grants(lines: &[&str]) -> GrantSet {
    lines.iter().map(|line| line.parse::<Grant>().unwrap_or_else(|error| panic!("{error:#}"))).collect()
}

/// A template with these grants and limits, whose names are answered by `dns`.
pub(crate) fn template(lines: &[&str], limits: &[&str], dns: Option<&DnsStub>) -> Arc<Template> {
    let mut config = NetworkConfig::empty();
    config.names.servers = dns.iter().map(|dns| dns.address).collect();
    config.names.timeout = std::time::Duration::from_millis(300);
    let mut parts = TemplateParts::new("test", grants(lines));
    let mut overrides = LimitOverrides::default();
    for line in limits {
        overrides.set_line(line).unwrap();
    }
    parts.limits = overrides.resolve(Profile::Run);
    parts.network = Some(Arc::new(Network::new(&config).unwrap()));
    Arc::new(Template::prepare(parts).unwrap())
}

pub(crate) fn net(template: &Arc<Template>) -> Arc<InstanceNet> {
    Arc::new(InstanceNet::new(Arc::clone(template)))
}

/// The requests and reasons of all refusals so far.
pub(crate) fn refusals(template: &Template) -> Vec<String> {
    template.ledger().report().refusals.iter().map(ToString::to_string).collect()
}

/// What a name leads to.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Addresses(Vec<IpAddr>),
    Alias(&'static str),
}

/// A name server. A name with several answers gives the next one each time, with a TTL of zero.
pub(crate) struct DnsStub {
    pub(crate) address: SocketAddr,
    pub(crate) queries: Arc<AtomicUsize>,
}

type Zone = HashMap<String, (usize, Vec<Answer>)>;

impl DnsStub {
    pub(crate) async fn start(zone: &[(&str, &[Answer])]) -> DnsStub {
        let zone: Zone =
            zone.iter().map(|(name, answers)| (format!("{name}."), (0, answers.to_vec()))).collect();
        let zone = Arc::new(Mutex::new(zone));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let queries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&queries);
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((len, peer)) = socket.recv_from(&mut buffer).await {
                counted.fetch_add(1, Ordering::Relaxed);
                let reply = reply(&zone, &buffer[..len]);
                let _ = socket.send_to(&reply, peer).await;
            }
        });
        DnsStub { address, queries }
    }
}

/// Addresses as an answer.
pub(crate) fn to(addresses: &[&str]) -> Answer {
    Answer::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect())
}

fn reply(zone: &Mutex<Zone>, query: &[u8]) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let question = query.queries[0].clone();
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    let mut zone = zone.lock().unwrap();
    let known = zone.contains_key(&question.name().to_ascii());
    let mut name = question.name().clone();
    while let Some(answer) = next(&mut zone, &name, question.query_type()) {
        match answer {
            Answer::Alias(target) => {
                let target = Name::from_ascii(format!("{target}.")).unwrap();
                let alias = RData::CNAME(CNAME(target.clone()));
                reply.answers.push(Record::from_rdata(name, 0, alias));
                name = target;
            }
            Answer::Addresses(addresses) => {
                reply.answers.extend(records(&name, &addresses, question.query_type()));
                break;
            }
        }
    }
    if !known {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    reply.queries.push(question);
    reply.to_vec().unwrap()
}

/// The answer whose turn it is; a turn ends with the query for IPv6, which comes beside the one for IPv4.
fn next(zone: &mut Zone, name: &Name, kind: RecordType) -> Option<Answer> {
    let (turn, answers) = zone.get_mut(&name.to_ascii())?;
    let answer = answers[(*turn).min(answers.len() - 1)].clone();
    if kind == RecordType::AAAA {
        *turn += 1;
    }
    Some(answer)
}

fn records(name: &Name, addresses: &[IpAddr], kind: RecordType) -> Vec<Record> {
    let data = addresses.iter().filter_map(|address| match (address, kind) {
        (IpAddr::V4(v4), RecordType::A) => Some(RData::A(A(*v4))),
        (IpAddr::V6(v6), RecordType::AAAA) => Some(RData::AAAA(AAAA(*v6))),
        _ => None,
    });
    data.map(|data| Record::from_rdata(name.clone(), 0, data)).collect()
}

/// A web server on loopback that counts connections and requests.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Origin {
    /// Answers each request with what `answer` makes of it.
    pub(crate) async fn start(
        answer: impl Fn(http::Request<Bytes>) -> http::Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Origin {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counted, counter) = (Arc::clone(&connections), Arc::clone(&requests));
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                let service = service_fn(move |request: http::Request<Incoming>| {
                    let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                    async move {
                        counter.fetch_add(1, Ordering::Relaxed);
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                        Ok::<_, Infallible>(answer(http::Request::from_parts(parts, body)))
                    }
                });
                let serve = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serve);
            }
        });
        Origin { address, connections, requests }
    }

    /// One that says "ok".
    pub(crate) async fn ok() -> Origin {
        Origin::start(|_| http::Response::new(Full::from("ok"))).await
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
