//! From frames and music to motion: eased pulses, smoothed levels, a clock that runs with the energy,
//! and the camera.

use model::look::{CameraMove, SceneParameters};
use model::music::MusicAt;

use crate::hash::Dice;
use crate::maths::{exp2, sin, smoothstep};

/// Beats that come sooner than this after the last that counted are only hinted at: more than about 2.5
/// pulses a second tire the eye.
const CLOSE_BEATS: f32 = 0.4; // seconds
/// A rise of the beat curve within a frame that counts as a new beat.
const ONSET: f32 = 0.2;
/// Two onsets within this time are one.
const SAME_BEAT: f32 = 0.15; // seconds

/// Everything that moves, at one frame. Levels and pulses are scaled by the reactivity asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moment {
    /// Seconds since the film began.
    pub(crate) time: f32,
    /// The same, but faster the more is going on.
    pub(crate) flow: f32,
    /// Rises within two frames of a beat, decays over half a second; 0–1.
    pub(crate) beat: f32,
    /// The same for downbeats.
    pub(crate) downbeat: f32,
    /// Beats since the clip began, and seconds since the last.
    pub(crate) beats: u32,
    pub(crate) since_beat: f32,
    /// Downbeats since the clip began, and seconds since the last.
    pub(crate) bars: u32,
    pub(crate) since_bar: f32,
    /// Smoothed levels.
    pub(crate) energy: f32,
    pub(crate) bass: f32,
    /// The highs, or what is struck, whichever is more.
    pub(crate) treble: f32,
    /// Whether the picture is to answer to the music at all.
    pub(crate) reactive: bool,
    /// Where the camera looks.
    pub(crate) view: View,
}

impl Moment {
    /// Lets accents be only so strong, 0–1.
    pub(crate) fn damp(&mut self, allowance: f32) {
        for accent in [
            &mut self.beat,
            &mut self.downbeat,
            &mut self.bass,
            &mut self.treble,
        ] {
            *accent *= allowance;
        }
    }
}

/// Where the camera looks, in half picture heights; x to the right, y down.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// Above 1 is closer.
    pub(crate) zoom: f32,
}

/// What makes one clip of a place differ from the next: drawn from its seed and first frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Take {
    /// -1…1 each: where the camera begins.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// 0–1: how close it begins.
    pub(crate) near: f32,
}

impl Take {
    pub(crate) fn new(parameters: &SceneParameters, first_frame: u64) -> Self {
        let mut dice = Dice::new(parameters.seed ^ first_frame.rotate_left(32), 0x7a6b);
        Self {
            x: dice.within(-1.0, 1.0),
            y: dice.within(-1.0, 1.0),
            near: dice.unit(),
        }
    }
}

/// A pulse that began at a beat.
#[derive(Debug, Clone, Copy)]
struct Pulse {
    count: u32,
    since: f32,
    /// Seconds since the last one that was counted.
    since_counted: f32,
    strength: f32,
    before: f32,
}

impl Pulse {
    const REST: Self = Self {
        count: 0,
        since: 10.0,
        since_counted: 10.0,
        strength: 1.0,
        before: 0.0,
    };

    fn hear(&mut self, level: f32, seconds: f32) {
        self.since += seconds;
        self.since_counted += seconds;
        if level - self.before > ONSET && self.since > SAME_BEAT {
            self.since = 0.0;
            self.strength = 0.35;
            if self.since_counted > CLOSE_BEATS {
                self.strength = 1.0;
                self.count += 1;
                self.since_counted = 0.0;
            }
        }
        self.before = level;
    }

    /// Half up on the beat's own frame, whole on the next, then away.
    fn level(&self) -> f32 {
        let attack = smoothstep(-0.033, 0.034, self.since);
        self.strength * attack * exp2(-5.5 * (self.since - 0.034).max(0.0))
    }
}

/// Follows the music from frame to frame. Deterministic for frames given in order; a jump starts it
/// afresh, as the first frame of a clip does.
#[derive(Debug, Clone)]
pub(crate) struct Follower {
    next: Option<u32>,
    beat: Pulse,
    bar: Pulse,
    flow: f32,
    energy: f32,
    bass: f32,
    treble: f32,
    harmonic: f32,
}

