//! Which function answers a request: [`RouteTable`] over what HTTP says of the request.

use std::collections::HashMap;

use http::Request;
use http::header::{HOST, HeaderValue};
use http::uri::Authority;
use tombolo_spec::trigger::{Found, Miss, Route, RouteTable, requested_host};

use crate::refusal::Refusal;

/// All routes of a cell, leading to functions by their index.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    all: RouteTable<usize>,
    /// Those of one app alone, for every host.
    of_apps: HashMap<Box<str>, RouteTable<usize>>,
}

impl Routes {
    /// Routes to functions at places in the cell's list, each with its app.
    pub(crate) fn new<'a>(routes: impl Iterator<Item = (&'a Route, &'a str, usize)> + Clone) -> Routes {
        let mut table = Routes::default();
        routes.clone().for_each(|(route, _, function)| table.all.add(route, function));
        // Of two that differ in nothing but the host the first one takes a call: the one that is for every host.
        let (for_every, for_some): (Vec<_>, Vec<_>) = routes.partition(|(route, ..)| route.host.is_none());
        for (route, app, function) in for_every.into_iter().chain(for_some) {
            let route = Route { host: None, ..route.clone() };
            table.of_apps.entry(app.into()).or_default().add(&route, function);
        }
        table
    }

    /// The function that answers `request`.
    pub(crate) fn find<B>(&self, request: &Request<B>) -> Result<Found<usize>, Refusal> {
        let host = host(request)?;
        self.all.find(request.method().as_str(), host, request.uri().path()).map_err(refusal)
    }

    /// The function of this app that answers `request`, whatever its host.
    pub(crate) fn find_of_app<B>(&self, app: &str, request: &Request<B>) -> Result<Found<usize>, Refusal> {
        let routes = self.of_apps.get(app).ok_or(Refusal::NoRoute)?;
        routes.find(request.method().as_str(), "", request.uri().path()).map_err(refusal)
    }
}

fn refusal(miss: Miss) -> Refusal {
    match miss {
        Miss::NoRoute => Refusal::NoRoute,
        Miss::AmbiguousPath => Refusal::BadRequest("a path that can be read in two ways"),
        Miss::Method(list) => match HeaderValue::try_from(list.join(", ")) {
            Ok(allow) => Refusal::MethodNotAllowed { allow },
            Err(_) => Refusal::NoRoute,
        },
    }
}

/// The host that the request is for.
fn host<B>(request: &Request<B>) -> Result<&str, Refusal> {
    let target = request.uri().authority().map(Authority::as_str);
    let fields = request.headers().get_all(HOST).iter().map(|field| field.to_str().ok());
    requested_host(target, fields).map_err(Refusal::BadRequest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_spec::Trigger;

    const ROUTES: [(&str, &str); 5] = [
        ("http GET /api/*", "a"),
        ("http GET example.com/api/*", "b"),
        ("http GET b.example/own", "b"),
        ("http GET /own", "b"),
        ("http GET b.example/hosted", "b"),
    ];

    fn find(method: &str, host: &str, path: &str) -> Result<usize, u16> {
        find_as(None, method, host, path)
    }

    fn find_as(app: Option<&str>, method: &str, host: &str, path: &str) -> Result<usize, u16> {
        let triggers = ROUTES.map(|(text, app)| (text.parse::<Trigger>().expect("a trigger"), app));
        let routes = triggers.iter().enumerate();
        let routes = Routes::new(routes.map(|(at, (line, app))| (line.route().expect("a route"), *app, at)));
        let request =
            Request::builder().method(method).uri(path).header(HOST, host).body(()).expect("a request");
        let found = app.map_or_else(|| routes.find(&request), |app| routes.find_of_app(app, &request));
        found.map(|found| found.target).map_err(|refusal| refusal.status().as_u16())
    }

    #[test]
    fn a_call_finds_the_routes_of_its_app_alone_whatever_the_host() {
        for host in ["x", "example.com", "b.example"] {
            assert_eq!(find_as(Some("a"), "GET", host, "/api/x"), Ok(0), "{host}");
            assert_eq!(find_as(Some("b"), "GET", host, "/api/x"), Ok(1), "{host}");
            assert_eq!(find_as(Some("a"), "GET", host, "/own"), Err(404), "{host}");
            assert_eq!(find_as(Some("b"), "GET", host, "/own"), Ok(3), "{host}");
            assert_eq!(find_as(Some("b"), "GET", host, "/hosted"), Ok(4), "{host}");
            assert_eq!(find_as(Some("b"), "PUT", host, "/own"), Err(405), "{host}");
            assert_eq!(find_as(Some("c"), "GET", host, "/own"), Err(404), "{host}");
        }
    }

    #[test]
    fn the_host_is_the_targets_or_else_the_fields() {
        assert_eq!(find("GET", "example.com", "/api/x"), Ok(1));
        assert_eq!(find("GET", "x", "http://example.com/api/x"), Ok(1));
        assert_eq!(find("GET", "x", "/api/x"), Ok(0));
    }

    #[test]
    fn what_no_route_takes_is_refused_with_the_reason() {
        assert_eq!(find("GET", "x", "/nothing"), Err(404));
        assert_eq!(find("PUT", "x", "/api/x"), Err(405));
        assert_eq!(find("GET", "x", "/api/../x"), Err(400));
    }
}
