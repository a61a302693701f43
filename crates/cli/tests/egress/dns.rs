//! A name server that says what a test tells it to, each time anew: nothing it says may be kept.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What a name has.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    Address(IpAddr),
    Alias(String),
}

/// The names that exist, and what was asked for.
#[derive(Clone, Default)]
pub(crate) struct Zone(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// For each name its answers: one after the other to questions of one type, then again from the first.
    names: HashMap<String, Vec<Vec<Record>>>,
    asked: Vec<(String, u16)>,
    given: HashMap<(String, u16), usize>,
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
/// An answer, authoritative; and one that there is no such name.
const FOUND: u16 = 0x8400;
const NO_SUCH_NAME: u16 = 0x8403;

impl Zone {
    pub(crate) fn set(&self, name: &str, answers: Vec<Vec<Record>>) {
        self.inner().names.insert(name.to_owned(), answers);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.inner() = Inner::default();
    }

    /// The names that were asked for since the last call, once for each question for an IPv4 address.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.inner().asked);
        asked.into_iter().filter(|(_, kind)| *kind == A).map(|(name, _)| name).collect()
    }

    /// Answers as long as this process lives.
    pub(crate) fn serve(&self, datagrams: UdpSocket, streams: TcpListener) {
        let zone = self.clone();
        thread::spawn(move || {
            let mut question = [0; 1500];
            while let Ok((length, from)) = datagrams.recv_from(&mut question) {
                let answer = zone.answer(&question[..length]).unwrap_or_default();
                let _sent = datagrams.send_to(&answer, from);
            }
        });
        let zone = self.clone();
        thread::spawn(move || {
            for stream in streams.incoming().flatten() {
                let _ended = zone.converse(stream);
            }
        });
    }

    fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question)?;
            let answer = self.answer(&question).unwrap_or_default();
            stream.write_all(&[&(answer.len() as u16).to_be_bytes(), &answer[..]].concat())?;
        }
    }

    /// RFC 1035, section 4.1: the header, the question again, and the records.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = read_name(question)?;
        let kind = u16::from_be_bytes([*question.get(end)?, *question.get(end + 1)?]);
        let records = self.records(&name, kind);
        let flags = if records.is_some() { FOUND } else { NO_SUCH_NAME };
        let records = records.unwrap_or_default();
        let mut answer = question[..2].to_vec();
        for word in [flags, 1, records.len() as u16, 0, 0] {
            answer.extend(word.to_be_bytes());
        }
        answer.extend(&question[12..end + 4]);
        for (owner, record) in &records {
            put_record(&mut answer, owner, record);
        }
        Some(answer)
    }

    /// The records of a name and, behind an alias, of the name it stands for; `None` for a name that is not there.
    fn records(&self, name: &str, kind: u16) -> Option<Vec<(String, Record)>> {
        let mut inner = self.inner();
        inner.asked.push((name.to_owned(), kind));
        let mut found = Vec::new();
        let mut owner = name.to_owned();
        loop {
            let records = inner.next(&owner, kind)?;
            let alias = records.iter().find_map(|record| match record {
                Record::Alias(to) => Some(to.clone()),
                Record::Address(_) => None,
            });
            found.extend(records.into_iter().map(|record| (owner.clone(), record)));
            match alias {
                Some(to) => owner = to,
                None => return Some(found),
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn next(&mut self, name: &str, kind: u16) -> Option<Vec<Record>> {
        let answers = self.names.get(name)?;
        let turn = self.given.entry((name.to_owned(), kind)).or_default();
        let mut records = answers.get(*turn % answers.len())?.clone();
        *turn += 1;
        records.retain(|record| match record {
            Record::Alias(_) => true,
            Record::Address(IpAddr::V4(_)) => kind == A,
            Record::Address(IpAddr::V6(_)) => kind == AAAA,
        });
        Some(records)
    }
}

/// The question's name in lower case, and where its type stands.
fn read_name(message: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*message.get(at)?);
        if length == 0 {
            return Some((labels.join("."), at + 1));
        }
        let label = message.get(at + 1..at + 1 + length)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += 1 + length;
    }
}

fn put_record(message: &mut Vec<u8>, owner: &str, record: &Record) {
    let (kind, data) = match record {
        Record::Address(IpAddr::V4(ip)) => (A, ip.octets().to_vec()),
        Record::Address(IpAddr::V6(ip)) => (AAAA, ip.octets().to_vec()),
        Record::Alias(to) => (CNAME, wire_name(to)),
    };
    message.extend(wire_name(owner));
    // The class is IN, and the time to live zero.
    for word in [kind, 1, 0, 0, data.len() as u16] {
        message.extend(word.to_be_bytes());
    }
    message.extend(data);
}

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}
