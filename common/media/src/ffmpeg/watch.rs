//! One pass over a finished film: every frame in miniature, a thumbnail of some, and a storyboard.

use std::path::{Path, PathBuf};

use model::format::{FrameSize, VideoFormat};
use tokio_util::sync::CancellationToken;

use super::{Ffmpeg, FfmpegError, Process, input, output};

/// Size of a miniature: enough to see black, standstill and cuts, at two kilobytes a frame.
pub const MINIATURE: FrameSize = FrameSize {
    width: 64,
    height: 36,
};

/// Thumbnails and tiles are at most so many pixels on their longer side.
const THUMBNAIL: u32 = 320;
const TILE: u32 = 160;

/// What one pass gives, beside the miniatures.
#[derive(Debug, Clone)]
pub struct Storyboard {
    /// The film's format.
    pub format: VideoFormat,
    /// Frames of which there is a thumbnail, ascending.
    pub thumbnails: Vec<u64>,
    /// Frames from one tile of the storyboard to the next, at least 1.
    pub every: u32,
    /// Tiles in a row, and rows of a sheet.
    pub sheet: (u32, u32),
}

impl Storyboard {
    /// The size of a tile, both numbers even.
    pub fn tile(&self) -> FrameSize {
        within(self.format.size, TILE)
    }

    /// The name of thumbnail `index` (from 0) in the folder.
    pub fn thumbnail_name(index: usize) -> String {
        format!("thumbnail-{:04}.jpg", index + 1)
    }

    /// The name of the sheet that shows all thumbnails, in the folder.
    pub const CONTACT_SHEET: &'static str = "contact-sheet-1.jpg";

    /// The name of sheet `index` (from 0) in the folder.
    pub fn sheet_name(index: usize) -> String {
        format!("storyboard-{:03}.jpg", index + 1)
    }
}

impl Ffmpeg {
    /// Decodes the film once. Writes every frame's luma at [`MINIATURE`] size, one after the other, to
    /// the file that is returned, and thumbnails and sheets as JPEG, all in `folder`.
    pub async fn watch(
        &self,
        film: &Path,
        board: &Storyboard,
        folder: &Path,
        cancel: &CancellationToken,
    ) -> Result<PathBuf, FfmpegError> {
        let miniatures = folder.join("miniatures.gray");
        let mut command = self.command();
        input(&mut command, film);
        command.arg("-filter_complex").arg(graph(board));
        command.args([
            "-map",
            "[small]",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
        ]);
        output(&mut command, &miniatures);
        if !board.thumbnails.is_empty() {
            jpegs(&mut command, "[shown]", &folder.join("thumbnail-%04d.jpg"));
            jpegs(
                &mut command,
                "[all]",
                &folder.join("contact-sheet-%01d.jpg"),
            );
        }
        jpegs(
            &mut command,
            "[sheets]",
            &folder.join("storyboard-%03d.jpg"),
        );
        Process::start("watching the film", command, self)?
            .finish(cancel)
            .await?;
        Ok(miniatures)
    }

    /// Decodes the sound of a film or song to one channel of 16-bit samples, little-endian, at its own
    /// rate: the mean of its channels.
    pub async fn listen(
        &self,
        file: &Path,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let mut command = self.command();
        input(&mut command, file);
        command.args(["-map", "0:a:0", "-vn", "-ac", "1", "-f", "s16le"]);
        self.make("listening to the film", command, out, cancel)
            .await
    }
}

/// JPEGs as other programs expect them: bt601 in full range, without anything about their maker.
fn jpegs(command: &mut tokio::process::Command, from: &str, pattern: &Path) {
    command
        .args([
            "-map",
            from,
            "-fps_mode",
            "passthrough",
            "-c:v",
            "mjpeg",
            "-q:v",
            "4",
        ])
        .args([
            "-map_metadata",
            "-1",
            "-fflags",
            "+bitexact",
            "-flags:v",
            "+bitexact",
        ])
        .args(["-f", "image2"]);
    output(command, pattern);
}

fn graph(board: &Storyboard) -> String {
    let FrameSize { width, height } = MINIATURE;
    let small = format!("extractplanes=y,scale={width}:{height}:flags=area[small]");
    let tile = board.tile();
    let (columns, rows) = board.sheet;
    let sheets = format!(
        "select='not(mod(n,{every}))',{tile},tile={columns}x{rows}[sheets]",
        every = board.every.max(1),
        tile = jpeg(tile),
    );
    if board.thumbnails.is_empty() {
        return format!("[0:v:0]split=2[a][b];[a]{small};[b]{sheets}");
    }
    let shown = jpeg(within(board.format.size, THUMBNAIL));
    let small_shown = jpeg(tile);
    let count = board.thumbnails.len();
    let across = (count as f64).sqrt().ceil() as usize;
    let down = count.div_ceil(across.max(1));
    let chosen = any_of(&board.thumbnails);
    format!(
        "[0:v:0]split=3[a][b][c];[a]{small};[b]{sheets};[c]select='{chosen}',split=2[d][e];\
         [d]{shown}[shown];[e]{small_shown},tile={across}x{down}:padding=4:margin=4[all]"
    )
}

/// True at these frames. In pairs of pairs: ffmpeg takes no sum of more than a hundred terms in a row.
fn any_of(frames: &[u64]) -> String {
    match frames {
        [] => "0".to_owned(),
        [frame] => format!("eq(n,{frame})"),
        frames => {
            let (first, rest) = frames.split_at(frames.len() / 2);
            format!("({}+{})", any_of(first), any_of(rest))
        }
    }
}

fn jpeg(size: FrameSize) -> String {
    format!(
        "scale={}:{}:flags=area:in_color_matrix=bt709:in_range=tv:\
         out_color_matrix=bt601:out_range=pc,format=yuvj420p",
        size.width, size.height
    )
}

/// The size of the same shape whose longer side is at most `longest`, both numbers even.
fn within(size: FrameSize, longest: u32) -> FrameSize {
    let longer = size.width.max(size.height).max(1);
    let scaled = |side: u32| {
        let shrunk = u64::from(side) * u64::from(longest.min(longer)) / u64::from(longer);
        ((shrunk as u32).next_multiple_of(2)).max(2)
    };
    FrameSize {
        width: scaled(size.width),
        height: scaled(size.height),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_of_many_frames_is_not_nested_deeply() {
        assert_eq!(any_of(&[3, 5, 8]), "(eq(n,3)+(eq(n,5)+eq(n,8)))");
        let frames: Vec<u64> = (0..500).collect();
        let mut depth = 0_i32;
        let choice = any_of(&frames);
        let depths = choice.chars().map(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth
        });
        assert_eq!(depths.max(), Some(10)); // nine pairs of pairs, and the function's own
    }

    #[test]
    fn small_pictures_keep_their_shape_and_even_sides() {
        let check = |size: (u32, u32), expected: (u32, u32)| {
            let (width, height) = size;
            let small = within(FrameSize { width, height }, 160);
            assert_eq!((small.width, small.height), expected);
        };
        check((1920, 1080), (160, 90));
        check((1080, 1920), (90, 160));
        check((854, 480), (160, 90));
        check((64, 36), (64, 36));
        check((2560, 1080), (160, 68));
    }
}
