//! What `reference_generator` drew: a still for each place of the plan.

use serde::{Deserialize, Serialize};

use crate::ArtifactRef;
use crate::format::FrameSize;
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
}
