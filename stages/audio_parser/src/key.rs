//! Major or minor, and of which pitch.

use crate::chroma::Chroma;

/// Probe-tone ratings of C major and C minor: C. Krumhansl, "Cognitive Foundations of Musical Pitch",
/// Oxford 1990, ch. 2, and the simpler tonal profiles of D. Temperley, "Music and Probability", MIT
/// 2007, ch. 6; the mean of both, each of mean 0 and norm 1, is what is correlated.
const KRUMHANSL: [[f32; 12]; 2] = [
    [
        6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88,
    ],
    [
        6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17,
    ],
];
const TEMPERLEY: [[f32; 12]; 2] = [
    [
        0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400,
    ],
    [
        0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330,
    ],
];
const NAMES: [&str; 12] = [
    "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B",
];

/// A key and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// 0 for C to 11 for B.
    pub tonic: usize,
    /// True for minor.
    pub minor: bool,
    /// Correlation with major less that with minor at their best tonics, about −1 to 1.
    pub brightness: f32,
    /// 0–1: by how much it beats the next.
    pub confidence: f32,
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mode = if self.minor { "minor" } else { "major" };
        write!(f, "{} {mode}", NAMES[self.tonic % 12])
    }
}

/// The key of a song with these pitch classes and those of its bass; `None` where nothing is pitched.
pub fn estimate(chromas: &[Chroma], bass: &[Chroma]) -> Option<Key> {
    let mut sum = [0.0_f32; 12];
    for chroma in chromas {
        let loudest = chroma.iter().fold(0.0_f32, |most, value| most.max(*value));
        for (total, value) in sum.iter_mut().zip(chroma) {
            *total += if loudest > 0.0 { value / loudest } else { 0.0 };
        }
    }
    for chroma in bass {
        let loudest = chroma.iter().fold(0.0_f32, |most, value| most.max(*value));
        for (total, value) in sum.iter_mut().zip(chroma) {
            *total += if loudest > 0.0 {
                0.5 * value / loudest
            } else {
                0.0
            };
        }
    }
    let heard = unit(&sum)?;
    let mut scores = Vec::with_capacity(24);
    for minor in [false, true] {
        let profile = profile(usize::from(minor))?;
        for tonic in 0..12 {
            let rotated = (0..12).map(|class| heard[(class + tonic) % 12] * profile[class]);
            scores.push((rotated.sum::<f32>(), tonic, minor));
        }
    }
    let best_of = |minor: bool| {
        let mode = scores.iter().filter(|score| score.2 == minor);
        mode.fold(f32::NEG_INFINITY, |most, score| most.max(score.0))
    };
    let brightness = best_of(false) - best_of(true);
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (best, next) = (scores.first()?, scores.get(1)?);
    Some(Key {
        tonic: best.1,
        minor: best.2,
        brightness,
        confidence: ((best.0 - next.0) * 5.0).clamp(0.0, 1.0) * best.0.clamp(0.0, 1.0),
    })
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
