//! Which notes are played: sections, chords, a groove for each, and one hook that every chorus repeats.

use std::ops::Range;

use model::analysis::SectionKind::{self, Break, Chorus, Intro, Outro, Verse};

use super::samples_a_beat;

/// An instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Kick,
    Clap,
    Hat,
    OpenHat,
    Crash,
    Riser,
    Bass,
    Pad,
    Pluck,
    Lead,
}

/// One note, or one stroke.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) part: Part,
    /// When it begins, in beats from the begin of the song.
    pub(super) beat: f64,
    /// How long it is held, in beats.
    pub(super) beats: f64,
    /// MIDI key; of no meaning for drums.
    pub(super) key: f32,
    /// How loud, about 0–1.
    pub(super) force: f32,
    /// How bright, 0–1.
    pub(super) colour: f32,
}

impl Note {
    pub(super) fn first_sample(&self) -> usize {
        (self.beat * samples_a_beat()).round() as usize
    }
}

/// The form: thirty-two bars, one minute.
const FORM: [(SectionKind, usize); 8] = [
    (Intro, 4),
    (Verse, 4),
    (Chorus, 4),
    (Verse, 4),
    (Chorus, 4),
    (Break, 4),
    (Chorus, 4),
    (Outro, 4),
];

/// Each section with its bars.
pub(super) fn bars_of_sections() -> impl Iterator<Item = (SectionKind, Range<usize>)> {
    FORM.iter().scan(0, |start, (kind, bars)| {
        let section = *start..*start + bars;
        *start = section.end;
        Some((*kind, section))
    })
}

/// A triad on `root` (MIDI key).
#[derive(Clone, Copy)]
struct Chord {
    root: i32,
    third: i32,
}

const fn minor(root: i32) -> Chord {
    Chord { root, third: 3 }
}

const fn major(root: i32) -> Chord {
    Chord { root, third: 4 }
}

/// One chord a bar, in A minor before transposing.
const fn chords(kind: SectionKind) -> [Chord; 4] {
    match kind {
        Chorus => [major(53), major(55), minor(57), major(60)],
        Break => [major(53), minor(52), minor(50), major(52)],
        Outro => [major(53), major(55), minor(57), minor(57)],
        _ => [minor(57), major(53), major(60), major(55)],
    }
}

impl Chord {
    /// The tones, moved by octaves to lie around the key `middle`, lowest first.
    fn around(self, middle: i32) -> [i32; 3] {
        let mut tones = [0, self.third, 7].map(|step| {
            let key = self.root + step;
            key + 12 * (f64::from(middle - key) / 12.0).round() as i32
        });
        tones.sort_unstable();
        tones
    }
}

/// Everything that is played.
#[derive(Debug, PartialEq)]
pub(super) struct Score {
    pub(super) notes: Vec<Note>,
}

impl Score {
    /// The song of `seed`: its key, its hook and its figures.
    pub(super) fn compose(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut band = Band {
            transpose: chance.i32(-3..=3),
            hook: hook(&mut chance),
            figure: FIGURES[chance.usize(..FIGURES.len())],
            notes: Vec::new(),
        };
        for (number, (kind, bars)) in bars_of_sections().enumerate() {
            for (bar, chord) in bars.clone().zip(chords(kind)) {
                band.play_bar(&Bar {
                    kind,
                    first_beat: bar as f64 * 4.0,
                    in_section: bar - bars.start,
                    is_last: bar + 1 == bars.end,
                    returns: number > 2,
                    chord,
                });
            }
        }
        Self { notes: band.notes }
    }

    /// When `part` plays, in samples, ascending.
    pub(super) fn times_of(&self, part: Part) -> Vec<usize> {
        let notes = self.notes.iter().filter(|note| note.part == part);
        let mut times: Vec<_> = notes.map(Note::first_sample).collect();
        times.sort_unstable();
        times
    }
}

/// Orders in which the plucked string walks the chord.
const FIGURES: [[usize; 8]; 4] = [
    [0, 1, 2, 3, 2, 1, 2, 1],
    [0, 2, 1, 3, 1, 2, 0, 2],
    [3, 2, 1, 0, 1, 2, 1, 0],
    [0, 2, 3, 2, 0, 1, 3, 1],
];

