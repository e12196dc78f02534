//! The flags by which a user corrects what is heard.

use model::corrections::{CorrectionError, Corrections, TempoCorrection};

/// What you hear otherwise. Only what depends on it is heard again.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Corrections")]
#[group(id = "corrections")]
pub(crate) struct Args {
    /// The tempo: half, double, or about so many beats a minute.
    #[arg(long, value_name = "TEMPO")]
    tempo: Option<TempoCorrection>,
    /// Beats fall so many seconds later, or earlier where negative.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0.0,
        hide_default_value = true,
        allow_hyphen_values = true,
        value_parser = offset
    )]
    offset: f64,
    /// Bars open so many beats later, or earlier where negative.
    #[arg(
        long,
        value_name = "BEATS",
        default_value_t = 0,
        hide_default_value = true,
        allow_hyphen_values = true,
        value_parser = shift
    )]
    shift: i32,
    /// How many beats a bar has, 2 to 7.
    #[arg(long, value_name = "N", value_parser = beats_per_bar)]
    beats_per_bar: Option<u8>,
}

impl Args {
    /// As the pipeline takes them.
    pub(crate) fn corrections(&self) -> Result<Corrections, CorrectionError> {
        Corrections::default()
            .tempo(self.tempo)
            .offset(self.offset)?
            .shift(self.shift)?
            .beats_per_bar(self.beats_per_bar)
    }
}

impl Args {
    /// As fields of the upload form: those that correct something.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let given = [
            ("tempo", self.tempo.map(|tempo| tempo.to_string())),
            (
                "beat_offset",
                (self.offset != 0.0).then(|| self.offset.to_string()),
            ),
            (
                "downbeat_shift",
                (self.shift != 0).then(|| self.shift.to_string()),
            ),
            (
                "beats_per_bar",
                self.beats_per_bar.map(|count| count.to_string()),
            ),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

fn offset(text: &str) -> Result<f64, String> {
    let offset = text.parse().map_err(|_| "this is no number".to_owned())?;
    checked(offset, Corrections::default().offset(offset))
}

fn shift(text: &str) -> Result<i32, String> {
    let shift = text
        .parse()
        .map_err(|_| "this is no whole number".to_owned())?;
    checked(shift, Corrections::default().shift(shift))
}

fn beats_per_bar(text: &str) -> Result<u8, String> {
    let count = text
        .parse()
        .map_err(|_| "this is no whole number".to_owned())?;
    checked(count, Corrections::default().beats_per_bar(Some(count)))
}

fn checked<T>(value: T, corrected: Result<Corrections, CorrectionError>) -> Result<T, String> {
    corrected.map(|_| value).map_err(|error| error.to_string())
}
