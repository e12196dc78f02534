//! The index of a film, and where the packets of its tracks lie behind it.
//!
//! ISO/IEC 14496-12; chapters and the title as `QuickTime` and its heirs keep them (`chap`, `chpl`, `ilst`).

use std::path::PathBuf;

use super::interleave::{self, Chunk};
use super::packets::{Packet, Packets};
use super::text::TimedText;
use super::writing::{
    TrackHeader, UPRIGHT, boxed, data_here, handler, media_header, movie_header, shown_from,
    track_header, words,
};
use super::{FourCc, boxes};

/// What a track is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Picture,
    Sound,
    Captions,
    Chapters,
}

/// A track of a film.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    pub(super) kind: Kind,
    /// Ticks a second.
    pub(super) timescale: u32,
    /// The content of `stsd`.
    pub(super) description: Vec<u8>,
    /// Pixels.
    pub(super) size: [u16; 2],
    /// The tick that is shown first.
    pub(super) from: u32,
    /// Its packets, in the order of decoding.
    pub(super) sections: Vec<Section>,
}

/// Packets of a track that lie one after the other where they come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Section {
    pub(super) source: Source,
    pub(super) first_byte: u64,
    pub(super) samples: Vec<Sample>,
}

/// Where packets come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file on this machine.
    File(PathBuf),
    /// Memory.
    Bytes(Vec<u8>),
}

/// A packet: its bytes, how long it is, and how much later than decoded it is shown, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) size: u32,
    pub(super) ticks: u32,
    pub(super) delay: u32,
    pub(super) is_key: bool,
}

/// A film as it will lie in its file.
#[derive(Debug)]
pub(crate) struct Laid {
    /// All that comes before the packets.
    pub(crate) head: Vec<u8>,
    /// The packets, one chunk after the other.
    pub(crate) chunks: Vec<Chunk>,
}

impl Track {
    /// The clips of a film, whose frames last `step` of `timescale` ticks; decoding runs `ahead` ticks
    /// ahead of showing in all of them, whatever it does in each. `None` without any clips.
    pub(crate) fn picture(
        clips: Vec<(PathBuf, Packets)>,
        (timescale, step): (u32, u32),
        ahead: u32,
    ) -> Option<Self> {
        let (_, first) = clips.first()?;
        let (description, size) = (without_rate(&first.description), first.size);
        let section = |(file, packets): (PathBuf, Packets)| {
            let later = ahead.wrapping_sub(packets.shown_from);
            let sample = |packet: &Packet| Sample {
                size: packet.size,
                ticks: step,
                delay: packet.delay.wrapping_add(later),
                is_key: packet.is_key,
            };
            Section {
                source: Source::File(file),
                first_byte: packets.first_byte,
                samples: packets.all.iter().map(sample).collect(),
            }
        };
        Some(Self {
            kind: Kind::Picture,
            timescale,
            description,
            size,
            from: ahead,
            sections: clips.into_iter().map(section).collect(),
        })
    }

    /// A song.
    pub(crate) fn sound(file: PathBuf, packets: &Packets) -> Self {
        let mut left = packets.ticks;
        let sample = |packet: &Packet| {
            let ticks = u64::from(packets.step).min(left);
            left -= ticks;
            Sample {
                size: packet.size,
                ticks: ticks as u32,
                delay: 0,
                is_key: true,
            }
        };
        Self {
            kind: Kind::Sound,
            timescale: packets.timescale,
            description: packets.description.clone(),
            size: [0; 2],
            from: packets.shown_from,
            sections: vec![Section {
                source: Source::File(file),
                first_byte: packets.first_byte,
                samples: packets.all.iter().map(sample).collect(),
            }],
        }
    }

    /// Where the packets of a section come from.
    pub(crate) fn source(&self, section: usize) -> Option<&Source> {
        self.sections.get(section).map(|section| &section.source)
    }

    /// Width and height.
    pub(crate) const fn size(&self) -> [u16; 2] {
        self.size
    }

    fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.sections.iter().flat_map(|section| &section.samples)
    }

    fn ticks(&self) -> u64 {
        self.samples().map(|sample| u64::from(sample.ticks)).sum()
    }

    /// How long it is shown, in ticks of a movie.
    fn shown(&self, movie_timescale: u32) -> u32 {
        let ticks = self.ticks().saturating_sub(self.from.into());
        // A picture's last frame is shown as long as any, however far decoding ran ahead.
        let ticks = match self.kind {
            Kind::Picture => self.ticks(),
            _ => ticks,
        };
        (ticks as f64 * f64::from(movie_timescale) / f64::from(self.timescale)).round() as u32
    }
}

