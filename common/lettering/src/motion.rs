//! How letters come, light up and go: by frames of the film alone.

use model::FrameRate;
use model::lettering::Role;
use model::timeline::Span;

/// Where a word is in its coming and going.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    /// 0 (not there) to 1.
    pub(crate) presence: f32,
    /// How far below its place it is, in ems.
    pub(crate) drop: f32,
}

/// How much of a word is lit, each 0–1; the rest of it is plain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lit {
    pub(crate) sung: f32,
    pub(crate) waiting: f32,
}

/// How a role moves, in seconds and ems.
struct Manner {
    come: f32,
    go: f32,
    /// How much later than the word before a word comes, and all words together at most.
    stagger: f32,
    staggered: f32,
    from: f32,
}

impl Manner {
    const fn of(role: Role) -> Self {
        match role {
            Role::Title => Self {
                come: 0.65,
                go: 0.45,
                stagger: 0.10,
                staggered: 0.6,
                from: 0.42,
            },
            Role::Lyric => Self {
                come: 0.24,
                go: 0.20,
                stagger: 0.0,
                staggered: 0.0,
                from: 0.16,
            },
        }
    }
}

/// The pose of word `order` (of `count`) of a cue in frame `frame`.
pub(crate) fn pose(
    role: Role,
    (seen, rate): (Span, FrameRate),
    (order, count): (usize, usize),
    frame: u64,
) -> Pose {
    let manner = Manner::of(role);
    let fps = rate.fps() as f32;
    let whole = seen.count as f32;
    let begun = frame.saturating_sub(seen.first) as f32 + 1.0;
    let left = seen.end().saturating_sub(frame) as f32;
    let step = manner.stagger.min(manner.staggered / count.max(1) as f32);
    let late = (step * order as f32 * fps).min(whole / 3.0);
    let come = (manner.come * fps).min(whole / 3.0).max(1.0);
    let go = (manner.go * fps).min(whole / 3.0).max(1.0);
    let arrived = eased((begun - late) / come);
    let going = (left / go).clamp(0.0, 1.0);
    Pose {
        presence: arrived.min(going),
        drop: manner.from * (1.0 - arrived),
    }
}

/// How a word that is sung in `sung` is lit in frame `frame`: fully in the frame after its first, and back
/// to plain within a third of a second after its last.
pub(crate) fn lit(sung: Option<Span>, rate: FrameRate, frame: u64) -> Lit {
    let Some(sung) = sung else {
        return Lit {
            sung: 0.0,
            waiting: 0.0,
        };
    };
    let fade = (rate.fps() as f32 * 0.33).max(1.0);
    if frame < sung.first {
        return Lit {
            sung: 0.0,
            waiting: 1.0,
        };
    }
    if frame < sung.end() {
        let first = frame == sung.first;
        return Lit {
            sung: if first { 0.7 } else { 1.0 },
            waiting: 0.0,
        };
    }
    let over = (frame - sung.end()) as f32 + 1.0;
    Lit {
        sung: (1.0 - over / fade).max(0.0),
        waiting: 0.0,
    }
}

/// Fast at first, then ever slower: a cubic.
fn eased(x: f32) -> f32 {
    let rest = 1.0 - x.clamp(0.0, 1.0);
    1.0 - rest * rest * rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Span = Span {
        first: 100,
        count: 90,
    };

    #[test]
    fn words_are_there_between_coming_and_going_and_end_where_they_belong() {
        for role in [Role::Title, Role::Lyric] {
            let at = |frame| pose(role, (SEEN, FrameRate::FPS_30), (0, 3), frame);
            assert!(at(100).presence > 0.0 && at(100).presence < 0.8);
            assert_eq!(
                at(145),
                Pose {
                    presence: 1.0,
                    drop: 0.0
                }
            );
            assert!(at(189).presence < 0.2);
        }
    }

    #[test]
    fn a_short_cue_is_seen_whole_for_a_third_of_its_time() {
        let seen = Span { first: 0, count: 9 };
        let at = |frame| pose(Role::Title, (seen, FrameRate::FPS_30), (0, 1), frame);
        assert_eq!(at(4).presence, 1.0);
    }

    #[test]
    fn a_word_lights_up_within_a_frame_of_its_time() {
        let sung = Some(Span {
            first: 30,
            count: 10,
        });
        let at = |frame| lit(sung, FrameRate::FPS_30, frame);
        assert_eq!(
            at(29),
            Lit {
                sung: 0.0,
                waiting: 1.0
            }
        );
        assert!(at(30).sung > 0.5);
        assert_eq!(at(31).sung, 1.0);
        assert!(at(45).sung < 1.0 && at(45).sung > 0.0);
        assert_eq!(
            at(60),
            Lit {
                sung: 0.0,
                waiting: 0.0
            }
        );
    }
}
