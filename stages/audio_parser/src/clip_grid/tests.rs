//! The grid tiles every song, and cuts where the music does.

use super::*;

struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.unit() * limit as f64) as usize
    }

    /// Ascending times, some of them outside the song.
    fn times(&mut self, limit: usize, duration: f64) -> Vec<f64> {
        let count = self.below(limit);
        let mut times: Vec<f64> = (0..count)
            .map(|_| self.unit() * duration * 1.05 - 0.1)
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }
}

fn steady(duration: f64, interval: f64) -> Vec<(f64, bool)> {
    (0..(duration / interval).ceil() as u32)
        .map(|beat| (f64::from(beat) * interval, beat % 4 == 0))
        .collect()
}

/// A song of this length in which nothing is heard.
fn nothing(duration: f64) -> Song<'static> {
    Song {
        duration,
        beats: &[],
        onsets: &[],
        sections: &[],
        energy: &[],
        lengths: Lengths::Any,
    }
}

fn grid(duration: f64, beats: &[(f64, bool)], energy: &[f32]) -> Vec<ClipSlot> {
    lay(&Song {
        beats,
        energy,
        ..nothing(duration)
    })
}

const KINDS: [SectionKind; 6] = [
    SectionKind::Intro,
    SectionKind::Verse,
    SectionKind::Chorus,
    SectionKind::Bridge,
    SectionKind::Drop,
    SectionKind::Outro,
];

fn assert_tiles(song: &Song<'_>, longest: f64) {
    let slots = lay(song);
    let duration = song.duration;
    assert_eq!(slots[0].start.0, 0.0);
    assert_eq!(slots[slots.len() - 1].end.0, duration);
    assert!(slots.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert!(duration < 12.0 || slots.len() >= 3, "{duration} s");
    for (at, slot) in slots.iter().enumerate() {
        let length = slot.end.0 - slot.start.0;
        assert_eq!(slot.index, ClipIndex(at as u32));
        assert!(
            length <= longest && (length >= 0.5 || slots.len() == 1),
            "{length} s of at most {longest} s, {:?}",
            song.lengths
        );
    }
}

#[test]
fn a_hundred_thousand_random_songs_are_tiled_exactly() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..100_000 {
        let longest = [3.0, 13.0, 30.0][random.below(3)];
        let duration = 1e-4 + random.unit() * longest;
        let beats: Vec<(f64, bool)> = random
            .times(40, duration)
            .into_iter()
            .map(|time| (time, random.unit() < 0.3))
            .collect();
        let (onsets, sections) = (random.times(20, duration), random.times(4, duration));
        let sections: Vec<(f64, SectionKind)> = sections
            .into_iter()
            .map(|time| (time, KINDS[random.below(6)]))
            .collect();
        let energy: Vec<f32> = (0..random.below(20))
            .map(|_| random.unit() as f32)
            .collect();
        let (lengths, longest) = [
            (Lengths::Any, 12.0),
            (Lengths::Any, 12.0),
            (Lengths::UpTo(8.0), 8.0),
            (Lengths::UpTo(1.7), 1.7),
            (Lengths::OneOf(&[5.0, 10.0]), 10.0),
            (Lengths::OneOf(&[]), 1.5),
        ][random.below(6)];
        let song = Song {
            duration,
            beats: &beats,
            onsets: &onsets,
            sections: &sections,
            energy: &energy,
            lengths,
        };
        assert_tiles(&song, longest);
    }
}

/// A song of known form: beats at a tempo and metre that may change, and its sections.
struct Form {
    duration: f64,
    beats: Vec<(f64, bool)>,
    sections: Vec<(f64, SectionKind)>,
    energy: Vec<f32>,
    longest_bar: f64,
}

