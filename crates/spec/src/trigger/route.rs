//! Routes: which requests an `http` trigger takes.

use crate::grant::{Host, HostPattern, Methods, PathPattern, Segment};
use std::cmp::Ordering;
use std::fmt;

/// `GET,POST api.example.com/api/*`: methods, hosts if not all are meant, and paths.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// Which methods.
    pub methods: Methods,
    /// Which hosts; `None` for every one, private or not.
    pub host: Option<HostPattern>,
    /// Which paths.
    pub path: PathPattern,
}

/// How narrow a route is. Of the routes that take a request the greatest wins, compared in this order:
///
/// 1. the host: a name or address, then `*.a.example.com`, then `*.example.com`, then none;
/// 2. the path, segment by segment: a literal, then `*`, then its end, then the `/*` at its end;
/// 3. the methods: a list, then `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    host: usize,
    path: Vec<u8>,
    methods: bool,
}

impl Route {
    /// True when the route takes this request; `host` is the `Host` field or `:authority`, `path` may have a query.
    pub fn matches(&self, method: &str, host: &str, path: &str) -> bool {
        self.methods.contains(method) && self.matches_host(host) && self.path.matches(path)
    }

    /// True when the route takes requests for this host, given as in a `Host` field.
    pub fn matches_host(&self, host: &str) -> bool {
        let Some(pattern) = &self.host else { return true };
        match without_port(host).parse() {
            Ok(Host::Name(name)) => pattern.names(&name),
            Ok(Host::Address(ip)) => pattern.names_address(ip),
            Err(_) => false,
        }
    }

    /// How narrow the route is.
    pub fn specificity(&self) -> Specificity {
        let host = match &self.host {
            None => 0,
            Some(HostPattern::Any) => 1,
            Some(HostPattern::Below(domain)) => 2 + domain.as_str().split('.').count(),
            Some(HostPattern::Addresses(range)) => 1000 + usize::from(range.prefix_len()),
            Some(HostPattern::Name(_)) => usize::MAX,
        };
        Specificity { host, path: ranks(&self.path), methods: self.methods != Methods::Any }
    }

    /// The order in which routes are tried: the most specific first.
    pub fn precedence(&self, other: &Self) -> Ordering {
        other.specificity().cmp(&self.specificity())
    }

    /// True when some request fits both and neither is more specific, so that no rule says which one takes it.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.methods.meet(&other.methods).is_some() && self.place() == other.place() && self.same_kind(other)
    }

    /// Host and path: routes that are equally specific and share a request have the same.
    pub(crate) const fn place(&self) -> (&Option<HostPattern>, &PathPattern) {
        (&self.host, &self.path)
    }

    fn same_kind(&self, other: &Self) -> bool {
        (self.methods == Methods::Any) == (other.methods == Methods::Any)
    }
}

fn ranks(path: &PathPattern) -> Vec<u8> {
    let rank = |segment: &Segment| if *segment == Segment::One { 2 } else { 3 };
    let end = if path.rest { 0 } else { 1 };
    path.segments.iter().map(rank).chain([end]).collect()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (name.ends_with(']') || !name.contains(':')) =>
        {
            name
        }
        _ => host,
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.methods)?;
        match &self.host {
            None => {}
            Some(host) => {
                let host = host.to_string();
                if host.contains([':', '/']) { write!(f, "[{host}]")? } else { f.write_str(&host)? }
            }
        }
        self.path.fmt(f)
    }
}
