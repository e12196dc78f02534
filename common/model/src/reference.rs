//! What `reference_generator` drew: a still for each place of the plan.

use serde::{Deserialize, Serialize};

use crate::ArtifactRef;
use crate::format::FrameSize;
use crate::look::Srgb;
use crate::plan::PlaceId;

/// The stills of a film, in the order of the plan's places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceImages {
    /// One a place.
    pub images: Vec<ReferenceImage>,
}

/// One still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceImage {
    /// The place that it shows.
    pub place: PlaceId,
    /// A PNG.
    pub image: ArtifactRef,
    /// Its size.
    pub size: FrameSize,
    /// The main colours that it really shows, the largest first: at most five.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub colours: Vec<Swatch>,
}

/// A colour of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Swatch {
    /// The mean of what looks like it.
    pub colour: Srgb,
    /// How much of the picture that is, 0–1, in thousandths.
    pub share: f64,
}
