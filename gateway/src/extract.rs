//! What handlers take from a request, checked on the way in.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header;
use axum::http::request::Parts;
use model::JobId;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::error::ApiError;

/// The job of the path. A text that is no id is a job that does not exist.
pub(crate) struct JobPath(pub(crate) JobId);

impl FromRequestParts<App> for JobPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::JobNotFound)?;
        text.parse().map(Self).map_err(|_| ApiError::JobNotFound)
    }
}

/// A small JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// Bytes that a JSON body may have.
const LARGEST_JSON: usize = 16 * 1024;

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &App) -> Result<Self, ApiError> {
        let media_type = request.headers().get(header::CONTENT_TYPE);
        let is_json = media_type
            .and_then(|value| value.to_str().ok()?.split(';').next())
            .is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(ApiError::UnsupportedMediaType(
                "the body must be application/json",
            ));
        }
        let body = axum::body::to_bytes(request.into_body(), LARGEST_JSON)
            .await
            .map_err(|error| ApiError::InvalidRequest(error.to_string()))?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| ApiError::InvalidRequest(error.to_string()))
    }
}

/// The parameters of the query, by name; a name that is repeated is refused.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The value of `name`, if given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The number `name` within `range`, or `default`.
    pub(crate) fn number(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> Result<u32, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| ApiError::InvalidField {
                field: name,
                detail: format!(
                    "{name} must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ),
            })
    }
}

impl FromRequestParts<App> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let axum::extract::Query(pairs) =
            axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, app)
                .await
                .map_err(|rejection| ApiError::InvalidRequest(rejection.body_text()))?;
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs.iter().skip(index + 1).any(|(other, _)| other == name) {
                return Err(ApiError::InvalidRequest(format!(
                    "the parameter {name:?} is given twice"
                )));
            }
        }
        Ok(Self(pairs))
    }
}
