//! Schedules of `cron` triggers, in UTC.

use crate::invalid::Invalid;
use std::fmt;
use std::str::FromStr;

/// Five fields: minute, hour, day of month, month, day of week, as POSIX `crontab` reads them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cron {
    text: String,
    /// The set values of each field as bits.
    fields: [u64; 5],
}

struct Field {
    name: &'static str,
    min: u8,
    max: u8,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", min: 0, max: 59, names: &[] },
    Field { name: "hour", min: 0, max: 23, names: &[] },
    Field { name: "day of month", min: 1, max: 31, names: &[] },
    Field {
        name: "month",
        min: 1,
        max: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    Field { name: "day of week", min: 0, max: 7, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

impl Cron {
    /// The minutes (0–59) as bits.
    pub const fn minutes(&self) -> u64 {
        self.fields[0]
    }

    /// The hours (0–23) as bits.
    pub const fn hours(&self) -> u64 {
        self.fields[1]
    }

    /// The days of the month (1–31) as bits.
    pub const fn days(&self) -> u64 {
        self.fields[2]
    }

    /// The months (1–12) as bits.
    pub const fn months(&self) -> u64 {
        self.fields[3]
    }

    /// The days of the week (0 is Sunday, to 6) as bits.
    pub const fn weekdays(&self) -> u64 {
        self.fields[4]
    }

    /// True when a day must fit one of both day fields, false when it must fit both: either is enough when
    /// neither field starts with `*` (POSIX `crontab`, and Vixie cron for `*/2`).
    pub fn either_day(&self) -> bool {
        let starts = |i: usize| self.text.split(' ').nth(i).is_some_and(|field| field.starts_with('*'));
        !starts(2) && !starts(4)
    }
}

impl FromStr for Cron {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
        if parts.len() != FIELDS.len() {
            let what = format!("a schedule has 5 fields, this has {}", parts.len());
            let remedy = "write minute, hour, day of month, month and day of week, e.g. 0 3 * * *";
            return Err(Invalid::new(what, remedy));
        }
        let mut fields = [0; 5];
        for ((field, part), bits) in FIELDS.iter().zip(&parts).zip(&mut fields) {
            *bits = field.read(part)?;
        }
        // Sunday is 0 and 7.
        fields[4] = (fields[4] | (fields[4] >> 7)) & 0x7f;
        let cron = Self { text: parts.join(" "), fields };
        if !cron.happens() {
            let remedy = "write a day that one of the months has";
            return Err(Invalid::new("a day that none of its months has", remedy));
        }
        Ok(cron)
    }
}

impl Cron {
    /// What is wrong with one field, if anything, so that an error can point at it.
    pub(super) fn field_fault(index: usize, text: &str) -> Option<Invalid> {
        FIELDS.get(index)?.read(&text.to_ascii_lowercase()).err()
    }

    fn happens(&self) -> bool {
        const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let first = self.days().trailing_zeros();
        let fits = |month: usize| self.months() >> (month + 1) & 1 == 1 && first <= DAYS[month];
        self.either_day() || (0..12).any(fits)
    }
}

impl Field {
    fn read(&self, part: &str) -> Result<u64, Invalid> {
        part.split(',').try_fold(0, |bits, item| Ok(bits | self.item(item)?))
    }

    fn item(&self, item: &str) -> Result<u64, Invalid> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, self.step(item, step)?),
            None => (item, 1),
        };
        let (low, high) = match range.split_once('-') {
            _ if range == "*" => (self.min, if self.max == 7 { 6 } else { self.max }),
            Some((low, high)) => (self.value(item, low)?, self.value(item, high)?),
            None if item.contains('/') => (self.value(item, range)?, self.max),
            None => (self.value(item, range)?, self.value(item, range)?),
        };
        if low > high {
            return Err(self.fault(item));
        }
        Ok((low..=high).step_by(step).fold(0, |bits, value| bits | 1 << value))
    }

    fn step(&self, item: &str, step: &str) -> Result<usize, Invalid> {
        let number = plain_number(step).filter(|n| (1..=self.max).contains(n));
        number.map(usize::from).ok_or_else(|| self.fault(item))
    }

    fn value(&self, item: &str, text: &str) -> Result<u8, Invalid> {
        let named = self.names.iter().position(|name| *name == text);
        let named = named.and_then(|i| u8::try_from(i).ok()).map(|i| i + self.min);
        let value = named.or_else(|| plain_number(text));
        value.filter(|n| (self.min..=self.max).contains(n)).ok_or_else(|| self.fault(item))
    }

    fn fault(&self, item: &str) -> Invalid {
        Invalid::new(
            format!("{item:?} is no {}", self.name),
            format!("write {} to {}, a range 1-5, a step */5, or *", self.min, self.max),
        )
    }
}

fn plain_number(text: &str) -> Option<u8> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
