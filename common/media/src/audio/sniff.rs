//! What a file is, by its content; and a byte stream of it that a demuxer may be trusted with.
//!
//! Names and media types of clients are hints that nobody needs. Tags, pictures and lengths that the
//! header claims are taken out before the demuxer sees them: it gets the shortest honest header and
//! then the audio.

use std::fmt;
use std::io::{Cursor, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};

use super::{AudioError, CHANNELS};

/// The accepted formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AudioKind {
    /// MPEG-1, 2 or 2.5 layer III.
    Mp3,
    /// RIFF WAVE.
    Wav,
    /// Native FLAC.
    Flac,
}

impl fmt::Display for AudioKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mp3 => "MP3",
            Self::Wav => "WAV",
            Self::Flac => "FLAC",
        })
    }
}

/// How far behind the tags the first MP3 frame may lie.
const MP3_SEARCH: usize = 16 * 1024;
/// A file with more chunks or tags than this before its audio is not a song.
const MAX_CHUNKS: usize = 4_096;
/// `fmt ` chunks are 16, 18 or 40 bytes; anything near this is not one.
const MAX_FORMAT_CHUNK: u64 = 4_096;
/// Length of a FLAC STREAMINFO block.
const STREAM_INFO: usize = 34;

/// What the file is.
pub fn kind_of<R: Read + Seek>(source: &mut R) -> Result<AudioKind, AudioError> {
    skip_id3(source)?;
    let head = peek(source, MP3_SEARCH)?;
    if head.starts_with(b"fLaC") {
        Ok(AudioKind::Flac)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE") {
        Ok(AudioKind::Wav)
    } else if mp3_start(&head).is_some() {
        Ok(AudioKind::Mp3)
    } else {
        Err(AudioError::Unsupported {
            found: name(&head).to_owned(),
        })
    }
}

/// The kind of `source`, and its audio behind a header of our own.
pub(super) fn honest<R: Read + Seek>(
    mut source: R,
) -> Result<(AudioKind, impl Read + use<R>), AudioError> {
    let kind = kind_of(&mut source)?;
    let header = match kind {
        AudioKind::Mp3 => mp3_header(&mut source),
        AudioKind::Wav => wav_header(&mut source),
        AudioKind::Flac => flac_header(&mut source),
    };
    let header = header.map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => unreadable(kind, "it ends before its audio begins"),
        std::io::ErrorKind::InvalidData => unreadable(kind, &error.to_string()),
        _ => AudioError::Io(error),
    })?;
    Ok((kind, Cursor::new(header).chain(source)))
}

pub(super) fn unreadable(kind: AudioKind, why: &str) -> AudioError {
    AudioError::Unreadable {
        kind,
        why: why.to_owned(),
    }
}

/// Skips `ID3v2` tags by their own sizes, as far as those lie within the file.
fn skip_id3<R: Read + Seek>(source: &mut R) -> std::io::Result<()> {
    let length = source.seek(SeekFrom::End(0))?;
    let mut start = 0;
    for _ in 0..MAX_CHUNKS {
        source.seek(SeekFrom::Start(start))?;
        let head = peek(source, 10)?;
        let (Some(b"ID3"), Some(&[flags, a, b, c, d])) = (
            head.get(..3),
            head.get(5..10).and_then(<[u8]>::as_array::<5>),
        ) else {
            return Ok(());
        };
        let size = [a, b, c, d]
            .iter()
            .fold(0, |size, byte| size << 7 | u64::from(byte & 0x7f));
        let footer = if flags & 0x10 == 0 { 0 } else { 10 };
        let end = start + 10 + size + footer;
        if end > length {
            // The tag claims more than there is: what looks like audio behind its head decides.
            source.seek(SeekFrom::Start(start + 10))?;
            return Ok(());
        }
        start = end;
    }
    Ok(())
}

/// The next `count` bytes, or as many as there are; the position stays.
fn peek<R: Read + Seek>(source: &mut R, count: usize) -> std::io::Result<Vec<u8>> {
    let position = source.stream_position()?;
    let mut bytes = Vec::with_capacity(count);
    source.by_ref().take(count as u64).read_to_end(&mut bytes)?;
    source.seek(SeekFrom::Start(position))?;
    Ok(bytes)
}

fn exactly<R: Read, const N: usize>(source: &mut R) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(why: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, why)
}

/// MP3: nothing of ours, but whatever lies before the first frame is left out.
fn mp3_header<R: Read + Seek>(source: &mut R) -> std::io::Result<Vec<u8>> {
    let start = mp3_start(&peek(source, MP3_SEARCH)?).unwrap_or(0);
    source.seek(SeekFrom::Current(start as i64))?;
    Ok(Vec::new())
}

/// Where the first frame begins whose successor follows exactly where it should. At the very begin a
/// file may be as short as one frame.
fn mp3_start(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len().saturating_sub(3)).find(|&start| {
        let next = |at: usize| Some(at + frame_length(bytes.get(at..at + 4)?)?);
        let second = next(start);
        match second.and_then(next) {
            Some(_) => true,
            None => start == 0 && second.is_some_and(|end| end >= bytes.len()),
        }
    })
}

