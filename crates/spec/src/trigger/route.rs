//! Routes: which requests an `http` trigger takes.

use crate::grant::{HostName, Methods, PathPattern, Segment, canonical_path};
use std::cmp::{Ordering, Reverse};
use std::fmt;

/// `http GET,POST api.example.com/api/*`: methods, a host if only one is meant, and a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Which methods.
    pub methods: Methods,
    /// Which host; `None` for every one.
    pub host: Option<HostName>,
    /// Which paths.
    pub path: PathPattern,
}

/// How narrow a route is; of the routes that take a request, the greatest wins.
///
/// In this order: a host before none; then the paths segment by segment, a literal before `*` and both before
/// the end of a `/*`; then a list of methods before `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    host: bool,
    path: Vec<u8>,
    methods: bool,
    fewest: Reverse<usize>,
}

impl Route {
    /// True when the route takes this request. The host may have a port and capitals.
    pub fn matches(&self, method: &str, host: &str, path: &str) -> bool {
        let host = host_without_port(host);
        self.methods.contains(method)
            && self.host.as_ref().is_none_or(|own| host.parse::<HostName>().is_ok_and(|host| host == *own))
            && canonical_path(path).is_ok_and(|path| self.path.matches_canonical(&path))
    }

    /// How narrow the route is.
    pub fn specificity(&self) -> Specificity {
        let (methods, fewest) = match &self.methods {
            Methods::Any => (false, Reverse(0)),
            Methods::These(list) => (true, Reverse(list.len())),
        };
        Specificity { host: self.host.is_some(), path: ranks(&self.path), methods, fewest }
    }

    /// The order in which routes are tried: the most specific first.
    pub fn precedence(&self, other: &Self) -> Ordering {
        other.specificity().cmp(&self.specificity())
    }

    /// True when some request fits both and neither is more specific, so that no rule says which one takes it.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.host == other.host
            && self.methods.meet(&other.methods).is_some()
            && self.path.meet(&other.path).is_some()
            && self.specificity() == other.specificity()
    }
}

fn ranks(path: &PathPattern) -> Vec<u8> {
    let mut ranks: Vec<u8> = path.segments.iter().map(|s| if *s == Segment::One { 2 } else { 3 }).collect();
    ranks.push(if path.rest { 0 } else { 1 });
    ranks
}

fn host_without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.contains(':') => name,
        _ => host,
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_ref().map_or("", HostName::as_str);
        write!(f, "{} {host}{}", self.methods, self.path)
    }
}
