//! The second pass over a song: what each frame sounds like. Spectra are dropped at once; what stays
//! is about 10 kB a second.

use std::io::Read;

use media::audio::{AudioError, CanonicalWav};

use crate::chroma::{Chroma, ChromaFolder};
use crate::hpss::{Split, Splitter};
use crate::level::{FRAME_RATE, Level, Mix};
use crate::network::inputs::Bands;
use crate::pitch::PitchFolder;
use crate::spectrum::{FilterBank, Spectrum};

/// Upper edges in Hz of the bands in which onsets are found; the last takes the rest.
const FLUX_EDGES: [f32; 5] = [100.0, 200.0, 400.0, 1_500.0, 5_000.0];
/// Bands in which onsets are found.
pub const FLUX_BANDS: usize = FLUX_EDGES.len() + 1;
/// Bass, mid, treble end here (Hz), as `model::music::Envelopes` has it.
const ENERGY_EDGES: [f32; 2] = [150.0, 2_000.0];
/// Bands of the timbre.
pub const TIMBRE_BANDS: usize = 20;
/// Frames between two values of chroma and timbre: 40 ms, much finer than a beat.
pub const SLOW_STEP: usize = 4;
/// Frames between two values of percussive and harmonic energy: 20 ms.
pub const SPLIT_STEP: usize = 2;
/// Values of the fine onset curve a frame: 2.5 ms.
pub const FINE_STEP: usize = 4;
/// Half of the longest window.
const REACH: usize = 4_096;
/// Compression: what is 54 dB below the loud parts is still on the linear side. That is about what
/// reference onset detectors have for a song at full level.
const COMPRESSION: f32 = 100.0;

/// Of the compression, for keys and chords: a tenth, for there the soft notes and the noise count less.
const PITCH_PART: f32 = 0.1;

/// What a song sounds like, frame by frame.
#[derive(Debug, Default)]
pub struct Features {
    /// How many frames of 10 ms there are; frame `k` is centred at `k / 100` s.
    pub frames: usize,
    /// Rises of log magnitude, one curve a band.
    pub flux: [Vec<f32>; FLUX_BANDS],
    /// Log magnitudes of `network::inputs::BANDS` bands, frame after frame.
    pub spectrum: Vec<f32>,
    /// Effective amplitudes of bass, mid and treble.
    pub bands: [Vec<f32>; 3],
    /// Effective amplitudes of what is struck and of what sounds on, one value every 2 frames.
    pub split: Split,
    /// Effective amplitude of everything.
    pub level: Vec<f32>,
    /// Rises of log magnitude over all bands, 4 values a frame.
    pub fine_flux: Vec<f32>,
    /// Pitch classes from 60 Hz to 2 kHz, one value every 4 frames.
    pub chroma: Vec<Chroma>,
    /// Pitch classes of the bass.
    pub bass: Vec<Chroma>,
    /// Harmonic pitch classes in the song's own tuning, one value every 4 frames: for keys and chords.
    pub pitch: Vec<Chroma>,
    /// How far the song is from A440, in semitones, −0.5 to 0.5.
    pub tuning: f32,
    /// Log energies of bands, one value every 4 frames.
    pub timbre: Vec<[f32; TIMBRE_BANDS]>,
}

/// Listens to the whole of `song`, telling `progress` (0–1) now and then, which may stop it by giving
/// false: the result is then `None`.
pub fn listen<R: Read>(
    song: &mut CanonicalWav<R>,
    level: &Level,
    mut progress: impl FnMut(f64) -> bool,
) -> Result<Option<Features>, AudioError> {
    let shape = song.shape();
    let hop = (shape.sample_rate / FRAME_RATE) as usize;
    let channels = usize::from(shape.channels);
    let frames = shape.samples as usize / hop + 1;
    let mut ear = Ear::new(shape.sample_rate, level);
    // Sample `i` of the song lies at `i + REACH - start` in `samples`; silence before and after.
    let mut samples = vec![0.0; REACH];
    let (mut start, mut block) = (0, Vec::new());
    for frame in 0..frames {
        let centre = frame * hop + REACH;
        while samples.len() + start < centre + REACH + hop {
            song.read_block(4 * REACH, &mut block)?;
            if block.is_empty() {
                samples.resize(centre + REACH + hop - start, 0.0);
            }
            samples.extend(block.chunks_exact(channels).map(|all| match level.mix {
                Mix::Sum => 0.5 * (all[0] + all[channels - 1]),
                Mix::Difference => 0.5 * (all[0] - all[channels - 1]),
            }));
        }
        if frame % 500 == 0 && !progress(frame as f64 / frames as f64) {
            return Ok(None);
        }
        ear.hear(&samples, centre - start);
        let done = centre - REACH - start;
        if done > 16 * REACH {
            samples.drain(..done);
            start += done;
        }
    }
    Ok(Some(ear.finish()))
}

