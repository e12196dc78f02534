//! What a film will cost, and whether that is allowed.

use model::{Seconds, Usd};

use crate::error::ApiError;

/// The seed's limit for one job.
pub const HOUSE_LIMIT: Usd = Usd::from_dollars(2000);

/// The prices of the configured providers, and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// For a minute of song. The built-in stages cost nothing.
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
    pub(crate) fn estimate(&self, song: Seconds) -> Usd {
        let micros = self.per_minute.micros() as f64 * song.0.max(0.0) / 60.0;
        Usd::from_micros(micros.ceil() as u64)
    }

    /// Refuses what is over the limit; exactly the limit is allowed.
    pub(crate) fn check(&self, estimated: Usd) -> Result<(), ApiError> {
        if estimated > self.limit {
            return Err(ApiError::OverBudget {
                estimated,
                limit: self.limit,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed_and_a_micro_dollar_more_is_not() {
        let prices = Prices {
            per_minute: Usd::from_dollars(200),
            limit: HOUSE_LIMIT,
        };
        let ten_minutes = prices.estimate(Seconds(600.0));
        assert_eq!(ten_minutes, HOUSE_LIMIT);
        assert!(prices.check(ten_minutes).is_ok());
        assert!(prices.check(prices.estimate(Seconds(600.0001))).is_err());
        assert_eq!(Prices::HOUSE.estimate(Seconds(600.0)), Usd::ZERO);
    }
}
