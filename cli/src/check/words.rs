//! What a word of the prompt changes: the same film with one word swapped for another.

use model::analysis::{
    AudioAnalysis, Beat, ClipSlot, Edge, Mood, MoodWord, Section, SectionKind, Tempo,
};
use model::harmony::Harmony;
use model::look::{SceneKind, SceneParameters};
use model::sound::Loudness;
use model::{ArtifactKey, ArtifactRef, ClipIndex, Seconds, Stored};

use super::scenes::glance;
use super::small;
use super::verdicts::Verdict;

/// A word for each scene.
const fn word(scene: SceneKind) -> &'static str {
    match scene {
        SceneKind::Nebula => "nebula",
        SceneKind::Ridges => "mountain",
        SceneKind::NeonCity => "city",
        SceneKind::Bauhaus => "bauhaus",
        SceneKind::Aurora => "aurora",
        SceneKind::Ink => "ink",
        SceneKind::Ocean => "ocean",
        SceneKind::Silk => "silk",
        SceneKind::Halftone => "halftone",
        SceneKind::Clouds => "cloud",
        SceneKind::Rain => "rain",
        SceneKind::Contours => "map",
        SceneKind::Dunes => "desert",
        SceneKind::Tunnel => "kaleidoscope",
        SceneKind::Forest => "forest",
        SceneKind::Chrome => "chrome",
        SceneKind::Constellation => "constellation",
    }
}

/// How alike the films of two prompts are that differ in one word: that of `scene` against that of every
/// other one. The most alike counts.
pub(super) fn swapped(scene: SceneKind) -> anyhow::Result<Verdict> {
    let song = song()?;
    let own = seen(word(scene), &song);
    let mut alike = (-1.0, "");
    for other in SceneKind::ALL.into_iter().filter(|other| *other != scene) {
        let here = small::similarity(&own, &seen(word(other), &song));
        if here > alike.0 {
            alike = (here, word(other));
        }
    }
    Ok(Verdict::new(
        "a word of the prompt tells",
        (alike.0 < 0.6, alike.0),
        format!(
            "SSIM {:.2} with “{}” for “{}”",
            alike.0,
            alike.1,
            word(scene)
        ),
        "below 0.6",
    ))
}

/// The first picture of a film about something.
fn seen(word: &str, song: &AudioAnalysis) -> small::Small {
    let prompt = format!("a slow film about a {word}, quiet at first and then ever more alive");
    let plan = scene_planner::plan::direct((&prompt, None), song, 1);
    let Some((place, shot)) = plan.places.first().zip(plan.shots.first()) else {
        return Vec::new();
    };
    glance(&SceneParameters {
        scene: place.scene,
        seed: place.seed,
        variant: shot.variant,
        motifs: place.motifs,
        texture: place.texture,
        palette: place.palette,
        camera: shot.camera,
        intensity: shot.intensity,
        reactivity: 0.7,
    })
}

/// A chorus of eight seconds.
fn song() -> anyhow::Result<AudioAnalysis> {
    let end = Seconds(8.0);
    let start = Seconds(0.0);
    Ok(AudioAnalysis {
        analyser: String::new(),
        duration: end,
        tempo: Tempo {
            bpm: 120.0,
            confidence: 1.0,
            alternates: Vec::new(),
        },
        beats_per_bar: 4,
        beats: (0..16)
            .map(|beat| Beat {
                time: Seconds(0.5 * f64::from(beat)),
                downbeat: beat % 4 == 0,
            })
            .collect(),
        sections: vec![Section {
            label: "A".to_owned(),
            kind: SectionKind::Chorus,
            start,
            end,
            energy: 0.6,
            confidence: 1.0,
            kind_confidence: 1.0,
            beat_confidence: None,
            bpm: None,
            alternates: Vec::new(),
        }],
        novelty: Vec::new(),
        harmony: Harmony::default(),
        loudness: Loudness::default(),
        silences: Vec::new(),
        mood: Mood {
            primary: MoodWord::Bright,
            secondary: None,
            valence: 0.4,
            arousal: 0.1,
            confidence: 0.8,
        },
        clip_grid: vec![ClipSlot {
            index: ClipIndex(0),
            start,
            end,
            edge: Edge::Start,
        }],
        lyrics: None,
        peaks: Vec::new(),
        envelopes: Stored::new(ArtifactRef {
            key: ArtifactKey::try_from("envelopes.json".to_owned())?,
            length: 0,
            sha256: String::new(),
        }),
    })
}
