//! The page at `/`: the files of `web/`, embedded.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::app::App;
use crate::error::ApiError;

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// Every path that is no route: a file of the page, or nothing.
pub(crate) async fn asset(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    let file = Web::get(path).ok_or(ApiError::NotFound)?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
        return Ok((StatusCode::METHOD_NOT_ALLOWED, allow).into_response());
    }
    let etag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let mut response = if is_known(request.headers(), &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.data.into_owned().into_response()
    };
    let media_type = mime_guess::from_path(path).first_or_octet_stream();
    add_headers(
        response.headers_mut(),
        &etag,
        media_type.as_ref(),
        &files_from(&app),
    );
    Ok(response)
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim() == etag))
}

/// Where pictures and films come from: ourselves, and the store where it signs its own links.
fn files_from(app: &App) -> String {
    match app.artifacts.link_origin() {
        Some(store) => format!("{} {store}", app.base_url),
        None => app.base_url.clone(),
    }
}

/// Nothing but our own files runs or is shown, wherever the page is opened.
fn add_headers(headers: &mut HeaderMap, etag: &str, media_type: &str, files_from: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
         connect-src 'self'; img-src 'self' blob: data: {files_from}; media-src 'self' blob: {files_from}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let text_is_utf8 = media_type.starts_with("text/") && !media_type.contains("charset");
    let media_type = if text_is_utf8 {
        format!("{media_type}; charset=utf-8")
    } else {
        media_type.to_owned()
    };
    for (name, value) in [
        (header::ETAG, etag),
        (header::CONTENT_TYPE, media_type.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
