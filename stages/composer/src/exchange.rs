//! The cut as other programs read it: `OpenTimelineIO` and a CMX 3600 edit list, with the beats as markers.
//! Both refer to the finished film, in which transitions are drawn already. Pure.
//!
//! Schemas: `OpenTimelineIO`, `Timeline.1`, `Track.1`, `Clip.2`, `Marker.2`; the edit list's markers are the
//! `LOC` comments that editing programs write.

use std::fmt::Write;

use model::FrameRate;
use model::analysis::Beat;
use serde_json::{Value, json};

use crate::timeline::Timeline;

/// What the clips refer to.
const FILM: &str = "film.mp4";

/// The film's clips as cut out of the film, and its beats, as `OpenTimelineIO`.
pub(crate) fn otio(timeline: &Timeline, beats: &[Beat], title: &str) -> String {
    let rate = timeline.rate();
    let clips: Vec<Value> = spans(timeline)
        .map(|(index, first, count)| {
            let range = range(rate, first, count);
            let entry = timeline.entries().get(index);
            let transition = entry.map_or("cut", |entry| entry.transition.name());
            json!({
                "OTIO_SCHEMA": "Clip.2",
                "name": format!("clip {index}"),
                "source_range": range,
                "active_media_reference_key": "DEFAULT_MEDIA",
                "media_references": { "DEFAULT_MEDIA": film(timeline) },
                "metadata": { "beatreel": { "transition_into": transition } },
            })
        })
        .collect();
    let markers: Vec<Value> = beats
        .iter()
        .map(|beat| {
            let (name, color) = if beat.downbeat {
                ("bar", "RED")
            } else {
                ("beat", "YELLOW")
            };
            json!({
                "OTIO_SCHEMA": "Marker.2",
                "name": name,
                "color": color,
                "marked_range": range(rate, rate.frame_at(beat.time), 0),
                "metadata": { "beatreel": { "seconds": beat.time } },
            })
        })
        .collect();
    let song = json!({
        "OTIO_SCHEMA": "Clip.2",
        "name": "song",
        "source_range": range(rate, 0, timeline.frames()),
        "active_media_reference_key": "DEFAULT_MEDIA",
        "media_references": { "DEFAULT_MEDIA": film(timeline) },
    });
    let track = |kind: &str, children: Vec<Value>| json!({ "OTIO_SCHEMA": "Track.1", "name": kind, "kind": kind, "children": children });
    let stack = json!({
        "OTIO_SCHEMA": "Stack.1",
        "name": "tracks",
        "children": [track("Video", clips), track("Audio", vec![song])],
        "markers": markers,
    });
    let whole = json!({ "OTIO_SCHEMA": "Timeline.1", "name": title, "tracks": stack });
    format!("{whole:#}\n")
}

fn film(timeline: &Timeline) -> Value {
    json!({
        "OTIO_SCHEMA": "ExternalReference.1",
        "target_url": FILM,
        "available_range": range(timeline.rate(), 0, timeline.frames()),
    })
}

fn range(rate: FrameRate, first: u64, count: u64) -> Value {
    let time =
        |value: u64| json!({ "OTIO_SCHEMA": "RationalTime.1", "rate": rate.fps(), "value": value });
    json!({ "OTIO_SCHEMA": "TimeRange.1", "start_time": time(first), "duration": time(count) })
}

/// The same as an edit list. Time codes count frames at the nearest whole rate, without drop frames.
pub(crate) fn edl(timeline: &Timeline, beats: &[Beat], title: &str) -> String {
    let rate = timeline.rate();
    let printable = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    let title: String = title.chars().take(70).map(printable).collect();
    let mut text = format!("TITLE: {title}\nFCM: NON-DROP FRAME\n");
    for (index, first, count) in spans(timeline) {
        let [start, end] = [first, first + count].map(|frame| time_code(rate, frame));
        // Writing to a string cannot fail.
        let _written = write!(
            text,
            "\n{:03}  AX       AA/V  C        {start} {end} {start} {end}\n* FROM CLIP NAME: {FILM}\n",
            index + 1
        );
    }
    text.push('\n');
    for beat in beats {
        let (name, color) = if beat.downbeat {
            ("BAR", "RED")
        } else {
            ("BEAT", "YELLOW")
        };
        let at = time_code(rate, rate.frame_at(beat.time));
        let _written = writeln!(text, "* LOC: {at} {color:<7} {name}");
    }
    text
}

/// Index, first frame and frames from cut to cut.
fn spans(timeline: &Timeline) -> impl Iterator<Item = (usize, u64, u64)> {
    let ends = timeline.cuts().chain([timeline.frames()]);
    let entries = timeline.entries().iter().zip(ends).enumerate();
    entries.map(|(index, (entry, end))| (index, entry.cut, end - entry.cut))
}

fn time_code(rate: FrameRate, frame: u64) -> String {
    let whole = (rate.fps().round() as u64).max(1);
    let (seconds, frames) = (frame / whole, frame % whole);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!(
        "{:02}:{:02}:{seconds:02}:{frames:02}",
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use model::Seconds;

    use super::*;
    use crate::timeline::tests::laid_out;

    fn beats() -> Vec<Beat> {
        let beat = |n: u32| Beat {
            time: Seconds(f64::from(n) * 0.5),
            downbeat: n.is_multiple_of(4),
        };
        (0..6).map(beat).collect()
    }

    #[test]
    fn a_timeline_tells_every_clip_and_every_beat_by_its_frame() {
        let timeline = laid_out(&[0.0, 1.0, 3.0], FrameRate::FPS_30);
        let otio: Value = serde_json::from_str(&otio(&timeline, &beats(), "Dark water")).unwrap();
        let clips = &otio["tracks"]["children"][0]["children"];
        assert_eq!(clips.as_array().unwrap().len(), 2);
        assert_eq!(clips[1]["source_range"]["start_time"]["value"], 30);
        assert_eq!(clips[1]["source_range"]["duration"]["value"], 60);
        let markers = &otio["tracks"]["markers"];
        assert_eq!(markers[4]["name"], "bar");
        assert_eq!(markers[5]["marked_range"]["start_time"]["value"], 75);
    }

    #[test]
    fn an_edit_list_counts_in_time_codes() {
        let timeline = laid_out(&[0.0, 1.0, 61.5], FrameRate::FPS_30);
        let edl = edl(&timeline, &beats(), "Dark wäter\n");
        assert!(
            edl.starts_with("TITLE: Dark w?ter?\nFCM: NON-DROP FRAME\n"),
            "{edl}"
        );
        let second =
            "002  AX       AA/V  C        00:00:01:00 00:01:01:15 00:00:01:00 00:01:01:15\n";
        assert!(edl.contains(second), "{edl}");
        assert!(edl.contains("* LOC: 00:00:02:15 YELLOW  BEAT\n"), "{edl}");
    }
}
