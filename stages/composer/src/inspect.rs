//! What a finished film has to stand before anyone sees it. Pure: takes what the file says of itself.

use media::house::{self, Faults, Inspection};
use media::mp4::{AudioTrack, FourCc, Movie, VideoTrack};
use model::Seconds;
use model::format::VideoFormat;
use model::handoff::Song;
use model::plan::TransitionKind;
use model::sound::Silence;
use model::timeline::Span;

use crate::pictures::Seen;
use crate::sound::Heard;
use crate::timeline::Timeline;

/// How far the sound track's length may be from the song's. The encoder works in packets of 23 ms, the
/// edit list cuts them to a tick of 33 µs; a millisecond is far below what anyone hears.
const SONG_TOLERANCE: f64 = 0.001;

/// How late or early the sound may be anywhere, in seconds. The eye forgives forty times as much; AAC that
/// is copied whole has no reason to move at all.
const LAG_TOLERANCE: f64 = 0.001;
/// How alike song and film have to sound where they are compared, as a correlation. AAC at 192 kbit/s
/// stays above 0.98, for noise, too.
const LIKENESS: f32 = 0.8;
/// By how much the decoded sound may be longer or shorter than the song, in seconds: edit lists count in
/// ticks, and some decoders end with a whole packet.
const SURPLUS_TOLERANCE: f64 = 0.025;

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

/// What a film is to hold besides picture and sound.
#[derive(Debug, Clone, Copy)]
pub struct Expected {
    /// The shape of its picture.
    pub format: VideoFormat,
    /// Whether it has chapters.
    pub has_chapters: bool,
    /// How many captions it has; without any there is no track of them.
    pub cues: u32,
}

