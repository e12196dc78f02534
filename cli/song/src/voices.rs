//! The instruments: each turns one note into sound on its bus.

use super::oscillators::{Filter, Saw, Swell, hertz};
use super::score::{Note, Part};
use super::space::Stereo;
use super::{SAMPLE_RATE, samples_a_beat};

/// How often a moving filter is tuned anew, in samples.
const CONTROL: usize = 32;

/// Adds the sound of `note` to `bus`; `noise` is where hats and claps take theirs from.
pub(super) fn play(note: &Note, noise: &mut fastrand::Rng, bus: &mut Stereo) {
    match note.part {
        Part::Kick => kick(note, bus),
        Part::Clap => clap(note, noise, bus),
        Part::Hat => hiss(note, noise, bus, Hiss::CLOSED_HAT),
        Part::OpenHat => hiss(note, noise, bus, Hiss::OPEN_HAT),
        Part::Crash => hiss(note, noise, bus, Hiss::CRASH),
        Part::Riser => riser(note, noise, bus),
        Part::Bass => bass(note, bus),
        Part::Pad => pad(note, noise, bus),
        Part::Pluck => pluck(note, bus),
        Part::Lead => lead(note, bus),
    }
}

/// Calls `sound` for each sample of a note `seconds` long with its number and time, and adds what it
/// gives (left, right) to the bus.
fn add(note: &Note, seconds: f32, bus: &mut Stereo, mut sound: impl FnMut(usize, f32) -> [f32; 2]) {
    let from = note.first_sample();
    let samples = (seconds * SAMPLE_RATE as f32) as usize;
    for at in 0..samples.min(bus.left.len().saturating_sub(from)) {
        let [left, right] = sound(at, at as f32 / SAMPLE_RATE as f32);
        bus.left[from + at] += left * note.force;
        bus.right[from + at] += right * note.force;
    }
}

fn seconds_of(beats: f64) -> f32 {
    (beats * samples_a_beat() / f64::from(SAMPLE_RATE)) as f32
}

/// A sine that falls from a knock to a thump.
fn kick(note: &Note, bus: &mut Stereo) {
    let mut phase = 0.0f32;
    add(note, 0.4, bus, |_, time| {
        let pitch = 47.0 + 130.0 * (-time * 38.0).exp() + 900.0 * (-time * 400.0).exp();
        phase = (phase + pitch / SAMPLE_RATE as f32).fract();
        let level = (-time * 8.0).exp() * (time / 0.001).min(1.0);
        [(phase * std::f32::consts::TAU).sin() * level * 0.95; 2]
    });
}

/// Three short bursts and a tail of band-passed noise.
fn clap(note: &Note, noise: &mut fastrand::Rng, bus: &mut Stereo) {
    let mut filters = [Filter::tuned(1_500.0, 1.3), Filter::tuned(1_650.0, 1.3)];
    add(note, 0.25, bus, |_, time| {
        let burst = if time < 0.024 {
            (-(time % 0.008) * 300.0).exp()
        } else {
            (-(time - 0.024) * 22.0).exp()
        };
        filters
            .each_mut()
            .map(|filter| filter.next(noise.f32() * 2.0 - 1.0).band * burst * 0.6)
    });
}

/// What a cymbal is like.
#[derive(Clone, Copy)]
struct Hiss {
    above: f32,
    decay: f32,
    level: f32,
}

impl Hiss {
    const CLOSED_HAT: Self = Self {
        above: 8_500.0,
        decay: 0.03,
        level: 0.22,
    };
    const OPEN_HAT: Self = Self {
        above: 7_000.0,
        decay: 0.13,
        level: 0.22,
    };
    const CRASH: Self = Self {
        above: 3_800.0,
        decay: 0.75,
        level: 0.3,
    };
}

/// Noise above a frequency that dies away.
fn hiss(note: &Note, noise: &mut fastrand::Rng, bus: &mut Stereo, kind: Hiss) {
    let mut filters = [
        Filter::tuned(kind.above, 0.8),
        Filter::tuned(kind.above, 0.8),
    ];
    add(note, kind.decay * 5.0, bus, |_, time| {
        let level = (-time / kind.decay).exp() * kind.level;
        filters
            .each_mut()
            .map(|filter| filter.next(noise.f32() * 2.0 - 1.0).high * level)
    });
}

/// Noise whose colour climbs until the part that follows.
fn riser(note: &Note, noise: &mut fastrand::Rng, bus: &mut Stereo) {
    let length = seconds_of(note.beats);
    let mut filters = [Filter::default(), Filter::default()];
    add(note, length, bus, |at, time| {
        let way = time / length;
        if at.is_multiple_of(CONTROL) {
            for filter in &mut filters {
                filter.tune(300.0 * (way * 4.6).exp2(), 2.0);
            }
        }
        filters
            .each_mut()
            .map(|filter| filter.next(noise.f32() * 2.0 - 1.0).band * way * way * 0.22)
    });
}

