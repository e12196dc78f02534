//! A refusal of the gateway, shown as it explains itself (`application/problem+json`).

use std::fmt;

use reqwest::{Response, StatusCode};
use serde::Deserialize;

/// Why the gateway refused.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    document: Document,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Document {
    title: String,
    detail: String,
    code: String,
    request_id: String,
    retry_after: Option<u64>,
}

impl Problem {
    /// What `answer`, whose status is no success, says.
    pub(crate) async fn read(answer: Response) -> Self {
        let status = answer.status();
        // A body that is no problem document leaves the status, which still says something.
        let document = answer.json().await.unwrap_or_default();
        Self { status, document }
    }

    /// Whether the same request may work in a moment.
    pub(crate) fn may_pass(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Document {
            title,
            detail,
            code,
            request_id,
            retry_after,
        } = &self.document;
        if title.is_empty() {
            return write!(f, "the gateway answers {}", self.status);
        }
        write!(f, "{title}")?;
        if !detail.is_empty() && detail != title {
            write!(f, ": {detail}")?;
        }
        write!(f, " ({code}, HTTP {})", self.status.as_u16())?;
        if let Some(seconds) = retry_after {
            write!(f, "; try again in {seconds} s")?;
        }
        if self.status.is_server_error() && !request_id.is_empty() {
            write!(f, "; request {request_id} in the gateway's log")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, document: &str, expected: &str) {
        let problem = Problem {
            status: StatusCode::from_u16(status).unwrap(),
            document: serde_json::from_str(document).unwrap(),
        };
        assert_eq!(problem.to_string(), expected);
    }

    #[test]
    fn a_problem_is_told_by_title_detail_and_code() {
        check(
            422,
            r#"{"title": "A value is not accepted", "detail": "the prompt has 49 characters", "code": "VALIDATION_ERROR", "request_id": "7"}"#,
            "A value is not accepted: the prompt has 49 characters (VALIDATION_ERROR, HTTP 422)",
        );
        check(
            429,
            r#"{"title": "Too many jobs", "code": "RATE_LIMIT_EXCEEDED", "retry_after": 60}"#,
            "Too many jobs (RATE_LIMIT_EXCEEDED, HTTP 429); try again in 60 s",
        );
        check(
            500,
            r#"{"title": "Something went wrong", "detail": "", "code": "INTERNAL_ERROR", "request_id": "abc"}"#,
            "Something went wrong (INTERNAL_ERROR, HTTP 500); request abc in the gateway's log",
        );
        check(502, "{}", "the gateway answers 502 Bad Gateway");
    }
}
