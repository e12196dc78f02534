//! Where each packet of a file's only track lies, and when it is decoded and shown: what is needed to
//! hand its packets on in another container without touching them.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::boxes::{Boxes, Bytes};
use super::track::{self, Edit};
use super::{Mp4Error, find_index, sample_table};

/// The packets of a file's only track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packets {
    /// What kind of track it is: `vide` or `soun`.
    pub(super) handler: [u8; 4],
    /// Ticks a second.
    pub timescale: u32,
    /// Ticks from each packet to the next, as they are decoded.
    pub step: u32,
    /// Ticks of all packets together.
    pub(super) ticks: u64,
    /// The tick of the media that is shown first.
    pub shown_from: u32,
    /// The sample descriptions (`stsd`), as they are.
    pub(super) description: Vec<u8>,
    /// Width and height for the header.
    pub(super) size: [u16; 2],
    /// In decoding order; they lie one after the other.
    pub(super) all: Vec<Packet>,
    /// Where the first lies in the file.
    pub(super) first_byte: u64,
}

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    /// Its bytes.
    pub(super) size: u32,
    /// Ticks from its decoding to its showing.
    pub(super) delay: u32,
    /// Whether it can be decoded without any before it.
    pub(super) is_key: bool,
}

impl Packets {
    /// Reads the index of a file in memory, which has one track, whose packets follow each other evenly
    /// and without gaps, as ffmpeg writes them.
    pub fn of(file: &[u8]) -> Result<Self, Mp4Error> {
        Self::read_from(&mut Cursor::new(file)).unwrap_or(Err(Mp4Error::Truncated("a box")))
    }

    /// Reads the index of such a file. Blocks for the time of reading it.
    pub fn read(path: &Path) -> Result<Self, Mp4Error> {
        let failed = |source| Mp4Error::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        Self::read_from(&mut file).map_err(failed)?
    }

    fn read_from(file: &mut (impl Read + Seek)) -> io::Result<Result<Self, Mp4Error>> {
        let index = find_index(file)?;
        let length = file.seek(SeekFrom::End(0))?;
        Ok(index.and_then(|index| Self::parsed(&index.bytes, length)))
    }

