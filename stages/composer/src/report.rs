//! What is told of a film: measured from the file and compared with what was heard. Pure.

use std::collections::BTreeMap;

use model::analysis::{AudioAnalysis, Beat};
use model::clip::Clip;
use model::film::{
    CaptionReport, FilmReport, FilmTimes, MadeOf, OutputFile, Percentiles, ReplacedClip, StageTime,
    StepTime, TransitionSpan,
};
use model::handoff::Song;
use model::plan::TransitionKind;
use model::{ArtifactRef, ClipIndex, Seconds, StageKind, Usd};

use crate::inspect::Measured;
use crate::pictures::Seen;
use crate::sound::Heard;
use crate::timeline::Timeline;

/// All that is known of a film that stood its inspection.
#[derive(Debug)]
pub struct Findings<'a> {
    /// Where its clips lie.
    pub timeline: &'a Timeline,
    /// What its index says.
    pub measured: Measured,
    /// What was seen of it.
    pub seen: &'a Seen,
    /// What was heard of it.
    pub heard: &'a Heard,
    /// The song, and what was heard of that.
    pub song: &'a Song,
    /// See above.
    pub analysis: &'a AudioAnalysis,
    /// Captions in the film.
    pub cues: u32,
    /// The clips as they are in the film.
    pub clips: &'a [Clip],
    /// Those of them that were made in this pass; `None` where all were.
    pub made: Option<Vec<ClipIndex>>,
    /// How long the stages before took.
    pub stages: BTreeMap<StageKind, StageTime>,
    /// What was spent.
    pub cost: Usd,
    /// Clips that were drawn anew.
    pub replaced: Vec<ReplacedClip>,
}

/// The report of a film. `video` and `sound` are the film and its sound in the store.
pub fn of(
    findings: Findings<'_>,
    video: &ArtifactRef,
    sound: &ArtifactRef,
    outputs: Vec<OutputFile>,
    steps: Vec<StepTime>,
) -> FilmReport {
    let Findings {
        timeline,
        measured,
        seen,
        heard,
        song,
        analysis,
        cues,
        clips,
        made,
        stages,
        cost,
        replaced,
    } = findings;
    let cuts = timeline.cuts().map(|cut| timeline.rate().time_of(cut));
    let in_ms = |samples: i32| f64::from(samples) * 1000.0 / f64::from(song.sample_rate.max(1));
    let clips = clips.iter();
    let is_made = |clip: &&Clip| made.as_ref().is_none_or(|made| made.contains(&clip.index));
    FilmReport {
        duration: measured.duration,
        audio_duration: measured.audio_duration,
        frames: measured.frames,
        clips: timeline.entries().len() as u32,
        cut_frames: timeline.cuts().collect(),
        cut_to_beat_ms: percentiles(distances_in_ms(cuts, &analysis.beats)),
        length_error: measured.length_error,
        sha256: video.sha256.clone(),
        transitions: counted(timeline),
        transition_spans: spans(timeline),
        cuts_seen: seen.cuts_seen,
        audio_lag_ms: heard.lags.map(|lag| lag.map(|lag| in_ms(lag.samples))),
        audio_surplus_samples: heard.samples.1.cast_signed() - heard.samples.0.cast_signed(),
        loudness: analysis.loudness,
        replaced,
        cost,
        times: times(clips.clone().filter(is_made), stages, steps),
        made_of: MadeOf {
            song: song.audio.sha256.clone(),
            sound: sound.sha256.clone(),
            clips: clips.map(|clip| clip.video.sha256.clone()).collect(),
        },
        made: made.clone(),
        captions: captions(analysis, cues),
        outputs,
    }
}

fn captions(analysis: &AudioAnalysis, cues: u32) -> Option<CaptionReport> {
    let lyrics = analysis.lyrics.as_ref().filter(|_| cues > 0)?;
    Some(CaptionReport {
        cues,
        source: lyrics.source,
        confidence: lyrics.confidence,
    })
}

/// As they were drawn: what there was no room for counts as the cut that it became.
fn counted(timeline: &Timeline) -> BTreeMap<TransitionKind, u32> {
    let mut counts = BTreeMap::new();
    for entry in timeline.entries().iter().skip(1) {
        *counts.entry(entry.transition).or_default() += 1;
    }
    counts
}

