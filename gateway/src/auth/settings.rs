//! How tokens are checked: by which keys, of which issuer.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use runtime::Vars;
use secrecy::SecretString;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::config::checked_secret;

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
/// Where a Supabase project publishes its keys.
const SUPABASE_KEYS: &str = "/auth/v1/.well-known/jwks.json";
/// What a Supabase project names as the issuer of its tokens.
const SUPABASE_ISSUER: &str = "/auth/v1";

/// The keys that count and what a token must say besides.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// `SUPABASE_JWT_SECRET`: what tokens are signed with (HS256), at least 32 bytes.
    pub secret: Option<SecretString>,
    /// `JWT_SECRET_UNTIL` (`2027-01-31`): the day from which the secret no longer counts. Required beside
    /// `JWKS_URL`: both at once are for a move from one to the other.
    pub secret_until: Option<OffsetDateTime>,
    /// `JWKS_URL`, or that of `SUPABASE_URL` where there is no secret: the published keys (ES256, RS256).
    pub jwks_url: Option<Url>,
    /// `JWT_ISSUER`, or that of `SUPABASE_URL`: the issuer that a token must name. Required for published
    /// keys.
    pub issuer: Option<String>,
    /// `DEV_TOKENS` (false): hands out tokens to whoever asks; with a secret of its own if there is none.
    /// Refused where `APP_ENV` is `production`, with published keys, and on an address that others reach.
    pub dev_tokens: bool,
    /// How often the published keys are fetched.
    pub pace: JwksPace,
}

/// How often published keys are fetched, and for how long they count.
#[derive(Debug, Clone, Copy)]
pub struct JwksPace {
    /// From one fetch to the next.
    pub refresh: Duration,
    /// The least from one fetch to the next, whatever keys tokens name.
    pub at_least: Duration,
    /// How long the last set counts while there is no newer one.
    pub keep: Duration,
}

impl JwksPace {
    /// A key that is withdrawn counts for at most six minutes, a new one after at most 30 s.
    pub const HOUSE: Self = Self {
        refresh: Duration::from_mins(5),
        at_least: Duration::from_secs(30),
        keep: Duration::from_hours(24),
    };
}

impl AuthSettings {
    /// Reads the variables named above; `address` is where the gateway will listen.
    pub(crate) fn from_vars(vars: &Vars, address: IpAddr) -> Self {
        let supabase = vars.text("SUPABASE_URL");
        let supabase = supabase.as_deref().map(|url| url.trim_end_matches('/'));
        let mut secret = checked_secret(vars, "SUPABASE_JWT_SECRET");
        let jwks_url = match (vars.text("JWKS_URL"), supabase) {
            (Some(url), _) => Some(("JWKS_URL", url)),
            (None, Some(base)) if secret.is_none() => {
                Some(("SUPABASE_URL", format!("{base}{SUPABASE_KEYS}")))
            }
            _ => None,
        };
        let jwks_url = jwks_url.and_then(|(name, url)| key_url(vars, name, &url));
        let issuer = vars
            .text("JWT_ISSUER")
            .or_else(|| supabase.map(|base| format!("{base}{SUPABASE_ISSUER}")));
        let dev_tokens = vars.parsed_or("DEV_TOKENS", false);
        if dev_tokens {
            check_dev(vars, address, jwks_url.is_some());
            secret = secret.or_else(|| Some(random_secret()));
        }
        if secret.is_none() && jwks_url.is_none() && supabase.is_none() {
            vars.note(
                "SUPABASE_JWT_SECRET",
                "is not set, nor SUPABASE_URL or JWKS_URL: one of them says how tokens are checked",
            );
        }
        if jwks_url.is_some() && issuer.is_none() {
            vars.note("JWT_ISSUER", "is not set; published keys need it");
        }
        let secret_until = until(vars);
        if secret.is_some() && jwks_url.is_some() && secret_until.is_none() {
            vars.note(
                "JWT_SECRET_UNTIL",
                "is not set; beside JWKS_URL the secret needs a last day",
            );
        }
        Self {
            secret,
            secret_until,
            jwks_url,
            issuer,
            dev_tokens,
            pace: JwksPace::HOUSE,
        }
    }
}

fn check_dev(vars: &Vars, address: IpAddr, has_published_keys: bool) {
    let note = |problem| vars.note("DEV_TOKENS", problem);
    if vars.text("APP_ENV").as_deref() == Some("production") {
        note("is set, but APP_ENV is production: everyone would be let in");
    }
    if has_published_keys {
        note("is set, but tokens are checked by published keys: ours would not count");
    }
    if vars
        .text("JWT_ISSUER")
        .or_else(|| vars.text("SUPABASE_URL"))
        .is_some()
    {
        note("is set, but tokens must name an issuer: ours name none");
    }
    if !address.is_loopback() {
        note("is set, but BIND is an address that others reach");
    }
}

