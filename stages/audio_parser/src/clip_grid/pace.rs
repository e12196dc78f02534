//! How long slots should be along the song: so many bars by what a section is and how much goes on, at a
//! pace that suits the whole film.

use model::analysis::SectionKind;

use super::{Lengths, SHORTEST, Song};

/// Mean length of a slot that is aimed at, in seconds: music videos cut every 2 to 3 s, and worlds that
/// are drawn need a little longer to be read than faces.
const MEAN: f64 = 2.9;
/// A mean within these, as shares of what is aimed at, is left as the plan in bars has it.
const FINE: std::ops::Range<f64> = 0.76..1.28;
/// A model of fixed lengths is aimed at with slots of this share of its shortest: they are paid whole.
const FILL: f64 = 0.85;
/// How finely wishes are kept, in seconds: much finer than a bar.
const STEP: f64 = 0.5;
/// What stands for a bar where there are no bars: four beats, and where there are no beats, so many
/// seconds.
const BEATS_A_BAR: f64 = 4.0;
const NO_BAR: f64 = 2.0;
/// Below and above these energies a section is cut half, and twice, as fast.
const CALM: f32 = 0.35;
const BUSY: f32 = 0.85;
/// In bars; a whole film may need another pace.
const LONGEST_PLANNED: f64 = 4.0;
const SHORTEST_PLANNED: f64 = 1.0;
/// What throwing a whole bought clip away would cost, against [`Pace::price`].
const WASTE: f64 = 2.0;

/// See the module.
pub(super) struct Pace<'a> {
    lengths: Lengths<'a>,
    /// The longest slot, in seconds.
    pub(super) longest: f64,
    /// The mean length of all slots, as far as the music allows, in seconds.
    pub(super) aim: f64,
    /// The length wished for at every [`STEP`].
    wished: Vec<f64>,
}

/// What is wished for at one time, before the pace of the whole is known.
struct Plan {
    /// In bars.
    bars: f64,
    /// The bar, in seconds.
    bar: f64,
    /// Nothing shorter makes sense: a bar where there are downbeats to cut on.
    least: f64,
}

impl<'a> Pace<'a> {
    pub(super) fn new(song: &Song<'a>) -> Self {
        let longest = song.lengths.longest();
        let plans = plans(song);
        let least = match song.lengths {
            Lengths::Any | Lengths::UpTo(_) => SHORTEST,
            Lengths::OneOf(lengths) => FILL * lengths.iter().copied().fold(longest, f64::min),
        };
        let range = (least, longest);
        let wished = |scale: f64| plans.iter().map(move |plan| plan.length(scale, range));
        // Slots a second are one over their length: the mean length of all slots is the harmonic one.
        let mean = |scale: f64| plans.len() as f64 / wished(scale).map(f64::recip).sum::<f64>();
        let aim = MEAN.max(least).min(longest);
        let scale = if FINE.contains(&(mean(1.0) / aim)) {
            1.0
        } else {
            // Quarter octaves up to three octaves either way; of equals, the nearest to the plan.
            let steps = (0..=12).flat_map(|step| [f64::from(step), -f64::from(step)]);
            let off = |scale: &f64| (mean(*scale) / aim).log2().abs();
            steps
                .map(|step| (step / 4.0).exp2())
                .map(|scale| (scale, off(&scale)))
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .map_or(1.0, |(scale, _)| scale)
        };
        Self {
            lengths: song.lengths,
            longest,
            aim,
            wished: wished(scale).collect(),
        }
    }

    /// The length wished for of a slot that begins at `time`, in seconds.
    pub(super) fn wished(&self, time: f64) -> f64 {
        let at = ((time / STEP) as usize).min(self.wished.len().saturating_sub(1));
        self.wished.get(at).copied().unwrap_or(self.aim)
    }

    /// What a slot of `length` costs at `start`: the square of how far it is from what is wished for
    /// there, in octaves, and what a model would be paid for nothing.
    pub(super) fn price(&self, start: f64, length: f64) -> f64 {
        // A quarter of a step in: what begins here counts, not what ends here.
        let wished = self.wished(start + STEP / 4.0);
        let octaves = (length / wished).log2();
        // A long slot must not be cheaper because it has fewer edges: price by the second.
        3.0 * octaves * octaves * (length / wished) + WASTE * self.lengths.waste(length)
    }
}

impl Plan {
    /// The length in seconds at a pace `scale` times as slow: a power of two of bars.
    fn length(&self, scale: f64, (least, longest): (f64, f64)) -> f64 {
        let bars = (self.bars * scale).log2().round().exp2();
        (bars * self.bar).clamp(self.least.max(least).min(longest), longest)
    }
}

fn plans(song: &Song<'_>) -> Vec<Plan> {
    let openings: Vec<f64> = song
        .beats
        .iter()
        .filter_map(|(time, opens)| opens.then_some(*time))
        .collect();
    let beats: Vec<f64> = song.beats.iter().map(|(time, _)| *time).collect();
    let count = (song.duration / STEP).ceil() as usize;
    (0..count)
        .map(|step| {
            let time = (step as f64 + 0.5) * STEP;
            let after = song.sections.partition_point(|(start, _)| *start <= time);
            let kind = after
                .checked_sub(1)
                .and_then(|at| song.sections.get(at))
                .map_or(SectionKind::Verse, |(_, kind)| *kind);
            let at = (time / song.duration * song.energy.len() as f64) as usize;
            let energy = song.energy.get(at).copied().unwrap_or(0.5);
            let (bar, least) = match (spacing(&openings, time), spacing(&beats, time)) {
                (Some(bar), _) => (bar, bar),
                (None, Some(beat)) => (BEATS_A_BAR * beat, beat),
                (None, None) => (NO_BAR, SHORTEST),
            };
            Plan {
                bars: bars(kind, energy),
                bar,
                least: least.max(SHORTEST),
            }
        })
        .collect()
}

/// Bars a slot: intro and outro take their time, a chorus cuts on every bar, a drop harder still.
/// The bars by section are what editors do, as gathered in our notes on cut rhythm.
fn bars(kind: SectionKind, energy: f32) -> f64 {
    let of_section: f64 = match kind {
        SectionKind::Bridge | SectionKind::Outro => 4.0,
        SectionKind::Chorus | SectionKind::Drop => 1.0,
        // Intros, verses, and whatever else goes on as they do.
        _ => 2.0,
    };
    if energy < CALM {
        (of_section * 2.0).min(LONGEST_PLANNED)
    } else if energy > BUSY {
        (of_section / 2.0).max(SHORTEST_PLANNED)
    } else {
        of_section
    }
}

/// The distance of the two of `times` around `time`; of the first or last two outside of them. `None`
/// where there are fewer than two, or where they coincide.
fn spacing(times: &[f64], time: f64) -> Option<f64> {
    let last = times.len().checked_sub(2)?;
    let before = times
        .partition_point(|at| *at <= time)
        .saturating_sub(1)
        .min(last);
    let distance = times.get(before + 1)? - times.get(before)?;
    (distance > 0.0).then_some(distance)
}
