//! The smallest parts of sound: a saw tooth, a filter, an envelope.

use super::SAMPLE_RATE;

/// A saw tooth whose jump is rounded (polyBLEP), since a sharp one would alias.
pub(super) struct Saw {
    phase: f32,
    step: f32,
}

impl Saw {
    pub(super) fn new(hertz: f32, phase: f32) -> Self {
        Self {
            phase,
            step: hertz / SAMPLE_RATE as f32,
        }
    }

    pub(super) fn next(&mut self) -> f32 {
        self.phase += self.step;
        if self.phase >= 1.0 {
            self.phase -= 1.0;
        }
        let naive = 2.0 * self.phase - 1.0;
        if self.phase < self.step {
            let t = self.phase / self.step;
            naive - (t + t - t * t - 1.0)
        } else if self.phase > 1.0 - self.step {
            let t = (self.phase - 1.0) / self.step;
            naive - (t * t + t + t + 1.0)
        } else {
            naive
        }
    }
}

/// A state-variable filter in the topology-preserving form: it can be swept while it sounds.
#[derive(Default)]
pub(super) struct Filter {
    memory: [f32; 2],
    damping: f32,
    gains: [f32; 3],
}

/// What a [`Filter`] lets through of one sample.
pub(super) struct Bands {
    pub(super) low: f32,
    pub(super) band: f32,
    pub(super) high: f32,
}

impl Filter {
    pub(super) fn tuned(hertz: f32, resonance: f32) -> Self {
        let mut filter = Self::default();
        filter.tune(hertz, resonance);
        filter
    }

    /// `resonance` from 0.5 (none) to about 8 (whistles).
    pub(super) fn tune(&mut self, hertz: f32, resonance: f32) {
        let rate = SAMPLE_RATE as f32;
        let g = (std::f32::consts::PI * hertz.clamp(20.0, rate * 0.45) / rate).tan();
        self.damping = 1.0 / resonance;
        let first = 1.0 / (1.0 + g * (g + self.damping));
        self.gains = [first, g * first, g * g * first];
    }

    pub(super) fn next(&mut self, input: f32) -> Bands {
        let [a1, a2, a3] = self.gains;
        let [m1, m2] = self.memory;
        let rest = input - m2;
        let band = a1 * m1 + a2 * rest;
        let low = m2 + a2 * m1 + a3 * rest;
        self.memory = [2.0 * band - m1, 2.0 * low - m2];
        Bands {
            low,
            band,
            high: input - self.damping * band - low,
        }
    }
}

/// A level that rises in `attack`, stays while the note is held, and falls in `release`; in seconds.
#[derive(Clone, Copy)]
pub(super) struct Swell {
    pub(super) attack: f32,
    pub(super) held: f32,
    pub(super) release: f32,
}

impl Swell {
    pub(super) fn at(self, time: f32) -> f32 {
        let rise = (time / self.attack).min(1.0);
        let fall = (1.0 - (time - self.held) / self.release).clamp(0.0, 1.0);
        rise * fall * fall
    }

    pub(super) fn length(self) -> f32 {
        self.held + self.release
    }
}

/// Frequency of a MIDI key.
pub(super) fn hertz(key: f32) -> f32 {
    440.0 * ((key - 69.0) / 12.0).exp2()
}