struct Ear {
    rate: u32,
    hop: usize,
    gain: f32,
    /// Short for attacks, middle, long for the bass.
    windows: [FluxWindow; 3],
    fine: FluxWindow,
    energy_bank: FilterBank,
    network_bands: Bands,
    splitter: Splitter,
    pitch: Spectrum,
    folder: ChromaFolder,
    bass_folder: ChromaFolder,
    pitch_folder: PitchFolder,
    timbre: [f32; TIMBRE_BANDS],
    values: Vec<f32>,
    heard: Features,
}

impl Ear {
    fn new(rate: u32, level: &Level) -> Self {
        let gain = if level.loud > 0.0 {
            1.0 / level.loud
        } else {
            0.0
        };
        Self {
            rate,
            hop: (rate / FRAME_RATE) as usize,
            gain: gain * COMPRESSION,
            windows: [
                FluxWindow::new(rate, 1_024, 12.0, (400.0, 17_000.0), 2),
                FluxWindow::new(rate, 2_048, 24.0, (30.0, 17_000.0), 2),
                FluxWindow::new(rate, 4_096, 24.0, (30.0, 400.0), 2),
            ],
            // A window of 11 ms against the one 5 ms before.
            fine: FluxWindow::new(rate, 512, 6.0, (100.0, 17_000.0), 2),
            energy_bank: FilterBank::new(rate, 2_048, 3.0, (60.0, 15_000.0)),
            network_bands: Bands::new(rate, 2_048),
            splitter: Splitter::new(rate as f32 / 2_048.0),
            pitch: Spectrum::new(2 * REACH),
            folder: ChromaFolder::new(rate, 2 * REACH, (60.0, 2_000.0)),
            bass_folder: ChromaFolder::new(rate, 2 * REACH, (35.0, 250.0)),
            pitch_folder: PitchFolder::new(rate, 2 * REACH),
            timbre: [0.0; TIMBRE_BANDS],
            values: Vec::new(),
            heard: Features::default(),
        }
    }

    /// Takes the frame whose centre is `samples[centre]`.
    fn hear(&mut self, samples: &[f32], centre: usize) {
        let mut flux = [0.0; FLUX_BANDS];
        for window in &mut self.windows {
            window.rises(samples, centre, self.gain, &mut flux);
        }
        for (curve, value) in self.heard.flux.iter_mut().zip(flux) {
            curve.push(value);
        }
        for part in 0..FINE_STEP {
            let offset = part * self.rate as usize / (FRAME_RATE as usize * FINE_STEP);
            let mut rises = [0.0; FLUX_BANDS];
            self.fine
                .rises(samples, centre + offset, self.gain, &mut rises);
            self.heard.fine_flux.push(rises.iter().sum());
        }
        let around = &samples[centre - self.hop..centre + self.hop];
        let power = around.iter().map(|sample| sample * sample).sum::<f32>();
        self.heard.level.push((power / around.len() as f32).sqrt());
        self.energies();
        if self.heard.frames.is_multiple_of(SLOW_STEP) {
            self.slow(samples, centre);
        }
        self.heard.frames += 1;
    }

