//! Frame numbers from absolute time: the only way from seconds to frames in the whole system.

use serde::{Deserialize, Serialize};

use crate::Seconds;

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
