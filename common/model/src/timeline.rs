//! Where clips lie on the film's frames: cuts from absolute time, transitions centred on them.
//!
//! Every cut is [`FrameRate::frame_at`] of its own time, so no rounding adds up. A clip fills its *slot*,
//! from cut to cut. In a transition two clips are seen at once: each is drawn a few frames beyond its
//! slot, its *handles*. The frames of a transition are drawn with the clip after it, so that the files of
//! the clips still tile the film and are joined by copying.

use serde::{Deserialize, Serialize};

use crate::plan::TransitionKind;
use crate::{ClipIndex, FrameRate, Seconds};

/// A run of frames of the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u32,
}

impl Span {
    /// The frame after its last.
    pub const fn end(self) -> u64 {
        self.first + self.count as u64
    }
}

/// A transition that is wanted at a cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// How the clips go over.
    pub kind: TransitionKind,
    /// For how long; of no account for a cut.
    pub duration: Seconds,
}

/// One clip in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// From its cut to the next.
    pub span: Span,
    /// How the clip before goes over into it; a cut for the first.
    pub transition: TransitionKind,
    /// Frames of it that are seen before its slot begins: the first half of the transition into it.
    pub before: u32,
    /// Frames of it that are seen after its slot ends: the second half of the transition out of it.
    pub after: u32,
    /// Frames at the end of its slot that are drawn with the next clip: the first half of the
    /// transition out of it.
    pub yields: u32,
}

impl Slot {
    /// The frames in which it is seen at all: its slot and both handles.
    pub const fn seen(&self) -> Span {
        Span {
            first: self.span.first - self.before as u64,
            count: self.before + self.span.count + self.after,
        }
    }

    /// The frames that its file holds. The files of all clips tile the film.
    pub const fn file(&self) -> Span {
        Span {
            first: self.span.first - self.before as u64,
            count: self.before + self.span.count - self.yields,
        }
    }
}

/// Why times hold no frames.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum TimelineError {
    /// Two cuts fall on one frame.
    #[error("clip {clip} from {start} to {end} holds no frame")]
    Empty {
        /// The clip.
        clip: ClipIndex,
        /// Where it begins.
        start: Seconds,
        /// Where it ends.
        end: Seconds,
    },
}

/// Lays clips that begin at `starts` (ascending; the first counts as 0) on the frames of a film of
/// `duration`, with `transitions` between them in order; where there are fewer, the others are cuts.
///
/// The slots tile `[0, round(duration · fps))`, and so do the files. A transition has an even number of
/// frames, half of them on each side of its cut, and takes at most half of the clip on either side: one
/// that is too long is shortened, and one without room for a frame on each side becomes a cut.
pub fn lay_out(
    starts: &[Seconds],
    duration: Seconds,
    rate: FrameRate,
    transitions: &[Wanted],
) -> Result<Vec<Slot>, TimelineError> {
    let mut slots = spans(starts, duration, rate)?;
    for (cut, wanted) in transitions.iter().enumerate() {
        let Some([from, to]) = slots.get_mut(cut..cut + 2) else {
            break;
        };
        let half = match wanted.kind {
            TransitionKind::Cut => 0,
            _ => u32::try_from(rate.frame_at(wanted.duration) / 2).unwrap_or(u32::MAX),
        };
        let half = half.min(from.span.count / 2).min(to.span.count / 2);
        if half > 0 {
            (from.yields, from.after, to.before) = (half, half, half);
            to.transition = wanted.kind;
        }
    }
    Ok(slots)
}

