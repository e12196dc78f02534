//! Finished files as the segments of a stream: fragmented MP4 of the same packets, so that a film can be
//! played while the rest of it is made.
//!
//! ISO/IEC 14496-12 (`moof`, `mvex`); as HLS wants it: RFC 8216 §3.3. Each segment begins with a key
//! frame and holds the picture of one clip and the sound beside it.

use std::ops::Range;

use super::packets::Packets;
use super::writing::{
    TrackHeader, boxed, data_here, handler, media_header, movie_header, shown_from, track_header,
    words,
};

/// The tracks of the stream.
const PICTURE: u32 = 1;
const SOUND: u32 = 2;
/// A packet that needs others, and one that needs none (`sample_depends_on`, `is_non_sync`).
const NEEDS_OTHERS: u32 = 0x0101_0000;
const IS_KEY: u32 = 0x0200_0000;
/// Ticks a second of the movie's header, in which nothing is counted.
const MOVIE_TIMESCALE: u32 = 1000;

/// A part of a track: which packets, and on which tick of the stream the first is decoded.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The packets of its file.
    pub packets: &'a Packets,
    /// Those that are in the segment.
    pub range: Range<usize>,
    /// In ticks of the track.
    pub tick: u64,
    /// The tick of the stream's media that is shown first: that of the file it begins with.
    pub shown_from: u32,
}

/// What a player needs before any segment. Both tracks begin as their files do: with the edit lists that
/// hide reordering and lead-in.
pub fn initialisation(picture: &Packets, sound: &Packets) -> Vec<u8> {
    let mut out = boxed(*b"ftyp", b"iso6\0\0\x02\0iso6mp41cmfc");
    let mut movie = movie_header(MOVIE_TIMESCALE, 0, SOUND + 1);
    movie.extend(track(PICTURE, picture));
    movie.extend(track(SOUND, sound));
    let extends = [PICTURE, SOUND].map(|id| boxed(*b"trex", &words(&[0, id, 1, 0, 0, 0])));
    movie.extend(boxed(*b"mvex", &extends.concat()));
    out.extend(boxed(*b"moov", &movie));
    out
}

/// All of a segment but the packets themselves, which follow it: first the picture's, then the sound's.
/// `number` counts from 1.
pub fn segment_head(number: u32, picture: &Part<'_>, sound: &Part<'_>) -> Vec<u8> {
    let length = |part: &Part<'_>| {
        let bytes = part.packets.bytes(&part.range);
        bytes.end - bytes.start
    };
    let (pictures, sounds) = (length(picture), length(sound));
    // The offsets of the data count from the begin of `moof`, whose length does not depend on them.
    let moof = |offsets: [u32; 2]| {
        let mut moof = boxed(*b"mfhd", &words(&[0, number]));
        moof.extend(fragment(PICTURE, picture, offsets[0]));
        moof.extend(fragment(SOUND, sound, offsets[1]));
        boxed(*b"moof", &moof)
    };
    let data = moof([0, 0]).len() as u32 + 16;
    let mut out = boxed(*b"styp", b"msdh\0\0\0\0msdhcmfs");
    out.extend(moof([data, data.saturating_add(pictures as u32)]));
    out.extend(words(&[1]));
    out.extend(b"mdat");
    out.extend((16 + pictures + sounds).to_be_bytes());
    out
}

fn fragment(id: u32, part: &Part<'_>, data: u32) -> Vec<u8> {
    let Part {
        packets,
        range,
        tick,
        shown_from,
    } = part;
    // default-base-is-moof, default duration
    let mut out = boxed(*b"tfhd", &words(&[0x02_0008, id, packets.step]));
    out.extend(boxed(
        *b"tfdt",
        &[&words(&[0x0100_0000])[..], &tick.to_be_bytes()].concat(),
    ));
    let samples = packets.all.get(range.clone()).unwrap_or_default();
    // Signed delays; a data offset; for each packet its size, flags and delay.
    let mut run = words(&[0x0100_0e01, samples.len() as u32, data]);
    for packet in samples {
        let flags = if packet.is_key { IS_KEY } else { NEEDS_OTHERS };
        let delay = packet
            .delay
            .wrapping_add(*shown_from)
            .wrapping_sub(packets.shown_from);
        run.extend(words(&[packet.size, flags, delay]));
    }
    out.extend(boxed(*b"trun", &run));
    boxed(*b"traf", &out)
}

fn track(id: u32, packets: &Packets) -> Vec<u8> {
    let is_picture = packets.handler == *b"vide";
    let mut out = track_header(TrackHeader {
        id,
        flags: 7,
        length: 0,
        group: 0,
        is_sound: !is_picture,
        size: packets.size,
    });
    out.extend(shown_from(packets.shown_from, 0));
    let mut media = media_header(packets.timescale, 0);
    media.extend(handler(packets.handler));
    let mut information = if is_picture {
        boxed(*b"vmhd", &words(&[1, 0, 0]))
    } else {
        boxed(*b"smhd", &words(&[0, 0]))
    };
    information.extend(data_here());
    let mut table = boxed(*b"stsd", &packets.description);
    for kind in [*b"stts", *b"stsc", *b"stco"] {
        table.extend(boxed(kind, &words(&[0, 0])));
    }
    table.extend(boxed(*b"stsz", &words(&[0, 0, 0])));
    information.extend(boxed(*b"stbl", &table));
    media.extend(boxed(*b"minf", &information));
    out.extend(boxed(*b"mdia", &media));
    boxed(*b"trak", &out)
}
