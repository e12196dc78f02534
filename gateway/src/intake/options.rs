//! What may be asked for beside song and sentence: each option by its name, read and checked.

use std::fmt::Display;
use std::str::FromStr;

use model::corrections::{CorrectionError, Corrections, TempoCorrection};
use model::format::{AspectRatio, FrameSize, Quality, Resolution, VideoFormat};
use model::lettering::Letters;
use model::lyrics::text::Written;
use model::lyrics::{self, LyricsWish};
use model::style::Style;
use model::{ArtifactRef, FrameRate, JobOptions, Usd};

use crate::error::ApiError;
use crate::prices::Prices;

/// Characters that a title may have.
const LONGEST_TITLE: usize = 200;
/// Longest list of shapes in characters: all that there are, with room around.
const LONGEST_LIST: usize = 64;

/// Names of all options, as fields of the form.
const NAMES: [&str; 15] = [
    "title",
    "resolution",
    "aspect_ratio",
    "outputs",
    "fps",
    "quality",
    "style",
    "lettering",
    "seed",
    "max_cost",
    "tempo",
    "beat_offset",
    "downbeat_shift",
    "beats_per_bar",
    "webhook_url",
];

/// Options as they were asked for; none is required. Two forms with equal options are equal here.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) title: Option<String>,
    pub(crate) seed: Option<u64>,
    pub(crate) max_cost: Option<Usd>,
    pub(crate) webhook_url: Option<String>,
    pub(crate) lyrics: Option<AskedLyrics>,
    resolution: Resolution,
    aspect_ratio: AspectRatio,
    outputs: Vec<AspectRatio>,
    rate: Option<FrameRate>,
    quality: Quality,
    style: Option<Style>,
    lettering: Letters,
    corrections: Corrections,
}

/// Where the words are to come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AskedLyrics {
    /// From this text, which can be read as LRC, SRT or plain lines.
    Given(String),
    /// From the song, by the provider of speech.
    Transcribe,
}

/// What stands for [`AskedLyrics::Transcribe`].
const TRANSCRIBE: &str = "transcribe";

impl Options {
    /// Takes the words, as the bytes of a field or of a file.
    pub(crate) fn take_lyrics(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        let text = lyrics::text::decoded(bytes).map_err(|error| refused("lyrics", &error))?;
        if text.trim() == TRANSCRIBE {
            self.lyrics = Some(AskedLyrics::Transcribe);
            return Ok(());
        }
        Written::parse(&text).map_err(|error| refused("lyrics", &error))?;
        self.lyrics = Some(AskedLyrics::Given(text));
        Ok(())
    }

    /// Refuses what this gateway cannot do: a larger budget than its limit, and words to be heard where
    /// nobody is configured who could.
    pub(crate) fn check(&self, prices: &Prices) -> Result<(), ApiError> {
        self.budget(prices.limit)?;
        if self.wants_transcript() && prices.speech.is_none() {
            return Err(refused(
                "lyrics",
                &"no provider of speech is configured here; whoever runs this gateway can set OPENAI_API_KEY, \
                  or OPENAI_BASE_URL for a server of their own; or send the words as LRC, SRT or plain text",
            ));
        }
        Ok(())
    }

    /// Whether the words are to be heard by a provider.
    pub(crate) fn wants_transcript(&self) -> bool {
        self.lyrics == Some(AskedLyrics::Transcribe)
    }

    /// The name of an option, if `text` is one.
    pub(crate) fn name(text: &str) -> Option<&'static str> {
        NAMES.into_iter().find(|name| *name == text)
    }

    /// Takes the option `name`, or says what is wrong with it.
    pub(crate) fn take(&mut self, name: &'static str, text: &str) -> Result<(), ApiError> {
        let text = text.trim();
        match name {
            "title" => self.title = title(text)?,
            "resolution" => self.resolution = read(name, text)?,
            "aspect_ratio" => self.aspect_ratio = read(name, text)?,
            "outputs" => self.outputs = ratios(text)?,
            "fps" => self.rate = Some(read(name, text)?),
            "quality" => self.quality = read(name, text)?,
            "style" => self.style = Some(read(name, text)?),
            "lettering" => self.lettering = read(name, text)?,
            "seed" => self.seed = Some(number(name, text, "from 0 to 18446744073709551615")?),
            "max_cost" => self.max_cost = Some(read(name, text)?),
            "webhook_url" => self.webhook_url = Some(text.to_owned()),
            _ => self.correct(name, text)?,
        }
        Ok(())
    }

    fn correct(&mut self, name: &'static str, text: &str) -> Result<(), ApiError> {
        let known = self.corrections;
        let corrected = match name {
            "tempo" => Ok(known.tempo(Some(read::<TempoCorrection>(name, text)?))),
            "beat_offset" => {
                let offset = text.parse().map_err(|_| CorrectionError::Offset);
                offset.and_then(|offset| known.offset(offset))
            }
            "downbeat_shift" => {
                let shift = text.parse().map_err(|_| CorrectionError::Shift);
                shift.and_then(|shift| known.shift(shift))
            }
            "beats_per_bar" => {
                let count = text.parse().map_err(|_| CorrectionError::BeatsPerBar);
                count.and_then(|count| known.beats_per_bar(Some(count)))
            }
            other => {
                return Err(ApiError::InvalidRequest(format!(
                    "there is no option {other:?}"
                )));
            }
        };
        self.corrections = corrected.map_err(|error| refused(name, &error))?;
        Ok(())
    }

    /// The shape of the film.
    pub(crate) fn format(&self) -> VideoFormat {
        VideoFormat {
            size: self
                .quality
                .drawn(self.resolution.shaped(self.aspect_ratio)),
            rate: self.rate.unwrap_or(FrameRate::FPS_30),
        }
    }

    /// The shapes of all films, the job's own first.
    pub(crate) fn formats(&self) -> Vec<VideoFormat> {
        let own = self.format();
        let others = self
            .others()
            .into_iter()
            .map(|size| VideoFormat { size, ..own });
        std::iter::once(own).chain(others).collect()
    }

    /// The other shapes, each once.
    fn others(&self) -> Vec<FrameSize> {
        let others = self.outputs.iter();
        let others = others.filter(|ratio| **ratio != self.aspect_ratio);
        others
            .map(|ratio| self.quality.drawn(self.resolution.shaped(*ratio)))
            .collect()
    }

    /// What stages obey beside that; `text` is where given words were stored.
    pub(crate) fn job_options(&self, text: Option<ArtifactRef>) -> JobOptions {
        let heard = self.wants_transcript().then_some(LyricsWish::Transcribe);
        JobOptions {
            quality: self.quality,
            outputs: self.others(),
            style: self.style,
            corrections: self.corrections,
            lyrics: text.map(LyricsWish::Given).or(heard),
            lettering: self.lettering,
        }
    }

    /// What the job may cost: what was asked for, or `limit`, which nobody may go beyond.
    pub(crate) fn budget(&self, limit: Usd) -> Result<Usd, ApiError> {
        match self.max_cost {
            Some(asked) if asked > limit => Err(refused(
                "max_cost",
                &format_args!("a job may cost at most {limit} here; ask for that or less"),
            )),
            Some(asked) => Ok(asked),
            None => Ok(limit),
        }
    }
}