fn spans(
    starts: &[Seconds],
    duration: Seconds,
    rate: FrameRate,
) -> Result<Vec<Slot>, TimelineError> {
    let mut first = 0;
    let mut slots = Vec::with_capacity(starts.len());
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(duration);
        let frames = rate.frame_at(end).checked_sub(first);
        let count = frames.and_then(|frames| u32::try_from(frames).ok());
        let Some(count) = count.filter(|count| *count > 0) else {
            return Err(TimelineError::Empty {
                clip: ClipIndex(index as u32),
                start: *start,
                end,
            });
        };
        slots.push(Slot {
            span: Span { first, count },
            transition: TransitionKind::Cut,
            before: 0,
            after: 0,
            yields: 0,
        });
        first += u64::from(count);
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rates of film and television.
    const RATES: [(u32, u32); 8] = [
        (24_000, 1001),
        (24, 1),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (50, 1),
        (60_000, 1001),
        (60, 1),
    ];

    fn usual(index: usize) -> FrameRate {
        let (numerator, denominator) = RATES[index];
        FrameRate {
            numerator,
            denominator,
        }
    }

    fn rates() -> impl Strategy<Value = FrameRate> {
        let any = (
            1_000..120_000_u32,
            prop::sample::select(vec![100, 1000, 1001]),
        );
        let any = any.prop_filter_map("below 10 a second", |(numerator, denominator)| {
            (numerator >= 10 * denominator).then_some(FrameRate {
                numerator,
                denominator,
            })
        });
        prop_oneof![(0..RATES.len()).prop_map(usual), any]
    }

    fn wanted() -> impl Strategy<Value = Wanted> {
        let kind = prop::sample::select(TransitionKind::ALL.to_vec());
        (kind, 0.0..3.0f64).prop_map(|(kind, seconds)| Wanted {
            kind,
            duration: Seconds(seconds),
        })
    }

    /// Starts and length of a song of 1 s to 10 min whose clips have at least two frames at 10 a second.
    fn songs() -> impl Strategy<Value = (Vec<Seconds>, Seconds)> {
        let lengths = prop::collection::vec(0.2..9.0f64, 1..60);
        (lengths, 1.0..600.0f64).prop_map(|(lengths, longest)| {
            let mut starts = vec![0.0];
            for length in lengths {
                let next = starts.last().unwrap() + length;
                if next + 0.2 <= longest {
                    starts.push(next);
                }
            }
            let end = (starts.last().unwrap() + 0.2).max(longest);
            (starts.into_iter().map(Seconds).collect(), Seconds(end))
        })
    }

    fn check(
        starts: &[Seconds],
        duration: Seconds,
        rate: FrameRate,
        transitions: &[Wanted],
    ) -> Result<Vec<Slot>, TestCaseError> {
        let slots = lay_out(starts, duration, rate, transitions)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let half_a_frame = 0.5 / rate.fps() + 1e-9;
        let (mut cut, mut joint) = (0, 0);
        for (slot, start) in slots.iter().zip(starts) {
            prop_assert_eq!(slot.span.first, cut);
            prop_assert!((rate.time_of(cut).0 - start.0).abs() <= half_a_frame);
            prop_assert_eq!(slot.file().first, joint);
            prop_assert!(slot.file().count > 0);
            (cut, joint) = (slot.span.end(), slot.file().end());
        }
        prop_assert_eq!(cut, rate.frame_at(duration));
        prop_assert_eq!(joint, cut);
        prop_assert!((rate.time_of(cut).0 - duration.0).abs() <= half_a_frame);
        for pair in slots.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            // What is seen of both is the transition: centred on the cut, all of it in the second's file.
            prop_assert_eq!(
                from.seen().end() - to.span.first,
                to.span.first - to.seen().first
            );
            prop_assert!(from.seen().end() <= to.file().end());
            prop_assert_eq!(to.transition == TransitionKind::Cut, to.before == 0);
        }
        Ok(slots)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_timeline_is_tiled_with_every_cut_within_half_a_frame_and_every_transition_centred(
            (starts, duration) in songs(),
            rate in rates(),
            transitions in prop::collection::vec(wanted(), 0..64),
        ) {
            check(&starts, duration, rate, &transitions)?;
        }
    }

    #[test]
    fn five_thousand_cuts_in_ten_minutes_are_within_half_a_frame_at_every_usual_rate() {
        for rate in (0..RATES.len()).map(usual) {
            // 127.3 beats a minute, and as many more as there is room for: none falls on a frame.
            let start = |n: u32| Seconds(600.0 * f64::from(n) / 5_001.0 + 1e-4 * f64::from(n % 7));
            let starts: Vec<Seconds> = (0..5_001).map(start).collect();
            let slots = check(&starts, Seconds(600.0), rate, &[]).unwrap();
            assert_eq!(slots.len(), 5_001);
        }
    }

    #[test]
    fn a_transition_takes_at_most_half_of_either_clip_or_becomes_a_cut() {
        let check = |starts: [f64; 2], end: f64, seconds: f64, expected: u32| {
            let wanted = Wanted {
                kind: TransitionKind::Crossfade,
                duration: Seconds(seconds),
            };
            let slots = lay_out(
                &starts.map(Seconds),
                Seconds(end),
                FrameRate::FPS_30,
                &[wanted],
            );
            let slots = slots.unwrap();
            let [from, to] = slots.as_slice() else {
                panic!("two clips")
            };
            assert_eq!(
                (from.after, from.yields, to.before),
                (expected, expected, expected)
            );
            let is_cut = to.transition == TransitionKind::Cut;
            assert_eq!(is_cut, expected == 0);
        };
        check([0.0, 2.0], 4.0, 0.5, 7); // 15 frames: seven on each side
        check([0.0, 2.0], 4.0, 9.0, 30);
        check([0.0, 2.0], 2.1, 1.0, 1); // three frames
        check([0.0, 2.0], 2.03, 1.0, 0); // one frame
        check([0.0, 2.0], 4.0, 0.03, 0);
    }

    #[test]
    fn two_cuts_on_one_frame_are_an_error_and_not_a_shift() {
        let starts = [0.0, 1.0, 1.01].map(Seconds);
        let error = lay_out(&starts, Seconds(2.0), FrameRate::FPS_30, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "clip 1 from 1.000 s to 1.010 s holds no frame"
        );
    }
}
