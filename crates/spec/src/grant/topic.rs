//! Topics of messages, as MQTT names them (MQTT 5.0, 4.7).

use crate::invalid::Invalid;
use crate::line::Quoted;
use std::fmt;
use std::str::FromStr;

/// One level of a [`TopicPattern`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// This text; may be empty.
    Literal(String),
    /// `+`: any one level.
    One,
}

/// An MQTT topic filter: `sensors/+/temperature`, `alerts/#`.
///
/// `a/#` matches `a` too, and a wildcard in the first level matches no topic that starts with `$`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPattern {
    levels: Vec<Level>,
    rest: bool,
}

/// The longest topic, in bytes (MQTT 5.0, 1.5.4).
const TOPIC_BYTES_MAX: usize = 65_535;

impl TopicPattern {
    /// True when the filter matches this topic name; a name with a wildcard or NUL in it is matched by none.
    pub fn matches(&self, topic: &str) -> bool {
        if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || topic.contains(['+', '#', '\0']) {
            return false;
        }
        let mut parts = topic.split('/');
        for (i, level) in self.levels.iter().enumerate() {
            match (level, parts.next()) {
                (Level::Literal(own), Some(part)) if own == part => {}
                (Level::One, Some(part)) if i > 0 || !part.starts_with('$') => {}
                _ => return false,
            }
        }
        match self.rest {
            true => !self.levels.is_empty() || !topic.starts_with('$'),
            false => parts.next().is_none(),
        }
    }

    /// True when every topic of `other` is one of `self`.
    pub fn covers(&self, other: &Self) -> bool {
        self.meet(other).as_ref() == Some(other)
    }

    /// The topics that both match.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let (short, long) =
            if self.levels.len() <= other.levels.len() { (self, other) } else { (other, self) };
        if long.levels.len() > short.levels.len() && !short.rest {
            return None;
        }
        let mut levels = Vec::with_capacity(long.levels.len());
        for (i, b) in long.levels.iter().enumerate() {
            let a = short.levels.get(i).unwrap_or(&Level::One);
            levels.push(meet_levels(i, a, b)?);
        }
        let equal = long.levels.len() == short.levels.len();
        Some(Self { levels, rest: long.rest && (short.rest || !equal) })
    }
}

fn meet_levels(i: usize, a: &Level, b: &Level) -> Option<Level> {
    match (a, b) {
        (Level::One, Level::One) => Some(Level::One),
        (Level::Literal(x), Level::Literal(y)) => (x == y).then(|| a.clone()),
        (Level::One, literal @ Level::Literal(text)) | (literal @ Level::Literal(text), Level::One) => {
            (i > 0 || !text.starts_with('$')).then(|| literal.clone())
        }
    }
}

impl FromStr for TopicPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fail = |what: String, remedy: &str| Err(Invalid::new(what, remedy));
        if text.is_empty() || text.len() > TOPIC_BYTES_MAX || text.contains('\0') {
            return fail(
                format!("{} bytes are no topic", text.len()),
                "write 1 to 65535 bytes without NUL, e.g. alerts/#",
            );
        }
        let mut levels = Vec::new();
        let mut parts = text.split('/').peekable();
        let mut rest = false;
        while let Some(part) = parts.next() {
            match part {
                "#" if parts.peek().is_none() => rest = true,
                "#" => {
                    return fail(
                        "a # before the end".to_owned(),
                        "write + for one level; # only ends a filter",
                    );
                }
                "+" => levels.push(Level::One),
                _ if part.contains(['+', '#']) => {
                    return fail(
                        format!("a wildcard inside the level {part:?}"),
                        "a + or # stands for a whole level",
                    );
                }
                _ => levels.push(Level::Literal(part.to_owned())),
            }
        }
        // `+/#` matches what `#` matches: `#` stands for no level too, but no topic has none.
        if rest && levels == [Level::One] {
            levels.clear();
        }
        Ok(Self { levels, rest })
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let levels = self.levels.iter().map(|level| match level {
            Level::Literal(text) => text.as_str(),
            Level::One => "+",
        });
        let parts: Vec<&str> = levels.chain(self.rest.then_some("#")).collect();
        Quoted(&parts.join("/")).fmt(f)
    }
}