/// 64 hex digits with 244 random bits of the operating system.
fn random_secret() -> SecretString {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).into()
}

fn until(vars: &Vars) -> Option<OffsetDateTime> {
    let text = vars.text("JWT_SECRET_UNTIL")?;
    let day = Date::parse(&text, DAY);
    if day.is_err() {
        vars.note("JWT_SECRET_UNTIL", "must be a day such as 2027-01-31");
    }
    Some(day.ok()?.midnight().assume_utc())
}

/// Keys come over https, so that nobody on the way can put in their own; from this machine also without.
fn key_url(vars: &Vars, name: &str, text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        let host = url.host_str().unwrap_or_default();
        let here = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        url.scheme() == "https" || (url.scheme() == "http" && here)
    });
    if url.is_none() {
        vars.note(name, "must be a URL that begins with https://");
    }
    url
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn read(pairs: &[(&str, &str)]) -> Result<AuthSettings, String> {
        let vars = Vars::from_map(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        );
        let bind: IpAddr = vars.parsed_or("BIND", Ipv4Addr::LOCALHOST.into());
        let settings = AuthSettings::from_vars(&vars, bind);
        vars.check(settings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_project_without_a_secret_is_asked_for_its_keys() {
        let settings = read(&[("SUPABASE_URL", "https://abc.supabase.example/")]).unwrap();
        assert_eq!(
            settings.jwks_url.unwrap().as_str(),
            "https://abc.supabase.example/auth/v1/.well-known/jwks.json"
        );
        assert_eq!(
            settings.issuer.unwrap(),
            "https://abc.supabase.example/auth/v1"
        );
    }

    #[test]
    fn a_project_with_a_secret_is_checked_by_the_secret_and_its_issuer() {
        let settings = read(&[
            ("SUPABASE_URL", "https://abc.supabase.example"),
            ("SUPABASE_JWT_SECRET", SECRET),
        ])
        .unwrap();
        assert!(settings.jwks_url.is_none() && settings.secret.is_some());
        assert!(settings.issuer.unwrap().ends_with("/auth/v1"));
    }

    #[test]
    fn what_would_let_anyone_in_is_refused() {
        let check = |pairs: &[(&str, &str)], told: &str| {
            let error = read(pairs).unwrap_err();
            assert!(error.contains(told), "{error}");
            assert!(!error.contains(SECRET));
        };
        check(&[], "SUPABASE_JWT_SECRET is not set");
        check(&[("SUPABASE_JWT_SECRET", "short")], "is shorter");
        let keys = ("JWKS_URL", "https://keys.example/jwks.json");
        check(&[keys], "JWT_ISSUER is not set");
        check(&[("SUPABASE_URL", "http://keys.example")], "https://");
        check(&[("SUPABASE_URL", "ftp://127.0.0.1")], "https://");
        check(
            &[keys, ("JWT_ISSUER", "x"), ("SUPABASE_JWT_SECRET", SECRET)],
            "JWT_SECRET_UNTIL",
        );
        check(
            &[
                ("SUPABASE_JWT_SECRET", SECRET),
                ("JWT_SECRET_UNTIL", "soon"),
            ],
            "2027-01-31",
        );
        let dev = ("DEV_TOKENS", "true");
        check(&[dev, ("APP_ENV", "production")], "production");
        check(&[dev, ("BIND", "0.0.0.0")], "that others reach");
        check(&[dev, keys, ("JWT_ISSUER", "x")], "published keys");
    }

    #[test]
    fn the_development_mode_makes_a_secret_of_its_own_each_time() {
        use secrecy::ExposeSecret;
        let dev = || read(&[("DEV_TOKENS", "true")]).unwrap().secret.unwrap();
        assert_ne!(dev().expose_secret(), dev().expose_secret());
        assert!(dev().expose_secret().len() >= 32);
    }

    #[test]
    fn both_at_once_are_for_a_move_with_a_last_day() {
        let settings = read(&[
            ("JWKS_URL", "http://127.0.0.1:9/jwks.json"),
            ("JWT_ISSUER", "x"),
            ("SUPABASE_JWT_SECRET", SECRET),
            ("JWT_SECRET_UNTIL", "2027-01-31"),
        ])
        .unwrap();
        let day = settings.secret_until.unwrap();
        assert_eq!(day.unix_timestamp(), 1_801_353_600);
    }
}