/// A note of the hook: the bar (0–3), the sixteenth in it, its length in sixteenths, its key.
type Sung = (usize, u32, u32, i32);

/// Four bars to sing: a question, an answer, the question again, and one long note.
fn hook(chance: &mut fastrand::Rng) -> Vec<Sung> {
    const RHYTHMS: [&[u32]; 4] = [
        &[0, 3, 6, 8, 11, 14],
        &[0, 4, 6, 10, 12],
        &[0, 2, 6, 8, 12, 14],
        &[0, 3, 6, 10, 12, 14],
    ];
    const SCALE: [i32; 5] = [0, 3, 5, 7, 10];
    let key = |step: i32| 69 + 12 * step.div_euclid(5) + SCALE[step.rem_euclid(5) as usize];
    let question = RHYTHMS[chance.usize(..RHYTHMS.len())];
    let answer = RHYTHMS[chance.usize(..RHYTHMS.len())];
    let leaps: Vec<i32> = (0..8).map(|_| chance.i32(-2..=2)).collect();
    let mut sung = Vec::new();
    for (bar, rhythm, start) in [
        (0, question, 4),
        (1, answer, 3),
        (2, question, 4),
        (3, &[0, 4][..], 2),
    ] {
        let mut step: i32 = start;
        for (place, sixteenth) in rhythm.iter().enumerate() {
            let next = rhythm.get(place + 1).copied().unwrap_or(16);
            sung.push((bar, *sixteenth, next - sixteenth, key(step)));
            step = (step + leaps[place]).clamp(0, 7);
        }
    }
    sung
}

/// One bar, and what the players must know of it.
struct Bar {
    kind: SectionKind,
    first_beat: f64,
    in_section: usize,
    is_last: bool,
    /// The second time round there is more of everything.
    returns: bool,
    chord: Chord,
}

struct Band {
    transpose: i32,
    hook: Vec<Sung>,
    figure: [usize; 8],
    notes: Vec<Note>,
}

impl Band {
    fn play_bar(&mut self, bar: &Bar) {
        self.drums(bar);
        self.bass(bar);
        self.pad(bar);
        self.pluck(bar);
        if bar.kind == Chorus {
            self.sing(bar);
        }
    }

    fn stroke(&mut self, part: Part, beat: f64, force: f32) {
        self.notes.push(Note {
            part,
            beat,
            beats: 0.0,
            key: 0.0,
            force,
            colour: 0.5,
        });
    }

    /// A pitched note; `colour` last.
    fn tone(&mut self, part: Part, [beat, beats]: [f64; 2], key: i32, [force, colour]: [f32; 2]) {
        let key = (key + self.transpose) as f32;
        self.notes.push(Note {
            part,
            beat,
            beats,
            key,
            force,
            colour,
        });
    }

    /// A stroke a sixteenth: `X` strong, `x` less so, `o` soft, anything else silent.
    fn strokes(&mut self, part: Part, bar: &Bar, pattern: &str) {
        for (sixteenth, letter) in pattern.chars().enumerate() {
            let force = match letter {
                'X' => 1.0,
                'x' => 0.72,
                'o' => 0.45,
                _ => continue,
            };
            self.stroke(part, bar.first_beat + sixteenth as f64 / 4.0, force);
        }
    }

