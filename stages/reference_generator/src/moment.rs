//! When and how a place is shown: pure functions of the plan and the music.

use model::look::{CameraMove, SceneParameters, Variant};
use model::music::Envelopes;
use model::plan::{Place, Shot};
use model::{FrameRate, Seconds};

/// How the stills answer to the music: as clearly as film clips usually do.
const REACTIVITY: f32 = 0.8;

/// The moment of a still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// What to draw.
    pub parameters: SceneParameters,
    /// The film's frame that the shot begins with.
    pub first_frame: u64,
    /// How many frames the shot has, at least 1.
    pub frames: u32,
    /// The frame within the shot.
    pub frame: u32,
    /// When that is in the song.
    pub time: Seconds,
}

/// The loudest moment of the shots that take place in `place`; the begin of the song if there are none.
pub fn loudest(place: &Place, shots: &[Shot], music: &Envelopes, rate: FrameRate) -> Moment {
    let here = shots.iter().filter(|shot| shot.place == place.id);
    let candidates = here.flat_map(|shot| frames_of(place, shot, rate));
    let loudness = |moment: &Moment| {
        let heard = music.at(moment.time);
        heard.energy + 0.5 * heard.bass + 0.5 * heard.beat
    };
    candidates
        .max_by(|a, b| {
            let order = loudness(a).total_cmp(&loudness(b));
            // Of equals the first, so that silence gives the first shot.
            order.then(b.time.0.total_cmp(&a.time.0))
        })
        .unwrap_or_else(|| Moment {
            parameters: parameters(place, CameraMove::Hold, 0.5),
            first_frame: 0,
            frames: 1,
            frame: 0,
            time: Seconds(0.0),
        })
}

/// Every frame of a shot.
fn frames_of(place: &Place, shot: &Shot, rate: FrameRate) -> impl Iterator<Item = Moment> {
    let first_frame = rate.frame_at(shot.start);
    let frames = rate.frame_at(shot.end).saturating_sub(first_frame).max(1) as u32;
    let parameters = SceneParameters {
        variant: shot.variant,
        ..parameters(place, shot.camera, shot.intensity)
    };
    (0..frames).map(move |frame| Moment {
        parameters,
        first_frame,
        frames,
        frame,
        time: rate.time_of(first_frame + u64::from(frame)),
    })
}

fn parameters(place: &Place, camera: CameraMove, intensity: f32) -> SceneParameters {
    SceneParameters {
        scene: place.scene,
        seed: place.seed,
        variant: Variant::Full,
        motifs: place.motifs,
        texture: place.texture,
        palette: place.palette,
        camera,
        intensity,
        reactivity: REACTIVITY,
    }
}

#[cfg(test)]
mod tests {
    use model::ClipIndex;
    use model::look::{Palette, SceneKind, Srgb, Texture};
    use model::plan::PlaceId;

    use super::*;

    fn place(name: &str) -> Place {
        let grey = |value| Srgb([value; 3]);
        Place {
            id: PlaceId(name.to_owned()),
            description: String::new(),
            scene: SceneKind::Ridges,
            seed: 7,
            motifs: [None; 2],
            texture: Texture::Clean,
            palette: Palette {
                deep: grey(10),
                shade: grey(60),
                tone: grey(140),
                light: grey(230),
                accent: Srgb([230, 60, 40]),
            },
        }
    }

    fn shot(index: u32, place: &str, start: f64, end: f64) -> Shot {
        Shot {
            clip: ClipIndex(index),
            start: Seconds(start),
            end: Seconds(end),
            section: 0,
            place: PlaceId(place.to_owned()),
            description: String::new(),
            variant: Variant::Full,
            camera: CameraMove::PushIn,
            intensity: 0.5,
        }
    }

    fn envelopes(energy: Vec<u8>) -> Envelopes {
        Envelopes {
            rate_hz: 1.0,
            energy,
            bass: vec![],
            mid: vec![],
            treble: vec![],
            percussive: vec![],
            harmonic: vec![],
            beat: vec![],
            downbeat: vec![],
        }
    }

    #[test]
    fn a_place_is_shown_at_the_loudest_moment_of_its_own_shots() {
        let shots = [
            shot(0, "a", 0.0, 2.0),
            shot(1, "b", 2.0, 4.0),
            shot(2, "a", 4.0, 6.0),
        ];
        let music = envelopes(vec![10, 20, 40, 255, 60, 200, 30]);
        let moment = loudest(&place("a"), &shots, &music, FrameRate::FPS_30);
        assert_eq!((moment.first_frame, moment.frames), (120, 60));
        assert!((moment.time.0 - 5.0).abs() < 0.04, "{moment:?}");
        let other = loudest(&place("b"), &shots, &music, FrameRate::FPS_30);
        assert!((other.time.0 - 3.0).abs() < 0.04, "{other:?}");
    }

    #[test]
    fn silence_and_a_place_without_shots_give_a_still_all_the_same() {
        let shots = [shot(0, "a", 1.0, 2.0)];
        let silent = envelopes(vec![]);
        let moment = loudest(&place("a"), &shots, &silent, FrameRate::FPS_30);
        assert_eq!((moment.first_frame, moment.frame), (30, 0));
        let nowhere = loudest(&place("c"), &shots, &silent, FrameRate::FPS_30);
        assert_eq!(
            (nowhere.first_frame, nowhere.frames, nowhere.frame),
            (0, 1, 0)
        );
    }
}
