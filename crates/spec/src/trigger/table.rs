//! Which of many routes takes a request: a tree over hosts and path segments.

use super::Route;
use crate::grant::{HostPattern, Methods, PathPattern, Segment, canonical_path};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// Routes, each leading to a `T`. The most specific one wins, in the order of [`Specificity`](super::Specificity): a
/// host before a pattern of hosts before none; then segment by segment a literal, `*`, the end, and last a `/*` that
/// takes everything below; then a list of methods before any.
#[derive(Debug)]
pub struct RouteTable<T> {
    names: HashMap<Box<str>, Node<T>>,
    /// Hosts by pattern, the most specific first.
    patterns: Vec<Hosts<T>>,
    any_host: Node<T>,
}

/// What a route leads to, and how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<T> {
    /// What was added with the route.
    pub target: T,
    /// How many segments of the path the route spells out.
    pub prefix_segments: usize,
}

/// Why no route takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// None is for this host and path.
    NoRoute,
    /// Some are, but not for this method; these they take, each once and sorted.
    Method(Vec<String>),
    /// The path can be read in two ways.
    AmbiguousPath,
}

/// Routes for hosts of one pattern; the route is one of them, for the pattern alone.
#[derive(Debug)]
struct Hosts<T> {
    pattern: Route,
    root: Node<T>,
}

const ANY_PATH: PathPattern = PathPattern { segments: Vec::new(), rest: true };

/// The routes below one path.
#[derive(Debug)]
struct Node<T> {
    literals: HashMap<Box<str>, Node<T>>,
    one: Option<Box<Node<T>>>,
    /// Routes that end here; the narrowest methods first.
    end: Vec<Leaf<T>>,
    /// Routes that take everything below.
    rest: Vec<Leaf<T>>,
}

#[derive(Debug)]
struct Leaf<T> {
    methods: Methods,
    found: Found<T>,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self { names: HashMap::new(), patterns: Vec::new(), any_host: Node::default() }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { literals: HashMap::new(), one: None, end: Vec::new(), rest: Vec::new() }
    }
}

impl<T: Copy> RouteTable<T> {
    /// Adds a route that leads to `target`.
    pub fn add(&mut self, route: &Route, target: T) {
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
        let found = Found { target, prefix_segments: route.path.segments.len() };
        leaves.push(Leaf { methods: route.methods.clone(), found });
        leaves.sort_by_key(|leaf| leaf.methods == Methods::Any);
    }

    fn pattern(&mut self, route: &Route) -> &mut Node<T> {
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

    /// The route that takes a request; `host` is as in a `Host` field, `path` without a query.
    pub fn find(&self, method: &str, host: &str, path: &str) -> Result<Found<T>, Miss> {
        let path = plain_path(path)?;
        let Some(below_root) = path.strip_prefix('/') else { return Err(Miss::NoRoute) };
        let mut search = Search { method, allow: BTreeSet::new() };
        let mut roots = self.roots(host);
        match roots.find_map(|root| search.descend(root, Some(below_root))) {
            Some(found) => Ok(found),
            None => Err(search.miss()),
        }
    }

    /// The trees that hold routes for `host`, the most specific first.
    fn roots(&self, host: &str) -> impl Iterator<Item = &Node<T>> {
        let own = if self.names.is_empty() { None } else { self.names.get(&*host_name(host)) };
        let patterns = self.patterns.iter().filter(move |hosts| hosts.pattern.matches_host(host));
        own.into_iter().chain(patterns.map(|hosts| &hosts.root)).chain([&self.any_host])
    }
}

/// Looks for a route, and remembers which methods would have had one.
struct Search<'a> {
    method: &'a str,
    allow: BTreeSet<String>,
}

impl Search<'_> {
    /// `path` is what follows the slash after this node, or `None` at the end.
    fn descend<T: Copy>(&mut self, node: &Node<T>, path: Option<&str>) -> Option<Found<T>> {
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
    fn choose<T: Copy>(&mut self, leaves: &[Leaf<T>]) -> Option<Found<T>> {
        let as_get = self.method == "HEAD";
        let takes =
            |leaf: &&Leaf<T>| leaf.methods.contains(self.method) || as_get && leaf.methods.contains("GET");
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

    fn miss(mut self) -> Miss {
        if self.allow.is_empty() {
            return Miss::NoRoute;
        }
        if self.allow.contains("GET") {
            self.allow.insert("HEAD".into());
        }
        Miss::Method(self.allow.into_iter().collect())
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
fn plain_path(path: &str) -> Result<Cow<'_, str>, Miss> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'~');
    if path.bytes().all(is_plain) {
        return Ok(Cow::Borrowed(path));
    }
    canonical_path(path).map_err(|_| Miss::AmbiguousPath)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Trigger;

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

    fn find(method: &str, host: &str, path: &str) -> Result<&'static str, Miss> {
        let mut routes = RouteTable::default();
        for (index, text) in ROUTES.iter().enumerate() {
            let trigger: Trigger = text.parse().expect("a trigger");
            routes.add(trigger.route().expect("a route"), index);
        }
        routes.find(method, host, path).map(|found| ROUTES[found.target])
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
    }

    #[test]
    fn the_narrower_pattern_of_hosts_comes_first() {
        assert_eq!(find("GET", "x.example.com", "/api/x"), Ok("http GET *.example.com/api/*"));
        assert_eq!(find("GET", "x.a.example.com", "/api/x"), Ok("http GET *.a.example.com/api/*"));
    }

    #[test]
    fn what_no_route_takes_is_refused_with_the_reason() {
        assert_eq!(find("GET", "x", "/api"), Err(Miss::NoRoute));
        assert_eq!(find("GET", "x", "/nothing"), Err(Miss::NoRoute));
        let takes = ["GET", "HEAD", "POST"].map(str::to_owned).to_vec();
        assert_eq!(find("PUT", "x", "/api/x"), Err(Miss::Method(takes)));
        assert_eq!(find("CONNECT", "x", "/files/x"), Err(Miss::NoRoute));
    }

    #[test]
    fn a_get_route_takes_head() {
        assert_eq!(find("HEAD", "x", "/only"), Ok("http GET /only"));
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_malformed() {
        for path in ["/files/../api/x", "/files/%2e%2e/api", "/files/a%5cb"] {
            assert_eq!(find("GET", "x", path), Err(Miss::AmbiguousPath), "{path}");
        }
        assert_eq!(find("GET", "x", "/files/a.b%20c"), Ok("http * /files/*"));
    }
}
