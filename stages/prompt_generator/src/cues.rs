//! What is written on the film and when: its title, and the lines that are sung. Laid on frames here, once.

use model::clip::ClipInstruction;
use model::lettering::{Cue, CueWord, Face, Lettering, Opening, Role};
use model::look::SceneKind;
use model::lyrics::{Line, Lyrics, LyricsSource, Word};
use model::plan::ScenePlan;
use model::timeline::Span;
use model::{FrameRate, Seconds};

/// When the title comes, and when it is gone at the latest.
const TITLE: (f64, f64) = (0.5, 5.0);
/// A title that singing would cut shorter than this stays on over the first line, which stands below it.
const SHORTEST_TITLE: f64 = 1.8;
/// How long before its first word a line comes, so that it can be read as it is sung.
const AHEAD: f64 = 0.4;
/// How long a line stays after its last word, where nothing follows, and how long it is seen at least.
const AFTER: f64 = 0.5;
const SHORTEST_LINE: f64 = 0.7;
/// Below this the times of words are a guess: lines are shown, but no word is lit.
const SURE: f32 = 0.5;
/// Letters of a line at most, wide ones counted twice: two lines of 38 on the picture.
const WIDEST: usize = 76;

/// All cues of a film by their begins; titles and lines may show at once, two lines never do.
pub(crate) fn of_film(
    title: Option<&str>,
    lyrics: Option<&Lyrics>,
    (duration, rate): (Seconds, FrameRate),
) -> Vec<Cue> {
    let mut cues: Vec<Cue> = lyrics.map_or_else(Vec::new, |lyrics| lines(lyrics, duration, rate));
    let sung = cues.first().map(|cue| rate.time_of(cue.seen.first).0);
    cues.extend(title.and_then(|title| of_title(title, sung, (duration, rate))));
    cues.sort_by_key(|cue| cue.seen.first);
    cues
}

/// What of the film's cues is written over frames `file`, after the clips `before`; `None` if nothing is.
pub(crate) fn over(
    cues: &[Cue],
    plan: &ScenePlan,
    file: Span,
    before: &[ClipInstruction],
) -> Option<Lettering> {
    let cues: Vec<Cue> = cues.iter().filter(|cue| cue.is_in(file)).cloned().collect();
    let begins_in =
        |file: Span| move |cue: &Cue| (file.first..file.end()).contains(&cue.seen.first);
    let begun = before
        .iter()
        .filter(|clip| cues.iter().any(begins_in(clip.file())));
    let begun = begun.map(|clip| Opening {
        scene: clip.scene,
        seen: clip.seen(),
        file: clip.file(),
    });
    let begun = begun.collect();
    (!cues.is_empty()).then(|| Lettering {
        face: face(plan),
        palette: plan.palette,
        cues,
        begun,
    })
}

/// The face that suits where the film takes place.
fn face(plan: &ScenePlan) -> Face {
    match plan.places.first().map(|place| place.scene) {
        Some(
            SceneKind::Ridges
            | SceneKind::Ink
            | SceneKind::Ocean
            | SceneKind::Clouds
            | SceneKind::Dunes
            | SceneKind::Forest,
        ) => Face::Serif,
        Some(SceneKind::Bauhaus | SceneKind::Halftone | SceneKind::Contours) => Face::Display,
        Some(SceneKind::NeonCity | SceneKind::Tunnel | SceneKind::Rain) => Face::Condensed,
        _ => Face::Grotesk,
    }
}

fn of_title(title: &str, sung: Option<f64>, (duration, rate): (Seconds, FrameRate)) -> Option<Cue> {
    let (from, latest) = (TITLE.0.min(duration.0 * 0.1), TITLE.1.min(duration.0 * 0.6));
    let before_singing = sung.map_or(latest, |sung| latest.min(sung));
    let to = if before_singing - from >= SHORTEST_TITLE {
        before_singing
    } else {
        latest
    };
    let words = title.split_whitespace().map(|word| CueWord {
        text: word.to_owned(),
        sung: None,
    });
    cue(Role::Title, (from, to), words.collect(), rate)
}

