//! What is heard of known songs.

use audio_parser::hearing::{Hearing, hear};
use media::audio::CanonicalWriter;
use model::FrameRate;
use model::analysis::Edge;
use testkit::sound::{self, Sound};

use crate::{file, silence};

fn heard(song: &Sound) -> Hearing {
    let file = file(&song.wav());
    hear(&file.path, FrameRate::FPS_30, |_| true)
        .expect("a canonical file")
        .expect("nobody stopped it")
}

fn times(hearing: &Hearing) -> Vec<f64> {
    hearing.beats().iter().map(|beat| beat.time.0).collect()
}

/// The share of `expected` that some beat meets within `tolerance` seconds.
fn met(beats: &[f64], expected: &[f64], tolerance: f64) -> f64 {
    let meets = |time: &&f64| beats.iter().any(|beat| (beat - **time).abs() <= tolerance);
    expected.iter().filter(meets).count() as f64 / expected.len() as f64
}

fn steady(interval: f64, until: f64) -> Vec<f64> {
    (1..(until / interval) as u32)
        .map(|beat| f64::from(beat) * interval)
        .collect()
}

#[test]
fn a_click_track_is_heard_at_its_tempo_and_each_click_within_10_ms() {
    for bpm in [80.0, 100.0, 120.0, 133.0, 150.0] {
        let hearing = heard(&sound::click_track(bpm, 30.0));
        let tempo = hearing.tempo();
        // The line through some fifty beats leaves far less than a tenth of a beat a minute.
        assert!(
            (tempo.bpm - bpm).abs() < 0.1,
            "{bpm} heard as {}",
            tempo.bpm
        );
        assert!(tempo.confidence > 0.6, "{tempo:?}");
        let share = met(&times(&hearing), &steady(60.0 / bpm, 29.0), 0.010);
        assert!(share > 0.97, "{share} of the clicks at {bpm} bpm");
    }
}

#[test]
fn a_song_is_heard_with_its_beats_bars_and_parts() {
    let hearing = heard(&sound::song(72.0));
    assert!(
        (hearing.tempo().bpm - 120.0).abs() < 0.2,
        "{:?}",
        hearing.tempo()
    );
    assert!(met(&times(&hearing), &steady(0.5, 70.0), 0.03) > 0.95);
    let bars: Vec<f64> = hearing
        .beats()
        .iter()
        .filter(|beat| beat.downbeat)
        .map(|beat| beat.time.0)
        .collect();
    assert!(met(&bars, &steady(2.0, 70.0), 0.05) > 0.9, "{bars:?}");
    let starts: Vec<f64> = hearing.sections().iter().map(|part| part.start.0).collect();
    assert!(
        met(&starts, &[8.0, 24.0, 32.0, 48.0, 56.0], 0.1) >= 0.8,
        "{starts:?}"
    );
}

#[test]
fn parts_that_sound_alike_share_a_label_and_the_loud_ones_have_more_energy() {
    let hearing = heard(&sound::song(72.0));
    let at = |time: f64| {
        let parts = hearing.sections();
        parts
            .iter()
            .find(|part| part.end.0 > time)
            .expect("parts tile the song")
    };
    assert_eq!(at(4.0).label, at(28.0).label);
    assert_eq!(at(16.0).label, at(40.0).label);
    assert_ne!(at(4.0).label, at(16.0).label);
    assert!(at(16.0).energy > at(4.0).energy + 0.1);
}

#[test]
fn parts_and_slots_tile_the_song_exactly() {
    for song in [
        sound::song(40.0),
        sound::click_track(97.0, 13.0),
        silence(20.0),
    ] {
        let hearing = heard(&song);
        let parts: Vec<(f64, f64)> = hearing
            .sections()
            .iter()
            .map(|part| (part.start.0, part.end.0))
            .collect();
        let slots: Vec<(f64, f64)> = hearing
            .clip_grid()
            .iter()
            .map(|slot| (slot.start.0, slot.end.0))
            .collect();
        for tiles in [parts, slots] {
            assert_eq!(tiles[0].0, 0.0);
            assert_eq!(tiles[tiles.len() - 1].1, song.seconds());
            assert!(tiles.windows(2).all(|pair| pair[0].1 == pair[1].0));
            assert!(tiles.iter().all(|(start, end)| start < end));
        }
    }
}

