//! Which function answers a request: [`RouteTable`] over what HTTP says of the request.

use http::Request;
use http::header::{HOST, HeaderValue};
use http::uri::Authority;
use tombolo_spec::trigger::{Found, Miss, Route, RouteTable, requested_host};

use crate::refusal::Refusal;

/// All routes of a cell, leading to functions by their index.
#[derive(Debug, Default)]
pub(crate) struct Routes(RouteTable<usize>);

impl Routes {
    /// Adds a route to the function at `function` in the cell's list.
    pub(crate) fn add(&mut self, route: &Route, function: usize) {
        self.0.add(route, function);
    }

    /// The function that answers `request`.
    pub(crate) fn find<B>(&self, request: &Request<B>) -> Result<Found<usize>, Refusal> {
        let host = host(request)?;
        self.0.find(request.method().as_str(), host, request.uri().path()).map_err(refusal)
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

    fn find(method: &str, host: &str, path: &str) -> Result<usize, u16> {
        let mut routes = Routes::default();
        for (index, text) in ["http GET /api/*", "http GET example.com/api/*"].iter().enumerate() {
            let trigger: Trigger = text.parse().expect("a trigger");
            routes.add(trigger.route().expect("a route"), index);
        }
        let request =
            Request::builder().method(method).uri(path).header(HOST, host).body(()).expect("a request");
        routes.find(&request).map(|found| found.target).map_err(|refusal| refusal.status().as_u16())
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
