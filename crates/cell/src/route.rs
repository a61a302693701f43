//! Which function answers a request: a tree over hosts and path segments, made when functions are loaded.
//!
//! The most specific route wins, in the order of [`tombolo_spec::trigger::Specificity`]: a host before a pattern of
//! hosts before none; then segment by segment a literal, `*`, the end, and last a `/*` that takes everything below;
//! then a list of methods before any.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use http::header::{HOST, HeaderValue};
use http::{Method, Request};
use tombolo_spec::grant::{HostPattern, Methods, PathPattern, Segment, canonical_path};
use tombolo_spec::trigger::Route;

use crate::refusal::Refusal;

/// All routes of a cell, leading to functions by their index.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    names: HashMap<Box<str>, Node>,
    /// Hosts by pattern, the most specific first.
    patterns: Vec<Hosts>,
    any_host: Node,
}

/// Routes for hosts of one pattern; the route is one of them, for the pattern alone.
#[derive(Debug)]
struct Hosts {
    pattern: Route,
    root: Node,
}

const ANY_PATH: PathPattern = PathPattern { segments: Vec::new(), rest: true };

/// The routes below one path.
#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    one: Option<Box<Node>>,
    /// Routes that end here; the narrowest methods first.
    end: Vec<Leaf>,
    /// Routes that take everything below.
    rest: Vec<Leaf>,
}

#[derive(Debug)]
struct Leaf {
    methods: Methods,
    found: Found,
}

/// The function that answers, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its index in the cell's list.
    pub(crate) function: usize,
    /// How many segments of the path the route spells out.
    pub(crate) prefix_segments: usize,
}

impl Routes {
    /// Adds a route to the function at `function` in the cell's list.
    pub(crate) fn add(&mut self, route: &Route, function: usize) {
        let root = match &route.host {
            None => &mut self.any_host,
            Some(HostPattern::Name(name)) => self.names.entry(name.as_str().into()).or_default(),
            Some(_) => self.pattern(route),
        };
        let node = route.path.segments.iter().fold(root, |node, segment| match segment {
            Segment::Literal(text) => node.literals.entry(text.as_str().into()).or_default(),
            Segment::One => node.one.get_or_insert_default(),
        });
        let leaves = if route.path.rest { &mut node.rest } else { &mut node.end };
        let found = Found { function, prefix_segments: route.path.segments.len() };
        leaves.push(Leaf { methods: route.methods.clone(), found });
        leaves.sort_by_key(|leaf| leaf.methods == Methods::Any);
    }

    fn pattern(&mut self, route: &Route) -> &mut Node {
        let pattern = Route { methods: Methods::Any, host: route.host.clone(), path: ANY_PATH };
        let at = match self.patterns.iter().position(|hosts| hosts.pattern == pattern) {
            Some(known) => known,
            None => {
                let at = self.patterns.partition_point(|hosts| hosts.pattern.precedence(&pattern).is_le());
                self.patterns.insert(at, Hosts { pattern, root: Node::default() });
                at
            }
        };
        &mut self.patterns[at].root
    }

    /// The function that answers `request`.
    pub(crate) fn find<B>(&self, request: &Request<B>) -> Result<Found, Refusal> {
        let host = host(request)?;
        let path = plain_path(request.uri().path())?;
        let Some(below_root) = path.strip_prefix('/') else { return Err(Refusal::NoRoute) };
        let mut search = Search { method: request.method(), allow: BTreeSet::new() };
        let mut roots = self.roots(host);
        match roots.find_map(|root| search.descend(root, Some(below_root))) {
            Some(found) => Ok(found),
            None => Err(search.refusal()),
        }
    }

    /// The trees that hold routes for `host`, the most specific first.
    fn roots(&self, host: &str) -> impl Iterator<Item = &Node> {
        let own = if self.names.is_empty() { None } else { self.names.get(&*host_name(host)) };
        let patterns = self.patterns.iter().filter(move |hosts| hosts.pattern.matches_host(host));
        own.into_iter().chain(patterns.map(|hosts| &hosts.root)).chain([&self.any_host])
    }
}

/// Looks for a route, and remembers which methods would have had one.
struct Search<'a> {
    method: &'a Method,
    allow: BTreeSet<String>,
}

impl Search<'_> {
    /// `path` is what follows the slash after this node, or `None` at the end.
    fn descend(&mut self, node: &Node, path: Option<&str>) -> Option<Found> {
        let Some(path) = path else { return self.choose(&node.end) };
        let (segment, below) = match path.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (path, None),
        };
        if let Some(child) = node.literals.get(segment)
            && let Some(found) = self.descend(child, below)
        {
            return Some(found);
        }
        if let Some(child) = &node.one
            && !segment.is_empty()
            && !segment.contains("%2F")
            && let Some(found) = self.descend(child, below)
        {
            return Some(found);
        }
        self.choose(&node.rest)
    }

    /// A route for GET answers HEAD as well (RFC 9110, section 9.3.2).
    fn choose(&mut self, leaves: &[Leaf]) -> Option<Found> {
        let as_get = *self.method == Method::HEAD;
        let takes = |leaf: &&Leaf| {
            leaf.methods.contains(self.method.as_str())
                || as_get && leaf.methods.contains(Method::GET.as_str())
        };
        if let Some(leaf) = leaves.iter().find(takes) {
            return Some(leaf.found);
        }
        for leaf in leaves {
            if let Methods::These(list) = &leaf.methods {
                self.allow.extend(list.iter().cloned());
            }
        }
        None
    }

    fn refusal(mut self) -> Refusal {
        if self.allow.is_empty() {
            return Refusal::NoRoute;
        }
        if self.allow.contains("GET") {
            self.allow.insert("HEAD".into());
        }
        let list = self.allow.into_iter().collect::<Vec<_>>().join(", ");
        match HeaderValue::try_from(list) {
            Ok(allow) => Refusal::MethodNotAllowed { allow },
            Err(_) => Refusal::NoRoute,
        }
    }
}

