//! Reads what an MP4 file says of itself: tracks, codec, size, colours, every frame's time.
//!
//! Only the index (`moov`) is read, never the pictures. Whatever the bytes are, reading ends with an
//! answer or an error, in time and memory bounded by the size of the index.
//!
//! Boxes and their fields: ISO/IEC 14496-12 (file format), 14496-15 (`avcC`).

mod aac;
mod boxes;
mod fragment;
mod index;
mod interleave;
mod packets;
mod sample_table;
mod text;
mod track;
mod writing;

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use boxes::{Boxes, Bytes};
pub use fragment::{Part, initialisation, segment_head};
pub(crate) use index::{Source, Track, lay};
use model::Seconds;
use model::format::FrameSize;
pub use packets::Packets;
pub use text::TimedText;

/// The largest index that is read; ten minutes of film and song have less than one MB.
const LARGEST_INDEX: u64 = 64 << 20;

/// A four-letter code, such as a codec's: `avc1`, `mp4a`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FourCc(pub [u8; 4]);

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.escape_ascii(), f)
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A film or a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Movie {
    /// Whether the index comes before the pictures, so that a player can begin at once.
    pub index_first: bool,
    /// The first video track.
    pub video: Option<VideoTrack>,
    /// The first audio track.
    pub audio: Option<AudioTrack>,
    /// The first track of captions.
    pub captions: Option<CaptionTrack>,
    /// Tracks of any kind.
    pub tracks: u32,
}

/// The picture.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoTrack {
    /// The codec: `avc1` for H.264.
    pub codec: FourCc,
    /// For H.264 its `profile_idc`: 100 is High.
    pub profile: Option<u8>,
    /// For H.264 its `level_idc`: 40 is level 4.0.
    pub level: Option<u8>,
    /// For H.264 the decoder's configuration (`avcC`): equal ones can be joined.
    pub configuration: Vec<u8>,
    /// Pixels of a frame.
    pub size: FrameSize,
    /// Width to height of a pixel, where it is told.
    pub pixel_aspect: Option<(u32, u32)>,
    /// What the numbers of a pixel mean, where it is told.
    pub colour: Option<ColourTags>,
    /// How many frames there are.
    pub frames: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// Ticks from each frame to the next in the order of showing, where all are the same.
    pub step: Option<u32>,
    /// The tick at which the first frame is shown, by the edit list.
    pub start: i64,
    /// The frames, in the order of showing and from 0, that can be decoded without any before them.
    pub key_frames: Vec<u32>,
}

/// Colour as code points of ISO/IEC 23091-2: 1, 1, 1 is bt709.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColourTags {
    /// Which red, green and blue.
    pub primaries: u16,
    /// How light becomes numbers.
    pub transfer: u16,
    /// How red, green and blue become luma and chroma.
    pub matrix: u16,
    /// 0–255 instead of 16–235.
    pub full_range: bool,
}

/// The sound.
#[derive(Debug, Clone, PartialEq)]
pub struct AudioTrack {
    /// The codec: `mp4a` for AAC.
    pub codec: FourCc,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u16,
    /// Packets in the file.
    pub packets: u32,
    /// What is heard of it, by the edit list.
    pub duration: Seconds,
    /// Seconds of lead-in that the edit list hides.
    pub hidden: Seconds,
}

/// Text that players show over the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionTrack {
    /// The codec: `tx3g` for what ffmpeg calls `mov_text`.
    pub codec: FourCc,
    /// How many pieces of text there are; the stretches between them are none.
    pub cues: u32,
    /// When the last of them ends.
    pub end: Seconds,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Mp4Error {
    /// The file cannot be opened or read.
    #[error("reading {path:?}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something ends before it should.
    #[error("the file ends within {0}")]
    Truncated(&'static str),
    /// Something that is needed is not there.
    #[error("the file has no {0}")]
    Missing(&'static str),
    /// A box that is needed is not there.
    #[error("the file has no {0} box where there has to be one")]
    NoBox(FourCc),
    /// Something contradicts itself or goes beyond what we read.
    #[error("{0}")]
    Invalid(&'static str),
}

/// Reads the file's index. Blocks for the time of reading it.
pub fn read(path: &Path) -> Result<Movie, Mp4Error> {
    let failed = |source| Mp4Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    read_from(&mut file).map_err(failed)?
}

/// Reads the index of an open file. The outer error is the source's, the inner one the content's.
pub fn read_from(file: &mut (impl Read + Seek)) -> io::Result<Result<Movie, Mp4Error>> {
    let found = find_index(file)?;
    Ok(found.and_then(|index| parse_index(&index.bytes, index.comes_first)))
}

struct Index {
    bytes: Vec<u8>,
    comes_first: bool,
}

/// Walks over the boxes of the file, reading only their headers, and the index whole.
fn find_index(file: &mut (impl Read + Seek)) -> io::Result<Result<Index, Mp4Error>> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut position = 0;
    let mut pictures_seen = false;
    let mut index = None;
    while position < length {
        let mut header = Vec::with_capacity(16);
        file.seek(SeekFrom::Start(position))?;
        file.take(16).read_to_end(&mut header)?;
        let Some((kind, header_length, size)) = boxes::header(&header, length - position) else {
            return Ok(Err(Mp4Error::Truncated("a box")));
        };
        match &kind.0 {
            b"mdat" => pictures_seen = true,
            b"moov" if size > LARGEST_INDEX => {
                return Ok(Err(Mp4Error::Invalid(
                    "the index is larger than any of ours",
                )));
            }
            b"moov" => {
                let mut bytes = Vec::new();
                file.seek(SeekFrom::Start(position + header_length))?;
                file.take(size - header_length).read_to_end(&mut bytes)?;
                index = Some(Index {
                    bytes,
                    comes_first: !pictures_seen,
                });
            }
            _ => {}
        }
        position += size; // at least the header's length, so this ends
    }
    Ok(index.ok_or(Mp4Error::Missing("index")))
}

fn parse_index(index: &[u8], index_first: bool) -> Result<Movie, Mp4Error> {
    let boxes = Boxes::of(Bytes::of(index));
    let movie_timescale = track::timescale(boxes.find(*b"mvhd")?)?;
    let mut movie = Movie {
        index_first,
        video: None,
        audio: None,
        captions: None,
        tracks: 0,
    };
    for trak in boxes.all(*b"trak") {
        let trak = trak?;
        movie.tracks += 1;
        match &track::handler(trak)?.0 {
            b"vide" if movie.video.is_none() => {
                movie.video = Some(track::video(trak, movie_timescale)?);
            }
            b"soun" if movie.audio.is_none() => {
                movie.audio = Some(track::audio(trak, movie_timescale)?);
            }
            b"sbtl" if movie.captions.is_none() => {
                movie.captions = Some(track::captions(trak)?);
            }
            _ => {}
        }
    }
    Ok(movie)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_that_are_no_movie_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let index = find_index(&mut Cursor::new(&bytes)).unwrap();
            if let Ok(index) = index {
                let _refused = parse_index(&index.bytes, true);
            }
            prop_assert!(parse_index(&bytes, true).is_err());
        }
    }

    #[test]
    fn a_box_that_goes_beyond_the_file_is_an_error() {
        let bytes = b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00\x00\x00\x00\x64mdat";
        let found = find_index(&mut Cursor::new(bytes)).unwrap();
        assert!(matches!(found, Err(Mp4Error::Truncated("a box"))));
    }
}
