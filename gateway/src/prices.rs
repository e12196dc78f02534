//! What a film will cost, and whether that is allowed.

use model::format::VideoFormat;
use model::{Seconds, Usd};

use crate::error::ApiError;
use crate::intake::options::Options;

/// The seed's limit for one job.
pub const HOUSE_LIMIT: Usd = Usd::from_dollars(2000);

/// The prices of the configured providers, and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// For a minute of film at 1080p (16:9) and 30 frames a second; other shapes and rates cost in
    /// proportion to their pixels a second. The built-in stages cost nothing.
    pub per_minute: Usd,
    /// For a minute of song whose words a provider hears; `None` where none is configured.
    pub speech: Option<Usd>,
    /// What a job may cost at most.
    pub limit: Usd,
}

impl Prices {
    /// Built-in stages under the seed's limit.
    pub const HOUSE: Self = Self {
        per_minute: Usd::ZERO,
        speech: None,
        limit: HOUSE_LIMIT,
    };

    /// What a song of that length costs with these options, each part rounded up to a micro-dollar.
    pub(crate) fn estimate(&self, song: Seconds, asked: &Options) -> Usd {
        let films = asked.formats().into_iter();
        let films = films.map(|format| self.film(song, format).micros());
        let film = Usd::from_micros(films.fold(0, u64::saturating_add));
        match self.speech.filter(|_| asked.wants_transcript()) {
            Some(price) => {
                let words = price.for_minutes_of(song);
                Usd::from_micros(film.micros().saturating_add(words.micros()))
            }
            None => film,
        }
    }

    fn film(&self, song: Seconds, format: VideoFormat) -> Usd {
        let microseconds = (song.0.max(0.0) * 1e6).ceil() as u128;
        let (size, rate) = (format.size, format.rate);
        let pixels = u128::from(size.width) * u128::from(size.height) * u128::from(rate.numerator);
        let cost = u128::from(self.per_minute.micros()) * microseconds;
        let whole = HOUSE_PIXELS * MINUTE * u128::from(rate.denominator.max(1));
        let micros = cost.saturating_mul(pixels).div_ceil(whole);
        Usd::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// Pixels a second of what [`Prices::per_minute`] is for.
const HOUSE_PIXELS: u128 = 1_920 * 1_080 * 30;
/// A minute in microseconds.
const MINUTE: u128 = 60_000_000;

/// Refuses what is over the limit; exactly the limit is allowed.
pub(crate) const fn check(estimated: Usd, limit: Usd) -> Result<(), ApiError> {
    if estimated.micros() > limit.micros() {
        return Err(ApiError::OverBudget { estimated, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAID: Prices = Prices {
        per_minute: Usd::from_dollars(200),
        speech: Some(Usd::from_micros(6_000)),
        limit: HOUSE_LIMIT,
    };

    fn cost(seconds: f64, options: &[(&'static str, &str)]) -> Usd {
        let mut asked = Options::default();
        for (name, value) in options {
            asked.take(name, value).unwrap();
        }
        PAID.estimate(Seconds(seconds), &asked)
    }

    #[test]
    fn the_limit_itself_is_allowed_and_a_micro_dollar_more_is_not() {
        let ten_minutes = cost(600.0, &[]);
        assert_eq!(ten_minutes, HOUSE_LIMIT);
        assert!(check(ten_minutes, PAID.limit).is_ok());
        assert!(check(cost(600.0001, &[]), PAID.limit).is_err());
        let free = Prices::HOUSE.estimate(Seconds(600.0), &Options::default());
        assert_eq!(free, Usd::ZERO);
    }

    #[test]
    fn words_that_are_to_be_heard_cost_by_the_minute_and_given_ones_nothing() {
        let mut asked = Options::default();
        asked.take_lyrics(b"come home").unwrap();
        assert_eq!(PAID.estimate(Seconds(60.0), &asked), Usd::from_dollars(200));
        asked.take_lyrics(b"transcribe\n").unwrap();
        let both = PAID.estimate(Seconds(60.0), &asked);
        assert_eq!(both, Usd::from_micros(200_006_000));
        assert!(asked.check(&PAID).is_ok() && asked.check(&Prices::HOUSE).is_err());
    }

    #[test]
    fn more_pixels_and_more_frames_cost_in_proportion() {
        let one = |options: &[(&'static str, &str)]| cost(60.0, options);
        assert_eq!(one(&[("fps", "60")]), Usd::from_dollars(400));
        assert_eq!(one(&[("resolution", "2160p")]), Usd::from_dollars(800));
        assert_eq!(one(&[("aspect_ratio", "9:16")]), Usd::from_dollars(200));
        // 200 · 24000/1001 / 30, rounded up.
        assert_eq!(one(&[("fps", "23.976")]), Usd::from_micros(159_840_160));
    }
}
