//! Which provider is configured, and what it costs: read once, by the gateway for prices and by the stage
//! for calls.

use std::time::Duration;

use model::{Seconds, Usd};
use runtime::Vars;
use secrecy::SecretString;
use url::Url;

/// Where the hosted service is.
const HOSTED: &str = "https://api.openai.com/v1";
/// The model that tells the times of words.
const MODEL: &str = "whisper-1";
/// What the hosted service takes for a minute, by its price list of 2026-08.
const HOSTED_PRICE: Usd = Usd::from_micros(6_000);
/// The largest file that the hosted service takes.
const LARGEST_FILE: u64 = 25_000_000;

/// A provider of speech that speaks `OpenAI`'s protocol: the hosted service or a server of one's own.
#[derive(Debug, Clone)]
pub struct SpeechSettings {
    /// `OPENAI_BASE_URL`: up to and with `/v1`. By default the hosted service, if there is a key.
    pub base_url: Url,
    /// `OPENAI_API_KEY`; a server of one's own may need none.
    pub key: Option<SecretString>,
    /// `SPEECH_MODEL` (`whisper-1`): it has to tell the times of words or of segments.
    pub model: String,
    /// `SPEECH_PRICE_PER_MINUTE_USD`: by default 0.006 for the hosted service, and nothing elsewhere.
    pub per_minute: Usd,
    /// `SPEECH_MAX_BYTES` (25000000): the largest file that it takes.
    pub max_bytes: u64,
    /// `SPEECH_TIMEOUT_SECONDS` (600): how long one answer may take.
    pub timeout: Duration,
    /// `SPEECH_IDEMPOTENT` (`false`): whether it charges an `Idempotency-Key` once, so that an answer that
    /// was lost may be asked for again. The hosted service does not promise that.
    pub idempotent: bool,
    /// How long an answer that has begun may pause.
    pub idle: Duration,
    /// How often it is asked at most where it is busy.
    pub attempts: u32,
    /// How long the first wait between two attempts is, about; each next is twice as long.
    pub backoff: Duration,
}

impl SpeechSettings {
    /// Reads the variables named above; `None` where neither a server nor a key is named.
    pub fn from_vars(vars: &Vars) -> Option<Self> {
        let key = vars.text("OPENAI_API_KEY").map(SecretString::from);
        let named = vars.text("OPENAI_BASE_URL");
        if key.is_none() && named.is_none() {
            return None;
        }
        let base_url = match base(named.as_deref().unwrap_or(HOSTED)) {
            Ok(url) => url,
            Err(why) => {
                vars.note("OPENAI_BASE_URL", why);
                return None;
            }
        };
        let hosted = base_url.host_str() == Some("api.openai.com");
        let usual = if hosted { HOSTED_PRICE } else { Usd::ZERO };
        Some(Self {
            base_url,
            key,
            model: vars.text_or("SPEECH_MODEL", MODEL),
            per_minute: vars.parsed_or("SPEECH_PRICE_PER_MINUTE_USD", usual),
            max_bytes: vars.parsed_or("SPEECH_MAX_BYTES", LARGEST_FILE),
            timeout: Duration::from_secs(vars.parsed_or("SPEECH_TIMEOUT_SECONDS", 600)),
            idempotent: vars.parsed_or("SPEECH_IDEMPOTENT", false),
            idle: Duration::from_secs(15),
            attempts: 4,
            backoff: Duration::from_secs(1),
        })
    }

    /// What a recording of that length costs, rounded up to a micro-dollar.
    pub fn price(&self, duration: Seconds) -> Usd {
        self.per_minute.for_minutes_of(duration)
    }
}

/// An HTTP address without a slash at its end; one without a path gets `/v1`.
fn base(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text.trim_end_matches('/'))
        .map_err(|error| format!("is no address such as http://127.0.0.1:9000/v1: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must begin with http:// or https://".to_owned());
    }
    if url.path() == "/" {
        url.set_path("/v1");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_configured_until_a_server_or_a_key_is_named() {
        assert!(SpeechSettings::from_vars(&Vars::from_pairs([])).is_none());
        let hosted = SpeechSettings::from_vars(&Vars::from_pairs([("OPENAI_API_KEY", "k")]));
        let hosted = hosted.unwrap();
        assert_eq!(hosted.base_url.as_str(), HOSTED);
        assert_eq!(hosted.price(Seconds(240.0)), Usd::from_micros(24_000));
        assert_eq!(hosted.price(Seconds(0.000_001)), Usd::from_micros(1));
        assert!(!format!("{hosted:?}").contains("\"k\""));

        let own = Vars::from_pairs([("OPENAI_BASE_URL", "http://127.0.0.1:9000/")]);
        let own = SpeechSettings::from_vars(&own).unwrap();
        assert_eq!(own.base_url.as_str(), "http://127.0.0.1:9000/v1");
        assert_eq!(own.price(Seconds(240.0)), Usd::ZERO);
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (name, value) in [
            ("OPENAI_BASE_URL", "ftp://files"),
            ("SPEECH_PRICE_PER_MINUTE_USD", "cheap"),
        ] {
            let vars = Vars::from_pairs([("OPENAI_API_KEY", "k"), (name, value)]);
            SpeechSettings::from_vars(&vars);
            let error = vars.check(()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
