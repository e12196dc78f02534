//! What a part seems to be: a guess by place, energy and repetition.

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

/// A kind for each part. The chorus is the label that comes back and is loudest.
pub(super) fn of(
    labels: &[usize],
    energies: &[f32],
    spans: &[(f64, f64)],
    duration: f64,
) -> Vec<SectionKind> {
    let loudest = energies.iter().copied().fold(0.0_f32, f32::max);
    let quietest = energies.iter().copied().fold(f32::INFINITY, f32::min);
    let range = loudest - quietest;
    let relative = |at: usize| {
        if range > 0.05 {
            (energies[at] - quietest) / range
        } else {
            1.0
        }
    };
    let times = |label: usize| labels.iter().filter(|other| **other == label).count();
    let chorus = chorus(labels, energies);
    let last = labels.len().saturating_sub(1);
    let mut kinds = Vec::with_capacity(labels.len());
    for (at, label) in labels.iter().enumerate() {
        let once = times(*label) == 1;
        let before = at.checked_sub(1);
        let rise = before.map_or(0.0, |before| energies[at] - energies[before]);
        let from_nothing = before.and_then(|before| kinds.get(before)) == Some(&SectionKind::Break);
        let kind = if labels.len() == 1 {
            SectionKind::Verse
        } else if at == 0 && relative(at) < QUIET {
            SectionKind::Intro
        } else if at == last && relative(at) < QUIET {
            SectionKind::Outro
        } else if energies[at] < NEARLY_NOTHING * loudest {
            SectionKind::Break
        } else if energies[at] > NEARLY_LOUDEST * loudest && (rise > RISE || from_nothing) {
            SectionKind::Drop
        } else if Some(*label) == chorus {
            SectionKind::Chorus
        } else if once && at < last && spans[at].0 > LATE * duration {
            SectionKind::Bridge
        } else {
            SectionKind::Verse
        };
        kinds.push(kind);
    }
    kinds
}

/// The loudest label that comes at least twice, if it is not the only such label.
fn chorus(labels: &[usize], energies: &[f32]) -> Option<usize> {
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
    (most >= 2)
        .then(|| repeated.first().map(|(label, _)| *label))
        .flatten()
}
