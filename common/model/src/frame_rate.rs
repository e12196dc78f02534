//! Frame numbers from absolute time: the only way from seconds to frames in the whole system.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Seconds;
use crate::choice::ChoiceError;

/// Frames a second as an exact ratio, so that 30000/1001 stays itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameRate {
    /// Frames …
    pub numerator: u32,
    /// … in so many seconds; never 0.
    pub denominator: u32,
}

impl FrameRate {
    /// The house rate.
    pub const FPS_30: Self = Self {
        numerator: 30,
        denominator: 1,
    };

    /// The rates that a film may have, by name: those of the NTSC world by their usual decimals.
    pub const NAMED: [(&str, Self); 8] = [
        ("23.976", Self::new(24_000, 1_001)),
        ("24", Self::new(24, 1)),
        ("25", Self::new(25, 1)),
        ("29.97", Self::new(30_000, 1_001)),
        ("30", Self::FPS_30),
        ("50", Self::new(50, 1)),
        ("59.94", Self::new(60_000, 1_001)),
        ("60", Self::new(60, 1)),
    ];

    const fn new(numerator: u32, denominator: u32) -> Self {
        Self {
            numerator,
            denominator,
        }
    }

    /// The frame that is nearest to `time`, counted from 0; 0 for times before the song.
    ///
    /// Every cut is this function of its absolute time. Sums of rounded lengths drift by seconds over
    /// a song; this is never off by more than half a frame.
    pub fn frame_at(self, time: Seconds) -> u64 {
        (time.0 * f64::from(self.numerator) / f64::from(self.denominator))
            .round()
            .max(0.0) as u64
    }

    /// When frame `frame` is shown.
    pub fn time_of(self, frame: u64) -> Seconds {
        Seconds(frame as f64 * f64::from(self.denominator) / f64::from(self.numerator))
    }

    /// Frames a second as a number, for display and for motion; never for cuts.
    pub fn fps(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

/// Its name, or the ratio where it has none.
impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMED.iter().find(|(_, rate)| rate == self);
        match named {
            Some((name, _)) => f.pad(name),
            None => write!(f, "{}/{}", self.numerator, self.denominator),
        }
    }
}

/// One of [`FrameRate::NAMED`], or its ratio such as `30000/1001`.
impl FromStr for FrameRate {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let is_meant = |(name, rate): &&(&str, Self)| {
            *name == text || format!("{}/{}", rate.numerator, rate.denominator) == text
        };
        let found = Self::NAMED.iter().find(is_meant);
        found
            .map(|(_, rate)| *rate)
            .ok_or_else(|| ChoiceError::new("frame rate", text, &Self::NAMED.map(|(name, _)| name)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_as_they_are_written_and_as_ratios() {
        for (name, rate) in FrameRate::NAMED {
            assert_eq!(rate.to_string(), name);
            assert_eq!(name.parse(), Ok(rate));
            assert!((name.parse::<f64>().unwrap() - rate.fps()).abs() < 0.001);
        }
        assert_eq!(
            "30000/1001".parse::<FrameRate>().unwrap().to_string(),
            "29.97"
        );
        for text in ["", "0", "-30", "30.0", "29.971", "120", "nan"] {
            let error = text.parse::<FrameRate>().unwrap_err().to_string();
            assert!(error.contains("59.94"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_cut_is_never_more_than_half_a_frame_from_its_time(
            seconds in 0.0..600.0f64,
            rate in prop::sample::select(vec![(24, 1), (25, 1), (30, 1), (60, 1), (24_000, 1001), (30_000, 1001)]),
        ) {
            let rate = FrameRate { numerator: rate.0, denominator: rate.1 };
            let error = (rate.time_of(rate.frame_at(Seconds(seconds))).0 - seconds).abs();
            prop_assert!(error <= 0.5 / rate.fps() + 1e-9);
        }
    }
}
