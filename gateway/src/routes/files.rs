//! `GET /api/v1/files/{key}`: the files that signed links name, whole or in part.

use std::ops::Range;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use model::{ArtifactKey, JobId};
use runtime::LinkedAs;
use time::OffsetDateTime;

use crate::app::App;
use crate::error::{ApiError, OrFault};
use crate::signed_url::{Disposition, Permission, film_name};

/// Serves the file of a signed link. The link is checked before anything is looked up.
#[utoipa::path(
    get,
    path = "/api/v1/files/{key}",
    operation_id = "getFile",
    tag = "files",
    params(
        ("key" = String, Path, description = "The file, as a signed link names it."),
        ("Range" = Option<String>, Header, description = "One range of bytes.")
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "*/*"),
        (status = 206, description = "A part of it.", content_type = "*/*"),
        (status = 307, description = "Where a bucket keeps files: to the link that it has signed itself.")
    )
)]
pub(crate) async fn file(
    State(app): State<App>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let Permission {
        key,
        disposition,
        left,
    } = app
        .signer
        .verify(&path, &query, OffsetDateTime::now_utc())
        .ok_or(ApiError::LinkInvalid)?;
    if method != Method::HEAD
        && let Some(link) = own_link(&app, &key, disposition, left).await?
    {
        let there = app.artifacts.head(&key).await;
        there
            .or_unavailable("reading a file")?
            .ok_or(ApiError::NotFound)?;
        // The store's own link is for this use of ours, and good no longer than it.
        let kept = [(header::CACHE_CONTROL, "no-store")];
        return Ok((kept, Redirect::temporary(&link)).into_response());
    }
    serve(&app, &key, disposition, &headers).await
}

/// A file of the store, or the part of it that the headers ask for. For HEAD, the body is left out by the
/// router and never read.
pub(crate) async fn serve(
    app: &App,
    key: &ArtifactKey,
    disposition: Disposition,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    const DOING: &str = "reading a file";
    let length = app
        .artifacts
        .head(key)
        .await
        .or_unavailable(DOING)?
        .ok_or(ApiError::NotFound)?;
    let part = requested(headers, length)?;
    let range = part.clone().unwrap_or(0..length);
    let bytes = app.artifacts.open_read(key, part.clone()).await;
    let mut response = Body::from_stream(bytes.or_unavailable(DOING)?).into_response();
    if part.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let content_range = format!("bytes {}-{}/{length}", range.start, range.end - 1);
        insert(
            response.headers_mut(),
            header::CONTENT_RANGE,
            &content_range,
        );
    }
    let headers = response.headers_mut();
    insert(
        headers,
        header::CONTENT_LENGTH,
        &(range.end - range.start).to_string(),
    );
    describe(headers, key, disposition);
    Ok(response)
}

/// The part that is asked for: one range of bytes, or `None` for the whole. Several ranges, and what is
/// no range, are answered with the whole, as RFC 9110 allows.
pub(crate) fn requested(headers: &HeaderMap, length: u64) -> Result<Option<Range<u64>>, ApiError> {
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok()?.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.trim().split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number beyond all files is still a number.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.is_empty() => first..length,
        (None, Some(count)) if first.is_empty() => length.saturating_sub(count)..length,
        _ => return Ok(None),
    };
    if range.is_empty() {
        return Err(ApiError::RangeNotSatisfiable { length });
    }
    Ok(Some(range))
}

/// The link of the store itself, where it makes any.
pub(crate) async fn own_link(
    app: &App,
    key: &ArtifactKey,
    disposition: Disposition,
    lifetime: Duration,
) -> Result<Option<String>, ApiError> {
    let disposition = disposition_of(key, disposition);
    let linked_as = LinkedAs {
        disposition: &disposition,
        media_type: media_type_of(key),
    };
    let link = app.artifacts.link(key, linked_as, lifetime).await;
    link.or_unavailable("signing a link")
}

fn media_type_of(key: &ArtifactKey) -> &'static str {
    match key.as_str().rsplit_once('.').map(|(_, ending)| ending) {
        Some("mp4") => "video/mp4",
        Some("jpg") => "image/jpeg",
        Some("png") => "image/png",
        Some("wav") => "audio/wav",
        Some("json" | "otio") => "application/json",
        Some("vtt") => "text/vtt; charset=utf-8",
        Some("srt" | "lrc" | "edl") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn disposition_of(key: &ArtifactKey, disposition: Disposition) -> String {
    match (disposition, job_of(key)) {
        (Disposition::Attachment, Some(job)) => {
            format!("attachment; filename=\"{}\"", film_name(job))
        }
        (other, _) => other.name().to_owned(),
    }
}

fn describe(headers: &mut HeaderMap, key: &ArtifactKey, disposition: Disposition) {
    insert(headers, header::CONTENT_TYPE, media_type_of(key));
    insert(headers, header::ACCEPT_RANGES, "bytes");
    insert(headers, header::CACHE_CONTROL, "private, max-age=3600");
    insert(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'",
    );
    // The page may be opened by another name of this host than links are made with.
    insert(headers, "cross-origin-resource-policy", "cross-origin");
    let disposition = disposition_of(key, disposition);
    insert(headers, header::CONTENT_DISPOSITION, &disposition);
}

fn job_of(key: &ArtifactKey) -> Option<JobId> {
    let (job, _) = key.as_str().strip_prefix("jobs/")?.split_once('/')?;
    job.parse().ok()
}

fn insert(headers: &mut HeaderMap, name: impl header::IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_anything_odd_is_the_whole_or_refused() {
        let check = |given: &'static str, expected: Option<Option<Range<u64>>>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(given));
            assert_eq!(requested(&headers, 100).ok(), expected, "{given}");
        };
        check("bytes=0-0", Some(Some(0..1)));
        check("bytes=10-", Some(Some(10..100)));
        check("bytes=-10", Some(Some(90..100)));
        check("bytes=-1000", Some(Some(0..100)));
        check("bytes=90-1000", Some(Some(90..100)));
        check("bytes=0-18446744073709551615", Some(Some(0..100)));
        check("bytes=0-99999999999999999999999", Some(Some(0..100)));
        check("bytes=100-", None);
        check("bytes=-0", None);
        check("bytes=9-3", Some(None));
        check("bytes=0-0,-1", Some(None));
        check("bytes=-", Some(None));
        check("bytes=+1-2", Some(None));
        check("lines=1-2", Some(None));
    }
}
