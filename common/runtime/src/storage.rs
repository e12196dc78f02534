//! Where artifacts lie: a folder, or a bucket of S3 or of a store that speaks as it does.

use secrecy::SecretString;

use crate::Vars;

/// How S3 itself puts an object where none is yet; some other stores do it by a header.
const COPY_IF_NOT_EXISTS: &str = "multipart";

/// A store, and how to get in.
#[derive(Debug, Clone)]
pub struct Storage {
    /// `STORAGE_URL`: `file:///path/of/a/folder` or `s3://bucket`.
    pub url: String,
    /// What only a bucket needs.
    pub s3: S3,
}

/// The way to a bucket.
#[derive(Debug, Clone)]
pub struct S3 {
    /// `S3_ENDPOINT`: how we reach a store that is not Amazon's.
    pub endpoint: Option<String>,
    /// `S3_PUBLIC_ENDPOINT`: how browsers reach it, if that is another way. Links are signed for it.
    pub public_endpoint: Option<String>,
    /// `S3_REGION` (us-east-1).
    pub region: String,
    /// `S3_ACCESS_KEY_ID` and `S3_SECRET_ACCESS_KEY`; without them the rights of the machine count, as
    /// Amazon gives them to instances and containers.
    pub access_key: Option<(String, SecretString)>,
    /// `S3_COPY_IF_NOT_EXISTS` (multipart): how an object is put where none is yet. Cloudflare R2 takes
    /// `header: cf-copy-destination-if-none-match: *`.
    pub copy_if_not_exists: String,
}

impl Storage {
    /// A store that needs no more than its URL.
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            s3: S3 {
                endpoint: None,
                public_endpoint: None,
                region: "us-east-1".to_owned(),
                access_key: None,
                copy_if_not_exists: COPY_IF_NOT_EXISTS.to_owned(),
            },
        }
    }

    /// From the variables named above. `STORAGE_URL` is required.
    pub fn from_vars(vars: &Vars) -> Self {
        let storage = Self::at(vars.required("STORAGE_URL"));
        let key = vars.text("S3_ACCESS_KEY_ID");
        let secret = vars.text("S3_SECRET_ACCESS_KEY");
        if key.is_some() != secret.is_some() {
            vars.note(
                "S3_ACCESS_KEY_ID",
                "and S3_SECRET_ACCESS_KEY go together: set both or none",
            );
        }
        let s3 = S3 {
            endpoint: endpoint(vars, "S3_ENDPOINT"),
            public_endpoint: endpoint(vars, "S3_PUBLIC_ENDPOINT"),
            region: vars.text_or("S3_REGION", &storage.s3.region),
            access_key: key.zip(secret.map(SecretString::from)),
            copy_if_not_exists: vars.text_or("S3_COPY_IF_NOT_EXISTS", COPY_IF_NOT_EXISTS),
        };
        Self { s3, ..storage }
    }
}

fn endpoint(vars: &Vars, name: &str) -> Option<String> {
    let url = vars.text(name)?;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        vars.note(name, "must begin with http:// or https://");
    }
    Some(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_key_and_an_endpoint_without_a_scheme_are_told() {
        let vars = Vars::from_pairs([
            ("STORAGE_URL", "s3://films"),
            ("S3_ENDPOINT", "minio:9000"),
            ("S3_ACCESS_KEY_ID", "a"),
        ]);
        let storage = Storage::from_vars(&vars);
        let error = vars.check(storage).unwrap_err().to_string();
        for part in ["S3_ENDPOINT must begin", "S3_ACCESS_KEY_ID and S3_SECRET"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_secret_is_not_in_what_is_printed() {
        let vars = Vars::from_pairs([
            ("STORAGE_URL", "s3://films"),
            ("S3_ACCESS_KEY_ID", "a"),
            ("S3_SECRET_ACCESS_KEY", "never to be seen"),
            ("S3_PUBLIC_ENDPOINT", "https://films.example/"),
        ]);
        let storage = Storage::from_vars(&vars);
        assert!(!format!("{storage:?}").contains("never"));
        let public = storage.s3.public_endpoint.as_deref();
        assert_eq!(public, Some("https://films.example"));
    }
}