/// A filtered saw over a sine an octave below: the floor of the song.
fn bass(note: &Note, bus: &mut Stereo) {
    let swell = Swell {
        attack: 0.004,
        held: seconds_of(note.beats),
        release: 0.06,
    };
    let pitch = hertz(note.key);
    let (mut saw, mut filter) = (Saw::new(pitch, 0.0), Filter::default());
    add(note, swell.length(), bus, |at, time| {
        if at.is_multiple_of(CONTROL) {
            let open = (-time * 9.0).exp();
            filter.tune(160.0 + (500.0 + 1_400.0 * note.colour) * open, 1.4);
        }
        let body = filter.next(saw.next()).low;
        let sub = (time * pitch * std::f32::consts::TAU).sin();
        [(body * 0.4 + sub * 0.38) * swell.at(time); 2]
    });
}

/// Two saws an ear, out of tune with each other, behind a slow filter: wide and warm.
fn pad(note: &Note, noise: &mut fastrand::Rng, bus: &mut Stereo) {
    let attack = 0.4 - 0.37 * note.colour;
    let swell = Swell {
        attack,
        held: seconds_of(note.beats),
        release: 0.35,
    };
    let pitch = hertz(note.key);
    let mut ears = [[-0.11, 0.05], [-0.04, 0.12]].map(|detuned: [f32; 2]| {
        let saws = detuned.map(|cents| Saw::new(pitch * (cents / 12.0).exp2(), noise.f32()));
        (saws, Filter::default())
    });
    add(note, swell.length(), bus, |at, time| {
        if at.is_multiple_of(CONTROL) {
            let drift = 1.0 + 0.25 * (time * 1.7).sin();
            let hertz = (500.0 + 4_500.0 * note.colour * note.colour) * drift;
            for (_, filter) in &mut ears {
                filter.tune(hertz, 0.8);
            }
        }
        let level = swell.at(time) * 0.07;
        ears.each_mut().map(|(saws, filter)| {
            let [one, other] = saws;
            filter.next(one.next() + other.next()).low * level
        })
    });
}

/// A short, bright string, to the left and the right by turns of its pitch.
fn pluck(note: &Note, bus: &mut Stereo) {
    let pitch = hertz(note.key);
    let (mut saw, mut second) = (Saw::new(pitch, 0.0), Saw::new(pitch * 1.004, 0.4));
    let mut filter = Filter::default();
    let side = ((note.key * 7.0) % 12.0) / 12.0 * 0.6 + 0.2;
    add(note, 0.5, bus, |at, time| {
        if at.is_multiple_of(CONTROL) {
            let open = (-time * 14.0).exp();
            filter.tune(350.0 + (1_500.0 + 4_000.0 * note.colour) * open, 1.8);
        }
        let level = (-time * 8.0).exp() * (time / 0.002).min(1.0) * (1.0 - time / 0.5) * 0.2;
        let sound = filter.next(saw.next() + second.next()).low * level;
        [sound * (1.0 - side) * 1.4, sound * side * 1.4]
    });
}

/// The voice that sings: two saws an octave apart, with vibrato once a note is held.
fn lead(note: &Note, bus: &mut Stereo) {
    let swell = Swell {
        attack: 0.012,
        held: seconds_of(note.beats),
        release: 0.14,
    };
    let pitch = hertz(note.key);
    let mut saws = [
        Saw::new(pitch, 0.0),
        Saw::new(pitch * 0.5, 0.25),
        Saw::new(pitch * 1.006, 0.6),
    ];
    let mut filter = Filter::default();
    let mut phase = 0.0f32;
    add(note, swell.length(), bus, |at, time| {
        let vibrato = 1.0 + 0.006 * (time * 34.0).sin() * (time / 0.4).min(1.0);
        phase += pitch * vibrato / SAMPLE_RATE as f32;
        if at.is_multiple_of(CONTROL) {
            filter.tune(1_600.0 + 2_400.0 * (-time * 5.0).exp(), 1.3);
        }
        let [first, below, beside] = &mut saws;
        let body = filter
            .next(first.next() + below.next() * 0.5 + beside.next())
            .low;
        let sung = (phase * std::f32::consts::TAU).sin();
        let level = swell.at(time) * 0.16;
        [
            (body * 0.6 + sung * 0.8) * level,
            (body * 0.7 + sung * 0.7) * level,
        ]
    });
}
