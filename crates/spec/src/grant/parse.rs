//! Reading a grant: the words of a line, from left to right.

use super::ports::{host_and_ports, port};
use super::{Access, Direction, Grant, GrantError, GrantKind, HostPattern, Methods, UrlPattern};
use crate::line::{Flaw, SyntaxError, Word, words};
use crate::suggest::closest;
use crate::units::parse_duration;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The longest line, in bytes; beyond it nobody reads what is granted.
const LINE_BYTES_MAX: usize = 64 * 1024;

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(line: &str) -> Result<Self, GrantError> {
        parse(line).map_err(|flaw| SyntaxError::new("grant", line, flaw))
    }
}

fn parse(line: &str) -> Result<Grant, Flaw> {
    if line.len() > LINE_BYTES_MAX {
        return Err(Flaw::new(
            0..0,
            format!("{} bytes in one line", line.len()),
            "the longest line has 64 KiB",
        ));
    }
    let words = words(line)?;
    let mut rest = Words { words: words.iter(), end: line.len(), kind: None };
    let kind = kind(&mut rest)?;
    rest.kind = Some(kind);
    let grant = body(kind, &mut rest)?;
    match rest.words.next() {
        None => Ok(grant),
        Some(extra) => Err(extra.flaw(format!("{:?} is one word too many", extra.text), rest.remedy())),
    }
}

fn kind(rest: &mut Words<'_>) -> Result<GrantKind, Flaw> {
    let all = || GrantKind::ALL.map(GrantKind::name).join(", ");
    let Some(first) = rest.words.next() else {
        return Err(Flaw::new(0..0, "an empty grant", format!("write one of: {}", all())));
    };
    let first_word = |kind: GrantKind| kind.name().split(' ').next() == Some(first.text.as_str());
    let Some(kind) = GrantKind::ALL.into_iter().find(|kind| first_word(*kind)) else {
        let firsts = GrantKind::ALL.map(|kind| kind.name().split(' ').next().unwrap_or_default());
        let remedy = match closest(&first.text, firsts) {
            Some(guess) => format!("did you mean {guess:?}?"),
            None => format!("write one of: {}", all()),
        };
        return Err(first.flaw(format!("{:?} is no kind of grant", first.text), remedy));
    };
    if let Some(second) = kind.name().split(' ').nth(1) {
        rest.kind = Some(kind);
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
        GrantKind::Http => {
            let methods = Methods::parse(rest.word("methods such as GET,POST")?)?;
            Grant::Http { methods, url: UrlPattern::parse(rest.word("a URL")?)? }
        }
        GrantKind::TcpConnect => {
            let (host, ports) = host_and_ports(rest.word("a host and port")?)?;
            Grant::TcpConnect { host, ports }
        }
        GrantKind::UdpConnect => {
            let (host, ports) = host_and_ports(rest.word("a host and port")?)?;
            Grant::UdpConnect { host, ports }
        }
        GrantKind::ListenTcp => Grant::ListenTcp { port: listen_port(rest.word("a port")?)? },
        GrantKind::Dns => Grant::Dns { pattern: dns(rest)? },
        GrantKind::Random => Grant::Random,
        GrantKind::Clock => Grant::Clock { resolution: clock(rest.word("a resolution such as 1ms")?)? },
        GrantKind::Kv => Grant::Kv { store: rest.read("a store's name")?, access: access(rest)? },
        GrantKind::Topic => Grant::Topic { direction: direction(rest)?, pattern: rest.read("a topic")? },
    })
}

/// The words that are still to be read.
struct Words<'a> {
    words: std::slice::Iter<'a, Word>,
    end: usize,
    kind: Option<GrantKind>,
}

impl<'a> Words<'a> {
    fn word(&mut self, what: &str) -> Result<&'a Word, Flaw> {
        let remedy = self.remedy();
        self.words.next().ok_or_else(|| Flaw::new(self.end..self.end, format!("{what} is missing"), remedy))
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), Flaw> {
        let word = self.word(&format!("{keyword:?}"))?;
        if word.text == keyword {
            return Ok(());
        }
        Err(word.flaw(format!("{:?} where {keyword:?} belongs", word.text), self.remedy()))
    }

    fn read<T: FromStr<Err: Display>>(&mut self, what: &str) -> Result<T, Flaw> {
        let word = self.word(what)?;
        word.text.parse().map_err(|e: T::Err| message(word, &e))
    }

    fn remedy(&self) -> String {
        self.kind.map_or_else(String::new, |kind| format!("write {}", kind.syntax()))
    }
}

/// The errors of the parts read `what; remedy`.
fn message(word: &Word, error: &dyn Display) -> Flaw {
    let text = error.to_string();
    match text.split_once("; ") {
        Some((what, remedy)) => word.flaw(what, remedy),
        None => word.flaw(text, "see docs/grants.md"),
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
        Some(word) => Err(word.flaw(format!("{:?} where \"reveal\" belongs", word.text), rest.remedy())),
    }
}

fn size(rest: &mut Words<'_>) -> Result<crate::ByteSize, Flaw> {
    let size: crate::ByteSize = rest.read("a size such as 64MiB")?;
    if size.0 == 0 {
        return Err(Flaw::new(
            rest.end..rest.end,
            "a volume of no size",
            "write how much it may hold, e.g. 64MiB",
        ));
    }
    Ok(size)
}

fn listen_port(word: &Word) -> Result<u16, Flaw> {
    port(&word.text)
        .ok_or_else(|| word.flaw(format!("{:?} is not a port", word.text), "write one port from 1 to 65535"))
}

fn dns(rest: &mut Words<'_>) -> Result<HostPattern, Flaw> {
    let word = rest.word("a name")?;
    let pattern = word.text.parse().map_err(|e| message(word, &e as &super::HostError))?;
    if matches!(pattern, HostPattern::Addresses(_)) {
        return Err(word
            .flaw("an address needs no lookup", "write a name, *.example.com, or * for every public name"));
    }
    Ok(pattern)
}

fn clock(word: &Word) -> Result<Duration, Flaw> {
    let resolution = parse_duration(&word.text).map_err(|e| message(word, &e))?;
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
    env_name(name).map_err(|(what, remedy)| word.flaw(what, remedy))?;
    if value.is_some_and(|value| value.contains('\0')) {
        return Err(word.flaw("a NUL in a value", "an environment cannot hold one"));
    }
    Ok(Grant::Env { name: name.to_owned(), value: value.map(str::to_owned) })
}

/// A portable variable name: letters, digits and `_`, no digit first (POSIX, 8.1).
fn env_name(name: &str) -> Result<(), (String, &'static str)> {
    if name.contains('*') {
        return Err((
            format!("{name:?} would pass on variables nobody named"),
            "write one grant for each variable",
        ));
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let remedy = "write NAME=value or NAME; a name is letters, digits and _, no digit first";
        return Err((format!("{name:?} is no variable's name"), remedy));
    }
    Ok(())
}
