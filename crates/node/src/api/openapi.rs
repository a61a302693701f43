//! The API's own description (OpenAPI 3.1), made from the table of routes.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::ApiError;
use super::call::{Call, Reply};
use super::routes::{Route, routes};
use super::types::Error;

pub(super) async fn get(_: Call) -> Result<Value, ApiError> {
    Ok(document())
}

/// The document, as it is committed in `docs/openapi.json`.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation(&route, &mut generator));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Tombolo node", "version": "1" },
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": generator.take_definitions(true),
        },
        "paths": paths,
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let (given, what) = (route.gives)(generator);
    let (failed, why) = Error::described(generator);
    let mut operation = json!({
        "summary": route.summary,
        "x-role": route.needs.to_string(),
        "security": [{ "token": [] }],
        "parameters": parameters(route),
        "responses": {
            "200": { "description": "Done", "content": { given: { "schema": what } } },
            "default": { "description": "Not done, and why", "content": { failed: { "schema": why } } },
        },
    });
    if let Some(taken) = (route.takes)(generator) {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": taken } } });
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let of = |place: &str, name: &str| json!({ "name": name, "in": place, "required": place == "path", "schema": { "type": "string" } });
    let names = route.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| of("path", name)).chain(route.keys.iter().map(|key| of("query", key))).collect()
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
