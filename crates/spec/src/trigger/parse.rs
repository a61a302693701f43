//! Reading a trigger.

use super::{Cron, Route, Subject, Trigger, TriggerError};
use crate::grant::{HostPath, HostPattern, Methods, PathPattern};
use crate::invalid::Invalid;
use crate::line::{Flaw, SyntaxError, Word, words};
use crate::suggest::did_you_mean;
use crate::units::parse_duration;
use std::str::FromStr;
use std::time::Duration;

/// The shortest period of `every`: a node that wakes more often is never idle.
const PERIOD_MIN: Duration = Duration::from_millis(100);

impl FromStr for Trigger {
    type Err = TriggerError;

    fn from_str(line: &str) -> Result<Self, TriggerError> {
        parse(line).map_err(|flaw| SyntaxError::new("trigger", line, flaw))
    }
}

fn parse(line: &str) -> Result<Trigger, Flaw> {
    let words = words(line)?;
    let Some((first, rest)) = words.split_first() else {
        let kinds = Trigger::KINDS.map(|(kind, _)| kind).join(", ");
        return Err(Flaw::new(0..0, "an empty trigger", format!("write one of {kinds}")));
    };
    match (first.text.as_str(), rest) {
        ("http", [url]) => Ok(Trigger::Http(route(Methods::Any, url)?)),
        ("http", [methods, url]) => Ok(Trigger::Http(route(Methods::parse(methods)?, url)?)),
        ("cron", [_, ..]) => cron(rest),
        ("every", [period]) => every(period),
        ("mqtt", [topic]) => Ok(Trigger::Mqtt { topic: topic.read()?, qos: 0 }),
        ("mqtt", [topic, key, qos]) if key.text == "qos" => {
            Ok(Trigger::Mqtt { topic: topic.read()?, qos: quality(qos)? })
        }
        ("nats", [subject]) => Ok(Trigger::Nats { subject: subject.read()?, queue: None }),
        ("nats", [subject, key, queue]) if key.text == "queue" => {
            Ok(Trigger::Nats { subject: subject.read()?, queue: Some(queue.read()?) })
        }
        ("file", [path]) => file(path),
        _ => Err(unfit(line, first)),
    }
}

fn unfit(line: &str, first: &Word) -> Flaw {
    let kind = first.text.as_str();
    match Trigger::KINDS.iter().find(|(name, _)| *name == kind) {
        Some((_, syntax)) => {
            let at = first.at.end..line.len();
            Flaw::new(
                at,
                format!("these words do not make a trigger of kind {kind}"),
                format!("write {syntax}"),
            )
        }
        None => {
            let remedy = did_you_mean(kind, Trigger::KINDS.map(|(name, _)| name));
            first.flaw(format!("{kind:?} is no kind of trigger"), remedy)
        }
    }
}

fn route(methods: Methods, word: &Word) -> Result<Route, Flaw> {
    if word.text.contains("://") {
        return Err(word.flaw("a scheme in a route", "leave it out: a route takes http and https alike"));
    }
    let Some(slash) = word.text.find('/') else {
        return Err(word.flaw("no path", format!("write {}/*, or a path such as /api/*", word.text)));
    };
    let (host, path) = word.text.split_at(slash);
    let path = PathPattern::parse(path).map_err(|error| error.at(word.at.clone()))?;
    Ok(Route { methods, host: route_host(host, word)?, path })
}

fn route_host(host: &str, word: &Word) -> Result<Option<HostPattern>, Flaw> {
    if host.is_empty() || host == "*" {
        return Ok(None);
    }
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err(word.flaw("a port in a route", "leave it out: ports are chosen with --listen"));
    }
    let pattern = bare.unwrap_or(host).parse().map_err(|error: Invalid| error.at(word.at.clone()))?;
    Ok(Some(pattern))
}

fn cron(fields: &[Word]) -> Result<Trigger, Flaw> {
    if fields.len() == 5 {
        let faults = fields.iter().enumerate().map(|(i, word)| (word, Cron::field_fault(i, &word.text)));
        if let Some((word, Some(fault))) = faults.into_iter().find(|(_, fault)| fault.is_some()) {
            return Err(fault.at(word.at.clone()));
        }
    }
    let text = fields.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let at = fields.first().map_or(0, |word| word.at.start)..fields.last().map_or(0, |word| word.at.end);
    text.parse::<Cron>().map(Trigger::Cron).map_err(|error| error.at(at))
}

fn every(word: &Word) -> Result<Trigger, Flaw> {
    let period = parse_duration(&word.text).map_err(|error| error.at(word.at.clone()))?;
    if period < PERIOD_MIN {
        return Err(word.flaw(format!("every {} is too often", word.text), "write 100ms or more"));
    }
    Ok(Trigger::Every(period))
}

fn quality(word: &Word) -> Result<u8, Flaw> {
    match word.text.as_str() {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        other => Err(word.flaw(format!("{other:?} is no quality of service"), "write qos 0, qos 1 or qos 2")),
    }
}

impl FromStr for Subject {
    type Err = Invalid;

    /// Reads tokens between dots; `*` is one token, `>` the rest (NATS, "Subject-Based Messaging").
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut tokens = text.split('.').peekable();
        while let Some(token) = tokens.next() {
            let wild = token == "*" || (token == ">" && tokens.peek().is_none());
            let plain = !token.is_empty() && !token.contains(|c: char| c == '*' || c == '>' || c <= ' ');
            if !wild && !plain {
                let remedy = "write tokens between dots, * for one token, > at the end for the rest";
                return Err(Invalid::new(format!("the token {token:?} in a subject"), remedy));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

fn file(word: &Word) -> Result<Trigger, Flaw> {
    let (folder, names) = word.text.rsplit_once('/').map_or((".", word.text.as_str()), |(folder, names)| {
        (if folder.is_empty() { "/" } else { folder }, names)
    });
    let names = if names.is_empty() { "*" } else { names };
    if folder.contains('*') || names == ".." || names == "." || names.contains('\0') {
        let remedy = "write a folder, and behind its last / which names, e.g. ./inbox/*.csv";
        return Err(word.flaw(format!("{:?} names no files of one folder", word.text), remedy));
    }
    let folder: HostPath = folder.parse().map_err(|error: Invalid| error.at(word.at.clone()))?;
    Ok(Trigger::File { folder, names: names.to_owned() })
}
