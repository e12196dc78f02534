//! Known songs, heard as a user corrects them.

use audio_parser::hearing::{Hearing, Observer, Step};
use audio_parser::sound::{Sound, listen};
use model::corrections::{Corrections, TempoCorrection};
use testkit::sound;

use crate::file;

/// Writes down which steps run.
#[derive(Default)]
struct Log(Vec<Step>);

impl Observer for Log {
    fn progress(&mut self, _part: f64) -> bool {
        true
    }

    fn begin(&mut self, step: Step) {
        self.0.push(step);
    }
}

fn clicks(bpm: f64) -> Sound {
    let file = file(&sound::click_track(bpm, 30.0).wav());
    listen(&file.path, &mut Log::default())
        .expect("a canonical file")
        .expect("nobody stopped it")
}

fn corrected(sound: &mut Sound, corrections: &Corrections) -> (Hearing, Vec<Step>) {
    let mut log = Log::default();
    let hearing = sound.hear(corrections, &mut log);
    (hearing.expect("nobody stopped it"), log.0)
}

fn tempo(tempo: TempoCorrection) -> Corrections {
    Corrections::default().tempo(Some(tempo))
}

fn times(hearing: &Hearing) -> Vec<f64> {
    hearing.beats().iter().map(|beat| beat.time.0).collect()
}

fn openings(hearing: &Hearing) -> Vec<f64> {
    let beats = hearing.beats().iter();
    let openings = beats.filter(|beat| beat.downbeat);
    openings.map(|beat| beat.time.0).collect()
}

/// Whether each of `times` lies on a multiple of `interval`.
fn lie_on(times: &[f64], interval: f64) -> bool {
    !times.is_empty()
        && times
            .iter()
            .all(|time| (time / interval - (time / interval).round()).abs() * interval < 0.012)
}

/// What stands behind beats and bars in every hearing.
const REST: [Step; 4] = [Step::Structure, Step::ClipGrid, Step::Mood, Step::Envelopes];

#[test]
fn a_correction_repeats_only_what_depends_on_it() {
    let mut sound = clicks(120.0);
    let none = Corrections::default();
    let (_, first) = corrected(&mut sound, &none);
    assert_eq!(
        first,
        [&[Step::Pulse, Step::Bars], REST.as_slice()].concat()
    );
    for (corrections, again) in [
        (none, vec![]),
        (none.offset(0.02).unwrap(), vec![]),
        (none.shift(1).unwrap(), vec![]),
        (none.beats_per_bar(Some(3)).unwrap(), vec![]),
        (tempo(TempoCorrection::Half), vec![Step::Bars]),
        (tempo(TempoCorrection::Double), vec![Step::Bars]),
        (
            tempo(TempoCorrection::Bpm(80.0)),
            vec![Step::Pulse, Step::Bars],
        ),
    ] {
        let (_, steps) = corrected(&mut sound, &corrections);
        assert_eq!(steps, [again, REST.to_vec()].concat(), "{corrections:?}");
    }
}

#[test]
fn half_and_double_tempo_keep_to_the_clicks() {
    let mut sound = clicks(120.0);
    let (half, _) = corrected(&mut sound, &tempo(TempoCorrection::Half));
    assert!((half.tempo().bpm - 60.0).abs() < 0.1, "{:?}", half.tempo());
    assert!(lie_on(&times(&half), 0.5));
    assert!(
        times(&half)
            .windows(2)
            .all(|pair| (pair[1] - pair[0] - 1.0).abs() < 0.01)
    );
    let (double, _) = corrected(&mut sound, &tempo(TempoCorrection::Double));
    assert!(
        (double.tempo().bpm - 240.0).abs() < 0.2,
        "{:?}",
        double.tempo()
    );
    assert!(lie_on(&times(&double), 0.25));
    assert!(double.beats().len() > 110);
    // And what was heard at first is not forgotten.
    let (plain, _) = corrected(&mut sound, &Corrections::default());
    assert!((plain.tempo().bpm - 120.0).abs() < 0.1);
}

#[test]
fn a_given_tempo_is_found_in_the_song() {
    let mut sound = clicks(150.0);
    // 75 is there: every second click. The user need not know it to the digit.
    let (heard, _) = corrected(&mut sound, &tempo(TempoCorrection::Bpm(76.0)));
    assert!(
        (heard.tempo().bpm - 75.0).abs() < 0.2,
        "{:?}",
        heard.tempo()
    );
    assert!(lie_on(&times(&heard), 0.4));
}

#[test]
fn beats_and_bars_move_as_asked_and_the_cuts_with_them() {
    let mut sound = clicks(120.0);
    let none = Corrections::default();
    let (plain, _) = corrected(&mut sound, &none);
    let (late, _) = corrected(&mut sound, &none.offset(0.1).unwrap());
    let pairs = || times(&plain).into_iter().zip(times(&late));
    assert!(pairs().count() > 50);
    assert!(pairs().all(|(before, after)| (after - before - 0.1).abs() < 1e-9));

    let (shifted, _) = corrected(&mut sound, &none.shift(1).unwrap());
    assert_eq!(times(&shifted), times(&plain));
    let expected = openings(&plain).into_iter().map(|time| time + 0.5);
    let within = expected.filter(|time| *time < 29.9);
    for time in within {
        assert!(
            openings(&shifted)
                .iter()
                .any(|opening| (opening - time).abs() < 0.02),
            "{time}"
        );
    }
    let cuts = shifted.clip_grid().iter().skip(1);
    for cut in cuts {
        assert!(openings(&shifted).contains(&cut.start.0), "{cut:?}");
    }

    let (waltz, _) = corrected(&mut sound, &none.beats_per_bar(Some(3)).unwrap());
    assert_eq!(waltz.beats_per_bar(), 3);
    let bars = openings(&waltz);
    assert!(
        bars.windows(2)
            .all(|pair| (pair[1] - pair[0] - 1.5).abs() < 0.02)
    );
}
