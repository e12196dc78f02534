//! What a film will cost, and whether that is allowed.

use model::format::VideoFormat;
use model::{Seconds, Usd};

use crate::error::ApiError;

/// The seed's limit for one job.
pub const HOUSE_LIMIT: Usd = Usd::from_dollars(2000);

/// The prices of the configured providers, and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// For a minute of film at 1080p (16:9) and 30 frames a second; other shapes and rates cost in
    /// proportion to their pixels a second. The built-in stages cost nothing.
    pub per_minute: Usd,
    /// What a job may cost at most.
    pub limit: Usd,
}

impl Prices {
    /// Built-in stages under the seed's limit.
    pub const HOUSE: Self = Self {
        per_minute: Usd::ZERO,
        limit: HOUSE_LIMIT,
    };

    /// The cost of a film for a song of that length, rounded up to a micro-dollar.
    pub(crate) fn estimate(&self, song: Seconds, format: VideoFormat) -> Usd {
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
    use model::FrameRate;
    use model::format::{AspectRatio, Resolution};

    use super::*;

    const HOUSE: VideoFormat = VideoFormat {
        size: Resolution::P1080.size(),
        rate: FrameRate::FPS_30,
    };
    const PAID: Prices = Prices {
        per_minute: Usd::from_dollars(200),
        limit: HOUSE_LIMIT,
    };

    #[test]
    fn the_limit_itself_is_allowed_and_a_micro_dollar_more_is_not() {
        let ten_minutes = PAID.estimate(Seconds(600.0), HOUSE);
        assert_eq!(ten_minutes, HOUSE_LIMIT);
        assert!(check(ten_minutes, PAID.limit).is_ok());
        assert!(check(PAID.estimate(Seconds(600.0001), HOUSE), PAID.limit).is_err());
        assert_eq!(Prices::HOUSE.estimate(Seconds(600.0), HOUSE), Usd::ZERO);
    }

    #[test]
    fn more_pixels_and_more_frames_cost_in_proportion() {
        let cost = |resolution: Resolution, ratio, rate: &str| {
            let format = VideoFormat {
                size: resolution.shaped(ratio),
                rate: rate.parse().unwrap(),
            };
            PAID.estimate(Seconds(60.0), format)
        };
        let wide = AspectRatio::Wide;
        assert_eq!(cost(Resolution::P1080, wide, "60"), Usd::from_dollars(400));
        assert_eq!(cost(Resolution::P2160, wide, "30"), Usd::from_dollars(800));
        assert_eq!(
            cost(Resolution::P1080, AspectRatio::Tall, "30"),
            Usd::from_dollars(200)
        );
        // 200 · 24000/1001 / 30, rounded up.
        assert_eq!(
            cost(Resolution::P1080, wide, "23.976"),
            Usd::from_micros(159_840_160)
        );
    }
}