    fn drums(&mut self, bar: &Bar) {
        let opens = bar.in_section == 0;
        match bar.kind {
            Chorus => {
                self.strokes(Part::Kick, bar, "X...X...X...X...");
                self.strokes(Part::Clap, bar, "....X.......X...");
                self.strokes(Part::Hat, bar, "oXoXoXoXoXoXoXoX");
                self.strokes(Part::OpenHat, bar, "..X...X...X...X.");
                if opens {
                    self.strokes(Part::Crash, bar, "X");
                }
            }
            Verse => {
                self.strokes(Part::Kick, bar, "x...x...x...x...");
                self.strokes(Part::Hat, bar, "o.x.o.x.o.x.o.x.");
                if bar.returns {
                    self.strokes(Part::Clap, bar, "....o.......o...");
                }
            }
            Intro if bar.in_section >= 2 => self.strokes(Part::Hat, bar, "..o...o...o...o."),
            Outro if opens => self.strokes(Part::Crash, bar, "x"),
            _ => {}
        }
        if bar.is_last && matches!(bar.kind, Verse | Break) {
            // A roll that doubles its pace into what follows.
            self.strokes(Part::Clap, bar, "o...o...o.o.xxxX");
        }
        if bar.kind == Break && bar.in_section == 2 {
            self.tone(Part::Riser, [bar.first_beat, 8.0], 60, [1.0, 0.5]);
        }
    }

    fn bass(&mut self, bar: &Bar) {
        let root = bar.chord.around(40)[0].min(bar.chord.root - 12);
        match bar.kind {
            Chorus => {
                for eighth in 0..8 {
                    let key = if eighth % 4 == 3 { root + 12 } else { root };
                    let beat = bar.first_beat + f64::from(eighth) / 2.0;
                    self.tone(Part::Bass, [beat, 0.4], key, [1.0, 0.9]);
                }
            }
            Verse => {
                for (eighth, eighths) in [(0, 3), (3, 3), (6, 2)] {
                    let span = [
                        bar.first_beat + f64::from(eighth) / 2.0,
                        f64::from(eighths) / 2.0 - 0.1,
                    ];
                    self.tone(Part::Bass, span, root, [0.7, 0.4]);
                }
            }
            Outro => {
                let beats = if bar.is_last { 1.5 } else { 3.6 };
                self.tone(Part::Bass, [bar.first_beat, beats], root, [0.6, 0.1]);
            }
            _ => {}
        }
    }

    fn pad(&mut self, bar: &Bar) {
        let (force, colour) = match bar.kind {
            Chorus => (1.25, 0.95),
            Verse => (0.5, 0.45),
            Break => (0.55, 0.3 + 0.1 * bar.in_section as f32),
            Outro => (0.8 - 0.18 * bar.in_section as f32, 0.4),
            _ => (0.5, 0.2 + 0.06 * bar.in_section as f32),
        };
        // The last chord of the song ends early, so that its room is heard.
        let beats = if bar.kind == Outro && bar.is_last {
            1.5
        } else {
            3.9
        };
        let [low, middle, high] = bar.chord.around(63);
        for key in [low, middle, high, low + 12] {
            self.tone(Part::Pad, [bar.first_beat, beats], key, [force, colour]);
        }
    }

    fn pluck(&mut self, bar: &Bar) {
        let [low, middle, high] = bar.chord.around(70);
        let keys = [low, middle, high, low + 12];
        let (steps, force, colour) = match bar.kind {
            Chorus => (16, 0.55, 0.8),
            Verse => (8, 0.8, 0.5),
            Break => (8, 0.55, 0.15 + 0.2 * bar.in_section as f32),
            Intro => (
                8,
                0.5 + 0.1 * bar.in_section as f32,
                0.15 + 0.1 * bar.in_section as f32,
            ),
            _ if bar.is_last => return,
            _ => (8, 0.6 - 0.15 * bar.in_section as f32, 0.3),
        };
        for step in 0..steps {
            let key = keys[self.figure[step % 8]];
            let beat = bar.first_beat + step as f64 * 4.0 / steps as f64;
            self.tone(Part::Pluck, [beat, 0.25], key, [force, colour]);
        }
    }

    fn sing(&mut self, bar: &Bar) {
        let sung: Vec<Sung> = self
            .hook
            .iter()
            .copied()
            .filter(|(at, ..)| *at == bar.in_section)
            .collect();
        for (_, sixteenth, sixteenths, key) in sung {
            let beat = bar.first_beat + f64::from(sixteenth) / 4.0;
            self.tone(
                Part::Lead,
                [beat, f64::from(sixteenths) / 4.0 - 0.06],
                key,
                [1.0, 0.7],
            );
        }
    }
}
