//! What a client asks for beside its request: `Prefer: wait` (RFC 7240), `Cancel-After`, `If-None-Match`.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use model::{JobId, UserId};
use tokio::time::Instant;

use crate::app::App;
use crate::error::ApiError;
use crate::job::Job;

/// How long an answer is held at most.
const LONGEST_WAIT: u64 = 60;
/// The bounds of `Cancel-After`, in seconds.
const CANCEL_AFTER: std::ops::RangeInclusive<u64> = 5..=7 * 24 * 3600;

static PREFER: HeaderName = HeaderName::from_static("prefer");
static PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
static CANCEL_AFTER_HEADER: HeaderName = HeaderName::from_static("cancel-after");

/// `Prefer: wait=30`: an answer that is held until there is something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    seconds: u64,
}

impl Wait {
    /// As the headers ask for it, at most a minute. What cannot be read is not preferred.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(&PREFER).iter();
        let mut preferences = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','));
        preferences.find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            let seconds: u64 = value.trim().trim_matches('"').parse().ok()?;
            name.trim().eq_ignore_ascii_case("wait").then_some(Self {
                seconds: seconds.min(LONGEST_WAIT),
            })
        })
    }

    /// Says in the answer what was done.
    pub(crate) fn applied(self, response: &mut Response) {
        let value = format!("wait={}", self.seconds);
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(&PREFERENCE_APPLIED, value);
        }
    }

    /// The user's job once it is as `wanted`, or as it is when the time is over.
    pub(crate) async fn for_job(
        self,
        app: &App,
        (user, id): (UserId, JobId),
        wanted: impl Fn(&Job) -> bool,
    ) -> Result<Arc<Job>, ApiError> {
        let deadline = Instant::now() + Duration::from_secs(self.seconds);
        let mut position = app.position.clone();
        loop {
            position.mark_unchanged();
            let job = app.shared_job_of(user, id).await?;
            if wanted(&job) {
                return Ok(job);
            }
            tokio::select! {
                changed = position.changed() => if changed.is_err() { return Ok(job) },
                () = tokio::time::sleep_until(deadline) => return Ok(job),
                () = app.stop.cancelled() => return Ok(job),
            }
        }
    }
}

/// How long a job may take, from `Cancel-After: 90s`, `15m` or `2h`.
pub(crate) fn cancel_after(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get(&CANCEL_AFTER_HEADER) else {
        return Ok(None);
    };
    let seconds = value.to_str().ok().and_then(seconds);
    let seconds = seconds.filter(|seconds| CANCEL_AFTER.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        ApiError::InvalidRequest(
            "Cancel-After must be a number of seconds, minutes or hours such as 90s, 15m or 2h, from \
             5 seconds to 7 days"
                .to_owned(),
        )
    })?;
    Ok(Some(Duration::from_secs(seconds)))
}

fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let unit = match text.get(digits.len()..)? {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// Whether the client has what `etag` names, compared weakly.
pub(crate) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let wanted = bare(etag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .any(|tag| tag.trim() == "*" || bare(tag) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn a_wait_is_read_among_other_preferences_and_capped_at_a_minute() {
        let check = |text, expected| {
            let wait = Wait::of(&with("prefer", text)).map(|wait| wait.seconds);
            assert_eq!(wait, expected, "{text}");
        };
        check("wait=30", Some(30));
        check("respond-async, Wait=\"5\"", Some(5));
        check("wait=3600", Some(60));
        check("wait", None);
        check("wait=-1", None);
        check("awaits=3", None);
    }

    #[test]
    fn a_time_limit_has_a_unit_and_bounds() {
        let check = |text, expected: Option<u64>| {
            let limit = cancel_after(&with("cancel-after", text));
            assert_eq!(
                limit.ok().flatten().map(|d| d.as_secs()),
                expected,
                "{text}"
            );
        };
        check("90s", Some(90));
        check("90", Some(90));
        check("15m", Some(900));
        check("2h", Some(7200));
        for refused in [
            "4s",
            "8d",
            "200h",
            "m",
            "-5m",
            "1.5m",
            "18446744073709551615h",
        ] {
            check(refused, None);
        }
        assert!(cancel_after(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn a_tag_is_known_weakly_and_in_a_list() {
        let known = |text| is_known(&with("if-none-match", text), "W/\"a-1\"");
        assert!(known("W/\"a-1\""));
        assert!(known("\"a-1\""));
        assert!(known("\"b\", W/\"a-1\""));
        assert!(known("*"));
        assert!(!known("W/\"a-2\""));
    }
}
