//! The shape of the film: its size in pixels and its frame rate, and how carefully it is encoded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::FrameRate;
use crate::choice::choices;

/// How many pixels the shorter side of a film has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Resolution {
    /// 480, for a quick look: 854×480 where it is wide.
    P480,
    /// 720: 1280×720.
    P720,
    /// 1080, the default: 1920×1080.
    #[default]
    P1080,
    /// 2160: 3840×2160.
    P2160,
}

choices!(
    Resolution,
    "resolution",
    [
        P480 = "480p",
        P720 = "720p",
        P1080 = "1080p",
        P2160 = "2160p"
    ]
);

impl Resolution {
    /// The shorter side.
    pub const fn short_side(self) -> u32 {
        match self {
            Self::P480 => 480,
            Self::P720 => 720,
            Self::P1080 => 1080,
            Self::P2160 => 2160,
        }
    }

    /// Its size in pixels where it is wide (16:9).
    pub const fn size(self) -> FrameSize {
        self.shaped(AspectRatio::Wide)
    }

    /// Its size in pixels; both numbers are even, as 4:2:0 asks.
    pub const fn shaped(self, ratio: AspectRatio) -> FrameSize {
        let (across, down) = ratio.terms();
        let short = self.short_side();
        if across >= down {
            FrameSize {
                width: nearest_even(short * across, down),
                height: short,
            }
        } else {
            FrameSize {
                width: short,
                height: nearest_even(short * down, across),
            }
        }
    }
}

/// The even number nearest to a fraction.
const fn nearest_even(numerator: u32, denominator: u32) -> u32 {
    (numerator + denominator) / (2 * denominator) * 2
}

/// Width to height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AspectRatio {
    /// Television and most players; the default.
    #[default]
    Wide,
    /// A phone held upright.
    Tall,
    /// As wide as high.
    Square,
    /// A portrait in a feed.
    Portrait,
    /// The cinema's.
    Cinema,
}

choices!(
    AspectRatio,
    "aspect ratio",
    [
        Wide = "16:9",
        Tall = "9:16",
        Square = "1:1",
        Portrait = "4:5",
        Cinema = "21:9"
    ]
);

impl AspectRatio {
    const fn terms(self) -> (u32, u32) {
        match self {
            Self::Wide => (16, 9),
            Self::Tall => (9, 16),
            Self::Square => (1, 1),
            Self::Portrait => (4, 5),
            Self::Cinema => (21, 9),
        }
    }
}

/// How carefully a film is made. Files grow with it, and so does the time that it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Quality {
    /// For a quick look: half as many pixels each way, encoded as fast as can be.
    Draft,
    /// The default.
    #[default]
    Standard,
    /// For keeping.
    High,
}

choices!(
    Quality,
    "quality",
    [Draft = "draft", Standard = "standard", High = "high"]
);

impl Quality {
    /// The size that a film of `size` is made in: a draft has half as many pixels each way.
    pub const fn drawn(self, size: FrameSize) -> FrameSize {
        match self {
            Self::Draft => FrameSize {
                width: even_within(size.width, 2),
                height: even_within(size.height, 2),
            },
            Self::Standard | Self::High => size,
        }
    }

    /// The options that give a film of `size` at this quality, if there are such.
    pub fn asked_for(self, size: FrameSize) -> Option<(Resolution, AspectRatio)> {
        let all = Resolution::ALL
            .iter()
            .flat_map(|resolution| AspectRatio::ALL.iter().map(|ratio| (*resolution, *ratio)));
        all.into_iter()
            .find(|(resolution, ratio)| self.drawn(resolution.shaped(*ratio)) == size)
    }
}

/// Width and height in pixels, both even and at least 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrameSize {
    /// Pixels a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

impl FrameSize {
    /// The same shape with a shorter side of `short` pixels, an even number; both sides are even again.
    #[must_use]
    pub const fn scaled_to(self, short: u32) -> Self {
        let (width, height) = (self.width, self.height);
        if width >= height {
            Self {
                width: even_within(width * short, height),
                height: short,
            }
        } else {
            Self {
                width: short,
                height: even_within(height * short, width),
            }
        }
    }
}

const fn even_within(numerator: u32, denominator: u32) -> u32 {
    let denominator = if denominator == 0 { 1 } else { denominator };
    let even = numerator / denominator / 2 * 2;
    if even < 2 { 2 } else { even }
}

impl fmt::Display for FrameSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// What every clip of a job must be made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFormat {
    /// Size of the picture; pixels are square.
    pub size: FrameSize,
    /// Constant frame rate.
    pub rate: FrameRate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resolution_and_ratio_has_an_even_size_of_its_own() {
        let mut seen = Vec::new();
        for resolution in Resolution::ALL {
            for ratio in AspectRatio::ALL {
                let size = resolution.shaped(*ratio);
                assert_eq!(size.width.min(size.height), resolution.short_side());
                assert!(size.width % 2 == 0 && size.height % 2 == 0, "{size}");
                for quality in Quality::ALL {
                    let drawn = quality.drawn(size);
                    assert_eq!(quality.asked_for(drawn), Some((*resolution, *ratio)));
                    assert!(drawn.width % 2 == 0 && drawn.height % 2 == 0, "{drawn}");
                }
                assert!(!seen.contains(&size), "{size}");
                seen.push(size);
            }
        }
    }

    #[test]
    fn sizes_are_those_that_the_names_promise() {
        use AspectRatio::{Cinema, Portrait, Square, Tall, Wide};
        for (resolution, ratio, expected) in [
            ("480p", Wide, "854x480"),
            ("720p", Wide, "1280x720"),
            ("1080p", Tall, "1080x1920"),
            ("1080p", Square, "1080x1080"),
            ("1080p", Portrait, "1080x1350"),
            ("1080p", Cinema, "2520x1080"),
            ("2160p", Wide, "3840x2160"),
        ] {
            let resolution: Resolution = resolution.parse().unwrap();
            assert_eq!(resolution.shaped(ratio).to_string(), expected);
        }
    }

    #[test]
    fn a_scaled_size_keeps_its_shape() {
        for ratio in AspectRatio::ALL {
            let small = Resolution::P480.shaped(*ratio).scaled_to(720);
            assert_eq!(small, Resolution::P720.shaped(*ratio));
        }
        let sliver = FrameSize {
            width: 64,
            height: 2,
        };
        assert_eq!(sliver.scaled_to(2), sliver);
    }

    #[test]
    fn a_name_that_is_none_is_told_what_there_is() {
        let error = "4k".parse::<Resolution>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"4k\" is no resolution; one of 480p, 720p, 1080p, 2160p is accepted"
        );
        let json = serde_json::to_string(&AspectRatio::Portrait).unwrap();
        assert_eq!(json, "\"4:5\"");
        assert!(serde_json::from_str::<Quality>("\"best\"").is_err());
    }
}
