//! What a film's miniatures show: stretches of black, stretches without motion, and cuts. Pure, and a
//! frame at a time, so that memory does not grow with the film.

use std::io::{self, Read};

use model::FrameRate;
use model::timeline::Span;

/// Bytes of a miniature.
pub(crate) const BYTES: usize =
    media::ffmpeg::MINIATURE.width as usize * media::ffmpeg::MINIATURE.height as usize;

/// Luma up to which a picture is black: 16 is black itself, and dither adds a little.
const BLACK: f64 = 18.0;
/// Stretches of black that are shorter are no fault, in seconds.
const SHORTEST_BLACK: f64 = 0.5;
/// The mean change of a pixel, in steps of 8-bit luma, up to which nothing moves: a standing picture
/// changes by less where a key frame encodes it anew, and a calm scene of ours by ten times as much.
const STILL: f64 = 0.02;
/// Stretches of standstill that are shorter are no fault, in seconds.
const SHORTEST_FROZEN: f64 = 2.0;
/// A cut is seen where the picture changes this many times as much as between the frames about it …
const STANDS_OUT: f64 = 2.5;
/// … and by at least this much, in steps of 8-bit luma.
const LEAST_CHANGE: f64 = 2.0;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Frames that were there.
    pub frames: u64,
    /// Stretches of black of half a second and more.
    pub black: Vec<Span>,
    /// Stretches of two seconds and more in which nothing moves.
    pub frozen: Vec<Span>,
    /// Of the hard cuts that were asked about, those at which the picture jumps, at exactly their frame.
    pub cuts_seen: u32,
}

/// Watches miniatures, each `BYTES` long. `hard_cuts` are frames, ascending.
pub fn watch(mut miniatures: impl Read, rate: FrameRate, hard_cuts: &[u64]) -> io::Result<Seen> {
    let mut before = vec![0; BYTES];
    let mut now = vec![0; BYTES];
    let mut changes = Vec::new();
    let mut seen = Seen::default();
    let (mut black, mut frozen) = (Stretch::default(), Stretch::default());
    while filled(&mut miniatures, &mut now)? {
        let change = if seen.frames == 0 {
            255.0
        } else {
            change(&before, &now)
        };
        black.go_on(mean(&now) <= BLACK, seen.frames);
        frozen.go_on(change <= STILL, seen.frames);
        changes.push(change as f32);
        seen.frames += 1;
        std::mem::swap(&mut before, &mut now);
    }
    seen.black = black.ended(rate.frame_at(model::Seconds(SHORTEST_BLACK)));
    seen.frozen = frozen.ended(rate.frame_at(model::Seconds(SHORTEST_FROZEN)));
    let stands_out = |cut: &&u64| is_cut(&changes, usize::try_from(**cut).unwrap_or(usize::MAX));
    seen.cuts_seen = hard_cuts.iter().filter(stands_out).count() as u32;
    Ok(seen)
}

/// False at the end; an incomplete frame is an error.
fn filled(source: &mut impl Read, frame: &mut [u8]) -> io::Result<bool> {
    let mut length = 0;
    while let Some(rest) = frame.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match source.read(rest)? {
            0 if length == 0 => return Ok(false),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => length += read,
        }
    }
    Ok(true)
}

fn mean(frame: &[u8]) -> f64 {
    let sum: u64 = frame.iter().map(|luma| u64::from(*luma)).sum();
    sum as f64 / frame.len().max(1) as f64
}

/// The mean change of a pixel.
fn change(before: &[u8], now: &[u8]) -> f64 {
    let pairs = before.iter().zip(now);
    let sum: u64 = pairs
        .map(|(before, now)| u64::from(before.abs_diff(*now)))
        .sum();
    sum as f64 / now.len().max(1) as f64
}

/// Whether the change to frame `cut` stands out among the two on either side.
fn is_cut(changes: &[f32], cut: usize) -> bool {
    let change = |at: usize| changes.get(at).copied().map_or(0.0, f64::from);
    let about = [cut.wrapping_sub(2), cut.wrapping_sub(1), cut + 1, cut + 2].map(change);
    let others = about.into_iter().fold(0.0, f64::max);
    change(cut) >= LEAST_CHANGE && change(cut) >= STANDS_OUT * others
}

/// Collects stretches of frames for which something holds.
#[derive(Default)]
struct Stretch {
    found: Vec<Span>,
    open: Option<Span>,
}

impl Stretch {
    fn go_on(&mut self, holds: bool, frame: u64) {
        match (&mut self.open, holds) {
            (Some(open), true) => open.count += 1,
            (None, true) => {
                self.open = Some(Span {
                    first: frame,
                    count: 1,
                });
            }
            (_, false) => self.found.extend(self.open.take()),
        }
    }

    fn ended(mut self, shortest: u64) -> Vec<Span> {
        self.found.extend(self.open);
        self.found
            .retain(|span| u64::from(span.count) >= shortest.max(1));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame whose pixels differ by their place, and all move with `phase`.
    fn frame(level: u8, phase: u8) -> Vec<u8> {
        let pixel = |at: usize| level.saturating_add((at % 40) as u8).saturating_add(phase);
        (0..BYTES).map(pixel).collect()
    }

    fn film(frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        frames.flatten().collect()
    }

    #[test]
    fn a_cut_is_seen_at_its_frame_and_at_no_other() {
        let frames = (0..60_u8).map(|n| frame(if n < 30 { 40 } else { 120 }, n % 30));
        let film = film(frames);
        let cuts_seen = |cut: u64| {
            watch(film.as_slice(), FrameRate::FPS_30, &[cut])
                .unwrap()
                .cuts_seen
        };
        assert_eq!(cuts_seen(30), 1);
        for other in [0, 1, 29, 31, 59, 60, 900] {
            assert_eq!(cuts_seen(other), u32::from(other == 0), "{other}");
        }
    }

    #[test]
    fn long_stretches_of_black_and_of_standstill_are_found_and_short_ones_are_not() {
        let frames = (0..200_u32).map(|n| match n {
            20..40 | 50..60 => vec![16; BYTES], // 0.67 s and 0.33 s
            100..170 => frame(70, 0),           // 2.3 s
            _ => frame(60, (n % 50) as u8),
        });
        let seen = watch(film(frames).as_slice(), FrameRate::FPS_30, &[]).unwrap();
        assert_eq!(seen.frames, 200);
        assert_eq!(
            seen.black,
            [Span {
                first: 20,
                count: 20
            }]
        );
        assert_eq!(
            seen.frozen,
            [Span {
                first: 101,
                count: 69
            }]
        );
    }

    #[test]
    fn a_film_that_ends_within_a_frame_is_an_error() {
        let film = vec![16; BYTES + 1];
        assert!(watch(film.as_slice(), FrameRate::FPS_30, &[]).is_err());
        assert_eq!(
            watch(&[][..], FrameRate::FPS_30, &[]).unwrap(),
            Seen::default()
        );
    }
}
