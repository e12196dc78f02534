//! Named looks that a user may ask for beside their sentence.

use serde::{Deserialize, Serialize};

use crate::choice::choices;

/// A look: the light and colours of the whole film. Colours that the sentence names still lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Style {
    /// Glowing colours out of deep black.
    Neon,
    /// Nearly without colour, dark, with one accent.
    Noir,
    /// Light and soft.
    Pastel,
    /// The warm hour before sunset.
    GoldenHour,
    /// Faded like old film.
    Vintage,
    /// Cold blues and white.
    Frost,
}

choices!(
    Style,
    "style",
    [
        Neon = "neon",
        Noir = "noir",
        Pastel = "pastel",
        GoldenHour = "golden_hour",
        Vintage = "vintage",
        Frost = "frost"
    ]
);
