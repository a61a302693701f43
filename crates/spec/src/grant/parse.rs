//! Reading a grant: the words of a line, from left to right.

use super::authority::host_and_ports;
use super::ports::port;
use super::{Access, Direction, Grant, GrantError, GrantKind, HostPattern, Methods, UrlPattern};
use crate::invalid::Invalid;
use crate::line::{Flaw, SyntaxError, Word, words};
use crate::suggest::did_you_mean;
use crate::units::{ByteSize, parse_duration};
use std::str::FromStr;
use std::time::Duration;

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(line: &str) -> Result<Self, GrantError> {
        parse(line).map_err(|flaw| SyntaxError::new("grant", line, flaw))
    }
}

fn parse(line: &str) -> Result<Grant, Flaw> {
    let words = words(line)?;
    let mut rest = Words { words: words.iter(), end: line.len(), remedy: String::new() };
    let kind = kind(&mut rest)?;
    let grant = body(kind, &mut rest)?;
    match rest.words.next() {
        None => Ok(grant),
        Some(extra) => Err(extra.flaw(format!("{:?} is one word too many", extra.text), rest.remedy)),
    }
}

fn kind(rest: &mut Words<'_>) -> Result<GrantKind, Flaw> {
    let Some(first) = rest.words.next() else {
        let names = GrantKind::ALL.map(GrantKind::name).join(", ");
        return Err(Flaw::new(0..0, "an empty grant", format!("write one of {names}")));
    };
    let Some(kind) = GrantKind::ALL.into_iter().find(|kind| kind.first_word() == first.text) else {
        let remedy = did_you_mean(&first.text, GrantKind::ALL.map(GrantKind::first_word));
        return Err(first.flaw(format!("{:?} is no kind of grant", first.text), remedy));
    };
    rest.remedy = format!("write {}", kind.syntax());
    if let Some((_, second)) = kind.name().split_once(' ') {
        rest.keyword(second)?;
    }
    Ok(kind)
}

fn body(kind: GrantKind, rest: &mut Words<'_>) -> Result<Grant, Flaw> {
    Ok(match kind {
        GrantKind::Dir => {
            let host = rest.read("a folder of this machine")?;
            rest.keyword("as")?;
            Grant::Dir { host, guest: rest.read("a path in the guest")?, access: access(rest)? }
        }
        GrantKind::Volume => {
            let name = rest.read("a volume's name")?;
            rest.keyword("as")?;
            Grant::Volume { name, guest: rest.read("a path in the guest")?, size: size(rest)? }
        }
        GrantKind::Env => env(rest.word("a variable's name")?)?,
        GrantKind::Secret => Grant::Secret { name: rest.read("a secret's name")?, reveal: reveal(rest)? },
        GrantKind::Http => http(rest)?,
        GrantKind::TcpConnect => {
            let (host, ports) = host_and_ports(rest.word("a host and port")?)?;
            Grant::TcpConnect { host, ports }
        }
        GrantKind::UdpConnect => {
            let (host, ports) = host_and_ports(rest.word("a host and port")?)?;
            Grant::UdpConnect { host, ports }
        }
        GrantKind::ListenTcp => Grant::ListenTcp { port: listen_port(rest.word("a port")?)? },
        GrantKind::Dns => Grant::Dns { pattern: dns(rest.word("a name")?)? },
        GrantKind::Random => Grant::Random,
        GrantKind::Clock => Grant::Clock { resolution: clock(rest.word("a resolution such as 1ms")?)? },
        GrantKind::Kv => Grant::Kv { store: rest.read("a store's name")?, access: access(rest)? },
        GrantKind::Topic => Grant::Topic { direction: direction(rest)?, pattern: rest.read("a topic")? },
    })
}

/// The words that are still to be read, and how the whole line should look.
struct Words<'a> {
    words: std::slice::Iter<'a, Word>,
    end: usize,
    remedy: String,
}

impl<'a> Words<'a> {
    fn word(&mut self, what: &str) -> Result<&'a Word, Flaw> {
        let at = self.end..self.end;
        self.words.next().ok_or_else(|| Flaw::new(at, format!("{what} is missing"), self.remedy.clone()))
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), Flaw> {
        let word = self.word(&format!("{keyword:?}"))?;
        if word.text == keyword {
            return Ok(());
        }
        Err(word.flaw(format!("{:?} where {keyword:?} belongs", word.text), self.remedy.clone()))
    }

    fn read<T: FromStr<Err = Invalid>>(&mut self, what: &str) -> Result<T, Flaw> {
        self.word(what)?.read()
    }
}

