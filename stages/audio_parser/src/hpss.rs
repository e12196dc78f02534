//! How much of each moment is struck, and how much sounds on: percussive and harmonic energy.
//!
//! D. Fitzgerald, "Harmonic/Percussive Separation Using Median Filtering", `DAFx` 2010, §2: in a spectrogram
//! a stroke is a line across frequencies, a held note a line along time. The median over time keeps the
//! notes, the median over frequency the strokes, and soft masks of their squares share out the power. Ours:
//! only the energies are wanted, so that nothing is put together again, and 17 spectra are all that is kept.

/// Values a median is of.
const RANKS: usize = 9;
/// Half of the stretch that the median over time reaches over. Every second of 17 spectra counts: 320 ms at
/// 20 ms a spectrum, about as in the paper, where a drum is still the shorter half.
const REACH: usize = RANKS - 1;
/// Half of the bins that the median over frequency is of: at 22 Hz a bin 190 Hz, as in the paper.
const BINS: usize = RANKS / 2;
/// Bins that are worked on at once, for the processor's wide registers.
const LANES: usize = 8;
/// Above this nothing but strokes is left, and below it all of them are seen.
const HIGHEST_HZ: f32 = 12_000.0;

/// Effective amplitudes, one value a spectrum.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Split {
    /// Of what is struck.
    pub percussive: Vec<f32>,
    /// Of what sounds on.
    pub harmonic: Vec<f32>,
}

/// Takes one spectrum after another.
pub struct Splitter {
    bins: usize,
    /// The last spectra, each with [`BINS`] zeros before and behind it; spectrum `k` is in row `k` modulo
    /// their number.
    rows: Vec<Vec<f32>>,
    taken: usize,
    split: Split,
}

impl Splitter {
    /// For spectra whose bins lie `bin_hz` apart; they should come every 20 ms.
    pub fn new(bin_hz: f32) -> Self {
        let bins = ((HIGHEST_HZ / bin_hz) as usize).next_multiple_of(LANES);
        Self {
            bins,
            rows: vec![vec![0.0; bins + 2 * BINS]; 2 * REACH + 1],
            taken: 0,
            split: Split::default(),
        }
    }

    /// Takes the magnitudes of the next spectrum; bins it has not are silent.
    pub fn take(&mut self, magnitudes: &[f32]) {
        let count = self.bins.min(magnitudes.len());
        let at = self.taken % self.rows.len();
        self.rows[at][BINS..BINS + count].copy_from_slice(&magnitudes[..count]);
        self.taken += 1;
        if self.taken > REACH {
            self.divide(self.taken - 1 - REACH);
        }
    }

    /// The energies of all spectra that were taken.
    pub fn finish(mut self) -> Split {
        for centre in self.taken.saturating_sub(REACH)..self.taken {
            self.divide(centre);
        }
        self.split
    }

    /// Shares out the power of the spectrum `centre`. Beyond the ends, the first and the last stay.
    fn divide(&mut self, centre: usize) {
        let last = self.taken - 1;
        let row = |at: usize| &self.rows[at.min(last) % self.rows.len()][..];
        let along: [&[f32]; RANKS] =
            std::array::from_fn(|rank| row((centre + 2 * rank).saturating_sub(REACH)));
        let own = row(centre);
        let (mut percussive, mut harmonic) = (0.0, 0.0);
        for bin in (0..self.bins).step_by(LANES) {
            let held = median(std::array::from_fn(|rank| lanes(along[rank], bin + BINS)));
            let struck = median(std::array::from_fn(|rank| lanes(own, bin + rank)));
            let now = lanes(own, bin + BINS);
            for ((held, struck), now) in held.iter().zip(struck).zip(now) {
                let (held, struck, power) = (held * held, struck * struck, now * now);
                let share = power / (held + struck).max(f32::MIN_POSITIVE);
                percussive += struck * share;
                harmonic += held * share;
            }
        }
        self.split.percussive.push(percussive.sqrt());
        self.split.harmonic.push(harmonic.sqrt());
    }
}

type Lanes = [f32; LANES];

fn lanes(row: &[f32], from: usize) -> Lanes {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(&row[from..from + LANES]);
    lanes
}

