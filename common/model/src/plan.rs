//! What `scene_planner` decided: the look of the film, its places, and a shot for every clip.

use serde::{Deserialize, Serialize};

use crate::look::{CameraMove, Motif, Palette, SceneKind, Texture, Variant};
use crate::{ClipIndex, Seconds};

/// The director's plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenePlan {
    /// The film in a sentence or two, for people.
    pub summary: String,
    /// The words of the prompt that decided something, for people: why the film looks as it does.
    pub heard_words: Vec<String>,
    /// The colours that hold the film together.
    pub palette: Palette,
    /// Where it takes place; at least one.
    pub places: Vec<Place>,
    /// One a clip, in order, with the times of the clip grid.
    pub shots: Vec<Shot>,
    /// How each clip goes over into the next: one fewer than shots.
    pub transitions: Vec<Transition>,
}

/// A place's name within its plan: `place-1`, …
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceId(pub String);

/// Somewhere the film takes place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its name within the plan.
    pub id: PlaceId,
    /// What is to be seen there, in a sentence.
    pub description: String,
    /// The built-in scene that draws it.
    pub scene: SceneKind,
    /// Which of that kind.
    pub seed: u64,
    /// What is laid over it.
    #[serde(default)]
    pub motifs: [Option<Motif>; 2],
    /// What it seems to be recorded on.
    #[serde(default)]
    pub texture: Texture,
    /// Its variation of the film's palette.
    pub palette: Palette,
}

/// What one clip shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// The clip.
    pub clip: ClipIndex,
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
    /// Index of the section of the analysis that it lies in.
    pub section: usize,
    /// Where it takes place.
    pub place: PlaceId,
    /// What is to be seen, in a sentence.
    pub description: String,
    /// Which appearance of the place.
    #[serde(default)]
    pub variant: Variant,
    /// How the view moves.
    pub camera: CameraMove,
    /// 0–1, from the section's energy.
    pub intensity: f32,
}

/// How one clip goes over into the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// The clip before.
    pub from_clip: ClipIndex,
    /// The clip after.
    pub to_clip: ClipIndex,
    /// How.
    #[serde(rename = "type")]
    pub kind: TransitionKind,
    /// For how long, centred on the cut; of no account for a cut.
    #[serde(default)]
    pub duration: Seconds,
    /// Why, for people.
    pub rationale: String,
}

/// The ways from clip to clip that are known.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// At once.
    #[default]
    Cut,
    /// One picture fades into the other.
    Crossfade,
    /// The one fades to darkness, out of which the other comes.
    FadeThroughDark,
    /// The other shows first where the one is bright.
    LumaWipe,
    /// The other pushes the one out of the picture, both blurred by the speed.
    Push,
    /// The view rushes into the one and comes to rest in the other.
    ZoomPunch,
    /// A short lightening at the cut, too weak to count as a flash.
    Flash,
}

impl TransitionKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Cut,
        Self::Crossfade,
        Self::FadeThroughDark,
        Self::LumaWipe,
        Self::Push,
        Self::ZoomPunch,
        Self::Flash,
    ];

    /// The name as written in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Crossfade => "crossfade",
            Self::FadeThroughDark => "fade_through_dark",
            Self::LumaWipe => "luma_wipe",
            Self::Push => "push",
            Self::ZoomPunch => "zoom_punch",
            Self::Flash => "flash",
        }
    }
}
