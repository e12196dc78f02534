//! How large a request's head may be, to the byte: the HTTP library's own limit is that of a buffer.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// Bytes that a head may have, from the method to the empty line.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Middleware: refuses what is larger.
pub(crate) async fn limit(request: Request, next: Next) -> Response {
    if length(&request) > LONGEST {
        return ApiError::HeadersTooLarge.into_response();
    }
    next.run(request).await
}

/// The bytes of a head as it is usually written: one space behind a colon.
fn length(request: &Request) -> usize {
    const AROUND: usize = "  HTTP/1.1\r\n\r\n".len();
    const AROUND_A_HEADER: usize = ": \r\n".len();
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |path| path.as_str().len());
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + AROUND_A_HEADER)
        .sum();
    AROUND + request.method().as_str().len() + target + headers
}