/// The median of nine values in each lane, by the fewest exchanges known: J. L. Smith, "Implementing Median
/// Filters in XC4000E FPGAs", Xcell 23, 1996. Written out, for in a loop over a table each exchange would go
/// through memory, which takes twice as long.
fn median(mut values: [Lanes; RANKS]) -> Lanes {
    let values = &mut values;
    sort(values, 1, 2);
    sort(values, 4, 5);
    sort(values, 7, 8);
    sort(values, 0, 1);
    sort(values, 3, 4);
    sort(values, 6, 7);
    sort(values, 1, 2);
    sort(values, 4, 5);
    sort(values, 7, 8);
    sort(values, 0, 3);
    sort(values, 5, 8);
    sort(values, 4, 7);
    sort(values, 3, 6);
    sort(values, 1, 4);
    sort(values, 2, 5);
    sort(values, 4, 7);
    sort(values, 4, 2);
    sort(values, 6, 4);
    sort(values, 4, 2);
    values[RANKS / 2]
}

/// Exchanges what is greater in `low` than in `high`, lane by lane.
#[inline(always)]
#[expect(
    clippy::inline_always,
    reason = "only inlined do the values stay in registers"
)]
fn sort(values: &mut [Lanes; RANKS], low: usize, high: usize) {
    let (mut a, mut b) = (values[low], values[high]);
    for (a, b) in a.iter_mut().zip(&mut b) {
        let (x, y) = (*a, *b);
        *a = if x < y { x } else { y };
        *b = if x < y { y } else { x };
    }
    values[low] = a;
    values[high] = b;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_nine_is_found_however_they_lie() {
        // What sorts every row of zeros and ones, sorts everything (Knuth, volume 3, §5.3.4, theorem Z).
        for pattern in 0..1_u32 << RANKS {
            let bit = |rank: usize| f32::from((pattern >> rank & 1) as u8);
            let found = median(std::array::from_fn(|rank| [bit(rank); LANES]));
            let expected = f32::from(u8::from(pattern.count_ones() as usize > RANKS / 2));
            assert_eq!(found, [expected; LANES], "{pattern:09b}");
        }
    }

    /// A held note in 3 bins, and a stroke over all of them at every 25th spectrum.
    fn spectra(note: f32, stroke: f32) -> Split {
        let mut splitter = Splitter::new(20.0);
        for at in 0..100 {
            let mut magnitudes = vec![if at % 25 == 12 { stroke } else { 0.0 }; 1_025];
            for (bin, part) in [(99, 0.5), (100, 1.0), (101, 0.5)] {
                magnitudes[bin] += note * part;
            }
            splitter.take(&magnitudes);
        }
        splitter.finish()
    }

    #[test]
    fn a_note_is_harmonic_and_a_stroke_percussive() {
        let split = spectra(1.0, 0.2);
        assert_eq!(split.percussive.len(), 100);
        assert_eq!(split.harmonic.len(), 100);
        let whole = 0.2 * 600.0_f32.sqrt();
        for at in 0..100 {
            let (percussive, harmonic) = (split.percussive[at], split.harmonic[at]);
            if at % 25 == 12 {
                assert!(percussive > 0.95 * whole, "{percussive} of {whole}");
            } else {
                assert!(percussive < 0.01, "{percussive} at {at}");
            }
            assert!((1.1..1.6).contains(&harmonic), "{harmonic} at {at}");
        }
    }

    #[test]
    fn the_two_add_up_to_all_there_is() {
        let mut splitter = Splitter::new(20.0);
        let mut random = 1_u32;
        let mut powers = Vec::new();
        for _ in 0..40 {
            let mut magnitudes = [0.0; 600];
            for magnitude in &mut magnitudes {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *magnitude = (random >> 8) as f32 / (1 << 24) as f32;
            }
            powers.push(magnitudes.iter().map(|x| x * x).sum::<f32>());
            splitter.take(&magnitudes);
        }
        let split = splitter.finish();
        for (at, power) in powers.iter().enumerate() {
            let sum = split.percussive[at].powi(2) + split.harmonic[at].powi(2);
            assert!((sum / power - 1.0).abs() < 1e-3, "{sum} of {power}");
        }
    }

    #[test]
    fn of_nothing_there_is_nothing_and_silence_is_silent() {
        assert_eq!(Splitter::new(20.0).finish(), Split::default());
        let mut splitter = Splitter::new(20.0);
        splitter.take(&[0.0; 1_025]);
        assert_eq!(splitter.finish().harmonic, [0.0]);
    }
}
