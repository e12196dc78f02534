//! Thumbnails, contact sheet and the sheets of small pictures that players show while one scrubs. Pure.

use std::fmt::Write;

use media::ffmpeg::Storyboard;
use model::Seconds;
use model::format::VideoFormat;

use crate::timeline::Timeline;

/// Tiles of a sheet: rows and columns.
const SHEET: (u32, u32) = (10, 10);
/// Up to this length there is a tile a second, above it one every two, in seconds.
const DENSE: f64 = 300.0;
/// A film of more clips has thumbnails of every other, every third … only.
const MOST_THUMBNAILS: usize = 500;

/// What is shown of a film: the middle of each clip, and tiles evenly over it.
pub(crate) fn plan(timeline: &Timeline, format: VideoFormat) -> Storyboard {
    let frames = timeline.frames();
    let seconds = if format.rate.time_of(frames).0 > DENSE {
        2.0
    } else {
        1.0
    };
    let every = format.rate.frame_at(Seconds(seconds)).max(1);
    Storyboard {
        format,
        thumbnails: thumbnails(timeline)
            .into_iter()
            .map(|(_, frame)| frame)
            .collect(),
        every: u32::try_from(every).unwrap_or(u32::MAX),
        sheet: SHEET,
    }
}

/// Clips that have a thumbnail, with the frame that it shows: the middle between two cuts.
pub(crate) fn thumbnails(timeline: &Timeline) -> Vec<(model::ClipIndex, u64)> {
    let ends = timeline.cuts().chain([timeline.frames()]);
    let all = timeline.entries().iter().zip(ends);
    let step = timeline.entries().len().div_ceil(MOST_THUMBNAILS).max(1);
    all.step_by(step)
        .map(|(entry, end)| (entry.clip.index, u64::midpoint(entry.cut, end)))
        .collect()
}

/// The tiles as a `WebVTT` file: when each is to be shown, and where it lies in which sheet.
pub(crate) fn vtt(board: &Storyboard, timeline: &Timeline) -> String {
    let (columns, rows) = board.sheet;
    let tile = board.tile();
    let mut text = "WEBVTT\n".to_owned();
    let every = u64::from(board.every);
    for index in 0..tiles(board, timeline) {
        let place = index % (columns * rows);
        let (x, y) = (place % columns * tile.width, place / columns * tile.height);
        let first = u64::from(index) * every;
        let [start, end] = [first, (first + every).min(timeline.frames())]
            .map(|frame| timestamp(timeline.rate().time_of(frame)));
        let sheet = Storyboard::sheet_name((index / (columns * rows)) as usize);
        let (width, height) = (tile.width, tile.height);
        // Writing to a string cannot fail.
        let _written = write!(
            text,
            "\n{start} --> {end}\n{sheet}#xywh={x},{y},{width},{height}\n"
        );
    }
    text
}

/// How many sheets there are.
pub(crate) fn sheets(board: &Storyboard, timeline: &Timeline) -> u32 {
    tiles(board, timeline).div_ceil(board.sheet.0 * board.sheet.1)
}

fn tiles(board: &Storyboard, timeline: &Timeline) -> u32 {
    let tiles = timeline.frames().div_ceil(u64::from(board.every.max(1)));
    u32::try_from(tiles).unwrap_or(u32::MAX)
}

/// As `WebVTT` writes times: hours, minutes, seconds and thousandths.
pub(crate) fn timestamp(time: Seconds) -> String {
    let millis = (time.0.max(0.0) * 1000.0).round() as u64;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!(
        "{:02}:{:02}:{seconds:02}.{millis:03}",
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use model::format::FrameSize;

    use super::*;
    use crate::timeline::tests::laid_out;

    #[test]
    fn every_second_has_a_tile_and_every_clip_its_middle() {
        let timeline = laid_out(&[0.0, 2.0, 101.5], FrameRate::FPS_30);
        let format = VideoFormat {
            size: FrameSize {
                width: 1920,
                height: 1080,
            },
            rate: FrameRate::FPS_30,
        };
        let board = plan(&timeline, format);
        assert_eq!(board.thumbnails, [30, 1552]);
        assert_eq!(sheets(&board, &timeline), 2);
        let vtt = vtt(&board, &timeline);
        assert_eq!(vtt.matches("-->").count(), 102);
        assert!(
            vtt.contains("00:00:11.000 --> 00:00:12.000\nstoryboard-001.jpg#xywh=160,90,160,90\n")
        );
        assert!(
            vtt.ends_with("00:01:41.000 --> 00:01:41.500\nstoryboard-002.jpg#xywh=160,0,160,90\n")
        );
    }
}