impl Form {
    /// At `bpm` at its begin and `drift` times that at its end, in bars of `metre`, after a pick-up.
    fn at(bpm: f64, drift: f64, metre: usize, pickup: f64) -> Self {
        use SectionKind::{Bridge, Chorus, Drop, Intro, Outro, Verse};
        let form = [
            (Intro, 0.3),
            (Verse, 0.6),
            (Chorus, 0.9),
            (Verse, 0.65),
            (Chorus, 0.95),
            (Bridge, 0.5),
            (Drop, 1.0),
            (Outro, 0.2),
        ];
        // Sections of whole bars, about 20 s long.
        let bars = ((20.0 / (60.0 / bpm * metre as f64) / 4.0).round() * 4.0).max(4.0) as usize;
        let (mut beats, mut sections, mut energy) = (vec![], vec![], vec![]);
        let mut time = pickup;
        let total = form.len() * bars * metre;
        let mut longest_bar = 0.0_f64;
        for (at, (kind, level)) in form.into_iter().enumerate() {
            let start = if at == 0 { 0.0 } else { time };
            sections.push((start, kind));
            for beat in 0..bars * metre {
                let done = (at * bars * metre + beat) as f64 / total as f64;
                let length = 60.0 / (bpm * drift.powf(done));
                beats.push((time, beat % metre == 0));
                longest_bar = longest_bar.max(length * metre as f64);
                time += length;
            }
            energy.resize((time * 100.0) as usize, level);
        }
        Self {
            duration: time,
            beats,
            sections,
            energy,
            longest_bar,
        }
    }

    fn song(&self) -> Song<'_> {
        Song {
            duration: self.duration,
            beats: &self.beats,
            onsets: &[],
            sections: &self.sections,
            energy: &self.energy,
            lengths: Lengths::Any,
        }
    }
}

/// Mean length within a kind of section.
fn mean_in(form: &Form, slots: &[ClipSlot], kind: SectionKind) -> f64 {
    let of = |slot: &&ClipSlot| {
        let after = form
            .sections
            .partition_point(|(start, _)| *start <= slot.start.0 + 0.01);
        form.sections[after - 1].1 == kind
    };
    let lengths: Vec<f64> = slots
        .iter()
        .filter(of)
        .map(|slot| slot.end.0 - slot.start.0)
        .collect();
    lengths.iter().sum::<f64>() / lengths.len() as f64
}

#[test]
fn films_of_all_tempi_and_metres_are_cut_as_editors_do() {
    for metre in 2..=7 {
        for bpm in (40..=240).step_by(4) {
            for (drift, pickup) in [(1.0, 0.0), (1.0, 0.83), (1.15, 0.2)] {
                let form = Form::at(f64::from(bpm), drift, metre, pickup);
                let song = form.song();
                assert_tiles(&song, 12.0);
                let slots = lay(&song);
                let what = format!("{bpm} bpm in {metre}, drift {drift}, pick-up {pickup}");
                let cuts = slots.len() - 1;
                let on = slots
                    .iter()
                    .filter(|slot| slot.edge == Edge::Downbeat)
                    .count();
                let share = on as f64 / cuts as f64;
                assert!(share >= 0.85, "{what}: {share} of {cuts} on downbeats");
                // A bar is the least that can be cut on downbeats only.
                let mean = form.duration / slots.len() as f64;
                let slowest = form.longest_bar.max(4.0);
                assert!((2.0..=slowest).contains(&mean), "{what}: mean {mean}");
                for (start, _) in &form.sections {
                    let begins = |slot: &ClipSlot| (slot.start.0 - start).abs() < 1e-9;
                    assert!(slots.iter().any(begins), "{what}: no cut at {start}");
                }
                let (chorus, verse, bridge) = (
                    mean_in(&form, &slots, SectionKind::Chorus),
                    mean_in(&form, &slots, SectionKind::Verse),
                    mean_in(&form, &slots, SectionKind::Bridge),
                );
                // What comes later is faster where the tempo drifts.
                assert!(
                    chorus <= verse * 1.01 && verse <= bridge * 1.01 * drift,
                    "{what}: {chorus} {verse} {bridge}"
                );
            }
        }
    }
}

#[test]
fn a_chorus_cuts_on_every_bar_and_its_fourth_in_two() {
    let form = Form::at(120.0, 1.0, 4, 0.0);
    let slots = lay(&form.song());
    let (start, _) = form.sections[2];
    let bars: Vec<f64> = slots
        .iter()
        .filter(|slot| slot.start.0 >= start)
        .take(5)
        .map(|slot| (slot.end.0 - slot.start.0) / 2.0)
        .collect();
    assert_eq!(bars, [1.0, 1.0, 1.0, 0.5, 0.5]);
    assert!((mean_in(&form, &slots, SectionKind::Verse) - 4.0).abs() < 0.5);
}

