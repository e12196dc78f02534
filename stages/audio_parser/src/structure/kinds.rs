//! What a part seems to be: a guess by place, energy and repetition.
//!
//! The first rule that holds names the part; *relative* energy is 0 in the song's quietest part and 1 in
//! its loudest. A song of one part is a verse. Otherwise:
//!
//! 1. *intro*: the first, with a relative energy under 0.4; or the first, if nothing like it comes again
//!    and it is not the loudest;
//! 2. *outro*: the last, in the same two ways;
//! 3. *break*: less than 0.55 of the loudest part's energy;
//! 4. *drop*: more than 0.9 of it, after a break or a rise of 0.3;
//! 5. *chorus*: has the label that comes back and is loudest on average, among two labels or more;
//! 6. *bridge*: in the later 55 % of the song, and nothing like it comes again;
//! 7. *verse*: the rest.

use model::analysis::SectionKind;

/// Less than this much of the way from the song's quietest part to its loudest is quiet.
const QUIET: f32 = 0.4;
/// Less than this much of the loudest part's energy is nearly nothing.
const NEARLY_NOTHING: f32 = 0.55;
/// A rise by so much, to nearly the loudest, is a drop.
const RISE: f32 = 0.3;
const NEARLY_LOUDEST: f32 = 0.9;
/// Parts later than this much of the song can be a bridge.
const LATE: f64 = 0.45;
/// Parts of one song that differ by less in energy are all as loud.
const SAME_ENERGY: f32 = 0.05;
/// How sure a rule is that energy does not bear out.
const GUESS: f32 = 0.35;

/// A kind for each part, and how sure it is (0–1): by how far it is from the nearest other rule.
pub(super) fn of(
    labels: &[usize],
    energies: &[f32],
    spans: &[(f64, f64)],
    duration: f64,
) -> Vec<(SectionKind, f32)> {
    if labels.len() < 2 {
        return labels.iter().map(|_| (SectionKind::Verse, 0.2)).collect();
    }
    let loudest = energies.iter().copied().fold(0.0_f32, f32::max);
    let quietest = energies.iter().copied().fold(f32::INFINITY, f32::min);
    let range = loudest - quietest;
    let relative = |at: usize| {
        if range > SAME_ENERGY {
            (energies[at] - quietest) / range
        } else {
            1.0
        }
    };
    let chorus = chorus(labels, energies);
    let last = labels.len() - 1;
    let mut kinds: Vec<(SectionKind, f32)> = Vec::with_capacity(labels.len());
    for (at, label) in labels.iter().enumerate() {
        let once = labels.iter().filter(|other| *other == label).count() == 1;
        let rise = at
            .checked_sub(1)
            .map_or(0.0, |one| energies[at] - energies[one]);
        let after_break = kinds
            .last()
            .is_some_and(|kind| kind.0 == SectionKind::Break);
        let end = [(0, SectionKind::Intro), (last, SectionKind::Outro)]
            .into_iter()
            .find(|(place, _)| *place == at);
        let part = Facts {
            relative: relative(at),
            of_loudest: energies[at] / loudest.max(f32::MIN_POSITIVE),
            rise,
            after_break,
            once,
            late: spans[at].0 > LATE * duration,
        };
        kinds.push(match (end, chorus) {
            (Some((_, kind)), _) if part.relative < QUIET => {
                (kind, sure((QUIET - part.relative) / QUIET))
            }
            (Some((_, kind)), _) if once && energies[at] < loudest => (kind, GUESS),
            (_, Some((own, lead))) if own == *label => part
                .loud()
                .unwrap_or((SectionKind::Chorus, sure(lead / range.max(SAME_ENERGY)))),
            _ => part.loud().unwrap_or_else(|| part.plain()),
        });
    }
    kinds
}

/// What decides about a part that is neither end nor chorus.
struct Facts {
    relative: f32,
    of_loudest: f32,
    rise: f32,
    after_break: bool,
    once: bool,
    late: bool,
}

impl Facts {
    /// What energy alone decides.
    fn loud(&self) -> Option<(SectionKind, f32)> {
        if self.of_loudest < NEARLY_NOTHING {
            let depth = (NEARLY_NOTHING - self.of_loudest) / NEARLY_NOTHING;
            Some((SectionKind::Break, sure(depth)))
        } else if self.of_loudest > NEARLY_LOUDEST && (self.rise > RISE || self.after_break) {
            Some((SectionKind::Drop, sure(self.rise)))
        } else {
            None
        }
    }

    /// What is left.
    fn plain(&self) -> (SectionKind, f32) {
        if self.once && self.late {
            (SectionKind::Bridge, 0.4)
        } else if self.once {
            (SectionKind::Verse, GUESS)
        } else {
            (SectionKind::Verse, sure(1.0 - self.relative) - 0.1)
        }
    }
}

/// How sure a rule is by a margin of 0–1: from one half to one.
fn sure(margin: f32) -> f32 {
    0.5 + 0.5 * margin.clamp(0.0, 1.0)
}

/// The loudest label that comes at least twice, if it is not the song's only label, and by how much it is
/// louder than the next such label.
fn chorus(labels: &[usize], energies: &[f32]) -> Option<(usize, f32)> {
    let most = labels.iter().max()? + 1;
    let mean = |label: usize| {
        let own = labels
            .iter()
            .zip(energies)
            .filter(|(other, _)| **other == label);
        let (count, sum) = own.fold((0, 0.0), |(n, sum), (_, energy)| (n + 1, sum + energy));
        (count >= 2).then(|| sum / count as f32)
    };
    let mut repeated: Vec<(usize, f32)> = (0..most)
        .filter_map(|label| Some((label, mean(label)?)))
        .collect();
    repeated.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (label, energy) = *repeated.first()?;
    let lead = repeated.get(1).map_or(0.0, |next| energy - next.1);
    (most >= 2).then_some((label, lead))
}

#[cfg(test)]
mod tests {
    use super::*;
    use SectionKind::{Break, Bridge, Chorus, Drop, Intro, Outro, Verse};

    /// Parts of ten seconds.
    fn kinds(parts: &[(usize, f32)]) -> Vec<SectionKind> {
        let (labels, energies): (Vec<usize>, Vec<f32>) = parts.iter().copied().unzip();
        let spans: Vec<(f64, f64)> = (0..parts.len())
            .map(|at| (10.0 * at as f64, 10.0 * (at + 1) as f64))
            .collect();
        let found = of(&labels, &energies, &spans, 10.0 * parts.len() as f64);
        assert!(found.iter().all(|(_, sure)| (0.0..=1.0).contains(sure)));
        found.into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn a_pop_song_is_named_part_by_part() {
        let song = [
            (0, 0.55),
            (1, 0.7),
            (2, 0.9),
            (1, 0.72),
            (2, 0.92),
            (3, 0.75),
            (2, 0.95),
            (4, 0.55),
        ];
        assert_eq!(
            kinds(&song),
            [Intro, Verse, Chorus, Verse, Chorus, Bridge, Chorus, Outro]
        );
    }

    #[test]
    fn a_club_song_breaks_down_and_drops() {
        let song = [(0, 0.5), (1, 0.95), (2, 0.3), (1, 1.0), (0, 0.5)];
        assert_eq!(kinds(&song), [Intro, Drop, Break, Drop, Outro]);
    }

    #[test]
    fn one_part_alone_is_a_verse_that_nobody_is_sure_of() {
        assert_eq!(kinds(&[(0, 0.9)]), [Verse]);
        assert!(kinds(&[]).is_empty());
    }
}
