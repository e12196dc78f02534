//! What a finished film has to stand before anyone sees it. Pure: takes what the file says of itself.

use media::house::{self, Faults, Inspection};
use media::mp4::{AudioTrack, FourCc, Movie, VideoTrack};
use model::Seconds;
use model::format::VideoFormat;
use model::handoff::Song;

use crate::timeline::Timeline;

/// How far the sound track's length may be from the song's. The encoder works in packets of 23 ms, the
/// edit list cuts them to a tick of 33 µs; a millisecond is far below what anyone hears.
const SONG_TOLERANCE: f64 = 0.001;

/// What was measured of a film that stood the inspection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Frames in the file.
    pub frames: u64,
    /// Length of the picture: frames over frame rate.
    pub duration: Seconds,
    /// Length of what is heard.
    pub audio_duration: Seconds,
    /// Picture length minus song length.
    pub length_error: Seconds,
}

/// Compares a film with its plan: every frame there at a constant step from 0, a key frame at every
/// cut, tags, index first, the whole song, and picture and song of one length to half a frame.
pub fn measure(
    movie: &Movie,
    timeline: &Timeline,
    format: VideoFormat,
    song: &Song,
) -> Result<Measured, Faults> {
    let mut inspection = Inspection::default();
    inspection.expect("the number of tracks", movie.tracks, 2);
    inspection.demand(movie.index_first, || "its index comes last".to_owned());
    let (Some(video), Some(audio)) = (&movie.video, &movie.audio) else {
        inspection.demand(movie.video.is_some(), || "it has no picture".to_owned());
        inspection.demand(movie.audio.is_some(), || "it has no sound".to_owned());
        return Err(inspection.verdict().err().unwrap_or_default());
    };
    picture(video, timeline, format, &mut inspection);
    sound(audio, song, &mut inspection);

    let frames = u64::from(video.frames);
    let duration = format.rate.time_of(frames);
    let length_error = Seconds(duration.0 - song.duration().0);
    let half_a_frame = 0.5 / format.rate.fps() + 1e-9;
    inspection.demand(length_error.0.abs() <= half_a_frame, || {
        format!("its picture is {length_error} longer than the song")
    });
    inspection.verdict()?;
    Ok(Measured {
        frames,
        duration,
        audio_duration: audio.duration,
        length_error,
    })
}

fn picture(
    video: &VideoTrack,
    timeline: &Timeline,
    format: VideoFormat,
    inspection: &mut Inspection,
) {
    house::check_picture(video, format, inspection);
    inspection.expect(
        "the number of frames",
        u64::from(video.frames),
        timeline.frames(),
    );
    let key_frame_at = |cut: u64| {
        let cut = u32::try_from(cut).unwrap_or(u32::MAX);
        video.key_frames.binary_search(&cut).is_ok()
    };
    let entries = timeline.entries().iter();
    let starts = entries.flat_map(|entry| [entry.file.first, entry.cut]);
    for start in starts.filter(|start| !key_frame_at(*start)) {
        inspection.demand(false, || {
            format!("a clip begins at frame {start}, which is no key frame")
        });
    }
}

fn sound(audio: &AudioTrack, song: &Song, inspection: &mut Inspection) {
    inspection.expect("the sound's codec", audio.codec, FourCc(*b"mp4a"));
    inspection.expect("the sample rate", audio.sample_rate, song.sample_rate);
    inspection.expect("the number of channels", audio.channels, song.channels);
    let (heard, whole) = (audio.duration, song.duration());
    inspection.demand((heard.0 - whole.0).abs() <= SONG_TOLERANCE, || {
        format!("{heard} of a song of {whole} are heard")
    });
}
