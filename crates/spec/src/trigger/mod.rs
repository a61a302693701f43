//! Triggers: the `on` lines that say what wakes a function.

mod cron;
mod host;
mod parse;
mod route;
mod table;

pub use cron::Cron;
pub use host::requested_host;
pub use route::{Route, Specificity};
pub use table::{Found, Miss, RouteTable};

use crate::grant::TopicPattern;
use crate::line::{Quoted, SyntaxError};
use crate::units::Time;
use std::fmt;
use std::time::Duration;

/// Why a line is not a trigger; see [`SyntaxError`].
pub type TriggerError = SyntaxError;

/// What wakes a function.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trigger {
    /// `http GET /api/*`: a request.
    Http(Route),
    /// `cron 0 3 * * *`: a time, in UTC.
    Cron(Cron),
    /// `every 30s`: again and again.
    Every(Duration),
    /// `mqtt sensors/+/temperature qos 1`: a message.
    Mqtt {
        /// Which topics.
        topic: TopicPattern,
        /// Quality of service: 0, 1 or 2.
        qos: u8,
    },
    /// `nats orders.* queue workers`: a message.
    Nats {
        /// Which subjects.
        subject: Subject,
        /// The queue group that shares the messages, if any.
        queue: Option<crate::Name>,
    },
    /// `file ./inbox/*.csv`: a file that was closed after writing, or moved there.
    File {
        /// The folder.
        folder: crate::grant::HostPath,
        /// Which names in it; `*` stands for any characters.
        names: String,
    },
}

/// A NATS subject, with `*` for one token and `>` for the rest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(pub(crate) String);

impl Subject {
    /// The subject as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Trigger {
    /// The words a trigger can start with, and how each is written.
    pub const KINDS: [(&'static str, &'static str); 6] = [
        ("http", "http METHODS [HOST]/PATH, e.g. http GET,POST /api/*"),
        ("cron", "cron and five fields, e.g. cron 0 3 * * *"),
        ("every", "every DURATION, e.g. every 30s"),
        ("mqtt", "mqtt TOPIC [qos 0|1|2]"),
        ("nats", "nats SUBJECT [queue GROUP]"),
        ("file", "file FOLDER/NAMES, e.g. file ./inbox/*.csv"),
    ];

    /// The word the trigger starts with.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Cron(_) => "cron",
            Self::Every(_) => "every",
            Self::Mqtt { .. } => "mqtt",
            Self::Nats { .. } => "nats",
            Self::File { .. } => "file",
        }
    }

    /// The route of an `http` trigger.
    pub const fn route(&self) -> Option<&Route> {
        match self {
            Self::Http(route) => Some(route),
            _ => None,
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Http(route) => write!(f, "{kind} {route}"),
            Self::Cron(cron) => write!(f, "{kind} {cron}"),
            Self::Every(period) => write!(f, "{kind} {}", Time(*period)),
            Self::Mqtt { topic, qos } => write!(f, "{kind} {topic} qos {qos}"),
            Self::Nats { subject, queue: None } => write!(f, "{kind} {}", Quoted(&subject.0)),
            Self::Nats { subject, queue: Some(queue) } => {
                write!(f, "{kind} {} queue {queue}", Quoted(&subject.0))
            }
            Self::File { folder, names } => {
                let folder = folder.prefix();
                write!(f, "{kind} {}", Quoted(&format!("{folder}{names}")))
            }
        }
    }
}
