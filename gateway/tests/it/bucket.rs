//! A store that speaks as S3 does, as far as we speak to it, and that checks each signature by itself.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use runtime::Storage;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio_util::task::AbortOnDropHandle;

pub(crate) const BUCKET: &str = "films";
const KEY_ID: &str = "AKIDOFTHETESTS";
const SECRET: &str = "a secret of the store that nobody else knows";
const REGION: &str = "eu-test-1";

/// A running store.
pub(crate) struct S3Store {
    port: u16,
    pub(crate) inside: Arc<Inside>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Default)]
pub(crate) struct Inside {
    objects: Mutex<BTreeMap<String, Bytes>>,
    uploads: Mutex<BTreeMap<String, BTreeMap<u32, Bytes>>>,
    last_upload: AtomicU64,
    /// How many seconds its clock is ahead.
    pub(crate) ahead: AtomicI64,
}

impl S3Store {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let inside = Arc::new(Inside::default());
        let router = axum::Router::new()
            .fallback(answer)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&inside));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            port,
            inside,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    /// How browsers reach it.
    pub(crate) fn public(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The way to it, by another name than that.
    pub(crate) fn storage(&self) -> Storage {
        let mut storage = Storage::at(format!("s3://{BUCKET}"));
        storage.s3.endpoint = Some(format!("http://127.0.0.1:{}", self.port));
        storage.s3.public_endpoint = Some(self.public());
        REGION.clone_into(&mut storage.s3.region);
        storage.s3.access_key = Some((KEY_ID.to_owned(), SECRET.into()));
        storage
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.inside
            .objects
            .lock()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }
}

/// A query as pairs, decoded.
fn pairs(uri: &Uri) -> Vec<(String, String)> {
    url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// As Amazon writes query strings when they are signed.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            write!(all, "%{byte:02X}").unwrap();
        }
        all
    })
}

struct Signed {
    credential: String,
    date: String,
    headers: String,
    signature: String,
    payload: String,
    query: Vec<(String, String)>,
}

/// What a request says of its signature: in its query, or in its head.
fn signed(uri: &Uri, headers: &HeaderMap) -> Option<Signed> {
    let query = pairs(uri);
    let of_query = |name: &str| {
        let found = query.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.clone())
    };
    if let Some(signature) = of_query("X-Amz-Signature") {
        assert_eq!(of_query("X-Amz-Algorithm")?, "AWS4-HMAC-SHA256");
        return Some(Signed {
            credential: of_query("X-Amz-Credential")?,
            date: of_query("X-Amz-Date")?,
            headers: of_query("X-Amz-SignedHeaders")?,
            signature,
            payload: "UNSIGNED-PAYLOAD".to_owned(),
            query: query
                .into_iter()
                .filter(|(name, _)| name != "X-Amz-Signature")
                .collect(),
        });
    }
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let given = header("authorization")?;
    let part = |name: &str| {
        let (_, rest) = given.split_once(&format!("{name}="))?;
        Some(rest.split(',').next()?.trim().to_owned())
    };
    Some(Signed {
        credential: part("Credential")?,
        date: header("x-amz-date")?,
        headers: part("SignedHeaders")?,
        signature: part("Signature")?,
        payload: header("x-amz-content-sha256")?,
        query,
    })
}

/// Whether a request is signed with our secret, whole as it came.
fn is_ours(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> bool {
    let Some(mut signed) = signed(uri, headers) else {
        return false;
    };
    signed.query.sort();
    let query: Vec<_> = signed
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let values = signed
        .headers
        .split(';')
        .fold(String::new(), |mut all, name| {
            let value = headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap());
            writeln!(all, "{name}:{}", value.trim()).unwrap();
            all
        });
    let request = format!(
        "{method}\n{}\n{}\n{values}\n{}\n{}",
        uri.path(),
        query.join("&"),
        signed.headers,
        signed.payload
    );
    let day = signed.date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    let digest = hex::encode(Sha256::digest(request));
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{digest}", signed.date);
    let key = [REGION, "s3", "aws4_request"]
        .iter()
        .fold(mac(format!("AWS4{SECRET}").as_bytes(), day), |key, part| {
            mac(&key, part)
        });
    let payload_fits =
        signed.payload == "UNSIGNED-PAYLOAD" || signed.payload == hex::encode(Sha256::digest(body));
    signed.credential == format!("{KEY_ID}/{scope}")
        && signed.headers.split(';').any(|name| name == "host")
        && signed.signature == hex::encode(mac(&key, &text))
        && payload_fits
}

impl Inside {
    /// Whether a link is still good; requests with a header are answered at once.
    fn is_in_time(&self, uri: &Uri) -> bool {
        let pairs: BTreeMap<_, _> = pairs(uri).into_iter().collect();
        let (Some(date), Some(expires)) = (pairs.get("X-Amz-Date"), pairs.get("X-Amz-Expires"))
        else {
            return true;
        };
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let date = time::PrimitiveDateTime::parse(date, format).unwrap();
        let now = OffsetDateTime::now_utc().unix_timestamp() + self.ahead.load(Ordering::SeqCst);
        let age = now - date.assume_utc().unix_timestamp();
        (0..=expires.parse().unwrap()).contains(&age)
    }