    /// From the index of a file of this length.
    fn parsed(index: &[u8], file_length: u64) -> Result<Self, Mp4Error> {
        let movie = Boxes::of(Bytes::of(index));
        let movie_timescale = track::timescale(movie.find(*b"mvhd")?)?;
        let trak = movie.find(*b"trak")?;
        let track = Boxes::of(trak);
        let timescale = track::timescale(track.at(&[*b"mdia", *b"mdhd"])?)?;
        let table = Boxes::of(track.at(&[*b"mdia", *b"minf", *b"stbl"])?);
        let edit = Edit::of(track, movie_timescale, timescale)?;
        let packets = packets(table)?;
        let length = packets.iter().map(|packet| u64::from(packet.size)).sum();
        let first_byte = first_byte(table, length)?;
        if first_byte.saturating_add(length) > file_length {
            return Err(Mp4Error::Truncated("its packets"));
        }
        Ok(Self {
            handler: track::handler(trak)?.0,
            timescale,
            step: even_step(table)?,
            ticks: sample_table::count_and_length(table)?.1,
            shown_from: u32::try_from(edit.from)
                .map_err(|_| Mp4Error::Invalid("it begins too late"))?,
            description: table.find(*b"stsd")?.rest().to_vec(),
            size: size(track.find(*b"tkhd")?)?,
            all: packets,
            first_byte,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Where the packets of `range` (which are there) lie in the file.
    pub fn bytes(&self, range: &Range<usize>) -> Range<u64> {
        let length = |packets: Option<&[Packet]>| -> u64 {
            let packets = packets.unwrap_or_default().iter();
            packets.map(|packet| u64::from(packet.size)).sum()
        };
        let start = self.first_byte + length(self.all.get(..range.start));
        start..start + length(self.all.get(range.clone()))
    }

    /// The packets whose showing begins within `[from, to)`, in seconds; those that are hidden before
    /// the begin go with the first.
    pub fn within(&self, from: f64, to: f64) -> Range<usize> {
        let packet_at = |time: f64| {
            let tick = time * f64::from(self.timescale) + f64::from(self.shown_from);
            ((tick / f64::from(self.step)).ceil().max(0.0) as usize).min(self.all.len())
        };
        let start = if from <= 0.0 { 0 } else { packet_at(from) };
        start..packet_at(to).max(start)
    }
}

fn packets(table: Boxes<'_>) -> Result<Vec<Packet>, Mp4Error> {
    let (count, _) = sample_table::count_and_length(table)?;
    let mut sizes = table.find(*b"stsz")?;
    sizes.version()?;
    let same = sizes.u32()?;
    sizes.skip(4)?;
    let mut packets = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let size = if same > 0 { same } else { sizes.u32()? };
        packets.push(Packet {
            size,
            delay: 0,
            is_key: false,
        });
    }
    if table.find_optional(*b"ctts")?.is_some() {
        let runs = sample_table::runs(table, *b"ctts")?;
        let delays = runs.flat_map(|(count, delay)| (0..count).map(move |_| delay));
        for (packet, delay) in packets.iter_mut().zip(delays) {
            packet.delay = delay;
        }
    }
    let Some(mut keys) = table.find_optional(*b"stss")? else {
        for packet in &mut packets {
            packet.is_key = true;
        }
        return Ok(packets);
    };
    keys.version()?;
    for _ in 0..keys.entries(4)? {
        let place = keys.u32()?.checked_sub(1).map(|place| place as usize);
        if let Some(packet) = place.and_then(|place| packets.get_mut(place)) {
            packet.is_key = true;
        }
    }
    Ok(packets)
}

/// Where the first packet lies, if the chunks follow each other: the last one has to end where all
/// packets together end.
fn first_byte(table: Boxes<'_>, length: u64) -> Result<u64, Mp4Error> {
    let offsets: Vec<u64> = if let Some(mut chunks) = table.find_optional(*b"stco")? {
        chunks.version()?;
        let count = chunks.entries(4)?;
        (0..count)
            .map_while(|_| chunks.u32().ok().map(u64::from))
            .collect()
    } else {
        let mut chunks = table.find(*b"co64")?;
        chunks.version()?;
        let count = chunks.entries(8)?;
        (0..count).map_while(|_| chunks.u64().ok()).collect()
    };
    let (Some(first), Some(last)) = (offsets.first(), offsets.last()) else {
        return Err(Mp4Error::Missing("packets"));
    };
    if offsets.is_sorted() && *last < first.saturating_add(length) {
        Ok(*first)
    } else {
        Err(Mp4Error::Invalid("its packets do not follow each other"))
    }
}

/// The ticks from packet to packet; the last one may be shorter.
fn even_step(table: Boxes<'_>) -> Result<u32, Mp4Error> {
    let mut runs = sample_table::runs(table, *b"stts")?;
    let (_, step) = runs.next().ok_or(Mp4Error::Missing("times"))?;
    match (runs.next(), runs.next()) {
        (None | Some((1, _)), None) if step > 0 => Ok(step),
        _ => Err(Mp4Error::Invalid("its packets do not follow evenly")),
    }
}

/// The whole pixels of a track header.
fn size(header: Bytes<'_>) -> Result<[u16; 2], Mp4Error> {
    let bytes = header.rest();
    let at = bytes
        .len()
        .checked_sub(8)
        .ok_or(Mp4Error::Truncated("a field"))?;
    let mut size = Bytes::of(bytes.get(at..).unwrap_or_default());
    let width = size.u16()?;
    size.skip(2)?;
    Ok([width, size.u16()?])
}