/// The host that the request is for: the target's, or else the one `Host` field (RFC 9112, section 3.2).
fn host<B>(request: &Request<B>) -> Result<&str, Refusal> {
    let mut fields = request.headers().get_all(HOST).iter();
    let (field, second) = (fields.next(), fields.next());
    if second.is_some() {
        return Err(Refusal::BadRequest("more than one Host"));
    }
    match (request.uri().authority(), field) {
        (Some(authority), _) => Ok(authority.as_str()),
        (None, Some(field)) => field.to_str().map_err(|_| Refusal::BadRequest("Host is not text")),
        (None, None) => Err(Refusal::BadRequest("no Host")),
    }
}

/// A host without its port, in lower case.
fn host_name(host: &str) -> Cow<'_, str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The path in its one canonical spelling. Most paths have no other, which is quickly seen.
fn plain_path(path: &str) -> Result<Cow<'_, str>, Refusal> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'~');
    if path.bytes().all(is_plain) {
        return Ok(Cow::Borrowed(path));
    }
    canonical_path(path).map_err(|_| Refusal::BadRequest("a path that can be read in two ways"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_spec::Trigger;

    const ROUTES: [&str; 11] = [
        "http GET /",
        "http GET /api/*",
        "http POST /api/*",
        "http * /api/v1/*/items",
        "http GET /api/v1/mine/items",
        "http GET example.com/api/*",
        "http GET *.example.com/api/*",
        "http GET *.a.example.com/api/*",
        "http * /files/*",
        "http PUT,POST /only",
        "http GET /only",
    ];

    fn find(method: &str, host: &str, path: &str) -> Result<&'static str, u16> {
        let mut routes = Routes::default();
        for (index, text) in ROUTES.iter().enumerate() {
            let trigger: Trigger = text.parse().expect("a trigger");
            routes.add(trigger.route().expect("a route"), index);
        }
        let request =
            Request::builder().method(method).uri(path).header(HOST, host).body(()).expect("a request");
        routes.find(&request).map(|found| ROUTES[found.function]).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn the_most_specific_route_wins() {
        assert_eq!(find("GET", "x", "/"), Ok("http GET /"));
        assert_eq!(find("GET", "x", "/api/"), Ok("http GET /api/*"));
        assert_eq!(find("GET", "x", "/api/v1/mine/items"), Ok("http GET /api/v1/mine/items"));
        assert_eq!(find("GET", "x", "/api/v1/yours/items"), Ok("http * /api/v1/*/items"));
        assert_eq!(find("PUT", "x", "/api/v1/mine/items"), Ok("http * /api/v1/*/items"));
        assert_eq!(find("GET", "x", "/api/v1/mine/others"), Ok("http GET /api/*"));
        assert_eq!(find("GET", "x", "/only"), Ok("http GET /only"));
        assert_eq!(find("POST", "x", "/only"), Ok("http PUT,POST /only"));
    }

    #[test]
    fn a_host_comes_before_none_whatever_its_spelling() {
        for host in ["example.com", "EXAMPLE.com:8080", "example.com."] {
            assert_eq!(find("GET", host, "/api/x"), Ok("http GET example.com/api/*"), "{host}");
        }
        assert_eq!(find("POST", "example.com", "/api/x"), Ok("http POST /api/*"));
        assert_eq!(find("GET", "http://example.com", "/api/x"), Ok("http GET /api/*"));
    }

    #[test]
    fn the_narrower_pattern_of_hosts_comes_first() {
        assert_eq!(find("GET", "x.example.com", "/api/x"), Ok("http GET *.example.com/api/*"));
        assert_eq!(find("GET", "x.a.example.com", "/api/x"), Ok("http GET *.a.example.com/api/*"));
    }

    #[test]
    fn what_no_route_takes_is_refused_with_the_reason() {
        assert_eq!(find("GET", "x", "/api"), Err(404));
        assert_eq!(find("GET", "x", "/nothing"), Err(404));
        assert_eq!(find("PUT", "x", "/api/x"), Err(405));
        assert_eq!(find("CONNECT", "x", "/files/x"), Err(404));
    }

    #[test]
    fn a_get_route_takes_head() {
        assert_eq!(find("HEAD", "x", "/only"), Ok("http GET /only"));
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_malformed() {
        for path in ["/files/../api/x", "/files/%2e%2e/api", "/files/a%5cb"] {
            assert_eq!(find("GET", "x", path), Err(400), "{path}");
        }
        assert_eq!(find("GET", "x", "/files/a.b%20c"), Ok("http * /files/*"));
    }
}
