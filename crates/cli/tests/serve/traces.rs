//! Traces over OTLP/HTTP, received by a collector that reads the wire format by itself, field by field as
//! `opentelemetry/proto/trace/v1/trace.proto` numbers them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::common::{folder, guest};
use crate::world::Server;

const MANIFEST: &str =
    "name = \"thermostat\"\nversion = \"1\"\n[functions.api]\ncomponent = \"GUEST\"\non = [\"http * /*\"]\n";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A collector that answers its first requests with these statuses, and all others with 200.
struct Collector {
    url: String,
    messages: Receiver<Vec<u8>>,
}

impl Collector {
    fn start(statuses: &'static [u16]) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            for stream in listener.incoming().map_while(Result::ok) {
                collect(&stream, &mut statuses, &sender);
            }
        });
        Collector { url, messages }
    }

    /// The spans of the next message that was taken.
    #[track_caller]
    fn spans(&self) -> Vec<Span> {
        let message = self.messages.recv_timeout(Duration::from_secs(60)).expect("a message");
        let resource_spans = fields(&message);
        let resource_spans = fields(resource_spans[&1][0].bytes());
        let service = attributes(&fields(resource_spans[&1][0].bytes())[&1]);
        let scope_spans = fields(resource_spans[&2][0].bytes());
        assert_eq!(fields(scope_spans[&1][0].bytes())[&1][0].text(), "tombolo");
        scope_spans[&2].iter().map(|span| Span::read(span.bytes(), &service["service.name"])).collect()
    }
}

fn collect(stream: &TcpStream, statuses: &mut std::slice::Iter<'_, u16>, messages: &Sender<Vec<u8>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(first) = head.first() else { return };
        assert_eq!(first, "POST /v1/traces HTTP/1.1");
        let field = |name: &str| {
            head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned))
        };
        assert_eq!(field("content-type: ").as_deref(), Some("application/x-protobuf"));
        let length = field("content-length: ").and_then(|text| text.parse().ok()).expect("a length");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a whole message");
        let status = statuses.next().copied().unwrap_or(200);
        write!(&*stream, "HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n").expect("the answer is taken");
        if status == 200 {
            // The test may have what it wants.
            let _ = messages.send(body);
        }
    }
}

/// A field's value on the wire.
#[derive(Debug)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Value {
    fn bytes(&self) -> &[u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Number(number) => panic!("{number} is no message"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("text in UTF-8")
    }

    fn number(&self) -> u64 {
        match self {
            Value::Number(number) => *number,
            Value::Bytes(bytes) => panic!("{bytes:?} is no number"),
        }
    }

    fn hex(&self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A message's fields by number (<https://protobuf.dev/programming-guides/encoding/>).
fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Value>> {
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)),
            1 => Value::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().expect("eight bytes"))),
            2 => {
                let length = varint(&mut bytes) as usize;
                Value::Bytes(take(&mut bytes, length).to_vec())
            }
            5 => {
                Value::Number(u32::from_le_bytes(take(&mut bytes, 4).try_into().expect("four bytes")).into())
            }
            kind => panic!("wire type {kind}"),
        };
        fields.entry(tag >> 3).or_insert_with(Vec::new).push(value);
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a number of more than 64 bits");
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(length);
    *bytes = rest;
    taken
}

fn attributes(values: &[Value]) -> BTreeMap<String, String> {
    let pair = |value: &Value| {
        let pair = fields(value.bytes());
        let any = fields(pair[&2][0].bytes());
        let text = match any.get(&1) {
            Some(text) => text[0].text(),
            None => any[&3][0].number().to_string(),
        };
        (pair[&1][0].text(), text)
    };
    values.iter().map(pair).collect()
}

struct Span {
    service: String,
    trace: String,
    span: String,
    parent: String,
    name: String,
    kind: u64,
    nanoseconds: (u64, u64),
    attributes: BTreeMap<String, String>,
    status: Option<u64>,
}

impl Span {
    fn read(bytes: &[u8], service: &str) -> Span {
        let span = fields(bytes);
        let status = span.get(&15).map(|status| fields(status[0].bytes()));
        Span {
            service: service.to_owned(),
            trace: span[&1][0].hex(),
            span: span[&2][0].hex(),
            parent: span.get(&4).map_or_else(String::new, |parent| parent[0].hex()),
            name: span[&5][0].text(),
            kind: span[&6][0].number(),
            nanoseconds: (span[&7][0].number(), span[&8][0].number()),
            attributes: attributes(&span[&9]),
            status: status.map(|status| status[&3][0].number()),
        }
    }
}

fn serve(collector: &str) -> Server {
    let app = folder(&[]);
    let manifest = app.path().join("tombolo.toml");
    let guest = guest("rust-http-faults");
    let text = MANIFEST.replace("GUEST", guest.to_str().expect("a path in UTF-8"));
    std::fs::write(&manifest, text).expect("a file can be written");
    Server::start(&["-f", manifest.to_str().expect("a path in UTF-8"), "--otlp", collector])
}

