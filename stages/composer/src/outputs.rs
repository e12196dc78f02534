//! What is made of a film besides it, and stored beside it: small pictures, a loop, the cut for other
//! programs.

use media::ffmpeg::Storyboard;
use model::ClipIndex;
use model::analysis::AudioAnalysis;
use model::film::OutputFile;
use runtime::{StageContext, StageError, StageResultExt};

use crate::captions::{self, Cue};
use crate::timeline::Timeline;
use crate::{exchange, storyboard};

/// The loop's name.
pub(crate) const LOOP: &str = "loop.mp4";

/// What is told of a film beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) board: &'a Storyboard,
    pub(crate) timeline: &'a Timeline,
    pub(crate) analysis: &'a AudioAnalysis,
    pub(crate) cues: &'a [Cue],
}

/// Stores everything; loop and pictures lie in the scratch folder already.
pub(crate) async fn store(
    beside: Beside<'_>,
    cx: &StageContext,
) -> Result<Vec<OutputFile>, StageError> {
    let Beside {
        board,
        timeline,
        analysis,
        cues,
    } = beside;
    let mut shelf = Shelf {
        cx,
        outputs: Vec::new(),
    };
    for (index, (clip, _)) in storyboard::thumbnails(timeline).into_iter().enumerate() {
        let name = Storyboard::thumbnail_name(index);
        shelf.keep("thumbnail", Some(clip), &name).await?;
    }
    shelf
        .keep("contact_sheet", None, Storyboard::CONTACT_SHEET)
        .await?;
    for sheet in 0..storyboard::sheets(board, timeline) {
        let name = Storyboard::sheet_name(sheet as usize);
        shelf.keep("storyboard_sheet", None, &name).await?;
    }
    let vtt = storyboard::vtt(board, timeline);
    shelf.write("storyboard", "storyboard.vtt", vtt).await?;
    shelf.keep("loop", None, LOOP).await?;
    let title = cx.job().title.as_deref().unwrap_or("Beatreel");
    let otio = exchange::otio(timeline, &analysis.beats, title);
    shelf.write("otio", "film.otio", otio).await?;
    let edl = exchange::edl(timeline, &analysis.beats, title);
    shelf.write("edl", "film.edl", edl).await?;
    if !cues.is_empty() {
        let files = [
            ("captions_srt", "captions.srt", captions::srt(cues)),
            ("captions_vtt", "captions.vtt", captions::vtt(cues)),
            ("captions_lrc", "captions.lrc", captions::lrc(cues, title)),
        ];
        for (kind, name, text) in files {
            shelf.write(kind, name, text).await?;
        }
    }
    Ok(shelf.outputs)
}

/// Where outputs are put.
struct Shelf<'a> {
    cx: &'a StageContext,
    outputs: Vec<OutputFile>,
}

impl Shelf<'_> {
    async fn write(&mut self, kind: &str, name: &str, text: String) -> Result<(), StageError> {
        let written = tokio::fs::write(self.cx.scratch().join(name), text).await;
        written.or_retry("writing what goes with the film")?;
        self.keep(kind, None, name).await
    }

    /// Stores a file of the scratch folder.
    async fn keep(
        &mut self,
        kind: &str,
        clip: Option<ClipIndex>,
        name: &str,
    ) -> Result<(), StageError> {
        let file = self.cx.scratch().join(name);
        let file = self
            .cx
            .store_file(&format!("outputs/{name}"), &file)
            .await?;
        self.outputs.push(OutputFile {
            kind: kind.to_owned(),
            clip,
            file,
        });
        Ok(())
    }
}
