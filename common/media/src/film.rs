//! The film: clips joined without touching a picture, the song laid under them, text beside.
//!
//! No program is asked: the packets of all files are copied as they are, behind an index of ours. What a
//! film costs beyond its clips is therefore little more than reading and writing its bytes once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use model::format::VideoFormat;
use tokio_util::sync::CancellationToken;

use crate::house;
use crate::mp4::{self, Mp4Error, Packets, Source, TimedText, Track};
use crate::part_file::PartFile;

/// Players show a line of a title; nobody needs a longer one.
const LONGEST_TITLE: usize = 200;
/// Bytes that are collected before they are written, where the system does not copy by itself.
const BUFFER: usize = 1 << 18;

/// A clip to be joined: a file in the house format, and how many frames it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedClip {
    /// The file.
    pub file: PathBuf,
    /// Its frames, as checked with [`house::check_clip`].
    pub frames: u32,
}

/// What a film is made of.
#[derive(Debug, Clone)]
pub struct FilmParts {
    /// The format of all its clips.
    pub format: VideoFormat,
    /// The clips in order, all of one [configuration](crate::mp4::VideoTrack::configuration).
    pub clips: Vec<JoinedClip>,
    /// The song, as [`Ffmpeg::encode_song`](crate::ffmpeg::Ffmpeg::encode_song) made it.
    pub song: PathBuf,
    /// What players show, where there is something to show.
    pub title: Option<String>,
    /// Parts that players can jump to, each from the end of the one before; none are written where there
    /// are fewer than two.
    pub chapters: Vec<TimedText>,
    /// Captions, ascending, none upon another: where there are any, they are a track that players can show.
    pub captions: Vec<TimedText>,
}

/// Why there is no film.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// A clip or the song is not as ours are.
    #[error("reading {path:?}")]
    Part {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Mp4Error,
    },
    /// There is nothing to join.
    #[error("a film has at least one clip")]
    Empty,
    /// A clip has not the frames that it was said to have.
    #[error("the clip {path:?} has {found} frames of {expected}")]
    Frames {
        /// The clip.
        path: PathBuf,
        /// As many as there are.
        found: usize,
        /// As many as there should be.
        expected: u32,
    },
    /// A file cannot be read or written.
    #[error("{doing} {path:?}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The token was raised.
    #[error("cancelled")]
    Cancelled,
}

/// Joins clips and lays the song under them, in the file `out`, its index first. Copies both; neither is cut
/// where the other ends. Blocks; holds the index of the film in memory and nothing else of it.
pub fn join(parts: &FilmParts, out: &Path, cancel: &CancellationToken) -> Result<(), FilmError> {
    let tracks = tracks(parts)?;
    let title = parts.title.as_deref().map(one_line);
    let named = named(&parts.chapters);
    let laid = mp4::lay(&tracks, title.as_deref(), &named);
    let part = PartFile::of(out);
    let failed = |doing| {
        move |source| FilmError::Io {
            doing,
            path: out.to_owned(),
            source,
        }
    };
    let file = File::create(part.path()).map_err(failed("making"))?;
    let mut writer = BufWriter::with_capacity(BUFFER, file);
    writer.write_all(&laid.head).map_err(failed("writing"))?;
    let mut open = HashMap::new();
    for chunk in &laid.chunks {
        if cancel.is_cancelled() {
            return Err(FilmError::Cancelled);
        }
        let track = tracks.get(chunk.track);
        let Some(source) = track.and_then(|track| track.source(chunk.section)) else {
            continue; // every chunk is of a track
        };
        // Of each track one file is open, the one that it is in.
        let reader = match open.remove(&chunk.track) {
            Some((section, reader)) if section == chunk.section => reader,
            _ => Reader::open(source)?,
        };
        let reader = reader.copy(chunk.bytes.clone(), &mut writer);
        let reader = reader.map_err(failed("copying packets into"))?;
        open.insert(chunk.track, (chunk.section, reader));
    }
    writer.flush().map_err(failed("writing"))?;
    drop(writer);
    part.keep_as(out)
        .map_err(failed("renaming the part file of"))
}

/// The parts of a film where there is more than one.
fn named(chapters: &[TimedText]) -> Vec<TimedText> {
    if chapters.len() < 2 {
        return Vec::new();
    }
    let named = chapters.iter().map(|chapter| TimedText {
        text: one_line(&chapter.text),
        ..chapter.clone()
    });
    named.collect()
}

fn tracks(parts: &FilmParts) -> Result<Vec<Track>, FilmError> {
    let read = |file: &Path| {
        Packets::read(file).map_err(|source| FilmError::Part {
            path: file.to_owned(),
            source,
        })
    };
    let mut clips = Vec::with_capacity(parts.clips.len());
    for JoinedClip { file, frames } in &parts.clips {
        let packets = read(file)?;
        if packets.count() != *frames as usize {
            return Err(FilmError::Frames {
                path: file.clone(),
                found: packets.count(),
                expected: *frames,
            });
        }
        clips.push((file.clone(), packets));
    }
    let ticks = house::ticks(parts.format.rate);
    let ahead = house::REORDER_FRAMES * ticks.1;
    let picture = Track::picture(clips, ticks, ahead).ok_or(FilmError::Empty)?;
    let size = picture.size();
    let sound = Track::sound(parts.song.clone(), &read(&parts.song)?);
    let mut tracks = vec![picture, sound];
    if !parts.captions.is_empty() {
        tracks.push(Track::captions(&parts.captions, size));
    }
    let named = named(&parts.chapters);
    if !named.is_empty() {
        tracks.push(Track::chapters(&named, size));
    }
    Ok(tracks)
}

/// Where the packets of a section are read.
#[derive(Debug)]
enum Reader<'a> {
    File(File),
    Bytes(&'a [u8]),
}

impl<'a> Reader<'a> {
    fn open(source: &'a Source) -> Result<Self, FilmError> {
        match source {
            Source::Bytes(bytes) => Ok(Self::Bytes(bytes)),
            Source::File(path) => match File::open(path) {
                Ok(file) => Ok(Self::File(file)),
                Err(source) => Err(FilmError::Io {
                    doing: "opening",
                    path: path.clone(),
                    source,
                }),
            },
        }
    }

    /// Copies these bytes. Between files the kernel does it, where it can.
    fn copy(mut self, bytes: std::ops::Range<u64>, out: &mut BufWriter<File>) -> io::Result<Self> {
        let length = bytes.end - bytes.start;
        let copied = match &mut self {
            Self::File(file) => {
                file.seek(SeekFrom::Start(bytes.start))?;
                io::copy(&mut file.take(length), out)?
            }
            Self::Bytes(all) => {
                let wanted = all.get(bytes.start as usize..bytes.end as usize);
                let wanted = wanted.unwrap_or_default();
                out.write_all(wanted)?;
                wanted.len() as u64
            }
        };
        if copied == length {
            Ok(self)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

fn one_line(title: &str) -> String {
    let printable = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(LONGEST_TITLE).collect()
}
