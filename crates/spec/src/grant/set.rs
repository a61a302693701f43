//! Many grants together.

use super::permits::Asked;
use super::{Grant, HostPath, Request, union};
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
///
/// `Debug` prints the list of lines.
#[derive(Clone, PartialEq, Eq, Default)]
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

    /// The grants alone, in order.
    pub fn grants(&self) -> impl ExactSizeIterator<Item = &Grant> {
        self.grants.iter().map(|(_, grant)| grant)
    }

    /// The grant at a place.
    pub fn get(&self, index: usize) -> Option<(&GrantId, &Grant)> {
        self.grants.get(index).map(|(id, grant)| (id, grant))
    }

    /// The first grant that permits this access.
    pub fn find(&self, request: &Request<'_>) -> Option<&GrantId> {
        let asked = Asked::new(request);
        self.grants.iter().find(|(_, grant)| grant.permits_asked(&asked)).map(|(id, _)| id)
    }

    /// Like [`Self::find`] for a request whose name is resolved: a grant that names the address itself permits it
    /// too, if the name is granted as well.
    ///
    /// So `http GET https://app.corp.example/*` and `http GET https://[10.0.0.0/8]/*` together reach a private
    /// address under a public name, which neither does alone.
    pub fn find_resolved(&self, request: &Request<'_>) -> Option<&GrantId> {
        self.find(request).or_else(|| {
            let named = match *request {
                Request::Http { method, scheme, host, port, path, .. } => {
                    self.permits(&Request::Http { method, scheme, host, addr: None, port, path })
                }
                _ => true,
            };
            named.then(|| request.at_its_address(|direct| self.find(direct))).flatten()
        })
    }

    /// True when one of the grants permits this access.
    pub fn permits(&self, request: &Request<'_>) -> bool {
        self.find(request).is_some()
    }

    /// True when the set permits all that `other` permits; see [`Self::uncovered_by`].
    pub fn covers(&self, other: &Self) -> bool {
        other.uncovered_by(self).is_empty()
    }

    /// The grants of `self` that `ceiling` does not cover, whole as they were written.
    ///
    /// Never leaves out a grant that permits more than the ceiling does. Methods and ports may be covered by
    /// several grants of the ceiling together; hosts, ranges, paths and topics must be covered by one.
    pub fn uncovered_by(&self, ceiling: &Self) -> Self {
        let open = |grant: &&Grant| !union::covers(&ceiling.grants, grant);
        Self::new(self.grants().filter(open).cloned())
    }

    /// What both sets permit, in the order of `self`; a grant that another one of the result makes needless is
    /// left out.
    pub fn meet(&self, other: &Self) -> Self {
        let pairs = self.grants().flat_map(|own| other.grants().map(move |theirs| own.meet(theirs)));
        Self::new(union::without_needless(pairs.flatten().collect()))
    }

    /// The set with relative folders made absolute.
    pub fn resolve(&self, base: &HostPath) -> Self {
        Self::new(self.grants().map(|grant| grant.resolve(base)))
    }
}

impl Extend<Grant> for GrantSet {
    fn extend<I: IntoIterator<Item = Grant>>(&mut self, grants: I) {
        for grant in grants {
            if self.grants().any(|own| *own == grant) {
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

impl fmt::Debug for GrantSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.grants()).finish()
    }
}

impl fmt::Display for GrantSet {
    /// One grant a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.grants.iter().try_for_each(|(id, _)| writeln!(f, "{id}"))
    }
}
