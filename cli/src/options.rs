//! The flags by which a film is asked for, as fields of the upload form.

use std::path::PathBuf;

use anyhow::Context;
use model::format::{AspectRatio, Quality, Resolution};
use model::lettering::Letters;
use model::lyrics::text::{self, Written};
use model::style::Style;
use model::{FrameRate, Usd};

use crate::analyse::corrected;

/// What the film is to be, beside song and sentence. What is not given is the gateway's to choose.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "The film")]
#[group(id = "film")]
pub(crate) struct Args {
    /// Its shorter side: 480p, 720p, 1080p or 2160p.
    #[arg(long, default_value = "1080p")]
    resolution: Resolution,
    /// Width to height: 16:9, 9:16, 1:1, 4:5 or 21:9 [default: 16:9].
    #[arg(long, value_name = "RATIO")]
    aspect_ratio: Option<AspectRatio>,
    /// Further shapes to make of the same plan, with commas between: 9:16,1:1.
    #[arg(long, value_name = "RATIOS", value_delimiter = ',')]
    outputs: Vec<AspectRatio>,
    /// Frames a second: 23.976, 24, 25, 29.97, 30, 50, 59.94 or 60 [default: 30].
    #[arg(long, value_name = "RATE")]
    fps: Option<FrameRate>,
    /// How carefully it is made: draft (half the size, a fraction of the time), standard or high
    /// [default: standard].
    #[arg(long)]
    quality: Option<Quality>,
    #[arg(
        long,
        help = "A look for all of it: neon, noir, pastel, golden_hour, vintage or frost [default: that of your sentence]"
    )]
    style: Option<Style>,
    /// Which words are written on it: all, title, lyrics or none [default: all].
    #[arg(long, value_name = "WORDS")]
    lettering: Option<Letters>,
    /// What it may cost at most [default: the gateway's limit].
    #[arg(long, value_name = "DOLLARS")]
    max_cost: Option<Usd>,
    /// What everything random in it comes from; the same song, prompt and seed give the same film.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Its words: a file with LRC, SRT or plain lines; or `transcribe` to have them heard, where the
    /// gateway knows a provider.
    #[arg(long, value_name = "FILE")]
    lyrics: Option<PathBuf>,
    #[command(flatten)]
    corrected: corrected::Args,
}

/// What stands for having the words heard.
const TRANSCRIBE: &str = "transcribe";

impl Args {
    /// The words as they are sent.
    pub(crate) fn lyrics(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(path) = &self.lyrics else {
            return Ok(None);
        };
        if path.as_os_str() == TRANSCRIBE {
            return Ok(Some(TRANSCRIBE.into()));
        }
        let bytes = std::fs::read(path).context("they cannot be read");
        let read = bytes.and_then(|bytes| {
            // Told here, before anything is uploaded.
            Written::parse(&text::decoded(&bytes)?)?;
            Ok(bytes)
        });
        let told = || format!("the lyrics in {}", path.display());
        read.with_context(told).map(Some)
    }

    /// The fields of the form that say so.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("resolution", Some(self.resolution.to_string())),
            (
                "aspect_ratio",
                self.aspect_ratio.map(|ratio| ratio.to_string()),
            ),
            ("outputs", outputs(&self.outputs)),
            ("fps", self.fps.map(|rate| rate.to_string())),
            ("quality", self.quality.map(|quality| quality.to_string())),
            ("style", self.style.map(|style| style.to_string())),
            ("lettering", self.lettering.map(|words| words.to_string())),
            (
                "max_cost",
                self.max_cost.map(|amount| amount.dollars().to_string()),
            ),
            ("seed", self.seed.map(|seed| seed.to_string())),
        ];
        let mut fields: Vec<_> = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        fields.extend(self.corrected.fields());
        fields
    }
}

/// As the form has them; nothing where there are none.
fn outputs(ratios: &[AspectRatio]) -> Option<String> {
    let names: Vec<_> = ratios.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(","))
}
