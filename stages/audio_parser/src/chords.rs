//! Triads over time, coarse enough that a palette may follow them.

use model::Seconds;
use model::harmony::{Chord, ChordSpan, Mode, PitchClass};

use crate::chroma::{self, Chroma};

/// States: twelve major triads, twelve minor, none.
const STATES: usize = 25;
const NONE: usize = 24;
/// No triad fits better than so much cosine: then there is none.
const LEAST_FIT: f32 = 0.62;
/// What a change of chord costs, in cosine: less than a third of what a shared note makes.
const CHANGE: f32 = 0.1;
/// How much the bass counts for the root.
const BASS: f32 = 0.15;
/// Shorter spans are joined to the next, in seconds: faster than any palette changes.
const SHORTEST: f64 = 0.9;
/// A span where there are no beats, in seconds.
const EVEN: f64 = 2.0;

/// Chords that tile `[0, duration]` from the pitch classes and those of the bass, each of `rate` values a
/// second; `beats` are in seconds, with whether they open a bar. Empty where nothing is pitched.
///
/// T. Fujishima, "Realtime Chord Recognition of Musical Sound", ICMC 1999, §3 (binary templates), with
/// the smoothing of A. Sheh and D. Ellis, ISMIR 2003, §3 (Viterbi); costs ours.
pub fn over_time(
    (chromas, bass): (&[Chroma], &[Chroma]),
    rate: f64,
    beats: &[(f64, bool)],
    duration: f64,
) -> Vec<ChordSpan> {
    let edges = edges(beats, duration);
    let fits: Vec<[f32; STATES]> = edges
        .windows(2)
        .map(|pair| {
            let to = ((pair[1] * rate) as usize).min(chromas.len());
            let from = ((pair[0] * rate) as usize).min(to);
            // The window of the pitch classes reaches 90 ms back: leave the edge out.
            let from = (from + 2).min(to.saturating_sub(1)).max(from);
            fits(
                &chroma::mean(&chromas[from..to]),
                &chroma::mean(&bass[from.min(bass.len())..to.min(bass.len())]),
            )
        })
        .collect();
    if fits
        .iter()
        .all(|fits| fits[..NONE].iter().all(|fit| *fit <= 0.0))
    {
        return Vec::new();
    }
    let path = path(&fits);
    let mut spans: Vec<ChordSpan> = Vec::new();
    let mut at = 0;
    for run in path.chunk_by(|a, b| a == b) {
        let to = at + run.len();
        let sure: f32 = fits[at..to].iter().map(|fits| margin(fits, run[0])).sum();
        spans.push(ChordSpan {
            start: Seconds(edges[at]),
            end: Seconds(edges[to]),
            chord: chord(run[0]),
            confidence: (sure / run.len() as f32).clamp(0.0, 1.0),
        });
        at = to;
    }
    spans
}

/// Half bars where bars are even and slow enough, else bars, else even time.
fn edges(beats: &[(f64, bool)], duration: f64) -> Vec<f64> {
    let openings: Vec<usize> = (0..beats.len()).filter(|beat| beats[*beat].1).collect();
    let mut edges = vec![0.0];
    let mut push = |time: f64| {
        if time - edges[edges.len() - 1] >= SHORTEST && duration - time >= SHORTEST {
            edges.push(time);
        }
    };
    if openings.len() >= 2 {
        for (order, opening) in openings.iter().enumerate() {
            push(beats[*opening].0);
            let next = openings.get(order + 1).copied().unwrap_or(beats.len());
            let length = next - opening;
            if length.is_multiple_of(2)
                && let Some((time, _)) = beats.get(opening + length / 2)
            {
                push(*time);
            }
        }
    } else {
        for step in 1..(duration / EVEN) as usize {
            push(step as f64 * EVEN);
        }
    }
    edges.push(duration);
    edges
}

/// The cosine with each triad, more if the bass plays its root; 0 in silence, but for none.
fn fits(chroma: &Chroma, bass: &Chroma) -> [f32; STATES] {
    let norm = chroma.iter().map(|value| value * value).sum::<f32>().sqrt();
    let lowest = bass.iter().copied().fold(0.0_f32, f32::max);
    let mut fits = [0.0; STATES];
    fits[NONE] = LEAST_FIT;
    if norm <= 1e-9 {
        return fits;
    }
    for (state, fit) in fits.iter_mut().take(NONE).enumerate() {
        let third = if state < 12 { 4 } else { 3 };
        let notes = [0, third, 7].map(|note| chroma[(state + note) % 12]);
        *fit = notes.iter().sum::<f32>() / norm / 3.0_f32.sqrt();
        if lowest > 0.0 {
            *fit += BASS * bass[state % 12] / lowest;
        }
    }
    fits
}

