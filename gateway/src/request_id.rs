//! `X-Request-Id`: one on every response, the client's own where it is harmless.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use uuid::Uuid;

/// The header's name.
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request being answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn new() -> Self {
        Self(Uuid::new_v4().to_string())
    }

    pub(crate) fn of(header: Option<&HeaderValue>) -> Self {
        let harmless = |text: &&str| {
            (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        match header
            .and_then(|value| value.to_str().ok())
            .filter(harmless)
        {
            Some(text) => Self(text.to_owned()),
            None => Self::new(),
        }
    }
}

/// Middleware: names the request, in its log lines and in its answer.
pub(crate) async fn name(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers().get(&X_REQUEST_ID));
    let span = tracing::info_span!(
        "request",
        request_id = id.as_str(),
        method = %request.method(),
        path = request.uri().path()
    );
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::try_from(id.0) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harmless_id_of_the_client_is_kept_and_any_other_replaced() {
        let check = |given: &'static str, kept| {
            let id = RequestId::of(Some(&HeaderValue::from_static(given)));
            assert_eq!(id.as_str() == given, kept, "{given:?}");
            assert!(!id.as_str().is_empty());
        };
        check("a.b-c_1", true);
        check("", false);
        check("two words", false);
        check("<script>", false);
    }
}
