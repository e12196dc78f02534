//! The lanes of the picture.

use model::Seconds;
use model::analysis::Edge;

use super::canvas::{Align, Area, Paint, Type};
use super::{INK, LEFT, Picture, QUIET, RIGHT, RULE, colour};

const BASS: Paint = Paint::solid([251, 113, 133]);
const MID: Paint = Paint::solid([250, 204, 21]);
const TREBLE: Paint = Paint::solid([96, 165, 250]);
const TEMPO: Paint = Paint::solid([52, 211, 153]);
/// Beats nearer to each other than this many pixels would be a grey wash.
const NARROW: f32 = 3.5;
/// A beat's tempo is the median of so many intervals: what is heard as the tempo there.
const SMOOTHED: usize = 5;

impl Picture<'_> {
    pub(super) fn sections(&mut self, area: Area) {
        self.panel(area, "sections");
        let hearing = self.hearing;
        for section in hearing.sections() {
            let block = Area {
                left: self.x(section.start) + 1.0,
                right: self.x(section.end) - 1.0,
                ..area
            };
            let paint = colour(&section.label);
            self.canvas.rectangle(block, 6.0, paint.at(0.85));
            let kind = super::super::report::kind(section.kind);
            let names = [format!("{} {kind}", section.label), section.label.clone()];
            let fits =
                |name: &&String| self.canvas.width(name, 21.0) < block.right - block.left - 12.0;
            if let Some(name) = names.iter().find(fits) {
                let set = Type {
                    size: 21.0,
                    paint: Paint::solid([14, 16, 22]),
                    align: Align::Left,
                };
                let place = (block.left + 9.0, f32::midpoint(area.top, area.bottom) + 7.0);
                self.canvas.text(name, place, set);
            }
        }
    }

    /// Peaks in the colours of the sections, under the beats and downbeats.
    pub(super) fn waveform(&mut self, area: Area) {
        self.panel(area, "wave");
        let hearing = self.hearing;
        let middle = f32::midpoint(area.top, area.bottom);
        // The loudest peak just clears the ticks of the beats.
        let loudest = hearing
            .peaks()
            .iter()
            .fold(1e-3_f32, |most, peak| most.max(*peak));
        let reach = ((area.bottom - area.top) / 2.0 - 30.0) / loudest;
        let beats = hearing.beats();
        let narrow = (RIGHT - LEFT) / (beats.len().max(1) as f32) < NARROW;
        for beat in beats {
            let x = self.x(beat.time);
            if beat.downbeat {
                self.canvas
                    .vertical(x, (area.top, area.bottom), 1.6, INK.at(0.5));
            } else if !narrow {
                let ends = [
                    (area.top, area.top + 22.0),
                    (area.bottom - 22.0, area.bottom),
                ];
                for end in ends {
                    self.canvas.vertical(x, end, 1.2, QUIET.at(0.75));
                }
            }
        }
        let mut sections = hearing.sections().iter().peekable();
        for x in area.left as i32..area.right as i32 {
            let time = Seconds(f64::from(Self::part(x as f32 + 0.5)) * hearing.duration().0);
            while sections.next_if(|section| section.end <= time).is_some() {}
            let paint = sections
                .peek()
                .map_or(INK, |section| colour(&section.label));
            let height = reach * along(hearing.peaks(), Self::part(x as f32 + 0.5));
            let height = height.max(0.8);
            self.canvas
                .column(x, (middle - height, middle + height), paint.at(0.8));
        }
    }

    /// A block for each clip, and what its begin lies on.
    pub(super) fn clip_grid(&mut self, area: Area) {
        self.panel(area, "clips");
        let hearing = self.hearing;
        for (at, slot) in hearing.clip_grid().iter().enumerate() {
            let block = Area {
                left: self.x(slot.start) + 1.0,
                right: self.x(slot.end) - 1.0,
                ..area
            };
            let shade = if at % 2 == 0 { 0.20 } else { 0.10 };
            self.canvas.rectangle(block, 4.0, INK.at(shade));
            self.canvas.vertical(
                self.x(slot.start),
                (area.top, area.bottom),
                3.0,
                edge(slot.edge),
            );
            let seconds = format!("{:.1}", slot.end.0 - slot.start.0);
            if self.canvas.width(&seconds, 15.0) < block.right - block.left - 12.0 {
                let place = (
                    f32::midpoint(block.left, block.right),
                    f32::midpoint(area.top, area.bottom) + 5.0,
                );
                self.say(&seconds, place, 15.0, Align::Centre);
            }
        }
    }

    pub(super) fn energy(&mut self, area: Area) {
        self.panel(area, "energy");
        let curves = &self.hearing.envelopes;
        let energy: Vec<f32> = unit(&curves.energy);
        self.canvas
            .filled(area, |x| along(&energy, Self::part(x)), INK.at(0.16));
        for (curve, paint) in [
            (&curves.treble, TREBLE),
            (&curves.mid, MID),
            (&curves.bass, BASS),
        ] {
            // Half a second wide: beats would fill the lane.
            let smooth = smoothed(&unit(curve), (curves.rate_hz / 2.0) as usize);
            self.canvas
                .curve(area, |x| along(&smooth, Self::part(x)), 2.2, paint.at(0.9));
        }
    }

    /// The tempo from beat to beat, against that of the whole song.
    pub(super) fn tempo(&mut self, area: Area) {
        self.panel(area, "tempo");
        let hearing = self.hearing;
        let times: Vec<f64> = hearing.beats().iter().map(|beat| beat.time.0).collect();
        let tempi = local_tempi(&times);
        if tempi.is_empty() {
            let place = (
                f32::midpoint(LEFT, RIGHT),
                f32::midpoint(area.top, area.bottom),
            );
            self.say("no pulse", place, 22.0, Align::Centre);
            return;
        }
        let bpm = hearing.tempo().bpm;
        let extreme = |pick: fn(f64, f64) -> f64| {
            tempi
                .iter()
                .fold(bpm, |most, (_, tempo)| pick(most, *tempo))
        };
        let low = extreme(f64::min).min(bpm * 0.92) * 0.98;
        let high = extreme(f64::max).max(bpm * 1.08) * 1.02;
        let height = |tempo: f64| ((tempo - low) / (high - low)) as f32;
        let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
            .into_iter()
            .find(|step| (high - low) / step <= 7.0)
            .unwrap_or(100.0);
        let mut mark = (low / step).ceil() * step;
        while mark <= high {
            let y = area.y(height(mark));
            let line = Area {
                top: y - 0.5,
                bottom: y + 0.5,
                ..area
            };
            self.canvas.rectangle(line, 0.0, RULE);
            self.say(
                &format!("{mark:.0}"),
                (RIGHT - 8.0, y - 5.0),
                16.0,
                Align::Right,
            );
            mark += step;
        }
        for pair in tempi.windows(2) {
            let [(from, before), (to, after)] = pair else {
                continue;
            };
            let segment = Area {
                left: self.x(Seconds(*from)).floor(),
                right: self.x(Seconds(*to)).ceil(),
                ..area
            };
            let width = (segment.right - segment.left).max(1.0);
            let line = |x: f32| {
                let part = f64::from(((x - segment.left) / width).clamp(0.0, 1.0));
                height(before + (after - before) * part)
            };
            self.canvas.curve(segment, line, 2.6, TEMPO);
        }
    }

    pub(super) fn legend(&mut self, y: f32) {
        let mut x = LEFT;
        for (name, paint) in [
            ("downbeat", INK),
            ("beat", QUIET.at(0.75)),
            ("energy", INK.at(0.3)),
            ("bass", BASS),
            ("mid", MID),
            ("treble", TREBLE),
            ("BPM", TEMPO),
            ("cut on a downbeat", edge(Edge::Downbeat)),
            ("on a beat", edge(Edge::Beat)),
            ("on an onset", edge(Edge::Onset)),
            ("on even time", edge(Edge::Time)),
        ] {
            let chip = Area {
                left: x,
                right: x + 16.0,
                top: y - 14.0,
                bottom: y + 2.0,
            };
            self.canvas.rectangle(chip, 4.0, paint);
            self.say(name, (x + 24.0, y), 18.0, Align::Left);
            x += 24.0 + self.canvas.width(name, 18.0) + 30.0;
        }
    }
}

