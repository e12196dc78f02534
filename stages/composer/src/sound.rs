//! Whether the film sounds when the song does: both are decoded alike and laid over each other at three
//! places.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use media::audio::{Lag, lag};

/// Length of a place at which lag is measured, in seconds.
const WINDOW: f64 = 1.0;
/// The loudest second within so much of the song's begin, middle and end is taken, in seconds.
const STRETCH: f64 = 8.0;
/// The greatest lag that is looked for, in seconds: far beyond what is allowed.
const REACH: f64 = 0.03;

/// What is heard of a film beside its song.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// Samples in the song and in the film, once decoded.
    pub samples: (u64, u64),
    /// Lag of the film at begin, middle and end; `None` where the song is silent.
    pub lags: [Option<Lag>; 3],
}

/// Compares two files of 16-bit samples in one channel, little-endian. Blocks.
pub fn compare(song: &Path, film: &Path, sample_rate: u32) -> io::Result<Heard> {
    let mut song = Samples::open(song)?;
    let mut film = Samples::open(film)?;
    let samples = |seconds: f64| (seconds * f64::from(sample_rate)) as u64;
    let (window, reach) = (samples(WINDOW), samples(REACH));
    let mut lags = [None; 3];
    for (lag_here, stretch) in lags.iter_mut().zip(stretches(song.count, samples(STRETCH))) {
        let Some(place) = loudest(&mut song, stretch, window)? else {
            continue;
        };
        let reference = song.read(place.start.cast_signed(), place.end.cast_signed())?;
        let from = place.start.cast_signed() - reach.cast_signed();
        let to = place.end.cast_signed() + reach.cast_signed();
        *lag_here = lag(&reference, &film.read(from, to)?, reach as usize);
    }
    Ok(Heard {
        samples: (song.count, film.count),
        lags,
    })
}

/// The begin, the middle and the end of a song; all of it three times where it is short.
fn stretches(count: u64, length: u64) -> [Range<u64>; 3] {
    let length = length.min(count);
    let middle = (count - length) / 2;
    [0, middle, count - length].map(|start| start..start + length)
}

/// The loudest window within a stretch; `None` where nothing sounds.
fn loudest(song: &mut Samples, stretch: Range<u64>, window: u64) -> io::Result<Option<Range<u64>>> {
    let window = window.min(stretch.end - stretch.start);
    let heard = song.read(stretch.start.cast_signed(), stretch.end.cast_signed())?;
    let hop = (window / 4).max(1) as usize;
    let energy = |samples: &[i16]| -> f64 {
        samples
            .iter()
            .map(|sample| f64::from(*sample).powi(2))
            .sum()
    };
    let windows = heard
        .windows(window.max(1) as usize)
        .step_by(hop)
        .map(energy);
    let best = windows.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    Ok(best.filter(|(_, energy)| *energy > 0.0).map(|(index, _)| {
        let start = stretch.start + (index * hop) as u64;
        start..start + window
    }))
}

/// A file of samples.
struct Samples {
    file: File,
    count: u64,
}

impl Samples {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let count = file.metadata()?.len() / 2;
        Ok(Self { file, count })
    }

    /// Those from `from` up to `to`; before the first and after the last there is silence.
    fn read(&mut self, from: i64, to: i64) -> io::Result<Vec<i16>> {
        let count = self.count.cast_signed();
        let (first, last) = (from.clamp(0, count), to.clamp(0, count));
        let mut bytes = vec![0; 2 * (last - first).max(0) as usize];
        self.file.seek(SeekFrom::Start(2 * first.cast_unsigned()))?;
        self.file.read_exact(&mut bytes)?;
        let mut samples = vec![0; (first - from).max(0) as usize];
        let (pairs, _) = bytes.as_chunks::<2>();
        samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
        samples.resize((to - from).max(0) as usize, 0);
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RATE: u32 = 8_000;

    fn song(seconds: f64) -> Vec<i16> {
        let mut state = 7_u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16 - 8_192
        };
        (0..(seconds * f64::from(RATE)) as u64).map(next).collect()
    }

    fn compared(song: &[i16], film: &[i16]) -> Heard {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, samples: &[i16]| {
            let bytes: Vec<u8> = samples
                .iter()
                .flat_map(|sample| sample.to_le_bytes())
                .collect();
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        compare(&written("song", song), &written("film", film), RATE).unwrap()
    }

    #[test]
    fn a_film_that_drifts_is_late_at_its_end_only() {
        let song = song(40.0);
        let mut film = song.clone();
        let at = film.len() / 2 + 40_000;
        film.splice(at..at, [0; 24]); // 3 ms
        let heard = compared(&song, &film);
        let lags = heard.lags.map(|lag| lag.unwrap().samples);
        assert_eq!(lags, [0, 0, 24]);
        assert_eq!(heard.samples, (320_000, 320_024));
    }

    #[test]
    fn a_song_shorter_than_a_window_is_compared_whole_and_a_silent_one_has_no_lag() {
        let short = song(0.3);
        let heard = compared(&short, &short);
        assert_eq!(heard.lags.map(|lag| lag.unwrap().samples), [0, 0, 0]);
        assert_eq!(compared(&vec![0; 9_000], &vec![0; 9_000]).lags, [None; 3]);
        assert_eq!(compared(&[], &[]).lags, [None; 3]);
    }
}
