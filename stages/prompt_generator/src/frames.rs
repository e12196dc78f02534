//! Which frames of the film a clip has: cuts at `round(t · fps)` of absolute time.

use model::plan::Shot;
use model::{ClipIndex, FrameRate, Seconds};

/// The frames of one clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The film's frame that it begins with.
    pub(crate) first: u64,
    /// How many it has, at least 1.
    pub(crate) count: u32,
}

/// Why the shots cannot be laid on frames.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FramesError {
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

/// The frames of every shot. They tile `[0, round(duration · fps))`: each clip ends where the next
/// begins, the first begins at frame 0, and the last ends with the song.
pub(crate) fn spans(
    shots: &[Shot],
    duration: Seconds,
    rate: FrameRate,
) -> Result<Vec<Span>, FramesError> {
    let cuts = shots.iter().skip(1).map(|shot| rate.frame_at(shot.start));
    let firsts = std::iter::once(0).chain(cuts.clone());
    let ends = cuts.chain([rate.frame_at(duration)]);
    let bounds = firsts.zip(ends);
    let span = |(shot, (first, end)): (&Shot, (u64, u64))| {
        let count = end
            .checked_sub(first)
            .and_then(|count| u32::try_from(count).ok());
        match count {
            Some(count) if count > 0 => Ok(Span { first, count }),
            _ => Err(FramesError::Empty {
                clip: shot.clip,
                start: shot.start,
                end: shot.end,
            }),
        }
    };
    shots.iter().zip(bounds).map(span).collect()
}

#[cfg(test)]
mod tests {
    use model::look::CameraMove;
    use model::plan::PlaceId;
    use proptest::prelude::*;

    use super::*;

    fn shots(edges: &[f64]) -> Vec<Shot> {
        let shot = |(n, pair): (usize, &[f64])| Shot {
            clip: ClipIndex(n as u32),
            start: Seconds(pair[0]),
            end: Seconds(pair[1]),
            section: 0,
            place: PlaceId("place-1".to_owned()),
            description: String::new(),
            camera: CameraMove::Hold,
            intensity: 0.5,
        };
        edges.windows(2).enumerate().map(shot).collect()
    }

    proptest! {
        #[test]
        fn frames_tile_the_film_and_no_cut_is_off_by_more_than_half_a_frame(
            lengths in prop::collection::vec(0.5..9.0f64, 1..80),
            rate in prop::sample::select(vec![(24, 1), (25, 1), (30, 1), (60, 1), (24_000, 1001), (30_000, 1001)]),
        ) {
            let rate = FrameRate { numerator: rate.0, denominator: rate.1 };
            let mut edges = vec![0.0];
            for length in lengths {
                edges.push(edges.last().unwrap() + length);
            }
            let duration = Seconds(*edges.last().unwrap());
            let spans = spans(&shots(&edges), duration, rate).unwrap();

            let mut next = 0;
            for (span, start) in spans.iter().zip(&edges) {
                prop_assert_eq!(span.first, next);
                prop_assert!((rate.time_of(span.first).0 - start).abs() <= 0.5 / rate.fps() + 1e-9);
                next += u64::from(span.count);
            }
            prop_assert_eq!(next, rate.frame_at(duration));
        }
    }

    #[test]
    fn two_cuts_on_one_frame_are_an_error_and_not_a_shift() {
        let error = spans(
            &shots(&[0.0, 1.0, 1.01, 2.0]),
            Seconds(2.0),
            FrameRate::FPS_30,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "clip 1 from 1.000 s to 1.010 s holds no frame"
        );
    }
}
