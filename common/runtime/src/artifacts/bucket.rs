//! A bucket as an artifact store, and links to it that its own store has signed.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as StorePath;
use object_store::signer::{Method, SignedUrlOptions, Signer};
use object_store::{ObjectStore, RetryConfig};
use secrecy::ExposeSecret;

use crate::storage::S3;

/// How often a request is tried again, and for how long: workers hold a claim meanwhile.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(30);

/// Makes links to what lies in the bucket.
#[derive(Debug, Clone)]
pub(super) struct Links {
    signer: Arc<AmazonS3>,
    /// What they begin with, without a path.
    pub(super) origin: String,
}

/// What whoever follows a link is answered with.
#[derive(Debug, Clone, Copy)]
pub struct LinkedAs<'a> {
    /// `Content-Disposition`.
    pub disposition: &'a str,
    /// `Content-Type`.
    pub media_type: &'a str,
}

/// The bucket as we reach it, and links to it as browsers do.
pub(super) fn open(name: &str, s3: &S3) -> object_store::Result<(Arc<dyn ObjectStore>, Links)> {
    let ours = reached_by(name, s3, s3.endpoint.as_deref())?;
    let public = s3.public_endpoint.as_deref().or(s3.endpoint.as_deref());
    let signer = reached_by(name, s3, public)?;
    let origin = match public {
        Some(endpoint) => origin_of(endpoint),
        None => format!("https://s3.{}.amazonaws.com", s3.region),
    };
    let links = Links {
        signer: Arc::new(signer),
        origin,
    };
    Ok((Arc::new(ours), links))
}

fn reached_by(name: &str, s3: &S3, endpoint: Option<&str>) -> object_store::Result<AmazonS3> {
    let retry = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_FOR,
        ..RetryConfig::default()
    };
    let copy = AmazonS3ConfigKey::CopyIfNotExists;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(name)
        .with_region(&s3.region)
        .with_retry(retry)
        // Not every store that speaks as S3 does deletes many at once.
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
        .with_config(copy, &s3.copy_if_not_exists);
    if let Some((id, secret)) = &s3.access_key {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret.expose_secret());
    }
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    builder.build()
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url
        .get(host..)
        .and_then(|rest| rest.find('/'))
        .map_or(url.len(), |slash| host + slash);
    url.get(..end).unwrap_or(url).to_owned()
}

impl Links {
    /// A link that lets anyone read `path` for `lifetime`.
    pub(super) async fn sign(
        &self,
        path: &StorePath,
        linked_as: LinkedAs<'_>,
        lifetime: Duration,
    ) -> object_store::Result<String> {
        let options = SignedUrlOptions::new().with_query([
            ("response-content-disposition", linked_as.disposition),
            ("response-content-type", linked_as.media_type),
        ]);
        let signed = self
            .signer
            .signed_url_opts(Method::GET, path, lifetime, &options);
        signed.await.map(String::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for (url, origin) in [
            ("https://films.example", "https://films.example"),
            ("https://films.example/store/", "https://films.example"),
            ("http://127.0.0.1:9000/x", "http://127.0.0.1:9000"),
        ] {
            assert_eq!(origin_of(url), origin);
        }
    }
}
