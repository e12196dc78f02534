//! What a user may ask for beside song, sentence and format; each is optional.

use serde::{Deserialize, Serialize};

use crate::corrections::Corrections;
use crate::format::{FrameSize, Quality};
use crate::lettering::Letters;
use crate::lyrics::LyricsWish;
use crate::style::Style;

/// Options that stages obey. The default is what nobody asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct JobOptions {
    /// How carefully the film is encoded.
    #[serde(default)]
    pub quality: Quality,
    /// Shapes in which the film is made besides the job's own, from one plan; each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<FrameSize>,
    /// The look of the whole film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// What the user hears otherwise than we do.
    #[serde(default, skip_serializing_if = "Corrections::is_empty")]
    pub corrections: Corrections,
    /// Where the words come from; without it there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<LyricsWish>,
    /// Which words are written on the picture.
    #[serde(default)]
    pub lettering: Letters,
}

impl JobOptions {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
