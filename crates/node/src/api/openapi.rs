//! The API's own description (OpenAPI 3.1), made from the table of routes.

use std::rc::Rc;

use http::Request;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::Answer;
use super::routes::{Parts, Route, routes};
use crate::supervise::Node;

pub(super) async fn get(_: Rc<Node>, _: Parts, _: Request<Incoming>) -> Answer {
    super::json(&document())
}

/// The document, as it is committed in `docs/openapi.json`.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation(&route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tombolo node", "version": "1" },
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
        "paths": paths,
    })
}

fn operation(route: &Route) -> Value {
    let names = route.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    json!({
        "summary": route.summary,
        "x-role": route.needs.to_string(),
        "security": [{ "token": [] }],
        "parameters": parameters,
        "responses": {
            "200": { "description": "Done" },
            "default": { "description": "Not done: {\"error\": \"why\"}" },
        },
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_that_of_the_code() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let text = format!("{:#}\n", super::document());
        if std::env::var_os("TOMBOLO_UPDATE").is_some() {
            std::fs::write(path, &text).expect("written");
        }
        let committed = std::fs::read_to_string(path).expect("docs/openapi.json");
        assert_eq!(committed, text, "run this test with TOMBOLO_UPDATE=1, and look at what changed");
    }
}
