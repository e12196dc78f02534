//! The API's description: OpenAPI 3.1 from the handlers and the types they answer with, at
//! `/openapi.json`; committed as `docs/openapi.json`, and a test says when the two differ.
//!
//! What all operations share is added here: every refusal is one of the problems of [`problem`], and
//! which status an operation may be refused with follows from what it takes.

pub(crate) mod schema;
mod streams;

use axum::Json;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::error::{ApiError, OrFault};
use crate::{problem, routes, sse};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Beatreel",
        description = "A song and a sentence in, a music video that is cut on the beat out. Refusals are \
                       `application/problem+json` (RFC 9457)."
    ),
    paths(
        routes::upload::upload,
        routes::quotes::quote,
        routes::jobs::list,
        routes::jobs::show,
        routes::cancel::cancel,
        routes::download::download,
        routes::fork::fork,
        routes::versions::list,
        routes::versions::select,
        streams::stream,
        streams::many,
        sse::history::events,
        routes::stream_ticket::issue,
        routes::webhooks::log,
        routes::webhooks::resend,
        routes::webhooks::secret,
        routes::webhooks::rotate,
        routes::files::file,
        routes::films::part,
        routes::films::output,
        routes::films::output_of_shape,
        routes::health::health,
        routes::health::livez,
        routes::health::readyz,
        routes::metrics::metrics,
    ),
    components(schemas(schema::Problem))
)]
struct Description;

/// The description as JSON.
fn description() -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(Description::openapi())?;
    if let Some(components) = member(&mut document, "components") {
        components.insert(
            "securitySchemes".to_owned(),
            json!({ "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } }),
        );
        let refusals = problem::ALL.iter().map(|kind| kind.status.as_u16());
        let refusals = refusals.map(|status| (status.to_string(), refusal(status)));
        components.insert("responses".to_owned(), refusals.collect());
        for (name, schema) in member_of(components, "schemas")
            .into_iter()
            .flat_map(Map::iter_mut)
        {
            require_all(name, schema);
        }
    }
    let paths = member(&mut document, "paths").into_iter();
    for (path, operations) in paths.flat_map(Map::iter_mut) {
        let operations = operations.as_object_mut().into_iter();
        for (_, operation) in operations.flat_map(Map::iter_mut) {
            add_refusals(path, operation);
        }
    }
    Ok(document)
}

fn member<'a>(document: &'a mut Value, name: &str) -> Option<&'a mut Map<String, Value>> {
    document.get_mut(name)?.as_object_mut()
}

fn member_of<'a>(
    parent: &'a mut Map<String, Value>,
    name: &str,
) -> Option<&'a mut Map<String, Value>> {
    parent.get_mut(name)?.as_object_mut()
}

/// Answers write every field, also one that is null; forms and problems do not.
fn require_all(name: &str, schema: &mut Value) {
    let left_out: &[&str] = match name {
        "Upload" | "QuoteRequest" | "ForkRequest" | "Problem" => return,
        "JobView" => &["queue", "film"],
        "Health" => &["issues"],
        _ => &[],
    };
    let Some(fields) = member(schema, "properties") else {
        return;
    };
    let required: Vec<_> = fields
        .keys()
        .filter(|field| !left_out.contains(&field.as_str()))
        .collect();
    let required = json!(required);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("required".to_owned(), required);
    }
}

/// What an answer of this status says: all its problems, one a line.
fn refusal(status: u16) -> Value {
    let kinds = problem::ALL
        .iter()
        .filter(|kind| kind.status.as_u16() == status);
    let lines = kinds.map(|kind| format!("`{}`: {}.", kind.slug, kind.title));
    let description = lines.collect::<Vec<_>>().join("\n");
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": schema } },
    })
}

fn add_refusals(path: &str, operation: &mut Value) {
    // What any request may meet: a path too long, too much of a header, and faults of ours.
    let mut statuses = vec![400, 405, 408, 414, 431, 500, 503];
    if operation.get("security").is_some() {
        statuses.extend([401, 429]);
    }
    if path.contains('{') {
        statuses.push(404);
    }
    let has_query = operation.get("parameters").is_some_and(|parameters| {
        let parameters = parameters.as_array().into_iter().flatten();
        parameters
            .into_iter()
            .any(|one| one.get("in") == Some(&json!("query")))
    });
    if has_query {
        statuses.push(422);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([413, 415, 422]);
    }
    let own: &[u16] = match operation.get("operationId").and_then(Value::as_str) {
        Some("uploadAudio") => &[402, 409],
        Some("cancelJob") => &[409],
        Some("forkJob") => &[409, 410],
        Some("selectVersion") => &[422],
        Some("getDownload") => &[410],
        Some("streamJobs") => &[404],
        Some("getFile" | "getFilmOutput" | "getShapedFilmOutput") => &[403, 416, 429],
        Some("getFilmPart") => &[403, 429],
        _ => &[],
    };
    statuses.extend(own);
    let Some(responses) = member(operation, "responses") else {
        return;
    };
    for status in statuses {
        let reference = json!({ "$ref": format!("#/components/responses/{status}") });
        responses.entry(status.to_string()).or_insert(reference);
    }
}

/// `GET /openapi.json`.
pub(crate) async fn serve() -> Result<Response, ApiError> {
    let document = description().or_internal("describing the API")?;
    let mut response = Json(document).into_response();
    let headers = response.headers_mut();
    let kept = HeaderValue::from_static("public, max-age=300");
    headers.insert(header::CACHE_CONTROL, kept);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_committed_description_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let mut described = serde_json::to_string_pretty(&description().unwrap()).unwrap();
        described.push('\n');
        if committed != described {
            std::fs::write(path, described).unwrap();
            panic!("docs/openapi.json was stale and has been written anew: look at it, commit it");
        }
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        // Pages, and what only development has.
        let left_out = [
            "/problems/{slug}",
            "/openapi.json",
            "/docs",
            "/api/v1/dev/token",
        ];
        let source = include_str!("app.rs");
        let mut routes = BTreeSet::new();
        for part in source.split(".route(").skip(1) {
            let path = part.split('"').nth(1).unwrap();
            let at_root = [
                "/livez",
                "/readyz",
                "/problems",
                "/openapi",
                "/docs",
                "/metrics",
            ];
            let nested = !at_root.iter().any(|root| path.starts_with(root));
            let prefix = if nested { "/api/v1" } else { "" };
            routes.insert(format!("{prefix}{path}").replace("{*", "{"));
        }
        for path in left_out {
            routes.remove(path);
        }
        let document = description().unwrap();
        let described: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(
            described, routes,
            "describe new routes with #[utoipa::path] and list them above"
        );
    }

    #[test]
    fn every_operation_has_a_name_and_says_how_it_refuses() {
        let document = description().unwrap();
        let operations = document["paths"].as_object().unwrap().values();
        let operations: Vec<_> = operations
            .flat_map(|path| path.as_object().unwrap().values())
            .collect();
        let names: BTreeSet<_> = operations
            .iter()
            .map(|one| one["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), operations.len());
        for operation in operations {
            assert!(operation["responses"].get("500").is_some(), "{operation}");
        }
        assert_eq!(document["openapi"], "3.1.0");
    }
}