/// Compares a film with its plan: every frame there at a constant step from 0, a key frame at every
/// cut, tags, index first, the whole song, and picture and song of one length to half a frame.
pub fn measure(
    movie: &Movie,
    timeline: &Timeline,
    expected: Expected,
    song: &Song,
) -> Result<Measured, Faults> {
    let format = expected.format;
    let mut inspection = Inspection::default();
    // Chapters are a track of text, and so are captions.
    let tracks = 2 + u32::from(expected.has_chapters) + u32::from(expected.cues > 0);
    let cues = movie.captions.as_ref().map_or(0, |captions| captions.cues);
    inspection.expect("the number of captions", cues, expected.cues);
    inspection.expect("the number of tracks", movie.tracks, tracks);
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

/// Compares what is seen and heard of a decoded film with its plan: every frame there, no stretch of black
/// or standstill that was not planned, and the song sounding when it does.
pub fn decoded(
    seen: &Seen,
    heard: &Heard,
    timeline: &Timeline,
    song: &Song,
    silences: &[Silence],
) -> Result<(), Faults> {
    let mut inspection = Inspection::default();
    inspection.expect(
        "the number of decoded frames",
        seen.frames,
        timeline.frames(),
    );
    let rate = timeline.rate();
    let is_silent = |span: &Span| {
        let (start, end) = (rate.time_of(span.first), rate.time_of(span.end()));
        silences
            .iter()
            .any(|silence| silence.start < end && start < silence.end)
    };
    let is_fade = |span: &Span| {
        let fades = timeline
            .entries()
            .iter()
            .filter(|entry| entry.transition == TransitionKind::FadeThroughDark);
        fades.into_iter().any(|fade| {
            let end = fade.file.first + u64::from(fade.transition_frames);
            fade.file.first <= span.first && span.end() <= end
        })
    };
    let told = |span: &Span| {
        format!(
            "{} s from {}",
            rate.time_of(span.count.into()).0,
            rate.time_of(span.first)
        )
    };
    for span in seen
        .black
        .iter()
        .filter(|span| !is_silent(span) && !is_fade(span))
    {
        inspection.demand(false, || format!("its picture is black for {}", told(span)));
    }
    for span in seen.frozen.iter().filter(|span| !is_silent(span)) {
        inspection.demand(false, || {
            format!("its picture stands still for {}", told(span))
        });
    }
    sound_in_time(heard, song, &mut inspection);
    inspection.verdict()
}

fn sound_in_time(heard: &Heard, song: &Song, inspection: &mut Inspection) {
    let rate = f64::from(song.sample_rate.max(1));
    let (of_song, of_film) = heard.samples;
    inspection.expect("the number of the song's samples", of_song, song.samples);
    let surplus = (of_film as f64 - of_song as f64) / rate;
    inspection.demand(surplus.abs() <= SURPLUS_TOLERANCE, || {
        format!("its decoded sound is {surplus:.4} s longer than the song")
    });
    for (place, lag) in ["begin", "middle", "end"].iter().zip(&heard.lags) {
        let Some(lag) = lag else { continue };
        let late = f64::from(lag.samples) / rate;
        inspection.demand(late.abs() <= LAG_TOLERANCE, || {
            format!("at its {place} the sound is {:.2} ms late", late * 1000.0)
        });
        inspection.demand(lag.likeness >= LIKENESS, || {
            format!(
                "at its {place} the sound is like the song by {:.3} only",
                lag.likeness
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use media::audio::Lag;
    use model::sound::SilencePlace;
    use model::{ArtifactKey, ArtifactRef, FrameRate};

    use super::*;
    use crate::timeline::tests::laid_out;

    fn song() -> Song {
        Song {
            audio: ArtifactRef {
                key: ArtifactKey::try_from("song.wav".to_owned()).unwrap(),
                length: 2,
                sha256: "0".repeat(64),
            },
            sample_rate: 44_100,
            channels: 1,
            samples: 441_000,
        }
    }

    const fn lag(samples: i32) -> Lag {
        Lag {
            samples,
            likeness: 0.99,
        }
    }

    fn verdict(change: impl Fn(&mut Seen, &mut Heard), silences: &[Silence]) -> String {
        let mut seen = Seen {
            frames: 300,
            ..Seen::default()
        };
        let mut heard = Heard {
            samples: (441_000, 441_048),
            lags: [Some(lag(0)), None, Some(lag(20))],
        };
        change(&mut seen, &mut heard);
        let timeline = laid_out(&[0.0, 4.0, 10.0], FrameRate::FPS_30);
        match decoded(&seen, &heard, &timeline, &song(), silences) {
            Ok(()) => String::new(),
            Err(faults) => faults.to_string(),
        }
    }

    #[test]
    fn a_film_that_is_as_planned_stands() {
        assert_eq!(verdict(|_, _| (), &[]), "");
    }

    #[test]
    fn each_fault_is_told_with_its_measurement() {
        let check = |change: fn(&mut Seen, &mut Heard), expected: &str| {
            assert_eq!(
                verdict(change, &[]),
                format!("not as asked for: {expected}")
            );
        };
        check(
            |seen, _| seen.frames = 299,
            "the number of decoded frames is 299 instead of 300",
        );
        check(
            |seen, _| {
                seen.black = vec![Span {
                    first: 30,
                    count: 60,
                }];
            },
            "its picture is black for 2 s from 1.000 s",
        );
        check(
            |seen, _| {
                seen.frozen = vec![Span {
                    first: 30,
                    count: 90,
                }];
            },
            "its picture stands still for 3 s from 1.000 s",
        );
        check(
            |_, heard| heard.lags[2] = Some(lag(90)),
            "at its end the sound is 2.04 ms late",
        );
        check(
            |_, heard| heard.samples.1 = 450_000,
            "its decoded sound is 0.2041 s longer than the song",
        );
        check(
            |_, heard| {
                heard.lags[0] = Some(Lag {
                    samples: 0,
                    likeness: 0.4,
                });
            },
            "at its begin the sound is like the song by 0.400 only",
        );
    }

    #[test]
    fn where_the_song_is_silent_a_picture_may_be_dark_or_still() {
        let silence = Silence {
            start: Seconds(0.5),
            end: Seconds(2.0),
            place: SilencePlace::Inside,
        };
        let change = |seen: &mut Seen, _: &mut Heard| {
            seen.black = vec![Span {
                first: 30,
                count: 60,
            }];
            seen.frozen = vec![Span {
                first: 30,
                count: 60,
            }];
        };
        assert_eq!(verdict(change, &[silence]), "");
    }
}
