//! The shape of the film: its size in pixels and its frame rate.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FrameRate;
use crate::ids::IdError;

/// How many lines a film has; all are 16:9.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// 854×480, for a quick look.
    #[serde(rename = "480p")]
    P480,
    /// 1280×720.
    #[serde(rename = "720p")]
    P720,
    /// 1920×1080, the default.
    #[default]
    #[serde(rename = "1080p")]
    P1080,
}

impl Resolution {
    /// Its size in pixels; both numbers are even, as 4:2:0 asks.
    pub const fn size(self) -> FrameSize {
        match self {
            Self::P480 => FrameSize {
                width: 854,
                height: 480,
            },
            Self::P720 => FrameSize {
                width: 1280,
                height: 720,
            },
            Self::P1080 => FrameSize {
                width: 1920,
                height: 1080,
            },
        }
    }

    /// `480p`, `720p` or `1080p`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P480 => "480p",
            Self::P720 => "720p",
            Self::P1080 => "1080p",
        }
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Resolution {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        [Self::P480, Self::P720, Self::P1080]
            .into_iter()
            .find(|resolution| resolution.name() == text)
            .ok_or_else(|| IdError::new("resolution (480p, 720p or 1080p)", text))
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
