//! The film: clips joined without touching a picture, the song encoded once and laid under them.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{io, iter};

use model::Seconds;
use model::format::{Quality, VideoFormat};
use tokio::fs;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::{Ffmpeg, FfmpegError, input, protected};
use crate::house;

/// Players show a line of a title; nobody needs a longer one.
const LONGEST_TITLE: usize = 200;

/// A clip to be joined: a file in the house format, and how many frames it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedClip {
    /// The file.
    pub file: PathBuf,
    /// Its frames, as checked with [`house::check_clip`].
    pub frames: u32,
}

/// What a film is made of.
#[derive(Debug, Clone, Copy)]
pub struct FilmParts<'a> {
    /// The format of all its clips.
    pub format: VideoFormat,
    /// The clips in order, all of one [configuration](crate::mp4::VideoTrack::configuration).
    pub clips: &'a [JoinedClip],
    /// The song, as [`Ffmpeg::encode_song`] made it.
    pub song: &'a Path,
    /// What players show, where there is something to show.
    pub title: Option<&'a str>,
    /// Parts that players can jump to; none are written where there are fewer than two.
    pub chapters: &'a [Chapter],
    /// `SubRip` captions, where there are any: they become a track of text that players can show.
    pub captions: Option<&'a Path>,
}

/// A named part of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
    /// Its name.
    pub title: String,
}

