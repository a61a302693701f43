//! Reading a trigger.

use super::{Cron, Route, Subject, Trigger, TriggerError};
use crate::grant::{HostPath, Methods, PathPattern};
use crate::line::{Flaw, SyntaxError, Word, words};
use crate::suggest::closest;
use crate::units::parse_duration;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The shortest period of `every`.
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
        return Err(Flaw::new(
            0..0,
            "an empty trigger",
            format!("write one of: {}", Trigger::KINDS.join(", ")),
        ));
    };
    match (first.text.as_str(), rest) {
        ("http", [url]) => Ok(Trigger::Http(route(Methods::Any, url)?)),
        ("http", [methods, url]) => Ok(Trigger::Http(route(Methods::parse(methods)?, url)?)),
        ("cron", [_, ..]) => cron(rest),
        ("every", [period]) => every(period),
        ("mqtt", [topic]) => mqtt(topic, 0),
        ("mqtt", [topic, key, qos]) if key.text == "qos" => mqtt(topic, self::qos(qos)?),
        ("nats", [subject]) => Ok(Trigger::Nats { subject: self::subject(subject)?, queue: None }),
        ("nats", [subject, key, queue]) if key.text == "queue" => {
            let group = queue.text.parse().map_err(|e: crate::NameError| queue.flaw(e.what, e.remedy))?;
            Ok(Trigger::Nats { subject: self::subject(subject)?, queue: Some(group) })
        }
        ("file", [path]) => file(path),
        (kind, _) => Err(unfit(line, first, kind)),
    }
}

fn unfit(line: &str, first: &Word, kind: &str) -> Flaw {
    let syntax = match kind {
        "http" => "write http METHODS [HOST]/PATH, e.g. http GET,POST /api/*",
        "cron" => "write cron and five fields, e.g. cron 0 3 * * *",
        "every" => "write every DURATION, e.g. every 30s",
        "mqtt" => "write mqtt TOPIC [qos 0|1|2]",
        "nats" => "write nats SUBJECT [queue GROUP]",
        "file" => "write file FOLDER/NAMES, e.g. file ./inbox/*.csv",
        _ => {
            let remedy = match closest(kind, Trigger::KINDS) {
                Some(guess) => format!("did you mean {guess:?}?"),
                None => format!("write one of: {}", Trigger::KINDS.join(", ")),
            };
            return first.flaw(format!("{kind:?} is no kind of trigger"), remedy);
        }
    };
    Flaw::new(
        first.at.end.min(line.len())..line.len(),
        format!("these words do not make a trigger of kind {kind}"),
        syntax,
    )
}

fn route(methods: Methods, word: &Word) -> Result<Route, Flaw> {
    if word.text.contains("://") {
        return Err(word.flaw("a scheme in a route", "leave it out: a route takes http and https alike"));
    }
    let Some(slash) = word.text.find('/') else {
        return Err(word.flaw("no path", format!("write {}/*, or a path such as /api/*", word.text)));
    };
    let (host, path) = word.text.split_at(slash);
    if host.contains(':') {
        return Err(word.flaw("a port in a route", "leave it out: ports are chosen with --listen"));
    }
    let host = match host {
        "" | "*" => None,
        host => Some(host.parse().map_err(|e: crate::grant::HostError| e.at(word.at.clone()))?),
    };
    let path = PathPattern::parse(path).map_err(|e| word.flaw(e.what, e.remedy))?;
    Ok(Route { methods, host, path })
}

fn cron(fields: &[Word]) -> Result<Trigger, Flaw> {
    let text = fields.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let cron = text.parse::<Cron>().map_err(|e| {
        let start = fields.first().map_or(0, |word| word.at.start);
        let end = fields.last().map_or(0, |word| word.at.end);
        Flaw::new(start..end, e.what, e.remedy)
    })?;
    Ok(Trigger::Cron(cron))
}

fn every(word: &Word) -> Result<Trigger, Flaw> {
    let period = parse_duration(&word.text).map_err(|e| word.flaw(e.what, e.remedy))?;
    if period < PERIOD_MIN {
        return Err(word.flaw(format!("every {} is too often", word.text), "write 100ms or more"));
    }
    Ok(Trigger::Every(period))
}

fn mqtt(topic: &Word, qos: u8) -> Result<Trigger, Flaw> {
    let parsed = topic.text.parse().map_err(|e: crate::grant::TopicError| topic.flaw(e.what, e.remedy))?;
    Ok(Trigger::Mqtt { topic: parsed, qos })
}

fn qos(word: &Word) -> Result<u8, Flaw> {
    match word.text.as_str() {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        other => Err(word.flaw(format!("{other:?} is no quality of service"), "write qos 0, qos 1 or qos 2")),
    }
}

/// NATS, "Subject-Based Messaging": tokens between dots; `*` is one token, `>` the rest.
fn subject(word: &Word) -> Result<Subject, Flaw> {
    let tokens: Vec<&str> = word.text.split('.').collect();
    let last = tokens.len() - 1;
    for (i, token) in tokens.iter().enumerate() {
        let wild = *token == "*" || (*token == ">" && i == last);
        let plain = !token.is_empty() && !token.contains(['*', '>', ' ', '\t', '\r', '\n', '\0']);
        if !wild && !plain {
            let remedy = "write tokens between dots, * for one token, > at the end for the rest";
            return Err(word.flaw(format!("the token {token:?} of a subject"), remedy));
        }
    }
    Ok(Subject(word.text.clone()))
}

fn file(word: &Word) -> Result<Trigger, Flaw> {
    let (folder, names) = word.text.rsplit_once('/').map_or((".", word.text.as_str()), |(folder, names)| {
        (if folder.is_empty() { "/" } else { folder }, names)
    });
    let names = if names.is_empty() { "*" } else { names };
    if folder.contains('*') || names == ".." || names == "." {
        return Err(word.flaw(
            "a * in a folder's name",
            "write a folder, and after its last / which names, e.g. ./inbox/*.csv",
        ));
    }
    let folder = folder.parse::<HostPath>().map_err(|e| message(word, &e))?;
    Ok(Trigger::File { folder, names: names.to_owned() })
}

fn message(word: &Word, error: &dyn Display) -> Flaw {
    let text = error.to_string();
    let (what, remedy) = text.split_once("; ").unwrap_or((text.as_str(), "see docs/manifest.md"));
    word.flaw(what, remedy)
}
