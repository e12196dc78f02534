//! `GET /docs`: the description for people. A page of ours, so that it needs nothing from elsewhere.

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::response::Response;

use super::page;
use crate::app::App;
use crate::error::ApiError;

/// The file `docs.html` of the page's folder.
pub(crate) async fn docs(state: State<App>, mut request: Request) -> Result<Response, ApiError> {
    *request.uri_mut() = Uri::from_static("/docs.html");
    page::asset(state, request).await
}