fn spans(timeline: &Timeline) -> Vec<TransitionSpan> {
    let drawn = timeline.entries().iter();
    let drawn = drawn.filter(|entry| entry.transition != TransitionKind::Cut);
    drawn
        .map(|entry| TransitionSpan {
            kind: entry.transition,
            cut: entry.cut,
            first: entry.file.first,
            frames: entry.transition_frames,
        })
        .collect()
}

fn times<'a>(
    clips: impl Iterator<Item = &'a Clip> + Clone,
    mut stages: BTreeMap<StageKind, StageTime>,
    steps: Vec<StepTime>,
) -> FilmTimes {
    let cpu: Option<Vec<f64>> = clips
        .clone()
        .map(|clip| clip.cpu.map(|cpu| cpu.0))
        .collect();
    let generated = StageTime {
        wall: Seconds(clips.map(|clip| clip.elapsed.0).sum()),
        cpu: cpu.map(|cpu| Seconds(cpu.iter().sum())),
    };
    let step_cpu: Option<Vec<f64>> = steps.iter().map(|step| Some(step.cpu?.0)).collect();
    let composed = StageTime {
        wall: Seconds(steps.iter().map(|step| step.wall.0).sum()),
        cpu: step_cpu.map(|cpu| Seconds(cpu.iter().sum())),
    };
    stages.insert(StageKind::VideoGenerator, generated);
    stages.insert(StageKind::Composer, composed);
    FilmTimes {
        stages,
        clips_wall: generated.wall,
        clips_cpu: generated.cpu,
        composer: steps,
    }
}

/// The distance of each cut, as it is shown, to the nearest beat, as it was heard. `beats` ascend.
/// Nothing where there are no beats.
fn distances_in_ms(cuts: impl Iterator<Item = Seconds>, beats: &[Beat]) -> Vec<f64> {
    let distance = |cut: Seconds| {
        let after = beats.partition_point(|beat| beat.time < cut);
        let neighbours = beats.iter().skip(after.saturating_sub(1)).take(2);
        neighbours
            .map(|beat| (beat.time.0 - cut.0).abs() * 1000.0)
            .min_by(f64::total_cmp)
    };
    cuts.filter_map(distance).collect()
}

/// By nearest rank: the smallest value that so many of a hundred do not exceed. `None` of nothing.
fn percentiles(mut values: Vec<f64>) -> Option<Percentiles> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    };
    Some(Percentiles {
        p50: at(0.5)?,
        p95: at(0.95)?,
        max: at(1.0)?,
    })
}

#[cfg(test)]
mod tests {
    use model::FrameRate;

    use super::*;
    use crate::timeline::tests::laid_out;

    #[test]
    fn transitions_are_counted_as_they_are_in_the_film() {
        let timeline = laid_out(&[0.0, 2.0, 4.0], FrameRate::FPS_30);
        assert_eq!(
            counted(&timeline),
            BTreeMap::from([(TransitionKind::Cut, 1)])
        );
        assert_eq!(spans(&timeline), []);
    }

    fn beats(times: &[f64]) -> Vec<Beat> {
        let beat = |time: &f64| Beat {
            time: Seconds(*time),
            downbeat: false,
        };
        times.iter().map(beat).collect()
    }

    #[test]
    fn each_cut_is_measured_to_the_nearest_beat_on_either_side() {
        let cuts = [0.5, 1.01, 1.98, 9.0].map(Seconds);
        let found = distances_in_ms(cuts.into_iter(), &beats(&[1.0, 2.0, 3.0]));
        let expected = [500.0, 10.0, 20.0, 6000.0];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert!(distances_in_ms(cuts.into_iter(), &[]).is_empty());
    }

    #[test]
    fn percentiles_are_values_that_occur() {
        let of_twenty = percentiles((1..=20).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            (of_twenty.p50, of_twenty.p95, of_twenty.max),
            (10.0, 19.0, 20.0)
        );
        let of_one = percentiles(vec![7.0]).unwrap();
        assert_eq!((of_one.p50, of_one.p95, of_one.max), (7.0, 7.0, 7.0));
        assert_eq!(percentiles(Vec::new()), None);
    }
}
