//! What a gateway must be told. All variables are read once, and all mistakes are told at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use media::audio::{Limits, SeparateDecoder};
use model::Usd;
use nats::ServerAddress;
use providers::SpeechSettings;
use runtime::{ConfigError, Storage, Vars};
use secrecy::SecretString;

use crate::auth::AuthSettings;
use crate::listener::ConnectionLimits;
use crate::prices::{HOUSE_LIMIT, Prices};
use crate::rate_limit::RateLimit;
use crate::webhook::deliver::RETRIES;

/// The seed's 10 MB.
const UPLOAD_LIMIT: u64 = 10 * 1024 * 1024;
/// With this and then the arguments of `media::audio::decode_for_parent`, the program that calls
/// [`Config::from_vars`] has to decode.
pub const DECODE_VERB: &str = "decode-song";
/// Bytes that a secret needs at least.
const SHORTEST_SECRET: usize = 32;

/// The settings of a gateway.
#[derive(Debug, Clone)]
pub struct Config {
    /// `BIND` (127.0.0.1) and `PORT` (8000): where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// `PUBLIC_BASE_URL`: how browsers reach it; by default by the address it listens on.
    pub public_base_url: Option<String>,
    /// `DATABASE_URL`: `sqlite://path/of/the/file?mode=rwc` or `postgres://user:password@host/database`.
    /// Required.
    pub database_url: String,
    /// How tokens are checked. Required: `SUPABASE_JWT_SECRET`, `SUPABASE_URL` or `JWKS_URL`.
    pub auth: AuthSettings,
    /// `URL_SIGNING_KEY`: what download links are signed with, at least 32 bytes. Required.
    pub url_signing_key: SecretString,
    /// `FRONTEND_URL`: origins of other pages that may use the API, with commas; none by default.
    pub frontend_origins: Vec<HeaderValue>,
    /// `NATS_URL`, `NATS_USER`, `NATS_PASSWORD`.
    pub nats: ServerAddress,
    /// `STORAGE_URL` (required) and, for a bucket, `S3_…`: where artifacts lie.
    pub storage: Storage,
    /// `MAX_UPLOAD_BYTES` (10485760): the largest song file.
    pub max_upload_bytes: u64,
    /// `MIN_SONG_SECONDS` (1) and `MAX_SONG_SECONDS` (600): how long a song may be.
    pub song_limits: Limits,
    /// What decodes songs in a process of its own: this program's own verb [`DECODE_VERB`].
    pub decoder: SeparateDecoder,
    /// `JOBS_PER_HOUR` (5): jobs an hour and user.
    pub rate_limit: RateLimit,
    /// `ANONYMOUS_JOBS_PER_HOUR` (2): the same for users whose token says `is_anonymous`.
    pub anonymous_limit: RateLimit,
    /// `MAX_JOB_COST_USD` (2000), `COST_PER_MINUTE_USD` (0: the built-in stages are free), and what the
    /// provider of speech takes: see [`SpeechSettings`], whose variables `audio_parser` needs as well.
    pub prices: Prices,
    /// `MAX_DAILY_COST_USD`: what all jobs of 24 hours may cost together; no limit by default.
    pub daily_limit: Option<Usd>,
    /// `REFUSALS_PER_MINUTE` (60): how often an address may be refused for want of a token or a good
    /// link before it hears of nothing else for the rest of a minute.
    pub refusals_per_minute: u32,
    /// `FAILED_UPLOADS_PER_HOUR` (30): how many uploads of a user may be no form or no song.
    pub failed_uploads_per_hour: u32,
    /// `TRUSTED_PROXIES`: addresses, with commas, whose `X-Forwarded-For` is believed; none by default.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long an upload waits while as many as may be are under way.
    pub upload_patience: Duration,
    /// `WEBHOOK_ALLOW_PRIVATE` (false): webhooks may also be plain HTTP, on any port, and in our own
    /// network. For tests and closed networks.
    pub webhooks_may_be_private: bool,
    /// How long after each failed attempt a webhook is told again; the attempts are one more.
    pub webhook_retries: Vec<Duration>,
    /// What a client may take of us before it has asked for anything.
    pub connections: ConnectionLimits,
    /// How often a stream says that it lives.
    pub heartbeat: Duration,
    /// How long after the flag of a cancelled or failed job was raised its objects are removed: longer
    /// than its workers may take to notice.
    pub sweep_grace: Duration,
    /// How old a song or a rate slot without a job must be to be what a crash has left.
    pub orphan_grace: Duration,
    /// How long nothing must have been written to half an object to be what a killed writer has left.
    pub half_grace: Duration,
    /// How long open requests may take to end when the gateway stops.
    pub drain: Duration,
}

