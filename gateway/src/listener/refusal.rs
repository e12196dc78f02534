//! Refusals of requests that never became one: too large, too slow or unreadable heads.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::net::TcpStream;

use crate::problem::Problem;
use crate::request_id::RequestId;

/// The longest refusal that the HTTP library writes.
const LONGEST: usize = 256;

/// Writes refusals as whole answers.
#[derive(Clone)]
pub(crate) struct Refusals {
    base_url: Arc<str>,
}

impl Refusals {
    pub(crate) fn new(base_url: &str) -> Self {
        Self {
            base_url: base_url.into(),
        }
    }

    /// Ours, if `bytes` are a refusal that the library wrote by itself. Every answer of ours has an id.
    pub(super) fn instead_of(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = std::str::from_utf8(bytes).ok()?;
        let status = text.strip_prefix("HTTP/1.1 4")?.get(..2)?;
        let head = text.to_ascii_lowercase();
        let is_bare = bytes.len() <= LONGEST
            && head.ends_with("\r\n\r\n")
            && head.contains("content-length: 0\r\n")
            && !head.contains("x-request-id");
        if !is_bare {
            return None;
        }
        let status = StatusCode::from_bytes(format!("4{status}").as_bytes()).ok()?;
        Some(self.answer(status))
    }

    /// Tells a client that its request did not come in time, if there is room for it.
    pub(super) fn too_late(&self, stream: &TcpStream) {
        if let Err(error) = stream.try_write(&self.answer(StatusCode::REQUEST_TIMEOUT)) {
            tracing::debug!(%error, "a client does not hear that it was too slow");
        }
    }

    fn answer(&self, status: StatusCode) -> Vec<u8> {
        let id = RequestId::new();
        let problem = Problem::of_status(status);
        let body = problem
            .json(status, &self.base_url, id.as_str())
            .to_string();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n\
             content-length: {}\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             x-request-id: {}\r\nconnection: close\r\n\r\n{body}",
            body.len(),
            id.as_str()
        )
        .into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_refusal_is_replaced() {
        let refusals = Refusals::new("http://here");
        let head = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n";
        let bare = format!("{head}content-length: 0\r\n\r\n");
        let ours = String::from_utf8(refusals.instead_of(bare.as_bytes()).unwrap()).unwrap();
        assert!(ours.starts_with("HTTP/1.1 431 Request Header"), "{ours}");
        assert!(ours.contains("http://here/problems/headers-too-large"));
        for other in [
            format!("{head}content-length: 0\r\nx-request-id: 7\r\n\r\n"),
            format!("{head}content-length: 5\r\n\r\nhello"),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "{}".to_owned(),
        ] {
            assert!(refusals.instead_of(other.as_bytes()).is_none(), "{other}");
        }
    }
}