    /// Band energies and timbre, from the spectrum that the middle window has just made.
    fn energies(&mut self) {
        let spectrum = &mut self.windows[1].spectrum;
        let bin_hz = self.rate as f32 / spectrum.size() as f32;
        let magnitudes = spectrum.last();
        let mut power = [0.0_f32; 3];
        for (bin, magnitude) in magnitudes.iter().enumerate().skip(1) {
            let hz = bin as f32 * bin_hz;
            let band = ENERGY_EDGES.iter().filter(|edge| hz >= **edge).count();
            power[band] += magnitude * magnitude;
        }
        for (curve, power) in self.heard.bands.iter_mut().zip(power) {
            curve.push(power.sqrt());
        }
        if self.heard.frames.is_multiple_of(SPLIT_STEP) {
            self.splitter.take(magnitudes);
        }
        self.network_bands
            .append(magnitudes, self.gain, &mut self.heard.spectrum);
        self.energy_bank.apply(magnitudes, &mut self.values);
        for (band, value) in self.timbre.iter_mut().zip(&self.values) {
            *band += (1.0 + self.gain * value).ln() / SLOW_STEP as f32;
        }
    }

    fn finish(mut self) -> Features {
        (self.heard.tuning, self.heard.pitch) = self.pitch_folder.finish();
        self.heard.split = self.splitter.finish();
        self.heard
    }

    fn slow(&mut self, samples: &[f32], centre: usize) {
        let magnitudes = self.pitch.of(&samples[centre - REACH..centre + REACH]);
        self.heard
            .chroma
            .push(self.folder.fold(magnitudes, self.gain));
        self.heard
            .bass
            .push(self.bass_folder.fold(magnitudes, self.gain));
        self.pitch_folder.take(magnitudes, self.gain * PITCH_PART);
        self.heard.timbre.push(std::mem::take(&mut self.timbre));
    }
}

/// Onsets in one window size: the rise of each filter's log magnitude against the loudest of its
/// neighbours a little before, so that a gliding pitch is no onset.
///
/// S. Böck and G. Widmer, "Maximum Filter Vibrato Suppression for Onset Detection", `DAFx` 2013, §2.2–3.
struct FluxWindow {
    spectrum: Spectrum,
    bank: FilterBank,
    /// The flux band of each filter, and one over the number of filters in it.
    bands: Vec<(usize, f32)>,
    /// The last frames, oldest first: as many as the difference reaches back.
    before: std::collections::VecDeque<Vec<f32>>,
    lag: usize,
    now: Vec<f32>,
}

impl FluxWindow {
    fn new(rate: u32, size: usize, per_octave: f32, range: (f32, f32), lag: usize) -> Self {
        let bank = FilterBank::new(rate, size, per_octave, range);
        let band_of = |hz: f32| FLUX_EDGES.iter().filter(|edge| hz >= **edge).count();
        let mut counts = [0_u32; FLUX_BANDS];
        for hz in bank.centres() {
            counts[band_of(hz)] += 1;
        }
        let bands = bank
            .centres()
            .map(|hz| (band_of(hz), 1.0 / counts[band_of(hz)] as f32))
            .collect();
        Self {
            spectrum: Spectrum::new(size),
            bank,
            bands,
            before: std::collections::VecDeque::new(),
            lag,
            now: Vec::new(),
        }
    }

    /// Adds the mean rise of each band to `flux`. The first frames, having nothing before them, give 0.
    fn rises(&mut self, samples: &[f32], centre: usize, gain: f32, flux: &mut [f32; FLUX_BANDS]) {
        let half = self.spectrum.size() / 2;
        let magnitudes = self.spectrum.of(&samples[centre - half..centre + half]);
        let mut now = std::mem::take(&mut self.now);
        self.bank.apply(magnitudes, &mut now);
        for value in &mut now {
            *value = (1.0 + gain * *value).ln();
        }
        if self.before.len() == self.lag {
            let before = self.before.pop_front().unwrap_or_default();
            for (at, (band, share)) in self.bands.iter().enumerate() {
                let near = &before[at.saturating_sub(1)..(at + 2).min(before.len())];
                let loudest = near.iter().fold(0.0_f32, |most, value| most.max(*value));
                flux[*band] += (now[at] - loudest).max(0.0) * share;
            }
            self.now = before;
        }
        self.before.push_back(now);
    }
}