/// The length in bytes of the layer III frame with this header; `None` if it is not one.
/// ISO/IEC 11172-3 §2.4.2.3; 13818-3 §2.4.2.3 for the lower rates.
fn frame_length(header: &[u8]) -> Option<usize> {
    const KBIT_MPEG1: [usize; 15] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const KBIT_MPEG2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const HZ: [usize; 3] = [44_100, 48_000, 32_000];
    let &[sync, version, rates, _] = header.as_array::<4>()?;
    // Eleven set bits, layer III, any version but the reserved one.
    if sync != 0xff || version & 0xe6 != 0xe2 || version & 0x18 == 0x08 {
        return None;
    }
    let (kbit, halvings, slots) = match version & 0x18 {
        0x18 => (KBIT_MPEG1, 0, 144_000),
        0x10 => (KBIT_MPEG2, 1, 72_000),
        _ => (KBIT_MPEG2, 2, 72_000),
    };
    let kbit = *kbit
        .get(usize::from(rates >> 4))
        .filter(|kbit| **kbit > 0)?;
    let hz = HZ.get(usize::from(rates >> 2 & 3))? >> halvings;
    Some(slots * kbit / hz + usize::from(rates >> 1 & 1))
}

/// WAV: the `fmt ` chunk and a `data` chunk of the true length.
fn wav_header<R: Read + Seek>(source: &mut R) -> std::io::Result<Vec<u8>> {
    let length = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(12))?;
    let mut format = None;
    for _ in 0..MAX_CHUNKS {
        let id = exactly::<_, 4>(source)?;
        let size = u64::from(u32::from_le_bytes(exactly(source)?));
        let left = length - source.stream_position()?.min(length);
        match &id {
            b"fmt " if size <= MAX_FORMAT_CHUNK => {
                let mut chunk = vec![0; size as usize];
                source.read_exact(&mut chunk)?;
                source.seek(SeekFrom::Current((size & 1) as i64))?;
                format = Some(chunk);
            }
            b"data" => {
                let format = format.ok_or_else(|| invalid("its format chunk is missing"))?;
                if !is_sane(&format) {
                    return Err(invalid("its format chunk makes no sense"));
                }
                // Streams say 0 or 2³²−1, truncated files say more than there is.
                let audio = if size == 0 { left } else { size.min(left) };
                return Ok(wav_head(
                    &format,
                    u32::try_from(audio).unwrap_or(u32::MAX - 64),
                ));
            }
            _ => {
                source.seek(SeekFrom::Current((size + (size & 1)) as i64))?;
            }
        }
    }
    Err(invalid("it has too many chunks"))
}

/// Channels and bits within reason: the demuxer multiplies them without a look. Rates are judged later.
fn is_sane(format: &[u8]) -> bool {
    let field = |at: usize| {
        let bytes = format.get(at..at + 2).and_then(<[u8]>::as_array::<2>);
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    };
    let (channels, block, bits) = (field(2), field(12), field(14));
    CHANNELS.contains(&usize::from(channels))
        && matches!(bits, 4 | 8 | 16 | 24 | 32 | 64)
        // Compressed formats have blocks of their own; PCM has frames.
        && (bits == 4 || usize::from(block) == usize::from(channels) * usize::from(bits / 8))
}

fn wav_head(format: &[u8], audio: u32) -> Vec<u8> {
    let riff = audio.saturating_add(20 + format.len() as u32);
    [
        b"RIFF".as_slice(),
        &riff.to_le_bytes(),
        b"WAVEfmt ",
        &(format.len() as u32).to_le_bytes(),
        format,
        b"data",
        &audio.to_le_bytes(),
    ]
    .concat()
}

/// FLAC: STREAMINFO without its claims about length and checksum, marked as the only block.
fn flac_header<R: Read + Seek>(source: &mut R) -> std::io::Result<Vec<u8>> {
    exactly::<_, 4>(source)?;
    let mut info = None;
    loop {
        let [first, a, b, c] = exactly(source)?;
        let (is_last, kind) = (first >= 0x80, first % 0x80);
        let size = u32::from_be_bytes([0, a, b, c]);
        if kind == 0 {
            let mut block = exactly::<_, STREAM_INFO>(source)?;
            // 36 bits of total samples, then the MD5: zero means unknown.
            block[13] &= 0xf0;
            block[14..].fill(0);
            info = Some(block);
            source.seek(SeekFrom::Current(i64::from(size) - STREAM_INFO as i64))?;
        } else {
            source.seek(SeekFrom::Current(i64::from(size)))?;
        }
        if is_last {
            let info = info.ok_or_else(|| invalid("its stream info is missing"))?;
            return Ok([b"fLaC\x80\0\0\x22".as_slice(), &info].concat());
        }
    }
}

/// A name for what is not accepted.
fn name(head: &[u8]) -> &'static str {
    let names: [(usize, &[u8], &str); 16] = [
        (0, b"OggS", "an Ogg file"),
        (4, b"ftyp", "an MP4 or M4A file"),
        (0, b"FORM", "an AIFF file"),
        (0, b"caff", "a CAF file"),
        (0, b"RF64", "an RF64 file"),
        (0, b"RIFX", "a big-endian RIFF file"),
        (0, b"RIFF", "a RIFF file other than WAV"),
        (0, b"MThd", "a MIDI file"),
        (0, b"\x30\x26\xb2\x75", "a WMA file"),
        (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM file"),
        (0, b"MAC ", "a Monkey's Audio file"),
        (0, b"wvpk", "a WavPack file"),
        (0, b"\x89PNG", "a PNG picture"),
        (0, b"%PDF", "a PDF document"),
        (0, b"PK\x03\x04", "a ZIP archive"),
        (0, b"\x7fELF", "a program"),
    ];
    let known = names
        .iter()
        .find(|(at, magic, _)| head.get(*at..*at + magic.len()) == Some(*magic));
    match known {
        Some((_, _, name)) => name,
        None if head.is_empty() => "empty",
        None if matches!(head, [0xff, second, ..] if second & 0xf6 == 0xf0) => "an AAC file",
        None if std::str::from_utf8(head.get(..256).unwrap_or(head)).is_ok() => "a text file",
        None => "of an unknown type",
    }
}