impl Ffmpeg {
    /// Encodes a whole WAV as AAC (128, 192 or 320 kbit/s) into the MP4 file `out`, edit list included, so that
    /// no player hears the encoder's lead-in.
    pub async fn encode_song(
        &self,
        wav: &Path,
        out: &Path,
        quality: Quality,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let mut command = self.command();
        command.args(["-f", "wav"]);
        input(&mut command, wav);
        command
            .args([
                "-map",
                "0:a:0",
                "-c:a",
                "aac",
                "-b:a",
                house::sound_bits(quality),
                "-map_metadata",
                "-1",
            ])
            .args(["-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "mp4"]);
        self.make("encoding the song", command, out, cancel).await
    }

    /// Joins clips and lays the song under them. Copies both; neither is cut where the other ends.
    pub async fn join(
        &self,
        parts: FilmParts<'_>,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let list = out.with_extension("list");
        let entries = list_of(parts.clips, parts.format)?;
        write(&list, entries).await?;
        let (timescale, step) = house::ticks(parts.format.rate);
        let mut command = self.command();
        let told = out.with_extension("chapters");
        let has_chapters = parts.chapters.len() > 1;
        if has_chapters {
            write(&told, chapters_of(parts.chapters)).await?;
        }
        command
            .args([
                "-f",
                "concat",
                "-safe",
                "0",
                "-protocol_whitelist",
                "file,pipe",
                "-i",
            ])
            .arg(protected(&list));
        input(&mut command, parts.song);
        let chapters_from = add_texts(&mut command, parts, has_chapters.then_some(&told));
        command
            .args(["-c", "copy", "-c:s", "mov_text", "-bsf:v"])
            .arg(even_steps(step))
            .args([
                // Not all of it: chapters would lose their names.
                "-map_metadata:g",
                "-1",
                "-map_metadata:s",
                "-1",
                "-map_chapters",
                chapters_from,
                "-fflags",
                "+bitexact",
            ])
            .args(["-video_track_timescale", &timescale.to_string()])
            .args(["-movie_timescale", &timescale.to_string()])
            .args(["-movflags", "+faststart", "-f", "mp4"]);
        if let Some(title) = parts.title {
            command
                .arg("-metadata")
                .arg(format!("title={}", one_line(title)));
        }
        let made = self.make("joining the clips", command, out, cancel).await;
        for file in [list, told] {
            remove(file).await?;
        }
        made
    }
}

/// Adds what is told besides picture and sound, and maps everything. Gives the input that chapters are in.
fn add_texts(
    command: &mut Command,
    parts: FilmParts<'_>,
    chapters: Option<&PathBuf>,
) -> &'static str {
    if let Some(told) = chapters {
        command.args(["-f", "ffmetadata"]);
        input(command, told);
    }
    if let Some(captions) = parts.captions {
        command.args(["-f", "srt"]);
        input(command, captions);
    }
    command.args(["-map", "0:v:0", "-map", "1:a:0"]);
    if parts.captions.is_some() {
        let from = chapters.map_or("2:s:0", |_| "3:s:0");
        // Nobody knows in which language people sing.
        command.args(["-map", from, "-metadata:s:s:0", "language=und"]);
    }
    chapters.map_or("-1", |_| "2")
}

/// Removes a file, if it is there.
async fn remove(path: PathBuf) -> Result<(), FfmpegError> {
    match fs::remove_file(&path).await {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(FfmpegError::Io {
            doing: "removing",
            path,
            source,
        }),
        _ => Ok(()),
    }
}

async fn write(file: &Path, text: String) -> Result<(), FfmpegError> {
    fs::write(file, text)
        .await
        .map_err(|source| FfmpegError::Io {
            doing: "writing",
            path: file.to_owned(),
            source,
        })
}

/// Chapters as ffmpeg reads them: in milliseconds, with its five special characters escaped.
fn chapters_of(chapters: &[Chapter]) -> String {
    let millis = |time: Seconds| (time.0.max(0.0) * 1000.0).round() as u64;
    let mut text = ";FFMETADATA1\n".to_owned();
    for Chapter { start, end, title } in chapters {
        let mut name = String::new();
        for c in one_line(title).chars() {
            if "=;#\\".contains(c) {
                name.push('\\');
            }
            name.push(c);
        }
        let (start, end) = (millis(*start), millis(*end));
        // Writing to a string cannot fail.
        let _written = write!(
            text,
            "[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={name}\n"
        );
    }
    text
}

/// The list for the concat demuxer. It counts in microseconds: each duration is the difference of two
/// rounded absolute times, so that no rounding adds up.
fn list_of(clips: &[JoinedClip], format: VideoFormat) -> Result<String, FfmpegError> {
    let microseconds = |frame: u64| (format.rate.time_of(frame).0 * 1e6).round() as u64;
    let mut first = 0;
    let entries = clips.iter().map(|clip| {
        let end = first + u64::from(clip.frames);
        let length = microseconds(end) - microseconds(first);
        let file = listed(&clip.file)?;
        let (seconds, rest) = (length / 1_000_000, length % 1_000_000);
        first = end;
        Ok(format!(
            "file 'file:{file}'\nduration {seconds}.{rest:06}\n"
        ))
    });
    iter::once(Ok("ffconcat version 1.0\n".to_owned()))
        .chain(entries)
        .collect()
}

/// The file's path as it stands between the quotes of a list. There, nothing but the quote is special,
/// and nothing can stand for the end of a line.
fn listed(file: &Path) -> Result<String, FfmpegError> {
    let path = file.to_str().filter(|path| !path.contains(['\n', '\r']));
    let path = path.ok_or_else(|| FfmpegError::Unlisted {
        path: file.to_owned(),
    })?;
    Ok(path.replace('\'', r"'\''"))
}

/// Puts every frame exactly on its tick again, and lets decoding run ahead evenly: packets come in
/// decoding order, the n-th being the n-th to be decoded.
fn even_steps(step: u32) -> String {
    let ahead = house::REORDER_FRAMES;
    format!("setts=pts=round(PTS/{step})*{step}:dts=(N-{ahead})*{step}:duration={step}")
}

fn one_line(title: &str) -> String {
    let printable = title.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(LONGEST_TITLE).collect()
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use model::format::Resolution;

    use super::*;

    #[test]
    fn durations_in_the_list_never_drift() {
        let format = VideoFormat {
            size: Resolution::P480.size(),
            rate: FrameRate::FPS_30,
        };
        let clip = JoinedClip {
            file: "it's.mp4".into(),
            frames: 7,
        };
        let list = list_of(&vec![clip; 300], format).unwrap();
        let durations = list
            .lines()
            .filter_map(|line| line.strip_prefix("duration "));
        let sum: u64 = durations
            .map(|text| text.replace('.', "").parse::<u64>().unwrap())
            .sum();
        assert_eq!(sum, 70_000_000); // 300 · 7 / 30 s
        assert!(list.contains(r"file 'file:it'\''s.mp4'"));
    }

    #[test]
    fn chapters_are_told_in_milliseconds_with_special_characters_escaped() {
        let chapter = Chapter {
            start: Seconds(1.0),
            end: Seconds(2.5),
            title: "a=b;\nc".to_owned(),
        };
        let expected =
            ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2500\ntitle=a\\=b\\; c\n";
        assert_eq!(chapters_of(&[chapter]), expected);
    }

    #[test]
    fn a_path_that_no_list_can_hold_is_refused_by_name() {
        for name in ["two\nlines.mp4", "two\rlines.mp4"] {
            let error = listed(Path::new(name)).unwrap_err().to_string();
            assert!(error.contains(&format!("{name:?}")), "{error}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let name = std::ffi::OsStr::from_bytes(b"\xff.mp4");
            let error = listed(Path::new(name)).unwrap_err();
            assert!(matches!(error, FfmpegError::Unlisted { .. }), "{error}");
        }
    }
}