impl Config {
    /// Reads the variables named above.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        let house = Limits::default();
        let bind = vars.parsed_or("BIND", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let config = Self {
            address: SocketAddr::new(bind, vars.parsed_or("PORT", 8000)),
            public_base_url: base_url(vars),
            database_url: vars.required("DATABASE_URL"),
            auth: AuthSettings::from_vars(vars, bind),
            url_signing_key: secret(vars, "URL_SIGNING_KEY"),
            frontend_origins: origins(vars),
            nats: vars.nats(),
            storage: Storage::from_vars(vars),
            max_upload_bytes: vars.parsed_or("MAX_UPLOAD_BYTES", UPLOAD_LIMIT),
            song_limits: Limits {
                min_seconds: vars.parsed_or("MIN_SONG_SECONDS", house.min_seconds),
                max_seconds: vars.parsed_or("MAX_SONG_SECONDS", house.max_seconds),
            },
            decoder: own_decoder(vars),
            rate_limit: RateLimit {
                jobs: vars.parsed_or("JOBS_PER_HOUR", RateLimit::HOUSE.jobs),
                ..RateLimit::HOUSE
            },
            anonymous_limit: RateLimit {
                jobs: vars.parsed_or("ANONYMOUS_JOBS_PER_HOUR", RateLimit::ANONYMOUS.jobs),
                ..RateLimit::ANONYMOUS
            },
            prices: Prices {
                per_minute: dollars(vars, "COST_PER_MINUTE_USD", Usd::ZERO),
                speech: SpeechSettings::from_vars(vars).map(|speech| speech.per_minute),
                limit: dollars(vars, "MAX_JOB_COST_USD", HOUSE_LIMIT),
            },
            daily_limit: vars
                .text("MAX_DAILY_COST_USD")
                .map(|_| dollars(vars, "MAX_DAILY_COST_USD", Usd::ZERO)),
            refusals_per_minute: vars.parsed_or("REFUSALS_PER_MINUTE", 60),
            failed_uploads_per_hour: vars.parsed_or("FAILED_UPLOADS_PER_HOUR", 30),
            trusted_proxies: proxies(vars),
            upload_patience: Duration::from_secs(10),
            webhooks_may_be_private: vars.parsed_or("WEBHOOK_ALLOW_PRIVATE", false),
            webhook_retries: RETRIES.to_vec(),
            connections: ConnectionLimits::HOUSE,
            heartbeat: Duration::from_secs(30),
            sweep_grace: Duration::from_secs(15),
            orphan_grace: Duration::from_secs(vars.parsed_or("ORPHAN_GRACE_SECONDS", 900)),
            half_grace: Duration::from_secs(vars.parsed_or("HALF_OBJECT_GRACE_SECONDS", 600)),
            drain: Duration::from_secs(10),
        };
        vars.check(config)
    }
}

/// The program that reads this configuration, started again.
fn own_decoder(vars: &Vars) -> SeparateDecoder {
    let program = std::env::current_exe().unwrap_or_else(|error| {
        vars.note(
            "the program's own path",
            format!("cannot be found: {error}"),
        );
        PathBuf::new()
    });
    SeparateDecoder::new(program, vec![DECODE_VERB.into()])
}

fn secret(vars: &Vars, name: &str) -> SecretString {
    let value = vars.required(name);
    checked_secret(vars, name).unwrap_or_else(|| value.into())
}

/// The secret of that name, if it is given.
pub(crate) fn checked_secret(vars: &Vars, name: &str) -> Option<SecretString> {
    let value = vars.text(name)?;
    if value.len() < SHORTEST_SECRET {
        vars.note(name, format!("is shorter than {SHORTEST_SECRET} bytes"));
    }
    Some(value.into())
}

fn base_url(vars: &Vars) -> Option<String> {
    let url = vars.text("PUBLIC_BASE_URL")?;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        vars.note("PUBLIC_BASE_URL", "must begin with http:// or https://");
    }
    Some(url.trim_end_matches('/').to_owned())
}

fn origins(vars: &Vars) -> Vec<HeaderValue> {
    let urls = vars.text("FRONTEND_URL").unwrap_or_default();
    let mut origins = Vec::new();
    for url in urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        let origin = url.trim_end_matches('/');
        let is_exact = origin.split_once("://").is_some_and(|(scheme, host)| {
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['*', '/'])
        });
        match HeaderValue::try_from(origin) {
            Ok(value) if is_exact => origins.push(value),
            _ => vars.note(
                "FRONTEND_URL",
                "must hold exact origins such as https://example.org",
            ),
        }
    }
    origins
}

fn proxies(vars: &Vars) -> Vec<IpAddr> {
    let text = vars.text("TRUSTED_PROXIES").unwrap_or_default();
    let mut proxies = Vec::new();
    for address in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
        match address.parse::<IpAddr>() {
            Ok(address) => proxies.push(address.to_canonical()),
            Err(_) => vars.note("TRUSTED_PROXIES", "must hold addresses such as 10.0.0.1"),
        }
    }
    proxies
}

fn dollars(vars: &Vars, name: &str, default: Usd) -> Usd {
    let Some(text) = vars.text(name) else {
        return default;
    };
    serde_json::from_str(&text).unwrap_or_else(|_| {
        vars.note(name, "must be an amount of dollars such as 12.5");
        default
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn the_seeds_limits_are_the_defaults() {
        let vars = Vars::from_pairs([
            ("DATABASE_URL", "sqlite://x"),
            ("SUPABASE_JWT_SECRET", SECRET),
            ("URL_SIGNING_KEY", SECRET),
            ("STORAGE_URL", "file:///x"),
        ]);
        let config = Config::from_vars(&vars).unwrap();
        assert_eq!(config.address.to_string(), "127.0.0.1:8000");
        assert_eq!(config.max_upload_bytes, 10_485_760);
        assert_eq!(config.rate_limit, RateLimit::HOUSE);
        assert_eq!(config.prices.limit, Usd::from_dollars(2000));
        assert!(config.frontend_origins.is_empty());
        assert!(!format!("{config:?}").contains(SECRET));
    }

    #[test]
    fn weak_secrets_and_wildcard_origins_are_refused_all_at_once() {
        let vars = Vars::from_pairs([
            ("DATABASE_URL", "sqlite://x"),
            ("SUPABASE_JWT_SECRET", "short"),
            ("STORAGE_URL", "file:///x"),
            ("FRONTEND_URL", "https://ok.example, https://*.example"),
            ("TRUSTED_PROXIES", "10.0.0.1, proxy.example"),
        ]);
        let error = Config::from_vars(&vars).unwrap_err().to_string();
        for part in [
            "SUPABASE_JWT_SECRET is shorter",
            "URL_SIGNING_KEY is not set",
            "FRONTEND_URL",
            "TRUSTED_PROXIES",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("\"short\""));
    }
}
