//! Money as whole micro-dollars: sums are exact, and overflow is an error instead of a surprise.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Seconds;

/// An amount of US dollars, in whole micro-dollars, never negative. On the wire a JSON number of
/// dollars with at most six decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Usd(u64);

/// A billion dollars. Above a few billion, dollars as a double no longer tell micro-dollars apart.
const LARGEST: u64 = 1_000_000_000_000_000;

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many micro-dollars.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// So many dollars.
    pub const fn from_dollars(dollars: u32) -> Self {
        Self(dollars as u64 * 1_000_000)
    }

    /// So many dollars, to the nearest micro-dollar; `None` where that is no amount.
    pub fn of_dollars(dollars: f64) -> Option<Self> {
        let micros = (dollars * 1e6).round();
        (0.0..=LARGEST as f64)
            .contains(&micros)
            .then_some(Self(micros as u64))
    }

    /// The amount in micro-dollars.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// What something of that length costs at this price a minute, rounded up to a micro-dollar.
    #[must_use]
    pub fn for_minutes_of(self, length: Seconds) -> Self {
        let microseconds = (length.0.max(0.0) * 1e6).ceil() as u128;
        let micros = (u128::from(self.0) * microseconds).div_ceil(60_000_000);
        Self(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// The sum, or `None` when it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0
            .checked_add(other.0)
            .filter(|sum| *sum <= LARGEST)
            .map(Self)
    }

    /// The amount in dollars, for display and for the wire; exact for every amount we accept.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0 / 10_000;
        let rest = self.0 % 10_000;
        if rest == 0 {
            write!(f, "${}.{:02}", cents / 100, cents % 100)
        } else {
            write!(f, "${}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
        }
    }
}

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no amount of dollars such as 12 or 0.25, with at most six digits behind the point"
)]
pub struct UsdError(String);

/// Dollars, with at most six digits behind the point; read without rounding.
impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, UsdError> {
        let amount = || {
            let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !digits(whole) || !digits(rest) || rest.len() > 6 {
                return None;
            }
            let dollars: u64 = whole.parse().ok()?;
            let micros: u64 = format!("{rest:0<6}").parse().ok()?;
            let sum = dollars.checked_mul(1_000_000)?.checked_add(micros)?;
            (sum <= LARGEST).then_some(Self(sum))
        };
        amount().ok_or_else(|| UsdError(text.chars().take(32).collect()))
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        Self::of_dollars(dollars).ok_or_else(|| {
            serde::de::Error::custom(format!("{dollars} is not an amount of dollars"))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_shown_with_cents_and_with_micros_only_where_there_are_some() {
        assert_eq!(Usd::from_dollars(2000).to_string(), "$2000.00");
        assert_eq!(Usd::from_micros(6_000).to_string(), "$0.006000");
    }

    proptest! {
        #[test]
        fn an_amount_survives_json_exactly(micros in 0..=LARGEST) {
            let amount = Usd::from_micros(micros);
            let text = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usd>(&text).unwrap(), amount);
        }
    }

    #[test]
    fn an_amount_is_read_from_text_to_the_micro_dollar_or_not_at_all() {
        for (text, micros) in [
            ("12", 12_000_000),
            ("0.25", 250_000),
            ("0.000001", 1),
            ("2000.10", 2_000_100_000),
        ] {
            assert_eq!(text.parse(), Ok(Usd(micros)), "{text}");
        }
        for text in [
            "",
            ".5",
            "1.",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "1.0000001",
            "1 000",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
    }

    #[test]
    fn negative_and_endless_amounts_are_refused() {
        for text in ["-0.01", "1e300"] {
            assert!(serde_json::from_str::<Usd>(text).is_err(), "{text}");
        }
        assert_eq!(Usd(LARGEST).checked_add(Usd(1)), None);
    }
}