#[test]
fn clips_of_a_song_begin_on_its_downbeats() {
    let hearing = heard(&sound::song(60.0));
    let slots = hearing.clip_grid();
    let on_downbeats = slots
        .iter()
        .filter(|slot| slot.edge == Edge::Downbeat)
        .count();
    assert!(on_downbeats * 10 >= (slots.len() - 1) * 8, "{slots:?}");
}

#[test]
fn nothing_fires_in_silence() {
    let hearing = heard(&silence(30.0));
    assert!(hearing.beats().is_empty());
    assert_eq!(hearing.tempo().bpm, 0.0);
    assert_eq!(hearing.sections().len(), 1);
    assert_eq!(hearing.sections()[0].beat_confidence, None);
    assert_eq!(hearing.sections()[0].bpm, None);
    assert!(
        hearing
            .clip_grid()
            .iter()
            .skip(1)
            .all(|slot| slot.edge == Edge::Time)
    );
    let curves = &hearing.envelopes;
    for curve in [
        &curves.energy,
        &curves.bass,
        &curves.mid,
        &curves.treble,
        &curves.percussive,
        &curves.harmonic,
        &curves.beat,
        &curves.downbeat,
    ] {
        assert_eq!(curve.len(), 901);
        assert!(curve.iter().all(|value| *value == 0));
    }
}

#[test]
fn no_beats_fall_in_the_silence_around_a_song() {
    let mut song = silence(6.0);
    song.samples.extend(sound::click_track(120.0, 16.0).samples);
    song.samples.extend(silence(6.0).samples);
    let beats = times(&heard(&song));
    let (first, last) = (beats[0], beats[beats.len() - 1]);
    assert!(first > 5.7 && last < 22.3, "beats from {first} to {last} s");
}

#[test]
fn a_song_rests_in_a_long_silence_and_each_part_has_its_own_tempo() {
    let mut song = sound::click_track(120.0, 20.0);
    song.samples.extend(silence(6.0).samples);
    song.samples.extend(sound::click_track(90.0, 24.0).samples);
    let hearing = heard(&song);
    let beats = times(&hearing);
    let resting = beats.iter().filter(|time| (20.5..25.5).contains(*time));
    assert_eq!(resting.count(), 0, "{beats:?}");
    assert!(met(&beats, &steady(0.5, 19.5), 0.02) > 0.95);
    let parts = hearing.sections();
    let at = |time: f64| parts.iter().find(|part| part.end.0 > time).unwrap();
    for (time, bpm) in [(8.0, 120.0), (40.0, 90.0)] {
        let part = at(time);
        assert!((part.bpm.unwrap() - bpm).abs() < 0.5, "{part:?}");
        assert!(part.beat_confidence.unwrap() > 0.6, "{part:?}");
        let double_or_half = |other: &f64| {
            [0.5, 2.0]
                .iter()
                .any(|by| (other / bpm / by - 1.0).abs() < 0.02)
        };
        assert!(part.alternates.iter().any(double_or_half), "{part:?}");
    }
}

#[test]
fn bars_of_three_four_five_and_seven_beats_are_heard_where_they_are_clear() {
    for metre in [3, 4, 5, 7] {
        let hearing = heard(&sound::song_of_bars(metre, 120.0, 48.0));
        assert_eq!(hearing.beats_per_bar(), metre as u8);
        let bars: Vec<f64> = hearing
            .beats()
            .iter()
            .filter(|beat| beat.downbeat)
            .map(|beat| beat.time.0)
            .collect();
        let bar = 0.5 * f64::from(metre);
        assert!(
            met(&bars, &steady(bar, 46.0), 0.05) > 0.9,
            "{metre}: {bars:?}"
        );
    }
}

