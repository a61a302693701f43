//! Many grants together.

use super::{Grant, HostPath, Request};
use std::fmt;
use std::sync::Arc;

/// The name of a grant within its set: the place for tables, the text for people and logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId {
    index: u32,
    text: Arc<str>,
}

impl GrantId {
    /// The place of the grant in its set, from 0; dense, so that a table can be an array.
    pub const fn index(&self) -> usize {
        self.index as usize
    }

    /// The grant's canonical text: the same in every set, revision and machine.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Grants in the order they were written, each once. A set permits what one of its grants permits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantSet {
    grants: Vec<(GrantId, Grant)>,
}

impl GrantSet {
    /// A set of these grants; a repeated one counts once.
    pub fn new(grants: impl IntoIterator<Item = Grant>) -> Self {
        let mut set = Self::default();
        set.extend(grants);
        set
    }

    /// The number of grants.
    pub fn len(&self) -> usize {
        self.grants.len()
    }

    /// True when nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// The grants with their ids, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&GrantId, &Grant)> {
        self.grants.iter().map(|(id, grant)| (id, grant))
    }

    /// The grant at a place.
    pub fn get(&self, index: usize) -> Option<(&GrantId, &Grant)> {
        self.grants.get(index).map(|(id, grant)| (id, grant))
    }

    /// The first grant that permits this access.
    pub fn find(&self, request: &Request<'_>) -> Option<&GrantId> {
        self.grants.iter().find(|(_, grant)| grant.permits(request)).map(|(id, _)| id)
    }

    /// True when one of the grants permits this access.
    pub fn permits(&self, request: &Request<'_>) -> bool {
        self.find(request).is_some()
    }

    /// True when the set permits all that `other` permits.
    pub fn covers(&self, other: &Self) -> bool {
        self.uncovered(other).is_empty()
    }

    /// The grants of `self` that `ceiling` does not cover, whole as they were written.
    pub fn uncovered_by(&self, ceiling: &Self) -> Self {
        ceiling.uncovered(self)
    }

    /// What both sets permit: each grant of `self` against each of `other`, in the order of `self`.
    pub fn meet(&self, other: &Self) -> Self {
        let mut met: Vec<Grant> = Vec::new();
        for (_, own) in &self.grants {
            for (_, theirs) in &other.grants {
                met.extend(own.meet(theirs));
            }
        }
        Self::new(met)
    }

    /// The set with relative folders made absolute.
    pub fn resolve(&self, base: &HostPath) -> Self {
        Self::new(self.grants.iter().map(|(_, grant)| grant.resolve(base)))
    }

    fn uncovered(&self, asked: &Self) -> Self {
        let open = |grant: &&Grant| !self.grants.iter().any(|(_, own)| own.covers(grant));
        Self::new(asked.grants.iter().map(|(_, grant)| grant).filter(open).cloned())
    }
}

impl Extend<Grant> for GrantSet {
    fn extend<I: IntoIterator<Item = Grant>>(&mut self, grants: I) {
        for grant in grants {
            if self.grants.iter().any(|(_, own)| *own == grant) {
                continue;
            }
            let index = u32::try_from(self.grants.len()).unwrap_or(u32::MAX);
            self.grants.push((GrantId { index, text: grant.to_string().into() }, grant));
        }
    }
}

impl FromIterator<Grant> for GrantSet {
    fn from_iter<I: IntoIterator<Item = Grant>>(grants: I) -> Self {
        Self::new(grants)
    }
}

impl fmt::Display for GrantSet {
    /// One grant a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, _) in &self.grants {
            writeln!(f, "{id}")?;
        }
        Ok(())
    }
}