fn lines(lyrics: &Lyrics, duration: Seconds, rate: FrameRate) -> Vec<Cue> {
    let lit = lyrics.confidence >= SURE && lyrics.source != LyricsSource::Guessed;
    let parts: Vec<Vec<Word>> = lyrics.lines.iter().flat_map(parts).collect();
    let begin = |part: &[Word]| part.first().map_or(0.0, |word| word.start.0);
    let mut cues = Vec::with_capacity(parts.len());
    let mut free = 0.0_f64;
    for (index, part) in parts.iter().enumerate() {
        let end = part.last().map_or(0.0, |word| word.end.0);
        let next = parts
            .get(index + 1)
            .map_or(f64::INFINITY, |next| begin(next) - AHEAD * 0.5);
        let from = (begin(part) - AHEAD).max(free).max(0.0);
        let wanted = (end + AFTER).max(from + SHORTEST_LINE);
        // Never past the next line's begin, unless this one would be gone before its last word.
        let to = wanted.min(next.max(end)).min(duration.0);
        let words = part.iter().map(|word| CueWord {
            text: word.text.clone(),
            sung: lit.then(|| span((word.start.0, word.end.0), rate)),
        });
        if let Some(cue) = cue(Role::Lyric, (from, to), words.collect(), rate) {
            free = rate.time_of(cue.seen.end()).0;
            cues.push(cue);
        }
    }
    cues
}

/// A cue, unless it has no words or no frames.
fn cue(role: Role, times: (f64, f64), words: Vec<CueWord>, rate: FrameRate) -> Option<Cue> {
    (!words.is_empty() && times.1 > times.0).then(|| Cue {
        role,
        seen: span(times, rate),
        words,
    })
}

fn span((from, to): (f64, f64), rate: FrameRate) -> Span {
    let first = rate.frame_at(Seconds(from));
    let end = rate.frame_at(Seconds(to)).max(first + 1);
    Span {
        first,
        count: u32::try_from(end - first).unwrap_or(u32::MAX),
    }
}

