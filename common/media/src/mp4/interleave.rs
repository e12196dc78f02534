//! In which order the packets of a film lie in its file: those that are needed together together, so that
//! a player never reads far ahead. Pure.

use std::ops::Range;

use super::index::Track;

/// How much of a track lies in one piece, in seconds.
const WINDOW: f64 = 0.5;

/// Packets of a track that lie together in the film, and lay together in the file they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Which track.
    pub(crate) track: usize,
    /// Which of its sections.
    pub(crate) section: usize,
    /// Their bytes in the section's source.
    pub(crate) bytes: Range<u64>,
    /// How many packets.
    pub(super) count: u32,
}

/// All packets of all tracks: by the windows in which they are decoded, and of those in one by their track.
pub(super) fn chunks(tracks: &[Track]) -> Vec<Chunk> {
    let mut found: Vec<(u64, Chunk)> = Vec::new();
    for (at, track) in tracks.iter().enumerate() {
        found.extend(chunks_of(at, track));
    }
    found.sort_by_key(|(window, _)| *window); // stable
    found.into_iter().map(|(_, chunk)| chunk).collect()
}

fn chunks_of(at: usize, track: &Track) -> Vec<(u64, Chunk)> {
    let window_ticks = ((f64::from(track.timescale) * WINDOW) as u64).max(1);
    let mut found: Vec<(u64, Chunk)> = Vec::new();
    let mut tick = 0_u64;
    for (place, section) in track.sections.iter().enumerate() {
        let mut byte = section.first_byte;
        for sample in &section.samples {
            let window = tick / window_ticks;
            let end = byte + u64::from(sample.size);
            match found.last_mut() {
                Some((same, chunk)) if *same == window && chunk.section == place => {
                    chunk.count += 1;
                    chunk.bytes.end = end;
                }
                _ => found.push((
                    window,
                    Chunk {
                        track: at,
                        section: place,
                        bytes: byte..end,
                        count: 1,
                    },
                )),
            }
            byte = end;
            tick += u64::from(sample.ticks);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::index::{Kind, Sample, Section, Source};
    use super::*;

    /// A track of sections with so many packets of a byte, ten a second.
    fn track(sections: &[usize]) -> Track {
        let sample = Sample {
            size: 1,
            ticks: 1,
            delay: 0,
            is_key: true,
        };
        let sections = sections.iter().map(|count| Section {
            source: Source::Bytes(Vec::new()),
            first_byte: 100,
            samples: vec![sample; *count],
        });
        Track {
            kind: Kind::Sound,
            timescale: 10,
            description: Vec::new(),
            size: [0; 2],
            from: 0,
            sections: sections.collect(),
        }
    }

    #[test]
    fn half_a_second_of_each_track_follows_the_other_and_no_chunk_has_two_sources() {
        let chunks = chunks(&[track(&[7, 4]), track(&[11])]);
        let told: Vec<_> = chunks
            .into_iter()
            .map(|chunk| (chunk.track, chunk.section, chunk.bytes))
            .collect();
        let expected = [
            (0, 0, 100..105),
            (1, 0, 100..105),
            (0, 0, 105..107),
            (0, 1, 100..103),
            (1, 0, 105..110),
            (0, 1, 103..104),
            (1, 0, 110..111),
        ];
        assert_eq!(told, expected);
    }
}