fn path(fits: &[[f32; STATES]]) -> Vec<usize> {
    let best_of = |scores: &[f32; STATES]| {
        (1..STATES).fold(
            0,
            |best, at| if scores[at] > scores[best] { at } else { best },
        )
    };
    let mut scores = [0.0; STATES];
    let mut from = Vec::with_capacity(fits.len());
    for now in fits {
        let best = best_of(&scores);
        let before = scores;
        let mut back = [0_usize; STATES];
        for at in 0..STATES {
            let changed = before[best] - CHANGE;
            let stays = before[at] >= changed;
            back[at] = if stays { at } else { best };
            scores[at] = now[at] + if stays { before[at] } else { changed };
        }
        from.push(back);
    }
    let mut at = best_of(&scores);
    let mut path = Vec::with_capacity(fits.len());
    for back in from.iter().rev() {
        path.push(at);
        at = back[at];
    }
    path.reverse();
    path
}

/// By how much `state` beats the best other: 1 is what a triad has before one that shares two notes.
fn margin(fits: &[f32; STATES], state: usize) -> f32 {
    let others = fits.iter().enumerate().filter(|(at, _)| *at != state);
    let next = others.fold(0.0_f32, |most, (_, fit)| most.max(*fit));
    3.0 * (fits[state] - next)
}

fn chord(state: usize) -> Option<Chord> {
    (state < NONE).then(|| Chord {
        root: PitchClass::above_c(state),
        mode: if state < 12 { Mode::Major } else { Mode::Minor },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triad(root: usize, third: usize) -> (Chroma, Chroma) {
        let (mut chroma, mut bass) = ([0.1; 12], [0.0; 12]);
        for note in [0, third, 7] {
            chroma[(root + note) % 12] = 1.0;
        }
        bass[root % 12] = 1.0;
        (chroma, bass)
    }

    /// A bar of two seconds (four beats) of each chord.
    fn heard(chords: &[Option<(usize, usize)>]) -> Vec<(f64, String)> {
        let bars = chords.iter().map(|chord| match chord {
            Some((root, third)) => triad(*root, *third),
            None => ([0.0; 12], [0.0; 12]),
        });
        let (chromas, bass): (Vec<Chroma>, Vec<Chroma>) =
            bars.flat_map(|bar| std::iter::repeat_n(bar, 50)).unzip();
        let duration = 2.0 * chords.len() as f64;
        let beats: Vec<(f64, bool)> = (0..4 * chords.len())
            .map(|beat| (0.5 * beat as f64, beat % 4 == 0))
            .collect();
        let spans = over_time((&chromas, &bass), 25.0, &beats, duration);
        let name = |span: &ChordSpan| span.chord.map_or("-".to_owned(), |chord| chord.to_string());
        spans
            .iter()
            .map(|span| (span.start.0, name(span)))
            .collect()
    }

    #[test]
    fn a_sequence_of_triads_is_heard_bar_by_bar() {
        let spans = heard(&[Some((0, 4)), Some((9, 3)), Some((5, 4)), Some((7, 4)), None]);
        let expected = [(0.0, "C"), (2.0, "Am"), (4.0, "F"), (6.0, "G"), (8.0, "-")];
        assert_eq!(spans, expected.map(|(time, name)| (time, name.to_owned())));
    }

    #[test]
    fn a_chord_that_stays_is_one_span() {
        assert_eq!(heard(&[Some((4, 3)); 6]), [(0.0, "Em".to_owned())]);
    }

    #[test]
    fn silence_has_no_chords_and_what_has_no_beats_has_even_spans() {
        assert!(heard(&[None; 4]).is_empty());
        let (chroma, bass) = triad(2, 4);
        let spans = over_time((&[chroma; 250], &[bass; 250]), 25.0, &[], 10.0);
        assert_eq!(spans.len(), 1);
        assert_eq!((spans[0].start.0, spans[0].end.0), (0.0, 10.0));
    }
}
