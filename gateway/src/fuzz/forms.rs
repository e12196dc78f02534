//! Upload forms.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use bytes::Bytes;
use futures::stream;
use tokio::runtime::Runtime;

use super::{refused, split};
use crate::error::ApiError;
use crate::intake::form::UploadForm;

/// The largest file, in bytes.
const LARGEST: u64 = 2_000;

thread_local! {
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
}

/// The first line is the `Content-Type`, the rest the body, which comes in pieces.
pub fn form(bytes: &[u8]) {
    let (media_type, body) = split(bytes);
    let Ok(media_type) = HeaderValue::from_bytes(media_type) else {
        return;
    };
    let length = [1, 7, 300, usize::MAX][body.len() % 4];
    let pieces: Vec<Result<Bytes, Infallible>> = body
        .chunks(length)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let request = Request::builder()
        .header(header::CONTENT_TYPE, media_type)
        .body(Body::from_stream(stream::iter(pieces)))
        .unwrap();
    match RUNTIME.with(|runtime| runtime.block_on(read(request))) {
        Ok(scratch) => assert!(!scratch.exists(), "an upload's folder is left"),
        Err(error) => refused(error),
    }
}

/// Reads it as an upload is read; gives where its folder was.
async fn read(request: Request) -> Result<std::path::PathBuf, ApiError> {
    UploadForm::check(request.headers(), LARGEST)?;
    let form = UploadForm::read(request, LARGEST).await?;
    let characters = form.prompt.as_str().chars().count();
    assert!((50..=500).contains(&characters), "{characters} characters");
    let file = std::fs::metadata(form.song()).unwrap();
    assert!(file.len() <= LARGEST, "{} bytes", file.len());
    form.fingerprint().await.unwrap();
    Ok(form.scratch.path().to_owned())
}