impl Follower {
    pub(crate) const fn new() -> Self {
        Self {
            next: None,
            beat: Pulse::REST,
            bar: Pulse::REST,
            flow: 0.0,
            energy: 0.0,
            bass: 0.0,
            treble: 0.0,
            harmonic: 0.0,
        }
    }

    /// Whether `frame` follows on the last one.
    pub(crate) fn expects(&self, frame: u32) -> bool {
        self.next == Some(frame)
    }

    /// The moment of `frame`.
    pub(crate) fn at(&mut self, clip: &Clip, frame: u32, music: &MusicAt) -> Moment {
        let seconds = clip.seconds_per_frame;
        if !self.expects(frame) {
            *self = Self::new();
            self.energy = music.energy;
            self.bass = music.bass;
            self.treble = music.treble;
            self.harmonic = music.harmonic;
            self.flow = frame as f32 * seconds * clip.pace(music.energy, music.harmonic);
        }
        self.next = frame.checked_add(1);
        self.beat.hear(music.beat, seconds);
        self.bar.hear(music.downbeat, seconds);
        self.energy += (music.energy - self.energy) * 0.15;
        self.bass += (music.bass - self.bass) * 0.3;
        // What is struck sparkles as what is high does.
        self.treble += (music.treble.max(0.6 * music.percussive) - self.treble) * 0.4;
        self.harmonic += (music.harmonic - self.harmonic) * 0.1;
        self.flow += seconds * clip.pace(self.energy, self.harmonic);
        let answer = clip.reactivity;
        // Quiet parts nod, loud ones dance.
        let accent = answer * (0.75 + 0.45 * self.energy.clamp(0.0, 1.0));
        Moment {
            time: clip.start + frame as f32 * seconds,
            flow: clip.start * 0.7 + self.flow,
            beat: self.beat.level() * accent,
            downbeat: self.bar.level() * accent,
            beats: self.beat.count,
            since_beat: self.beat.since_counted,
            bars: self.bar.count,
            since_bar: self.bar.since_counted,
            energy: self.energy * answer,
            bass: self.bass * answer,
            treble: self.treble * answer,
            reactive: answer > 0.05,
            view: clip.view(frame),
        }
    }
}

/// What is fixed over a clip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clip {
    pub(crate) take: Take,
    camera: CameraMove,
    intensity: f32,
    reactivity: f32,
    start: f32,
    length: f32,
    seconds_per_frame: f32,
}

impl Clip {
    pub(crate) fn new(
        parameters: &SceneParameters,
        seconds_per_frame: f64,
        first_frame: u64,
        frames: u32,
    ) -> Self {
        Self {
            take: Take::new(parameters, first_frame),
            camera: parameters.camera,
            intensity: parameters.intensity.clamp(0.0, 1.0),
            reactivity: parameters.reactivity.clamp(0.0, 1.0),
            start: (first_frame as f64 * seconds_per_frame) as f32,
            length: (f64::from(frames) * seconds_per_frame) as f32,
            seconds_per_frame: seconds_per_frame as f32,
        }
    }

    /// How fast the scene's own clock runs: with what goes on, and with what sounds on.
    fn pace(&self, energy: f32, harmonic: f32) -> f32 {
        0.40 + 0.6 * self.intensity + (0.65 * energy + 0.15 * harmonic) * self.reactivity
    }

    /// The camera at `frame`: an even move about the clip's middle, and a slow hand.
    fn view(&self, frame: u32) -> View {
        let time = frame as f32 * self.seconds_per_frame;
        let middle = time - self.length * 0.5;
        let speed = 0.028 + 0.070 * self.intensity; // half heights a second
        let way = middle.clamp(-12.0, 12.0) * speed;
        let (x, y, closer) = match self.camera {
            CameraMove::Hold => (way * 0.12, 0.0, way * 0.12),
            CameraMove::PushIn => (0.0, 0.0, way),
            CameraMove::PullOut => (0.0, 0.0, -way),
            CameraMove::PanLeft => (-way * 1.4, 0.0, way * 0.15),
            CameraMove::PanRight => (way * 1.4, 0.0, way * 0.15),
            CameraMove::Rise => (0.0, -way, way * 0.1),
        };
        let clock = self.start + time;
        View {
            x: x + 0.006 * sin(clock * 0.11 + 0.3),
            y: y + 0.005 * sin(clock * 0.083),
            zoom: exp2(closer),
        }
    }
}
