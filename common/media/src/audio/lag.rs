//! How far one recording lags behind another of the same sound.

/// How far, and how alike the two are there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lag {
    /// Samples by which the second is late; negative where it is early.
    pub samples: i32,
    /// Their normalised correlation there: 1 where they differ by nothing but loudness.
    pub likeness: f32,
}

/// A periodic sound is nearly as alike a period later: of lags as alike as this, the shortest counts.
const AS_ALIKE: f32 = 2e-4;

/// The lag of `heard` behind `reference`, of at most `reach` samples either way, by the maximum of the
/// normalised cross-correlation. `heard` begins `reach` samples before the reference and ends as many
/// after it. `None` where either is silent, or too short.
pub fn lag(reference: &[i16], heard: &[i16], reach: usize) -> Option<Lag> {
    let length = reference.len();
    if length == 0 || heard.len() < length + 2 * reach {
        return None;
    }
    let floats = |samples: &[i16]| -> Vec<f32> {
        samples
            .iter()
            .map(|sample| f32::from(*sample) / 32_768.0)
            .collect()
    };
    let (reference, heard) = (floats(reference), floats(heard));
    let energy = |samples: &[f32]| -> f64 { samples.iter().map(|s| f64::from(s * s)).sum() };
    let own = energy(&reference);
    if own <= 0.0 {
        return None;
    }
    let likeness: Vec<f32> = heard
        .windows(length)
        .take(2 * reach + 1)
        .map(|window| {
            let other = energy(window);
            let product = f64::from(dot(&reference, window));
            if other > 0.0 {
                (product / (own * other).sqrt()) as f32
            } else {
                0.0
            }
        })
        .collect();
    let best = likeness.iter().copied().fold(0.0, f32::max);
    if best <= 0.0 {
        return None;
    }
    let offset = |place: usize| place as i32 - reach as i32;
    let alike = likeness
        .iter()
        .enumerate()
        .filter(|(_, other)| **other >= best - AS_ALIKE);
    let (place, likeness) = alike.min_by_key(|(place, _)| offset(*place).abs())?;
    Some(Lag {
        samples: offset(place),
        likeness: *likeness,
    })
}

/// In eight sums side by side, which the compiler makes one instruction of.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (eights, rest) = a.as_chunks::<8>();
    let (others, other_rest) = b.as_chunks::<8>();
    for (a, b) in eights.iter().zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let tail: f32 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise, the same each time.
    fn noise(samples: usize) -> Vec<i16> {
        let mut state = 1_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 17) as i16 - 16_384
        };
        (0..samples).map(next).collect()
    }

    #[test]
    fn a_shift_is_found_to_the_sample_also_where_it_is_quieter() {
        let song = noise(6_000);
        for shift in [-100, -7, 0, 1, 99] {
            let begin = (1_000 - 100 - shift) as usize;
            let heard: Vec<i16> = song[begin..begin + 4_200].iter().map(|s| s / 3).collect();
            let found = lag(&song[1_000..5_000], &heard, 100).unwrap();
            assert_eq!(found.samples, shift);
            assert!(found.likeness > 0.999, "{found:?}");
        }
    }

    #[test]
    fn a_pure_tone_is_not_taken_for_late_by_a_period() {
        let tone = |n: usize| ((n as f64 * 0.0627).sin() * 9_000.0) as i16;
        let song: Vec<i16> = (0..6_000).map(tone).collect();
        let found = lag(&song[1_000..5_000], &song[800..5_200], 200).unwrap();
        assert_eq!(found.samples, 0);
    }

    #[test]
    fn silence_has_no_lag() {
        let silence = [0; 400];
        assert_eq!(lag(&silence[..200], &silence, 100), None);
        assert_eq!(lag(&noise(200), &silence, 100), None);
        assert_eq!(lag(&[], &silence, 100), None);
        assert_eq!(lag(&noise(200), &noise(399), 100), None);
    }
}