fn access(rest: &mut Words<'_>) -> Result<Access, Flaw> {
    let word = rest.word("\"read\" or \"read-write\"")?;
    match word.text.as_str() {
        "read" => Ok(Access::Read),
        "read-write" => Ok(Access::ReadWrite),
        other => Err(word.flaw(format!("{other:?} is no access"), "write read or read-write")),
    }
}

fn direction(rest: &mut Words<'_>) -> Result<Direction, Flaw> {
    let word = rest.word("\"publish\" or \"subscribe\"")?;
    match word.text.as_str() {
        "publish" => Ok(Direction::Publish),
        "subscribe" => Ok(Direction::Subscribe),
        other => Err(word.flaw(format!("{other:?} is no direction"), "write publish or subscribe")),
    }
}

fn reveal(rest: &mut Words<'_>) -> Result<bool, Flaw> {
    match rest.words.next() {
        None => Ok(false),
        Some(word) if word.text == "reveal" => Ok(true),
        Some(word) => {
            Err(word.flaw(format!("{:?} where \"reveal\" belongs", word.text), rest.remedy.clone()))
        }
    }
}

fn size(rest: &mut Words<'_>) -> Result<ByteSize, Flaw> {
    let word = rest.word("a size such as 64MiB")?;
    let size: ByteSize = word.read()?;
    if size.0 == 0 {
        return Err(word.flaw("a volume that holds nothing", "write how much it may hold, e.g. 64MiB"));
    }
    Ok(size)
}

fn listen_port(word: &Word) -> Result<u16, Flaw> {
    let remedy = "write one port from 1 to 65535; the address is the operator's choice";
    port(&word.text).ok_or_else(|| word.flaw(format!("{:?} is not a port", word.text), remedy))
}

fn http(rest: &mut Words<'_>) -> Result<Grant, Flaw> {
    let first = rest.word("methods such as GET,POST")?;
    if rest.words.len() == 0 && first.text.contains(['.', ':', '/']) {
        let (scheme, bare) = first.text.split_once("://").unwrap_or(("", first.text.trim_start_matches('/')));
        let what = if scheme.is_empty() { "no methods and no scheme" } else { "no methods before the URL" };
        let scheme = if scheme.is_empty() { "https" } else { scheme };
        let path = if bare.contains('/') { "" } else { "/*" };
        return Err(first.flaw(
            what,
            format!("write http GET {scheme}://{bare}{path}, or * for GET if any method will do"),
        ));
    }
    Ok(Grant::Http { methods: Methods::parse(first)?, url: UrlPattern::parse(rest.word("a URL")?)? })
}

fn dns(word: &Word) -> Result<HostPattern, Flaw> {
    let pattern = word.read()?;
    if matches!(pattern, HostPattern::Addresses(_)) {
        return Err(word
            .flaw("an address needs no lookup", "write a name, *.example.com, or * for every public name"));
    }
    Ok(pattern)
}

fn clock(word: &Word) -> Result<Duration, Flaw> {
    let resolution = parse_duration(&word.text).map_err(|error| error.at(word.at.clone()))?;
    if resolution.is_zero() {
        return Err(word.flaw("a clock without steps", "write the smallest step, e.g. 1ms or 1ns"));
    }
    Ok(resolution)
}

fn env(word: &Word) -> Result<Grant, Flaw> {
    let (name, value) = match word.text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word.text.as_str(), None),
    };
    check_variable(name).map_err(|error| error.at(word.at.clone()))?;
    if value.is_some_and(|value| value.contains('\0')) {
        return Err(word.flaw("a NUL in a value", "leave it out: an environment cannot hold one"));
    }
    Ok(Grant::Env { name: name.to_owned(), value: value.map(str::to_owned) })
}

/// A portable variable name (POSIX, 8.1), in capitals or not.
fn check_variable(name: &str) -> Result<(), Invalid> {
    if name.contains('*') {
        let remedy = "write one grant for each variable";
        return Err(Invalid::new(format!("{name:?} would pass on variables that nobody named"), remedy));
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let remedy = "write NAME=value or NAME, where a name is letters, digits and _, no digit first";
        return Err(Invalid::new(format!("{name:?} is no variable's name"), remedy));
    }
    Ok(())
}