#[test]
fn strokes_and_held_notes_have_curves_of_their_own() {
    let clicks = sound::click_track(60.0, 8.0).samples;
    let tone = sound::tone(440.0, 8.0).samples;
    let silent = silence(4.0).samples;
    let song = Sound {
        // Clicks for 8 s, clicks and a note for 4, the note alone for 4.
        samples: clicks
            .iter()
            .copied()
            .chain(silent)
            .zip(silence(4.0).samples.iter().chain(&tone))
            .map(|(click, note)| 0.7 * click + 0.3 * note)
            .collect(),
        sample_rate: 44_100,
    };
    let curves = heard(&song).envelopes;
    let at = |time: f64| curves.at(model::Seconds(time));
    let all: Vec<_> = [2.0, 2.6, 6.0, 6.5, 10.0].map(at).into_iter().collect();
    let [click, rest, both, note, alone] = all[..] else {
        panic!("five");
    };
    assert!(click.percussive > 0.7 && both.percussive > 0.7, "{all:?}");
    assert!(rest.percussive < 0.1 && alone.percussive < 0.2, "{all:?}");
    assert!(click.harmonic < 0.1 && rest.harmonic < 0.1, "{all:?}");
    assert!(note.harmonic > 0.8 && alone.harmonic > 0.8, "{all:?}");
}

#[test]
fn any_length_of_anything_is_heard_without_a_panic() {
    let click = sound::click_track(120.0, 3.0).samples;
    let tone = sound::tone(440.0, 3.0).samples;
    let mut state = 1_u32;
    let noise: Vec<f32> = (0..3 * 44_100)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from((state >> 16) as u16) / 32_768.0 - 1.0
        })
        .collect();
    for samples in [click, tone, noise] {
        for count in [1, 2, 441, 442, 4_410, 20_000, 60_000, 132_300] {
            let song = Sound {
                samples: samples[..count].to_vec(),
                sample_rate: 44_100,
            };
            let hearing = heard(&song);
            let slots = hearing.clip_grid();
            assert_eq!(slots[slots.len() - 1].end.0, song.seconds());
            let tempo = hearing.tempo();
            assert!((0.0..=1.0).contains(&tempo.confidence), "{tempo:?}");
            assert!(times(&hearing).windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}

#[test]
fn gain_polarity_and_a_pause_before_it_change_no_beat() {
    let song = sound::song(30.0);
    let with = |change: &dyn Fn(f32) -> f32| Sound {
        samples: song.samples.iter().map(|sample| change(*sample)).collect(),
        sample_rate: song.sample_rate,
    };
    let plain = times(&heard(&with(&|sample| 0.9 * sample)));
    // 16 bits leave a little noise in the quiet version.
    let quiet = times(&heard(&with(&|sample| 0.02 * sample)));
    let inverted = times(&heard(&with(&|sample| -0.9 * sample)));
    assert!(met(&quiet, &plain, 0.005) > 0.95);
    assert!(met(&inverted, &plain, 0.005) > 0.95);
    let mut late = silence(0.73);
    late.samples.extend(with(&|sample| 0.9 * sample).samples);
    let moved: Vec<f64> = times(&heard(&late))
        .iter()
        .map(|time| time - 0.73)
        .collect();
    assert!(met(&moved, &plain, 0.012) > 0.9);
}

#[test]
fn channels_out_of_phase_are_heard_all_the_same() {
    let song = sound::click_track(110.0, 20.0);
    let scratch = file(&[]);
    let mut writer = CanonicalWriter::create(&scratch.path, 44_100, 2).unwrap();
    let stereo: Vec<f32> = song
        .samples
        .iter()
        .flat_map(|sample| [*sample, -*sample])
        .collect();
    writer.write(&stereo).unwrap();
    writer.finish().unwrap();
    let hearing = hear(&scratch.path, FrameRate::FPS_30, |_| true)
        .unwrap()
        .unwrap();
    assert!((hearing.tempo().bpm - 110.0).abs() < 0.1);
}

#[test]
fn who_is_told_of_progress_can_stop_it() {
    let file = file(&sound::click_track(120.0, 20.0).wav());
    let mut told = Vec::new();
    let heard = hear(&file.path, FrameRate::FPS_30, |part| {
        told.push(part);
        part < 0.5
    })
    .unwrap();
    assert!(heard.is_none());
    assert!(told.windows(2).all(|pair| pair[0] <= pair[1]), "{told:?}");
    assert!(told.iter().all(|part| (0.0..=1.0).contains(part)));
}
