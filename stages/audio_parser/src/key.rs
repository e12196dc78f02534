//! The key of a song and of its stretches.

use model::Seconds;
use model::harmony::{Key, KeyGuess, KeySpan, Mode, PitchClass};

use crate::chroma::Chroma;

/// Probe-tone ratings of C major and C minor: C. Krumhansl, "Cognitive Foundations of Musical Pitch",
/// Oxford 1990, ch. 2, and the simpler tonal profiles of D. Temperley, "Music and Probability", MIT
/// 2007, ch. 6; the mean of both, each of mean 0 and norm 1, is what is correlated.
const KRUMHANSL: [Chroma; 2] = [
    [
        6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
    ],
    [
        6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
    ],
];
const TEMPERLEY: [Chroma; 2] = [
    [
        0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400,
    ],
    [
        0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330,
    ],
];
/// Keys: twelve major, then twelve minor.
const KEYS: usize = 24;
/// Correlations are multiplied by this to be log odds.
const SHARPNESS: f32 = 20.0;
/// Correlations below this name no key: noise and drums lie there.
const LEAST_CORRELATION: f32 = 0.3;
/// Pitch classes that differ by less than this of their mean (standard deviation) are noise.
const LEAST_CONTRAST: f32 = 0.15;
/// A key less likely than this is not named.
const LEAST_PROBABILITY: f32 = 0.2;
/// Alternates that are kept.
const ALTERNATES: usize = 3;
/// Keys over time are decided each second, from so many seconds to either side.
const RADIUS: usize = 6;
/// Another key must be better by so much correlation times seconds: 0.4 for 20 s.
const SWITCH: f32 = 8.0;

/// How well each of the 24 keys fits.
type Fits = [f32; KEYS];

/// The key of a song.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The likeliest, where one stands out.
    pub key: Option<KeyGuess>,
    /// The next likeliest.
    pub alternates: Vec<KeyGuess>,
    /// Correlation with the best major key less that with the best minor key, −2 to 2; 0 where nothing is
    /// pitched.
    pub brightness: f32,
}

/// The key of a song of these pitch classes, one value a frame: loud frames count more.
pub fn of_song(chromas: &[Chroma]) -> Found {
    let Some(fits) = fits(&sum(chromas)) else {
        return Found::default();
    };
    let likely = probabilities(&fits);
    let mut order: Vec<usize> = (0..KEYS).collect();
    order.sort_by(|a, b| fits[*b].total_cmp(&fits[*a]));
    let mut guesses = order.iter().map(|at| KeyGuess {
        key: key(*at),
        probability: likely[*at],
    });
    let best = |range: std::ops::Range<usize>| {
        let values = fits[range].iter();
        values.fold(f32::NEG_INFINITY, |most, value| most.max(*value))
    };
    let named = contrast(&sum(chromas)) >= LEAST_CONTRAST
        && fits[order[0]] >= LEAST_CORRELATION
        && likely[order[0]] >= LEAST_PROBABILITY;
    Found {
        key: if named { guesses.next() } else { None },
        alternates: guesses.take(ALTERNATES).collect(),
        brightness: best(0..12) - best(12..KEYS),
    }
}

/// The standard deviation of pitch classes over their mean; 0 of nothing.
fn contrast(chroma: &Chroma) -> f32 {
    let mean = chroma.iter().sum::<f32>() / 12.0;
    let squares = chroma.iter().map(|value| (value - mean).powi(2));
    let deviation = (squares.sum::<f32>() / 12.0).sqrt();
    if mean > 0.0 { deviation / mean } else { 0.0 }
}

/// Keys over time, of pitch classes at `rate` values a second of a song of `duration` seconds.
///
/// The likeliest path through the keys of each second, with a cost for each change;
/// costs ours.
pub fn over_time(chromas: &[Chroma], rate: f64, duration: f64) -> Vec<KeySpan> {
    let second = |at: usize| ((at as f64 * rate) as usize).min(chromas.len());
    let seconds: Vec<Chroma> = (0..duration.ceil() as usize)
        .map(|at| sum(&chromas[second(at)..second(at + 1)]))
        .collect();
    let local: Vec<Fits> = (0..seconds.len())
        .map(|at| {
            let around = at.saturating_sub(RADIUS)..(at + RADIUS + 1).min(seconds.len());
            fits(&sum(&seconds[around])).unwrap_or([0.0; KEYS])
        })
        .collect();
    let path = path(&local);
    let mut spans = Vec::new();
    let mut from = 0;
    for run in path.chunk_by(|a, b| a == b) {
        let to = from + run.len();
        if let Some(fits) = fits(&sum(&seconds[from..to])) {
            let confidence = probabilities(&fits)[run[0]];
            if fits[run[0]] >= LEAST_CORRELATION && confidence >= LEAST_PROBABILITY {
                spans.push(KeySpan {
                    start: Seconds(from as f64),
                    end: Seconds((to as f64).min(duration)),
                    key: key(run[0]),
                    confidence,
                });
            }
        }
        from = to;
    }
    spans
}