/// Lays tracks, the picture first, behind their index, with a title for players and names of parts for
/// those that do not read them from a track.
pub(crate) fn lay(tracks: &[Track], title: Option<&str>, parts: &[TimedText]) -> Laid {
    let chunks = interleave::chunks(tracks);
    let data: u64 = chunks.iter().map(length).sum();
    let brand = boxed(*b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41");
    let told = user_data(title, parts);
    let index = |begin: u64| movie(tracks, &chunks, begin, &told);
    // The index does not grow with the numbers in it, but for files that need larger ones.
    let begin = (brand.len() + 16) as u64;
    let begin = begin + index(begin + data).len() as u64;
    let mut head = [brand, index(begin)].concat();
    head.extend(words(&[1]));
    head.extend(b"mdat");
    head.extend((16 + data).to_be_bytes());
    Laid { head, chunks }
}

const fn length(chunk: &Chunk) -> u64 {
    chunk.bytes.end - chunk.bytes.start
}

fn movie(tracks: &[Track], chunks: &[Chunk], begin: u64, told: &[u8]) -> Vec<u8> {
    let timescale = tracks.first().map_or(1000, |picture| picture.timescale);
    let longest = tracks.iter().map(|track| track.shown(timescale)).max();
    let mut out = movie_header(timescale, longest.unwrap_or(0), tracks.len() as u32 + 1);
    let is_large = chunks.iter().map(length).sum::<u64>() + begin > u64::from(u32::MAX);
    let chapters = tracks
        .iter()
        .position(|track| track.kind == Kind::Chapters)
        .map(|at| at as u32 + 1);
    for (at, track) in tracks.iter().enumerate() {
        let mut place = begin;
        let mut own = Vec::new();
        for chunk in chunks {
            if chunk.track == at {
                own.push((place, chunk.count));
            }
            place += length(chunk);
        }
        let id = at as u32 + 1;
        let header = track_header(header_of(track, id, timescale));
        let mut content = header;
        if track.kind == Kind::Picture || track.kind == Kind::Sound {
            content.extend(shown_from(track.from, track.shown(timescale)));
        }
        if let (Kind::Picture, Some(chapters)) = (track.kind, chapters) {
            content.extend(boxed(*b"tref", &boxed(*b"chap", &words(&[chapters]))));
        }
        content.extend(media(track, &own, is_large));
        out.extend(boxed(*b"trak", &content));
    }
    out.extend(told);
    boxed(*b"moov", &out)
}

fn header_of(track: &Track, id: u32, timescale: u32) -> TrackHeader {
    TrackHeader {
        id,
        // Chapters are looked up, never played.
        flags: if track.kind == Kind::Chapters { 2 } else { 3 },
        length: track.shown(timescale),
        group: match track.kind {
            Kind::Picture | Kind::Chapters => 0,
            Kind::Sound => 1,
            Kind::Captions => 2,
        },
        is_sound: track.kind == Kind::Sound,
        size: track.size,
    }
}

fn media(track: &Track, chunks: &[(u64, u32)], is_large: bool) -> Vec<u8> {
    let length = u32::try_from(track.ticks()).unwrap_or(u32::MAX);
    let mut out = media_header(track.timescale, length);
    let (kind, mut information) = match track.kind {
        Kind::Picture => (*b"vide", boxed(*b"vmhd", &words(&[1, 0, 0]))),
        Kind::Sound => (*b"soun", boxed(*b"smhd", &words(&[0, 0]))),
        Kind::Captions => (*b"sbtl", boxed(*b"nmhd", &words(&[0]))),
        Kind::Chapters => (*b"text", text_header()),
    };
    out.extend(handler(kind));
    information.extend(data_here());
    information.extend(boxed(*b"stbl", &table(track, chunks, is_large)));
    out.extend(boxed(*b"minf", &information));
    boxed(*b"mdia", &out)
}

/// `gmhd`: how `QuickTime` would draw the text, if it did.
fn text_header() -> Vec<u8> {
    let mut generic = words(&[0, 0x40_8000, 0x8000_8000]);
    generic.extend(words(&[0]));
    let generic = boxed(*b"gmin", &generic);
    boxed(
        *b"gmhd",
        &[generic, boxed(*b"text", &words(&UPRIGHT))].concat(),
    )
}

fn table(track: &Track, chunks: &[(u64, u32)], is_large: bool) -> Vec<u8> {
    let mut out = boxed(*b"stsd", &track.description);
    out.extend(runs(*b"stts", track.samples().map(|sample| sample.ticks)));
    let keys = (1..).zip(track.samples());
    let keys = keys.filter_map(|(number, sample)| sample.is_key.then_some(number));
    let keys: Vec<u32> = keys.collect();
    let count = track.samples().count() as u32;
    if keys.len() as u32 != count {
        out.extend(boxed(
            *b"stss",
            &[words(&[0, keys.len() as u32]), words(&keys)].concat(),
        ));
    }
    if track.samples().any(|sample| sample.delay > 0) {
        out.extend(runs(*b"ctts", track.samples().map(|sample| sample.delay)));
    }
    out.extend(samples_of_chunks(chunks));
    let sizes: Vec<u32> = track.samples().map(|sample| sample.size).collect();
    out.extend(boxed(
        *b"stsz",
        &[words(&[0, 0, count]), words(&sizes)].concat(),
    ));
    let mut places = words(&[0, chunks.len() as u32]);
    if is_large {
        places.extend(chunks.iter().flat_map(|(place, _)| place.to_be_bytes()));
    } else {
        let short = chunks.iter().map(|(place, _)| *place as u32);
        places.extend(short.flat_map(u32::to_be_bytes));
    }
    out.extend(boxed(if is_large { *b"co64" } else { *b"stco" }, &places));
    if track.kind == Kind::Sound {
        // AAC is right from the second packet on: a player that jumps begins one earlier.
        let description = [
            &words(&[0x0100_0000])[..],
            b"roll",
            &words(&[2, 1]),
            &[0xff; 2],
        ];
        out.extend(boxed(*b"sgpd", &description.concat()));
        let all = [&words(&[0])[..], b"roll", &words(&[1, count, 1])];
        out.extend(boxed(*b"sbgp", &all.concat()));
    }
    out
}

/// A run-length table: how many times which value.
fn runs(kind: [u8; 4], values: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((count, same)) if *same == value => *count += 1,
            _ => runs.push((1, value)),
        }
    }
    let entries = runs
        .iter()
        .flat_map(|(count, value)| words(&[*count, *value]));
    let mut out = words(&[0, runs.len() as u32]);
    out.extend(entries);
    boxed(kind, &out)
}