#[test]
fn no_slot_is_longer_than_the_longest_clip_of_a_model() {
    let form = Form::at(70.0, 1.0, 4, 0.0);
    for (lengths, longest) in [
        (Lengths::UpTo(8.0), 8.0),
        (Lengths::UpTo(3.0), 3.0),
        (Lengths::OneOf(&[5.0, 10.0]), 10.0),
    ] {
        let song = Song {
            lengths,
            ..form.song()
        };
        assert_tiles(&song, longest);
        assert_tiles(
            &Song {
                lengths,
                ..nothing(60.0)
            },
            longest,
        );
    }
}

#[test]
fn clips_of_fixed_lengths_are_filled_as_far_as_the_music_allows() {
    let form = Form::at(120.0, 1.0, 4, 0.0);
    let song = Song {
        lengths: Lengths::OneOf(&[5.0, 10.0]),
        ..form.song()
    };
    let slots = lay(&song);
    let bought: f64 = slots
        .iter()
        .map(|slot| {
            if slot.end.0 - slot.start.0 <= 5.0 {
                5.0
            } else {
                10.0
            }
        })
        .sum();
    assert!(form.duration / bought > 0.7, "{}", form.duration / bought);
}

#[test]
fn beats_without_bars_are_cut_on_all_the_same() {
    let beats: Vec<(f64, bool)> = steady(60.0, 0.5)
        .into_iter()
        .map(|(time, _)| (time, false))
        .collect();
    let slots = grid(60.0, &beats, &[]);
    assert!(slots.iter().skip(1).all(|slot| slot.edge == Edge::Beat));
    let onsets: Vec<f64> = (1..40).map(|at| f64::from(at) * 1.37).collect();
    let slots = lay(&Song {
        onsets: &onsets,
        ..nothing(55.0)
    });
    let on = slots.iter().filter(|slot| slot.edge == Edge::Onset).count();
    assert!(on * 10 >= slots.len() * 8, "{slots:?}");
}

#[test]
fn twelve_seconds_have_three_slots() {
    for beats in [vec![], steady(12.0, 0.5), steady(12.0, 2.9)] {
        assert!(grid(12.0, &beats, &[0.1; 12]).len() >= 3);
    }
}

#[test]
fn every_edge_of_a_steady_song_is_a_downbeat() {
    let slots = grid(120.0, &steady(120.0, 0.5), &[0.7; 100]);
    assert!(slots.iter().skip(1).all(|slot| slot.edge == Edge::Downbeat));
}

#[test]
fn loud_parts_are_cut_faster() {
    let energy: Vec<f32> = (0..100).map(|at| if at < 50 { 0.2 } else { 1.0 }).collect();
    let slots = grid(80.0, &steady(80.0, 0.5), &energy);
    let calm = slots.iter().filter(|slot| slot.end.0 <= 40.0).count();
    let busy = slots.iter().filter(|slot| slot.start.0 >= 40.0).count();
    assert!(busy >= 2 * calm, "{calm} slots, then {busy}");
}

#[test]
fn without_anything_heard_the_edges_are_even() {
    let slots = grid(30.0, &[], &[]);
    assert!(slots.len() >= 3);
    assert!(slots.iter().skip(1).all(|slot| slot.edge == Edge::Time));
}

#[test]
fn a_section_begins_with_a_slot() {
    let beats = steady(60.0, 0.5);
    let slots = lay(&Song {
        beats: &beats,
        sections: &[
            (18.0, SectionKind::Verse),
            (33.02, SectionKind::Chorus),
            (44.2, SectionKind::Verse),
        ],
        energy: &[0.5; 60],
        ..nothing(60.0)
    });
    // On the beat where there is one near, else where it is.
    for section in [18.0, 33.0, 44.2] {
        assert!(
            slots.iter().any(|slot| slot.start.0 == section),
            "{slots:?}"
        );
    }
}

#[test]
fn nothing_has_no_slots() {
    assert!(grid(0.0, &[], &[]).is_empty());
    assert!(grid(f64::NAN, &[], &[]).is_empty());
    assert_eq!(grid(1e-5, &[], &[]).len(), 1);
}
