//! Which frame stands for the film. Pure.

use model::clip::ClipInstruction;

/// The middle of the liveliest clip; of those as lively, the longest, and of those the first. The
/// middle is as far from both cuts as can be. 0 where there are no clips.
pub(crate) fn of(clips: &[ClipInstruction]) -> u64 {
    let livelier = |a: &&ClipInstruction, b: &&ClipInstruction| {
        let by_intensity = a.scene.intensity.total_cmp(&b.scene.intensity);
        by_intensity.then(a.frames.cmp(&b.frames))
    };
    // `max_by` gives the last of equals.
    clips
        .iter()
        .rev()
        .max_by(livelier)
        .map_or(0, |clip| clip.first_frame + u64::from(clip.frames / 2))
}

#[cfg(test)]
mod tests {
    use model::FrameRate;

    use super::*;
    use crate::timeline::tests::grid;

    #[test]
    fn it_is_the_middle_of_the_liveliest_then_longest_then_first_clip() {
        let (prompts, _) = grid(&[0.0, 1.0, 3.0, 5.0, 6.0], FrameRate::FPS_30);
        let mut clips = prompts.clips;
        assert_eq!(of(&clips), 60); // of two with 60 frames the first: 30 + 30
        clips[3].scene.intensity = 0.9;
        assert_eq!(of(&clips), 165);
        assert_eq!(of(&[]), 0);
    }
}
