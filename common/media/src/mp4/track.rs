//! One track: what it holds, and when.

use model::Seconds;
use model::format::FrameSize;

use super::boxes::{Boxes, Bytes};
use super::{
    AudioTrack, CaptionTrack, ColourTags, FourCc, Mp4Error, VideoTrack, aac, sample_table,
};

/// The time scale in the header of a movie (`mvhd`) or of a track's media (`mdhd`).
pub(super) fn timescale(mut header: Bytes<'_>) -> Result<u32, Mp4Error> {
    let dates = if header.version()? == 1 { 16 } else { 8 };
    header.skip(dates)?;
    match header.u32()? {
        0 => Err(Mp4Error::Invalid("a time scale is zero")),
        scale => Ok(scale),
    }
}

/// What kind of track it is: `vide`, `soun`, …
pub(super) fn handler(trak: Bytes<'_>) -> Result<FourCc, Mp4Error> {
    let mut handler = Boxes::of(trak).at(&[*b"mdia", *b"hdlr"])?;
    handler.skip(8)?;
    handler.array().map(FourCc)
}

pub(super) fn video(trak: Bytes<'_>, movie_timescale: u32) -> Result<VideoTrack, Mp4Error> {
    let track = Boxes::of(trak);
    let timescale = timescale(track.at(&[*b"mdia", *b"mdhd"])?)?;
    let table = Boxes::of(track.at(&[*b"mdia", *b"minf", *b"stbl"])?);
    let shown = sample_table::shown(table)?;
    let edit = Edit::of(track, movie_timescale, timescale)?;

    let (codec, mut entry) = sample_entry(table)?;
    entry.skip(24)?; // to the size in a visual sample entry
    let size = FrameSize {
        width: entry.u16()?.into(),
        height: entry.u16()?.into(),
    };
    entry.skip(50)?;
    let inner = Boxes::of(entry);
    let configuration = inner.find_optional(*b"avcC")?.map_or(&[][..], Bytes::rest);
    Ok(VideoTrack {
        codec,
        profile: configuration.get(1).copied(),
        level: configuration.get(3).copied(),
        configuration: configuration.to_vec(),
        size,
        pixel_aspect: inner.find_optional(*b"pasp")?.map(pair).transpose()?,
        colour: inner
            .find_optional(*b"colr")?
            .map(colour)
            .transpose()?
            .flatten(),
        frames: shown.count,
        timescale,
        step: shown.step,
        start: shown.first - edit.from + edit.delay,
        key_frames: shown.key_frames,
    })
}

pub(super) fn audio(trak: Bytes<'_>, movie_timescale: u32) -> Result<AudioTrack, Mp4Error> {
    let track = Boxes::of(trak);
    let timescale = timescale(track.at(&[*b"mdia", *b"mdhd"])?)?;
    let table = Boxes::of(track.at(&[*b"mdia", *b"minf", *b"stbl"])?);
    let (packets, length) = sample_table::count_and_length(table)?;
    let edit = Edit::of(track, movie_timescale, timescale)?;

    let (codec, mut entry) = sample_entry(table)?;
    entry.skip(16)?; // to the channels in an audio sample entry
    let channels = entry.u16()?;
    entry.skip(6)?;
    let sample_rate = entry.u32()? >> 16; // 16.16 fixed point
    let esds = Boxes::of(entry).find_optional(*b"esds")?;
    let configured = esds.map(aac::channels).transpose()?.flatten();
    let seconds = |ticks: f64| Seconds(ticks / f64::from(timescale));
    let heard = (length as f64 - edit.from as f64).min(edit.length.unwrap_or(f64::INFINITY));
    Ok(AudioTrack {
        codec,
        sample_rate,
        channels: configured.unwrap_or(channels),
        packets,
        duration: seconds(heard.max(0.0)),
        hidden: seconds(edit.from as f64),
    })
}

pub(super) fn captions(trak: Bytes<'_>) -> Result<CaptionTrack, Mp4Error> {
    let track = Boxes::of(trak);
    let timescale = timescale(track.at(&[*b"mdia", *b"mdhd"])?)?;
    let table = Boxes::of(track.at(&[*b"mdia", *b"minf", *b"stbl"])?);
    let (_, length) = sample_table::count_and_length(table)?;
    let (codec, _) = sample_entry(table)?;
    Ok(CaptionTrack {
        codec,
        // A sample begins with the length of its text, in two bytes.
        cues: sample_table::larger_than(table, 2)?,
        end: Seconds(length as f64 / f64::from(timescale)),
    })
}

/// What the edit list says, in ticks of the track.
pub(super) struct Edit {
    /// The tick of the media that is shown first.
    pub(super) from: i64,
    /// How long nothing is shown before it.
    delay: i64,
    /// How much is shown, where that is told.
    length: Option<f64>,
}

impl Edit {
    /// Reads an edit list of at most one delay and one stretch of media; others are refused.
    pub(super) fn of(
        track: Boxes<'_>,
        movie_timescale: u32,
        timescale: u32,
    ) -> Result<Self, Mp4Error> {
        let mut edit = Self {
            from: 0,
            delay: 0,
            length: None,
        };
        let Some(edts) = track.find_optional(*b"edts")? else {
            return Ok(edit);
        };
        let mut list = Boxes::of(edts).find(*b"elst")?;
        let long = list.version()? == 1;
        for _ in 0..list.entries(if long { 20 } else { 12 })? {
            let (length, from) = if long {
                (list.u64()?, list.u64()?.cast_signed())
            } else {
                (list.u32()?.into(), list.u32()?.cast_signed().into())
            };
            list.skip(4)?; // the rate of play
            let ticks = length as f64 * f64::from(timescale) / f64::from(movie_timescale);
            match (from, edit.length) {
                (-1, None) => edit.delay += ticks.round().min(1e15) as i64,
                (0..=0xff_ffff_ffff, None) => {
                    edit.from = from;
                    edit.length = Some(ticks).filter(|ticks| *ticks > 0.0); // 0: up to the end
                }
                _ => return Err(Mp4Error::Invalid("its edit list cuts it in pieces")),
            }
        }
        edit.delay = edit.delay.min(0xff_ffff_ffff);
        Ok(edit)
    }
}

/// The first sample entry: its codec, and its bytes after the size and the codec.
fn sample_entry(table: Boxes<'_>) -> Result<(FourCc, Bytes<'_>), Mp4Error> {
    let mut stsd = table.find(*b"stsd")?;
    stsd.skip(8)?;
    Boxes::of(stsd)
        .into_iter()
        .next()
        .unwrap_or(Err(Mp4Error::Missing("sample entry")))
}

fn pair(mut bytes: Bytes<'_>) -> Result<(u32, u32), Mp4Error> {
    Ok((bytes.u32()?, bytes.u32()?))
}

/// The code points of a `colr` box of kind `nclx`; other kinds carry profiles, not code points.
fn colour(mut bytes: Bytes<'_>) -> Result<Option<ColourTags>, Mp4Error> {
    if bytes.array()? != *b"nclx" {
        return Ok(None);
    }
    let (primaries, transfer, matrix) = (bytes.u16()?, bytes.u16()?, bytes.u16()?);
    let [flags] = bytes.array()?;
    Ok(Some(ColourTags {
        primaries,
        transfer,
        matrix,
        full_range: flags & 0x80 != 0,
    }))
}
