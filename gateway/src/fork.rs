//! A clip of a finished film made anew: which instructions change, and what has to be made for it. Pure.

pub(crate) mod pass;

use model::ClipIndex;
use model::clip::{ClipInstruction, ClipPrompts};
use model::look::SceneParameters;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Numbers up to here are exact in every reader of JSON.
const EXACT: u64 = (1 << 53) - 1;
/// Letters that an instruction may have.
const LONGEST: usize = 2_000;

/// The instructions of a film with one of them changed by `patch`, and the clips that look different
/// then: the clip itself, and the next one where that begins with a transition out of it.
///
/// `patch` is a JSON merge patch (RFC 7396) on `prompt`, `negative_prompt` and `scene`. Where it leaves
/// the scene as it is, the scene gets another seed: whoever asks for another clip gets one.
pub(crate) fn patched(
    before: &ClipPrompts,
    clip: ClipIndex,
    patch: &Map<String, Value>,
) -> Result<(ClipPrompts, Vec<ClipIndex>), ApiError> {
    let mut prompts = before.clone();
    let count = prompts.clips.len();
    let at = clip.0 as usize;
    let instruction = prompts.clips.get_mut(at).ok_or_else(|| {
        refused(
            "clip",
            format!("the film has {count} clips, counted from 0"),
        )
    })?;
    change(instruction, patch)?;
    let scene = instruction.scene;
    let mut anew = vec![clip];
    if let Some(next) = prompts.clips.get_mut(at + 1)
        && let Some(lead_in) = next.joints.lead_in.as_mut()
    {
        lead_in.scene = scene;
        anew.push(next.index);
    }
    Ok((prompts, anew))
}

fn change(clip: &mut ClipInstruction, patch: &Map<String, Value>) -> Result<(), ApiError> {
    let before = clip.scene;
    for (name, value) in patch {
        match name.as_str() {
            "prompt" => clip.prompt = text("prompt", value)?,
            "negative_prompt" => clip.negative_prompt = text("negative_prompt", value)?,
            "scene" => clip.scene = scene(before, value)?,
            other => {
                let detail =
                    format!("patch takes prompt, negative_prompt and scene, and not {other:?}");
                return Err(refused("patch", detail));
            }
        }
    }
    if clip.scene == before {
        clip.scene.seed = another(before.seed);
    }
    Ok(())
}

fn text(field: &'static str, value: &Value) -> Result<String, ApiError> {
    let text = value.as_str().map(str::trim);
    let fits = |text: &&str| text.chars().count() <= LONGEST;
    text.filter(fits).map(str::to_owned).ok_or_else(|| {
        refused(
            field,
            format!("{field} is a text of at most {LONGEST} characters"),
        )
    })
}

fn scene(before: SceneParameters, patch: &Value) -> Result<SceneParameters, ApiError> {
    let wrong = |detail: String| refused("scene", detail);
    let mut whole = serde_json::to_value(before).map_err(|error| wrong(error.to_string()))?;
    let Value::Object(members) = patch else {
        return Err(wrong(
            "scene is an object of what is to change in it".to_owned(),
        ));
    };
    for name in members.keys() {
        if whole.get(name).is_none() {
            return Err(wrong(format!("a scene has no {name:?}")));
        }
    }
    merge(&mut whole, patch);
    let scene: SceneParameters =
        serde_json::from_value(whole).map_err(|error| wrong(error.to_string()))?;
    for (name, value) in [
        ("intensity", scene.intensity),
        ("reactivity", scene.reactivity),
    ] {
        if !(0.0..=1.0).contains(&value) {
            return Err(wrong(format!("{name} is a number from 0 to 1")));
        }
    }
    Ok(scene)
}

/// RFC 7396.
fn merge(into: &mut Value, patch: &Value) {
    let (Value::Object(members), Value::Object(changes)) = (&mut *into, patch) else {
        *into = patch.clone();
        return;
    };
    for (name, change) in changes {
        match change {
            Value::Null => {
                members.remove(name);
            }
            change => merge(members.entry(name.clone()).or_insert(Value::Null), change),
        }
    }
}