fn read<T: FromStr<Err: Display>>(field: &'static str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error| refused(field, &error))
}

fn number<T: FromStr>(field: &'static str, text: &str, range: &str) -> Result<T, ApiError> {
    let wrong = |_| refused(field, &format_args!("{field} is a whole number {range}"));
    text.parse().map_err(wrong)
}

/// Shapes with commas between, each once, in the order in which they were asked for.
fn ratios(text: &str) -> Result<Vec<AspectRatio>, ApiError> {
    if text.chars().count() > LONGEST_LIST {
        let rule = format_args!("a list of shapes has at most {LONGEST_LIST} characters");
        return Err(refused("outputs", &rule));
    }
    let mut ratios = Vec::new();
    for name in text
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let ratio = read("outputs", name)?;
        if !ratios.contains(&ratio) {
            ratios.push(ratio);
        }
    }
    Ok(ratios)
}

/// A title is one line for people; an empty one is none.
fn title(text: &str) -> Result<Option<String>, ApiError> {
    let fits = text.chars().count() <= LONGEST_TITLE && !text.chars().any(char::is_control);
    if !fits {
        let rule = format_args!("a title is one line of at most {LONGEST_TITLE} characters");
        return Err(refused("title", &rule));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// A value that is not accepted, and why.
pub(crate) fn refused(field: &'static str, why: &dyn Display) -> ApiError {
    ApiError::InvalidField {
        field,
        detail: why.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_has_a_place_and_says_what_it_accepts() {
        for (name, good, bad, rule) in [
            ("title", "Night", "two\nlines", "one line"),
            ("resolution", "2160p", "4k", "2160p"),
            ("aspect_ratio", "9:16", "9x16", "21:9"),
            ("outputs", "9:16, 1:1", "9:16,wide", "21:9"),
            ("fps", "29.97", "31", "59.94"),
            ("quality", "draft", "best", "standard"),
            ("style", "noir", "Noir!", "golden_hour"),
            ("lettering", "title", "both", "lyrics"),
            ("seed", "18446744073709551615", "-1", "from 0"),
            ("max_cost", "12.50", "1e3", "dollars"),
            ("tempo", "half", "fast", "from 30 to 300"),
            ("beat_offset", "-0.25", "NaN", "2 seconds"),
            ("downbeat_shift", "-1", "1.5", "6 beats"),
            ("beats_per_bar", "3", "8", "2 to 7"),
        ] {
            let mut options = Options::default();
            assert_eq!(Options::name(name), Some(name));
            options.take(name, good).unwrap();
            assert_ne!(format!("{options:?}"), format!("{:?}", Options::default()));
            let error = options.take(name, bad).unwrap_err();
            assert!(error.to_string().contains(rule), "{name}: {error}");
        }
        assert_eq!(Options::name("colour"), None);
    }

    #[test]
    fn a_job_may_ask_for_a_smaller_budget_and_not_for_a_larger_one() {
        let limit = Usd::from_dollars(2000);
        let with = |max_cost| Options {
            max_cost,
            ..Options::default()
        };
        assert_eq!(with(None).budget(limit).unwrap(), limit);
        assert_eq!(with(Some(Usd::ZERO)).budget(limit).unwrap(), Usd::ZERO);
        let error = with(Some(Usd::from_micros(2_000_000_001))).budget(limit);
        assert!(error.unwrap_err().to_string().contains("$2000.00"));
    }

    #[test]
    fn each_shape_is_made_once() {
        let mut options = Options::default();
        options.take("outputs", "9:16, 16:9,1:1,9:16").unwrap();
        options.take("resolution", "480p").unwrap();
        let sizes: Vec<_> = options.formats().iter().map(|format| format.size).collect();
        let size = |width, height| FrameSize { width, height };
        assert_eq!(sizes, [size(854, 480), size(480, 854), size(480, 480)]);
    }
}