/// A line in parts that are not too wide to be read at a glance.
fn parts(line: &Line) -> Vec<Vec<Word>> {
    let words: Vec<Word> = line.words.iter().flat_map(split).collect();
    let whole: usize = words.iter().map(|word| width(&word.text) + 1).sum();
    // Of equal width, not one full and one with what is left.
    let count = whole.div_ceil(WIDEST).max(1);
    let (mut parts, mut part, mut filled) = (Vec::new(), Vec::new(), 0);
    for word in words {
        let wide = width(&word.text) + 1;
        let is_full = filled + wide > WIDEST || filled >= whole.div_ceil(count);
        if is_full && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            filled = 0;
        }
        filled += wide;
        part.push(word);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// A word, in pieces where it is as wide as a line: of scripts without spaces it may be a sentence.
fn split(word: &Word) -> Vec<Word> {
    let wide = width(&word.text);
    if wide <= WIDEST / 2 {
        return vec![word.clone()];
    }
    let letters: Vec<char> = word.text.chars().collect();
    let count = wide.div_ceil(WIDEST / 2);
    let each = letters.len().div_ceil(count).max(1);
    let time = |letter: usize| {
        let share = letter as f64 / letters.len() as f64;
        Seconds(word.start.0 + (word.end.0 - word.start.0) * share)
    };
    let pieces = letters.chunks(each).enumerate().map(|(index, piece)| Word {
        text: piece.iter().collect(),
        start: time(index * each),
        end: time(((index + 1) * each).min(letters.len())),
        given: word.given && index == 0,
    });
    pieces.collect()
}

/// Letters, those of East Asia counted twice.
fn width(text: &str) -> usize {
    let wide = |letter: char| matches!(u32::from(letter), 0x1100..=0x11ff | 0x2e80..=0xa4cf | 0xac00..=0xd7ff | 0xf900..=0xfaff | 0xff00..=0xff60 | 0x20000..=0x3ffff);
    text.chars()
        .map(|letter| 1 + usize::from(wide(letter)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: FrameRate = FrameRate::FPS_30;

    fn line(text: &str, start: f64, each: f64) -> Line {
        let words = text
            .split_whitespace()
            .enumerate()
            .map(|(index, word)| Word {
                text: word.to_owned(),
                start: Seconds(start + each * index as f64),
                end: Seconds(start + each * (index + 1) as f64),
                given: true,
            });
        let words: Vec<Word> = words.collect();
        Line {
            text: text.to_owned(),
            start: Seconds(start),
            end: words.last().map_or(Seconds(start), |word| word.end),
            words,
        }
    }

    fn lyrics(lines: Vec<Line>, confidence: f32) -> Lyrics {
        Lyrics {
            source: LyricsSource::Timed,
            confidence,
            lines,
            notes: Vec::new(),
        }
    }

    fn cues(title: Option<&str>, lyrics: &Lyrics) -> Vec<Cue> {
        of_film(title, Some(lyrics), (Seconds(60.0), RATE))
    }

    #[test]
    fn a_line_comes_before_its_first_word_and_each_word_knows_its_frames() {
        let cues = cues(
            None,
            &lyrics(vec![line("over the dark water", 10.0, 0.5)], 1.0),
        );
        assert_eq!(cues.len(), 1);
        assert_eq!(
            cues[0].seen,
            Span {
                first: 288,
                count: 87
            }
        );
        let third = &cues[0].words[2];
        assert_eq!(
            (third.text.as_str(), third.sung),
            (
                "dark",
                Some(Span {
                    first: 330,
                    count: 15
                })
            )
        );
    }

    #[test]
    fn two_lines_never_show_at_once_and_a_word_is_never_shown_too_late() {
        let lines = vec![
            line("a b c", 5.0, 0.4),
            line("d e f", 6.2, 0.4),
            line("g", 7.4, 0.1),
        ];
        let cues = cues(None, &lyrics(lines, 1.0));
        for pair in cues.windows(2) {
            assert!(pair[0].seen.end() <= pair[1].seen.first, "{pair:?}");
        }
        for cue in &cues {
            let first = cue.words[0].sung.unwrap();
            assert!(cue.seen.first <= first.first + 1, "{cue:?}");
        }
        assert!(cues[2].seen.count >= 21);
    }

    #[test]
    fn a_title_makes_way_for_the_first_line_where_it_can() {
        let with = |start| cues(Some("Night"), &lyrics(vec![line("sung", start, 1.0)], 1.0));
        let late = with(4.0);
        assert_eq!(
            (late[0].role, late[0].seen),
            (
                Role::Title,
                Span {
                    first: 15,
                    count: 93
                }
            )
        );
        let early = with(1.0);
        assert_eq!(
            early
                .iter()
                .find(|cue| cue.role == Role::Title)
                .unwrap()
                .seen
                .end(),
            150
        );
        let none = of_film(Some("  "), None, (Seconds(60.0), RATE));
        assert!(none.is_empty());
    }

    #[test]
    fn where_times_are_a_guess_no_word_is_lit() {
        let mut heard = lyrics(vec![line("a b", 5.0, 0.5)], 0.2);
        assert!(
            cues(None, &heard)[0]
                .words
                .iter()
                .all(|word| word.sung.is_none())
        );
        heard.confidence = 0.9;
        assert!(
            cues(None, &heard)[0]
                .words
                .iter()
                .all(|word| word.sung.is_some())
        );
    }

    #[test]
    fn a_long_line_is_shown_in_parts_of_nearly_equal_width() {
        let long = "word ".repeat(24);
        let cues = cues(None, &lyrics(vec![line(&long, 5.0, 0.3)], 1.0));
        let counts: Vec<usize> = cues.iter().map(|cue| cue.words.len()).collect();
        assert_eq!(counts, [12, 12]);
        let sentence = "夜".repeat(90);
        let cues = self::cues(None, &lyrics(vec![line(&sentence, 5.0, 9.0)], 1.0));
        assert!(cues.len() >= 3, "{}", cues.len());
        let letters: usize = cues
            .iter()
            .flat_map(|cue| &cue.words)
            .map(|word| word.text.chars().count())
            .sum();
        assert_eq!(letters, 90);
    }
}