/// `stsc`: from which chunk on each has how many packets.
fn samples_of_chunks(chunks: &[(u64, u32)]) -> Vec<u8> {
    let mut entries: Vec<[u32; 3]> = Vec::new();
    for (number, (_, count)) in (1..).zip(chunks) {
        if entries.last().is_none_or(|[_, same, _]| same != count) {
            entries.push([number, *count, 1]);
        }
    }
    let mut out = words(&[0, entries.len() as u32]);
    out.extend(entries.iter().flat_map(|entry| words(entry)));
    boxed(*b"stsc", &out)
}

/// `udta`: the title, and the parts for players that know Nero's list only.
fn user_data(title: Option<&str>, parts: &[TimedText]) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(title) = title {
        let value = boxed(*b"data", &[&words(&[1, 0])[..], title.as_bytes()].concat());
        let list = boxed(*b"ilst", &boxed(*b"\xa9nam", &value));
        let handler = [&words(&[0, 0])[..], b"mdirappl", &[0; 9]].concat();
        let meta = [words(&[0]), boxed(*b"hdlr", &handler), list].concat();
        out.extend(boxed(*b"meta", &meta));
    }
    if !parts.is_empty() {
        let parts = parts.get(..255).unwrap_or(parts);
        let mut list = words(&[0x0100_0000, 0]);
        list.push(parts.len() as u8);
        for part in parts {
            let name = part.text.get(..part.text.floor_char_boundary(255));
            let name = name.unwrap_or_default();
            list.extend(((part.start.0.max(0.0) * 1e7).round() as u64).to_be_bytes());
            list.push(name.len() as u8);
            list.extend(name.as_bytes());
        }
        out.extend(boxed(*b"chpl", &list));
    }
    if out.is_empty() {
        return out;
    }
    boxed(*b"udta", &out)
}

/// A description of video without what it says of bytes a second (`btrt`), which is one clip's and not the
/// film's. As it is where it cannot be read.
fn without_rate(description: &[u8]) -> Vec<u8> {
    /// Count of entries before, the entry's own header, and its fields before its boxes.
    const BEFORE: usize = 8 + 8 + 78;
    let Some((before, inner)) = description.split_at_checked(BEFORE) else {
        return description.to_vec();
    };
    let mut kept = Vec::new();
    for found in boxes::Boxes::of(boxes::Bytes::of(inner)) {
        let Ok((FourCc(kind), content)) = found else {
            return description.to_vec();
        };
        if kind != *b"btrt" {
            kept.extend(boxed(kind, content.rest()));
        }
    }
    let (count, entry) = before.split_at(8);
    let codec = entry.get(4..8).and_then(|codec| codec.try_into().ok());
    let fields = entry.get(8..).unwrap_or_default();
    let entry = boxed(codec.unwrap_or(*b"avc1"), &[fields, &kept].concat());
    [count, &entry].concat()
}
