//! Which six seconds of a film go round and round. Pure.

use model::Seconds;
use model::analysis::Beat;
use model::timeline::Span;

use crate::timeline::Timeline;

/// How long it is at most, in seconds.
const LONGEST: f64 = 6.0;
/// A loop of whole bars that is shorter than this is not made of bars, in seconds.
const SHORTEST: f64 = 3.0;

/// The frames of the loop: from the begin of the clip that holds `best` on, as many whole bars as fit into
/// six seconds, so that its end meets its begin on the beat; six seconds where no bars were heard.
pub(crate) fn looped(timeline: &Timeline, beats: &[Beat], best: u64) -> Span {
    let rate = timeline.rate();
    let cuts = std::iter::once(0).chain(timeline.cuts());
    let begin = cuts.take_while(|cut| *cut <= best).last().unwrap_or(0);
    let longest = rate.frame_at(Seconds(LONGEST)).min(timeline.frames());
    let first = begin.min(timeline.frames() - longest);
    let downbeats = beats.iter().filter(|beat| beat.downbeat);
    let bars: Vec<u64> = downbeats.map(|beat| rate.frame_at(beat.time)).collect();
    let from = bars.iter().copied().find(|bar| *bar >= first);
    let in_bars = from.and_then(|from| {
        let fits = |bar: &u64| *bar > from && *bar <= from + longest && *bar <= timeline.frames();
        let to = bars.iter().copied().rfind(fits)?;
        (rate.time_of(to - from).0 >= SHORTEST).then_some((from, to - from))
    });
    let (first, count) = in_bars.unwrap_or((first, longest));
    Span {
        first,
        count: u32::try_from(count).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use model::FrameRate;

    use super::*;
    use crate::timeline::tests::laid_out;

    fn bars(seconds: f64, count: u32) -> Vec<Beat> {
        let bar = |n: u32| Beat {
            time: Seconds(f64::from(n) * seconds),
            downbeat: true,
        };
        (0..count).map(bar).collect()
    }

    #[test]
    fn it_has_whole_bars_where_there_are_any_and_always_fits() {
        let timeline = laid_out(&[0.0, 4.0, 8.0, 20.0], FrameRate::FPS_30);
        let check = |beats: &[Beat], best, expected: (u64, u32)| {
            let Span { first, count } = looped(&timeline, beats, best);
            assert_eq!((first, count), expected);
        };
        check(&bars(2.5, 8), 130, (150, 150)); // from 5.0 s on, two bars
        check(&[], 130, (120, 180));
        check(&bars(2.5, 2), 130, (120, 180));
        check(&[], 599, (240, 180));
        let short = laid_out(&[0.0, 1.0], FrameRate::FPS_30);
        assert_eq!(
            looped(&short, &[], 15),
            Span {
                first: 0,
                count: 30
            }
        );
    }
}