    /// False when there is one already and none may be.
    fn put(&self, key: &str, bytes: Bytes, headers: &HeaderMap) -> bool {
        let mut objects = self.objects.lock().unwrap();
        if headers.contains_key("if-none-match") && objects.contains_key(key) {
            return false;
        }
        objects.insert(key.to_owned(), bytes);
        true
    }

    /// A part of an upload, or its end.
    fn part(
        &self,
        (method, key): (&Method, &str),
        query: &BTreeMap<String, String>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response {
        let id = &query["uploadId"];
        if *method == Method::PUT {
            let source = headers.get("x-amz-copy-source");
            let bytes = source.map_or(body, |source| {
                let from = source.to_str().unwrap().trim_start_matches('/');
                let from = from.strip_prefix(&format!("{BUCKET}/")).unwrap();
                self.objects.lock().unwrap()[from].clone()
            });
            let number = query["partNumber"].parse().unwrap();
            let mut uploads = self.uploads.lock().unwrap();
            uploads.get_mut(id).unwrap().insert(number, bytes);
            let xml = "<CopyPartResult><ETag>\"1\"</ETag></CopyPartResult>";
            return ([("etag", "\"1\"")], xml).into_response();
        }
        let parts = self.uploads.lock().unwrap().remove(id).unwrap();
        let whole: Vec<u8> = parts.into_values().flatten().collect();
        if *method == Method::DELETE {
            return StatusCode::NO_CONTENT.into_response();
        }
        if !self.put(key, whole.into(), headers) {
            return StatusCode::PRECONDITION_FAILED.into_response();
        }
        let name = "CompleteMultipartUploadResult";
        format!("<{name}><ETag>\"1\"</ETag></{name}>").into_response()
    }

    fn list(&self, prefix: &str, delimiter: Option<&String>) -> String {
        let objects = self.objects.lock().unwrap();
        let mut folders = std::collections::BTreeSet::new();
        let mut xml = "<ListBucketResult>".to_owned();
        for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let rest = &key[prefix.len()..];
            if let Some((folder, _)) = delimiter.and_then(|with| rest.split_once(with.as_str())) {
                folders.insert(format!("{prefix}{folder}/"));
                continue;
            }
            write!(
                xml,
                "<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"1\"</ETag>\
                 <LastModified>2026-11-25T12:00:00.000Z</LastModified></Contents>",
                bytes.len()
            )
            .unwrap();
        }
        for folder in folders {
            write!(
                xml,
                "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>"
            )
            .unwrap();
        }
        xml + "</ListBucketResult>"
    }
}

async fn answer(
    State(inside): State<Arc<Inside>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_ours(&method, &uri, &headers, &body) || !inside.is_in_time(&uri) {
        return (
            StatusCode::FORBIDDEN,
            "<Error><Code>AccessDenied</Code></Error>",
        )
            .into_response();
    }
    let query: BTreeMap<String, String> = pairs(&uri).into_iter().collect();
    let key = uri.path().strip_prefix(&format!("/{BUCKET}")).unwrap();
    let key = key.trim_start_matches('/');
    match (method.as_str(), query.get("uploadId")) {
        ("GET", None) if key.is_empty() => {
            let prefix = query.get("prefix").map_or("", String::as_str);
            inside.list(prefix, query.get("delimiter")).into_response()
        }
        ("POST", None) if query.contains_key("uploads") => {
            let id = format!("u{}", inside.last_upload.fetch_add(1, Ordering::SeqCst));
            inside
                .uploads
                .lock()
                .unwrap()
                .insert(id.clone(), BTreeMap::new());
            let name = "InitiateMultipartUploadResult";
            format!("<{name}><UploadId>{id}</UploadId></{name}>").into_response()
        }
        (_, Some(_)) => inside.part((&method, key), &query, &headers, body),
        ("PUT", None) if inside.put(key, body, &headers) => [("etag", "\"1\"")].into_response(),
        ("PUT", None) => StatusCode::PRECONDITION_FAILED.into_response(),
        ("DELETE", None) => {
            inside.objects.lock().unwrap().remove(key);
            StatusCode::NO_CONTENT.into_response()
        }
        ("GET" | "HEAD", None) => {
            let found = inside.objects.lock().unwrap().get(key).cloned();
            found.map_or(StatusCode::NOT_FOUND.into_response(), |bytes| {
                served(&bytes, &headers, &query)
            })
        }
        other => panic!("{other:?}"),
    }
}

/// An object, or a part of it, described as the link has it.
fn served(bytes: &Bytes, headers: &HeaderMap, query: &BTreeMap<String, String>) -> Response {
    let range = headers.get("range").map(|range| {
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let end = last.parse().map_or(bytes.len(), |last: usize| last + 1);
        first.parse::<usize>().unwrap()..end.min(bytes.len())
    });
    let mut response = match range {
        None => bytes.clone().into_response(),
        Some(range) => {
            let told = format!("bytes {}-{}/{}", range.start, range.end - 1, bytes.len());
            let part = bytes.slice(range);
            (StatusCode::PARTIAL_CONTENT, [("content-range", told)], part).into_response()
        }
    };
    let told = response.headers_mut();
    told.insert("etag", "\"1\"".parse().unwrap());
    told.insert(
        "last-modified",
        "Wed, 25 Nov 2026 12:00:00 GMT".parse().unwrap(),
    );
    for name in ["content-disposition", "content-type"] {
        if let Some(value) = query.get(&format!("response-{name}")) {
            told.insert(name, value.parse().unwrap());
        }
    }
    response
}