/// One that follows from `seed`, and so the same when the same is asked for twice (SplitMix64).
const fn another(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) & EXACT
}

pub(crate) fn refused(field: &'static str, detail: impl Into<String>) -> ApiError {
    ApiError::InvalidField {
        field,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use model::Seconds;
    use model::clip::{Joints, LeadIn};
    use model::plan::TransitionKind;
    use model::timeline::Span;
    use serde_json::json;

    use super::*;

    fn scene_of(seed: u64) -> SceneParameters {
        serde_json::from_value(json!({
            "scene": "nebula", "seed": seed, "camera": "hold", "intensity": 0.5, "reactivity": 0.5,
            "palette": { "deep": "#000000", "shade": "#000000", "tone": "#000000",
                         "light": "#000000", "accent": "#000000" },
        }))
        .unwrap()
    }

    /// Three clips of a second; the last begins with a crossfade.
    fn film() -> ClipPrompts {
        let clip = |index: u32| ClipInstruction {
            index: ClipIndex(index),
            start: Seconds(f64::from(index)),
            end: Seconds(f64::from(index + 1)),
            first_frame: u64::from(index) * 30,
            frames: 30,
            joints: Joints::default(),
            prompt: "water".to_owned(),
            negative_prompt: String::new(),
            beats: vec![],
            scene: scene_of(u64::from(index)),
            reference: None,
            lettering: None,
        };
        let mut clips: Vec<_> = (0..3).map(clip).collect();
        clips[2].joints.lead_in = Some(LeadIn {
            kind: TransitionKind::Crossfade,
            scene: clips[1].scene,
            seen: Span {
                first: 55,
                count: 10,
            },
        });
        ClipPrompts { clips, frames: 90 }
    }

    fn patched(clip: u32, patch: Value) -> Result<(ClipPrompts, Vec<ClipIndex>), String> {
        let Value::Object(patch) = patch else {
            panic!("no object")
        };
        super::patched(&film(), ClipIndex(clip), &patch).map_err(|error| error.to_string())
    }

    #[test]
    fn a_clip_between_cuts_is_made_anew_alone_with_another_seed() {
        let (prompts, anew) = patched(0, json!({})).unwrap();
        assert_eq!(anew, [ClipIndex(0)]);
        let before = film();
        assert_ne!(prompts.clips[0].scene.seed, before.clips[0].scene.seed);
        assert!(prompts.clips[0].scene.seed <= EXACT);
        assert_eq!(prompts.clips[1..], before.clips[1..]);
    }

    #[test]
    fn the_next_clip_goes_with_it_where_that_shows_the_transition() {
        let patch = json!({ "scene": { "seed": 7, "intensity": 1.0 } });
        let (prompts, anew) = patched(1, patch).unwrap();
        assert_eq!(anew, [ClipIndex(1), ClipIndex(2)]);
        let scene = prompts.clips[1].scene;
        assert_eq!((scene.seed, scene.intensity), (7, 1.0));
        assert_eq!(prompts.clips[2].joints.lead_in.unwrap().scene, scene);
        assert_eq!(prompts.clips[2].scene, film().clips[2].scene);
    }

    #[test]
    fn what_is_no_change_of_a_clip_is_refused_by_name() {
        let check = |clip: u32, patch: Value, expected: &str| {
            let error = patched(clip, patch).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(3, json!({}), "the film has 3 clips");
        check(0, json!({ "frames": 9 }), "not \"frames\"");
        check(0, json!({ "prompt": 9 }), "prompt is a text");
        check(0, json!({ "scene": 9 }), "scene is an object");
        check(0, json!({ "scene": { "sceen": "ridges" } }), "no \"sceen\"");
        check(0, json!({ "scene": { "scene": "volcano" } }), "volcano");
        check(0, json!({ "scene": { "intensity": 2 } }), "from 0 to 1");
        check(0, json!({ "scene": { "seed": null } }), "seed");
    }
}