const fn edge(edge: Edge) -> Paint {
    match edge {
        Edge::Start | Edge::Downbeat => Paint::solid([52, 211, 153]),
        Edge::Beat => Paint::solid([250, 204, 21]),
        Edge::Onset => Paint::solid([251, 146, 60]),
        Edge::Time => Paint::solid([148, 163, 184]),
    }
}

/// The value of a curve over the whole song at a part (0–1) of it: the greatest of what falls into a
/// column of the picture.
fn along(curve: &[f32], part: f32) -> f32 {
    let columns = RIGHT - LEFT;
    let from = (part * curve.len() as f32) as usize;
    let to = ((part + 1.0 / columns) * curve.len() as f32) as usize;
    let from = from.min(curve.len().saturating_sub(1));
    let range = curve.get(from..to.clamp(from + 1, curve.len().max(from + 1)));
    range
        .unwrap_or_default()
        .iter()
        .fold(0.0, |most, value| most.max(*value))
}

fn unit(bytes: &[u8]) -> Vec<f32> {
    bytes.iter().map(|byte| f32::from(*byte) / 255.0).collect()
}

/// The mean over `radius` values on either side.
fn smoothed(curve: &[f32], radius: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f32];
    for value in curve {
        sums.push(sums.last().copied().unwrap_or(0.0) + value);
    }
    let sum = |at: usize| sums.get(at).copied().unwrap_or(0.0);
    (0..curve.len())
        .map(|at| {
            let (from, to) = (
                at.saturating_sub(radius),
                (at + radius + 1).min(curve.len()),
            );
            (sum(to) - sum(from)) / (to - from) as f32
        })
        .collect()
}

/// Beats a minute at each beat, as (seconds, bpm).
fn local_tempi(times: &[f64]) -> Vec<(f64, f64)> {
    let intervals: Vec<f64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(from, to)| to - from)
        .collect();
    let near = intervals.windows(SMOOTHED.min(intervals.len().max(1)));
    let half = SMOOTHED / 2;
    times
        .iter()
        .skip(half)
        .zip(near)
        .filter_map(|(time, near)| {
            let mut sorted = near.to_vec();
            sorted.sort_by(f64::total_cmp);
            let middle = sorted.get(sorted.len() / 2).copied()?;
            (middle > 0.0).then(|| (*time, 60.0 / middle))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tempo_at_a_beat_is_that_of_the_beats_around_it() {
        let mut times: Vec<f64> = (0..20).map(|beat| f64::from(beat) * 0.5).collect();
        times.extend((1..20).map(|beat| 9.5 + f64::from(beat) * 0.4));
        let tempi = local_tempi(&times);
        assert_eq!(tempi.first().map(|(_, bpm)| bpm.round()), Some(120.0));
        assert_eq!(tempi.last().map(|(_, bpm)| bpm.round()), Some(150.0));
        assert!(local_tempi(&[]).is_empty());
        assert!(local_tempi(&[1.0]).is_empty());
    }
}