fn path(local: &[Fits]) -> Vec<usize> {
    let Some(first) = local.first() else {
        return Vec::new();
    };
    let best_of = |scores: &Fits| {
        (1..KEYS).fold(
            0,
            |best, at| if scores[at] > scores[best] { at } else { best },
        )
    };
    let mut scores = *first;
    let mut from = vec![[0_u8; KEYS]];
    for fits in &local[1..] {
        let best = best_of(&scores);
        let mut back = [0_u8; KEYS];
        let before = scores;
        for at in 0..KEYS {
            let changed = before[best] - SWITCH;
            let stays = before[at] >= changed;
            back[at] = if stays { at as u8 } else { best as u8 };
            scores[at] = fits[at] + if stays { before[at] } else { changed };
        }
        from.push(back);
    }
    let mut at = best_of(&scores);
    let mut path = Vec::with_capacity(local.len());
    for back in from.iter().rev() {
        path.push(at);
        at = usize::from(back[at]);
    }
    path.reverse();
    path
}

fn sum(chromas: &[Chroma]) -> Chroma {
    let mut sum = [0.0; 12];
    for chroma in chromas {
        for (total, value) in sum.iter_mut().zip(chroma) {
            *total += value;
        }
    }
    sum
}

/// Correlations with the profiles of all keys; `None` where no pitch stands out.
fn fits(heard: &Chroma) -> Option<Fits> {
    let heard = unit(heard)?;
    let mut fits = [0.0; KEYS];
    for (at, fit) in fits.iter_mut().enumerate() {
        let profile = profile(at / 12)?;
        *fit = (0..12)
            .map(|class| heard[(class + at) % 12] * profile[class])
            .sum();
    }
    Some(fits)
}

fn probabilities(fits: &Fits) -> Fits {
    let most = fits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let odds = fits.map(|fit| (SHARPNESS * (fit - most)).exp());
    let sum: f32 = odds.iter().sum();
    odds.map(|value| value / sum)
}

fn key(at: usize) -> Key {
    Key {
        tonic: PitchClass::above_c(at),
        mode: if at < 12 { Mode::Major } else { Mode::Minor },
    }
}

fn profile(mode: usize) -> Option<Chroma> {
    let (a, b) = (unit(&KRUMHANSL[mode])?, unit(&TEMPERLEY[mode])?);
    let mut mean = [0.0; 12];
    for class in 0..12 {
        mean[class] = f32::midpoint(a[class], b[class]);
    }
    unit(&mean)
}

/// Mean 0, norm 1; `None` where nothing varies.
fn unit(values: &Chroma) -> Option<Chroma> {
    let mean = values.iter().sum::<f32>() / 12.0;
    let centred = values.map(|value| value - mean);
    let norm = centred
        .iter()
        .map(|value| value * value)
        .sum::<f32>()
        .sqrt();
    (norm > 1e-9).then(|| centred.map(|value| value / norm))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second each of the triads I, IV, V, I (or i, iv, V, i) of a key, `times` over.
    fn cadences(tonic: usize, minor: bool, times: usize) -> Vec<Chroma> {
        let third = if minor { 3 } else { 4 };
        let chords = [
            [0, third, 7],
            [5, 5 + third, 12],
            [7, 11, 14],
            [0, third, 7],
        ];
        let seconds = chords.iter().cycle().take(4 * times).map(|chord| {
            let mut chroma = [0.05; 12];
            for note in chord {
                chroma[(note + tonic) % 12] += 1.0;
            }
            chroma
        });
        seconds.collect()
    }

    #[test]
    fn cadences_in_all_keys_are_heard_in_their_key() {
        for (tonic, minor) in (0..12).flat_map(|tonic| [(tonic, false), (tonic, true)]) {
            let found = of_song(&cadences(tonic, minor, 4));
            let expected = key(tonic + if minor { 12 } else { 0 });
            assert_eq!(found.key.unwrap().key, expected);
            assert_eq!(found.alternates.len(), ALTERNATES);
            assert_eq!(found.brightness > 0.0, !minor);
        }
    }

    #[test]
    fn a_last_chorus_a_tone_higher_is_a_span_of_its_own() {
        let song = [cadences(0, false, 12), cadences(2, false, 8)].concat();
        let spans = over_time(&song, 1.0, 80.0);
        let keys: Vec<String> = spans.iter().map(|span| span.key.to_string()).collect();
        assert_eq!(keys, ["C major", "D major"]);
        // A key is heard from several seconds around.
        assert!((spans[0].end.0 - 48.0).abs() <= 4.0, "{spans:?}");
        assert_eq!(spans[1].end, Seconds(80.0));
    }

    #[test]
    fn a_borrowed_chord_is_no_modulation() {
        let mut song = cadences(7, false, 10);
        song[18] = [0.05; 12];
        for note in [8, 0, 3] {
            song[18][note] = 1.0;
        }
        assert_eq!(over_time(&song, 1.0, 40.0).len(), 1);
    }

    #[test]
    fn what_has_no_pitch_has_no_key() {
        assert_eq!(of_song(&[[0.0; 12]; 50]), Found::default());
        assert_eq!(of_song(&[[1.0; 12]; 50]).key, None);
        assert!(over_time(&[[0.0; 12]; 50], 1.0, 50.0).is_empty());
        assert!(over_time(&[], 25.0, 0.0).is_empty());
        // All pitches about alike: the best of 24 keys is a guess that is not made.
        let noise: Chroma = std::array::from_fn(|class| 1.0 + 0.1 * ((class * 7 % 5) as f32));
        assert!(
            of_song(&[noise; 50])
                .key
                .is_none_or(|guess| guess.probability < 0.7)
        );
    }
}
