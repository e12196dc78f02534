//! Scene parameters: everything the built-in renderer needs to know to draw a clip.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of picture that the built-in renderer can draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneKind {
    /// Gas and stars in deep space.
    Nebula,
    /// Mountain ridges one behind the other, under a low sun.
    Ridges,
    /// A city at night over its wet, reflecting street.
    NeonCity,
    /// Coloured geometry on paper, in the manner of the Bauhaus.
    Bauhaus,
    /// Curtains of northern light over a still lake.
    Aurora,
    /// Ink that spreads in water.
    Ink,
    /// The open sea under a low moon or sun, and its glitter.
    Ocean,
    /// Folds of lit silk, one over the other.
    Silk,
    /// A sphere and waves in dots of ink, as a printed poster has them.
    Halftone,
    /// A flight over a sea of clouds.
    Clouds,
    /// Lights out of focus behind a window with rain on it.
    Rain,
    /// A map's contour lines over unknown land.
    Contours,
    /// Dunes under a wide sky.
    Dunes,
    /// A mirrored passage of light, as through a kaleidoscope.
    Tunnel,
    /// Tree trunks in the mist, and shafts of light between them.
    Forest,
    /// Liquid metal.
    Chrome,
    /// Points that drift, and the lines between those that are near.
    Constellation,
}

impl SceneKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Nebula,
        Self::Ridges,
        Self::NeonCity,
        Self::Bauhaus,
        Self::Aurora,
        Self::Ink,
        Self::Ocean,
        Self::Silk,
        Self::Halftone,
        Self::Clouds,
        Self::Rain,
        Self::Contours,
        Self::Dunes,
        Self::Tunnel,
        Self::Forest,
        Self::Chrome,
        Self::Constellation,
    ];

    /// The name as written in documents and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nebula => "nebula",
            Self::Ridges => "ridges",
            Self::NeonCity => "neon_city",
            Self::Bauhaus => "bauhaus",
            Self::Aurora => "aurora",
            Self::Ink => "ink",
            Self::Ocean => "ocean",
            Self::Silk => "silk",
            Self::Halftone => "halftone",
            Self::Clouds => "clouds",
            Self::Rain => "rain",
            Self::Contours => "contours",
            Self::Dunes => "dunes",
            Self::Tunnel => "tunnel",
            Self::Forest => "forest",
            Self::Chrome => "chrome",
            Self::Constellation => "constellation",
        }
    }
}

impl fmt::Display for SceneKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A colour as sRGB bytes; on the wire `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Srgb(pub [u8; 3]);

/// A text that is no colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a colour like #1a2b3c")]
pub struct SrgbError(String);

impl TryFrom<String> for Srgb {
    type Error = SrgbError;

    fn try_from(text: String) -> Result<Self, SrgbError> {
        let error = || SrgbError(text.chars().take(16).collect());
        let digits = text
            .strip_prefix('#')
            .filter(|d| d.len() == 6)
            .ok_or_else(error)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(error());
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| error())?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl From<Srgb> for String {
    fn from(Srgb([red, green, blue]): Srgb) -> Self {
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The colours of a film: four anchors from the darkest to the lightest, and one accent for at most a
/// tenth of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Palette {
    /// Night, or the far background.
    pub deep: Srgb,
    /// The body of the picture.
    pub shade: Srgb,
    /// What is lit.
    pub tone: Srgb,
    /// The brightest large area.
    pub light: Srgb,
    /// The one that stands out.
    pub accent: Srgb,
}

/// How the view moves over a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraMove {
    /// Nearly still.
    Hold,
    /// Slowly closer.
    PushIn,
    /// Slowly away.
    PullOut,
    /// To the left.
    PanLeft,
    /// To the right.
    PanRight,
    /// Upwards.
    Rise,
}

/// Something that is laid over a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motif {
    /// Small, still, sharp.
    Stars,
    /// Specks in the air, out of focus, that drift.
    Dust,
    /// Flakes that fall and sway.
    Snow,
    /// Streaks that fall.
    Rain,
    /// A flock far away.
    Birds,
    /// Discs of light out of focus.
    Bokeh,
    /// Warm light that strays in from the edge of the frame.
    LightLeaks,
    /// Sparks that rise and fade.
    Embers,
}

impl Motif {
    /// All motifs.
    pub const ALL: [Self; 8] = [
        Self::Stars,
        Self::Dust,
        Self::Snow,
        Self::Rain,
        Self::Birds,
        Self::Bokeh,
        Self::LightLeaks,
        Self::Embers,
    ];

    /// The name as written in documents and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stars => "stars",
            Self::Dust => "dust",
            Self::Snow => "snow",
            Self::Rain => "rain",
            Self::Birds => "birds",
            Self::Bokeh => "bokeh",
            Self::LightLeaks => "light_leaks",
            Self::Embers => "embers",
        }
    }
}

/// What the picture seems to be recorded on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Texture {
    /// Nothing: clear to the last pixel.
    #[default]
    Clean,
    /// Film: visible grain, blacks that are not quite black, darker corners.
    Film,
}

/// One of the ways in which a scene can appear: another hour, weather or arrangement of the same place,
/// so that sections of a song differ while the place stays. Each scene says what its four are.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// As it is known: for choruses.
    #[default]
    Full,
    /// Calmer: for verses.
    Calm,
    /// Turned round: for bridges and breaks.
    Turned,
    /// Only hinted at: for intros and outros.
    Bare,
}

impl Variant {
    /// All variants.
    pub const ALL: [Self; 4] = [Self::Full, Self::Calm, Self::Turned, Self::Bare];

    /// The name as written in documents and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Calm => "calm",
            Self::Turned => "turned",
            Self::Bare => "bare",
        }
    }
}

/// One clip's picture, whole: the same parameters, music and frame give the same bytes everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SceneParameters {
    /// What is drawn.
    pub scene: SceneKind,
    /// Chooses one of endlessly many of that kind: skylines, clouds, compositions.
    pub seed: u64,
    /// Which of its appearances.
    #[serde(default)]
    pub variant: Variant,
    /// What is laid over it, at most two.
    #[serde(default)]
    pub motifs: [Option<Motif>; 2],
    /// What it seems to be recorded on.
    #[serde(default)]
    pub texture: Texture,
    /// In which colours.
    pub palette: Palette,
    /// How the view moves.
    pub camera: CameraMove,
    /// How fast the view moves and how much there is to see, 0–1; follows the section's energy.
    pub intensity: f32,
    /// How strongly the picture answers to the music, 0–1.
    pub reactivity: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_read_as_it_is_written() {
        let colour = Srgb::try_from("#0a1Bff".to_owned()).unwrap();
        assert_eq!(colour, Srgb([10, 27, 255]));
        assert_eq!(String::from(colour), "#0a1bff");
        for text in ["0a1bff", "#0a1bf", "#+a1bff", "#ääa"] {
            assert!(Srgb::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