fn get(server: &Server, path: &str, traceparent: &str) -> String {
    server.raw(&format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\ntraceparent: {traceparent}\r\nconnection: close\r\n\r\n"
    ))
}

#[test]
fn a_request_becomes_a_span_of_its_callers_trace() {
    let collector = Collector::start(&[]);
    let server = serve(&collector.url);
    get(&server, "/", PARENT);
    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{} spans", spans.len()) };
    let line = server.wait_for(&["\"event\":\"request\""]);
    assert_eq!(span.service, "thermostat");
    assert_eq!(span.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span.parent, "00f067aa0ba902b7");
    assert!(line.contains(&format!("\"request\":\"{}\"", span.span)), "{line}");
    assert_eq!((span.name.as_str(), span.kind), ("GET api", 2));
    assert!(span.nanoseconds.0 < span.nanoseconds.1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time after 1970");
    assert!(span.nanoseconds.1.abs_diff(now.as_nanos() as u64) < 600_000_000_000, "about now");
    assert_eq!(span.attributes["http.request.method"], "GET");
    assert_eq!(span.attributes["url.path"], "/");
    assert_eq!(span.attributes["http.response.status_code"], "200");
    assert_eq!(span.attributes["faas.name"], "api");
    assert_eq!(span.status, None);
}

#[test]
fn the_exporter_is_locked_down_and_still_finds_a_collector_by_its_name() {
    let collector = Collector::start(&[]);
    let server = serve(&collector.url.replace("127.0.0.1", "localhost"));
    get(&server, "/", "");
    assert_eq!(collector.spans().len(), 1);
    let exporter = exporter_of(&server);
    let status = std::fs::read_to_string(format!("/proc/{exporter}/status")).expect("it runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel says so");
        line.trim_start_matches(':').trim()
    };
    assert_eq!((field("Seccomp"), field("NoNewPrivs")), ("2", "1"));
    assert_eq!(u64::from_str_radix(field("CapEff"), 16), Ok(0));
}

/// The process beside the server that sends its traces.
fn exporter_of(server: &Server) -> u32 {
    let pid = server.pid().as_raw_nonzero();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs").flatten();
    let children =
        tasks.map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let children: Vec<u32> = children
        .flat_map(|text| text.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    let is_exporter = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("__export"))
    };
    children.into_iter().find(is_exporter).expect("there is one")
}

#[test]
fn what_went_wrong_is_in_the_span_and_what_the_caller_does_not_record_is_not_sent() {
    let collector = Collector::start(&[]);
    let server = serve(&collector.url);
    get(&server, "/", &PARENT.replace("-01", "-00"));
    get(&server, "/trap", "");
    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{} spans", spans.len()) };
    assert_eq!((span.attributes["url.path"].as_str(), span.parent.as_str()), ("/trap", ""));
    assert_eq!(span.attributes["error.type"], "trap");
    assert_eq!((span.attributes["http.response.status_code"].as_str(), span.status), ("500", Some(2)));
}

#[test]
fn a_collector_that_is_busy_is_asked_again_and_the_end_sends_what_is_left() {
    let collector = Collector::start(&[503]);
    let server = serve(&collector.url);
    get(&server, "/", "");
    assert_eq!(collector.spans().len(), 1);
    (0..3).for_each(|_| drop(get(&server, "/", "")));
    assert_eq!(server.stop(), Some(0));
    assert_eq!(collector.spans().len(), 3);
}

#[test]
fn without_a_collector_everything_else_goes_on() {
    let server = serve("http://127.0.0.1:9");
    assert!(get(&server, "/", "").starts_with("HTTP/1.1 200"));
    server.wait_for(&["traces do not reach http://127.0.0.1:9/v1/traces"]);
    assert!(get(&server, "/", "").starts_with("HTTP/1.1 200"));
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn what_a_guest_asks_of_others_belongs_to_its_requests_trace() {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = upstream.local_addr().expect("an address").to_string();
    let grant = format!("http GET http://{address}/*");
    let server = Server::start(&[guest("rust-http-faults").to_str().expect("a path in UTF-8"), "-g", &grant]);
    let client = std::thread::spawn({
        let target = address.clone();
        move || {
            get(&server, &format!("/fan-out?{target}/x"), PARENT);
            server
        }
    });
    let (stream, _) = upstream.accept().expect("a connection");
    let head: Vec<String> =
        BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    drop((stream, upstream));
    let server = client.join().expect("the client gets an answer");
    let line = server.wait_for(&["\"event\":\"request\""]);
    let request = line.split("\"request\":\"").nth(1).map(|rest| &rest[..16]).expect("the request's id");
    let expected = format!("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-{request}-01");
    assert!(head.contains(&expected), "{head:?}");
}
