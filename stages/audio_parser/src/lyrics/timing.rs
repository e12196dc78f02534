//! A time for every word: given ones as they are, the others between them.

use model::Seconds;
use model::analysis::{Section, SectionKind};
use model::lyrics::text::{Written, WrittenLine};
use model::lyrics::{Line, Lyrics, LyricsSource, Word};

/// A word moves to an onset that is so near, in seconds.
const REACH: f64 = 0.08;
/// A syllable takes at most so long where nothing says when a line ends, in seconds.
const SYLLABLE: f64 = 0.6;
/// How sure times are: of words that were given, of words within given lines, and of guesses.
const GIVEN: f32 = 1.0;
const SPREAD: f32 = 0.6;
const GUESSED: f32 = 0.15;
/// A bar where none is heard, in seconds.
const EVEN_BAR: f64 = 2.0;

/// What words are laid on. All times in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Song<'a> {
    /// How long it is.
    pub duration: f64,
    /// Strong onsets, ascending.
    pub onsets: &'a [f64],
    /// Where bars open, ascending.
    pub downbeats: &'a [f64],
    /// Its parts, tiling it.
    pub sections: &'a [Section],
}

/// `written` on the clock of `song`. Lines that begin behind its end are left out, and a note says so.
///
/// Ours: words share the time between two given ones by their syllables, and move to an onset close by.
pub fn align(written: &Written, song: &Song<'_>) -> Lyrics {
    if !written.is_timed() {
        return guessed(written, song);
    }
    let all = written.lines.len();
    let starts: Vec<f64> = written.lines.iter().filter_map(|line| line.start).collect();
    let within = |line: &&WrittenLine| line.start.is_some_and(|start| start < song.duration);
    let mut lines: Vec<Line> = written
        .lines
        .iter()
        .filter(within)
        .map(|line| {
            let start = line.start.unwrap_or(0.0);
            let next = starts.iter().copied().find(|next| *next > start);
            let longest = start
                + SYLLABLE
                    * line
                        .words
                        .iter()
                        .map(|word| syllables(&word.0))
                        .sum::<f64>();
            let end = line.end.unwrap_or(longest);
            let end = next.map_or(end, |next| end.min(next));
            // Voices may overlap, if that is how the words were given.
            let end = end.max(last_given(line)).min(song.duration);
            timed(line, (start, end.max(start)), song)
        })
        .collect();
    // The first word of a line may have been given later than the line.
    lines.sort_by(|a, b| a.start.0.total_cmp(&b.start.0));
    let left_out = all - lines.len();
    let notes = (left_out > 0)
        .then(|| format!("Lines behind the end of the song were left out: {left_out}."));
    let words = || lines.iter().flat_map(|line| &line.words);
    let given = words().filter(|word| word.given).count() as f32;
    let share = given / words().count().max(1) as f32;
    Lyrics {
        source: LyricsSource::Timed,
        confidence: SPREAD + (GIVEN - SPREAD) * share,
        notes: notes.into_iter().collect(),
        lines,
    }
}

fn last_given(line: &WrittenLine) -> f64 {
    line.words
        .iter()
        .filter_map(|(_, time)| *time)
        .fold(0.0, f64::max)
}

/// One line with a time for each word, all within `span`: a word that claims another is moved into it.
fn timed(line: &WrittenLine, span: (f64, f64), song: &Song<'_>) -> Line {
    let count = line.words.len();
    let mut starts: Vec<f64> = Vec::with_capacity(count);
    let mut at = 0;
    while at < count {
        // From one given time to the next; the line's begin and end are given as well.
        let from = line.words[at]
            .1
            .unwrap_or(if at == 0 { span.0 } else { span.1 });
        let next = (at + 1..count).find(|next| line.words[*next].1.is_some());
        let to = next.and_then(|next| line.words[next].1).unwrap_or(span.1);
        let group = &line.words[at..next.unwrap_or(count)];
        let total: f64 = group.iter().map(|word| syllables(&word.0)).sum();
        let mut sung = 0.0;
        for (place, word) in group.iter().enumerate() {
            let time = from + (to - from).max(0.0) * sung / total;
            let bound = starts.last().copied().unwrap_or(span.0);
            let time = if place == 0 {
                time
            } else {
                near_onset(time, (bound, to), song.onsets)
            };
            starts.push(time.max(bound).min(span.1));
            sung += syllables(&word.0);
        }
        at = next.unwrap_or(count);
    }
    let ends = starts.iter().skip(1).copied().chain([span.1]);
    let words = line.words.iter().enumerate().zip(&starts).zip(ends);
    let words = words.map(|(((place, (text, given)), start), end)| Word {
        text: text.clone(),
        start: Seconds(*start),
        end: Seconds(end),
        given: given.is_some() || (place == 0 && line.start.is_some()),
    });
    let texts: Vec<&str> = line.words.iter().map(|(word, _)| word.as_str()).collect();
    Line {
        text: texts.join(" "),
        start: Seconds(starts.first().copied().unwrap_or(span.0)),
        end: Seconds(span.1),
        words: words.collect(),
    }
}

/// The onset nearest to `time`, if it is close and between its neighbours; else `time`.
fn near_onset(time: f64, (after, before): (f64, f64), onsets: &[f64]) -> f64 {
    let inside = onsets
        .iter()
        .copied()
        .filter(|onset| *onset > after && *onset < before);
    let nearest = inside.min_by(|a, b| (a - time).abs().total_cmp(&(b - time).abs()));
    nearest
        .filter(|onset| (onset - time).abs() <= REACH)
        .unwrap_or(time)
}

/// How many syllables a word seems to take, at least one: its groups of vowels; in scripts that write no
/// spaces, where a word may be a whole line, what its signs stand for.
fn syllables(word: &str) -> f64 {
    let mut sum = 0.0;
    let mut before = false;
    for letter in word.to_lowercase().chars() {
        let vowel = "aeiouyäöüáàâãåæéèêëíìîïóòôõøœúùûýаеёиоуыэюяαεηιουω".contains(letter);
        sum += f64::from(u8::from(vowel && !before)) + sign(letter);
        before = vowel;
    }
    sum.max(1.0)
}

/// The part of a syllable that a sign of a script without letters as ours stands for; 0 for our letters.
///
/// Kana are morae, sung at about 1.6 to the syllable of other languages (the small ones and the long vowel
/// belong to the one before); a Han character is a syllable in Chinese, and one or two morae in Japanese; of
/// Thai, Lao, Khmer and Burmese about three signs make one.
fn sign(letter: char) -> f64 {
    match letter {
        'ゃ' | 'ゅ' | 'ょ' | 'ャ' | 'ュ' | 'ョ' => 0.0,
        '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' => 0.6,
        '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}'
        | '\u{ac00}'..='\u{d7a3}' => 1.0,
        '\u{0e01}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17d3}' => 0.35,
        _ => 0.0,
    }
}

/// Lines without times, laid on the bars of the parts that are likely sung.
fn guessed(written: &Written, song: &Song<'_>) -> Lyrics {
    let bars = sung_bars(song);
    let count = written.lines.len();
    let place = |line: usize| {
        let place = line as f64 * bars.len() as f64 / count as f64;
        let bar = (place as usize).min(bars.len().saturating_sub(1));
        let (from, to) = bars.get(bar).copied().unwrap_or((0.0, song.duration));
        // Where there are more lines than bars, they share one.
        let within = if count > bars.len() {
            place - bar as f64
        } else {
            0.0
        };
        (from + (to - from) * within, to)
    };
    let line = |(at, line): (usize, &WrittenLine)| {
        let (start, bar_end) = place(at);
        let next = if at + 1 < count {
            place(at + 1).0
        } else {
            song.duration
        };
        let words: f64 = line.words.iter().map(|word| syllables(&word.0)).sum();
        let end = next.min((start + SYLLABLE * words).max(bar_end.min(next)));
        timed(line, (start, end.max(start)), song)
    };
    Lyrics {
        source: LyricsSource::Guessed,
        confidence: GUESSED,
        lines: written.lines.iter().enumerate().map(line).collect(),
        notes: vec![
            "The lyrics have no times: lines were laid on the bars of the parts that seem sung. LRC or SRT would place them exactly.".to_owned(),
        ],
    }
}

/// Begin and end of each bar of verses, choruses, bridges and drops; of the whole song if it has none.
fn sung_bars(song: &Song<'_>) -> Vec<(f64, f64)> {
    let even: Vec<f64> = (0..(song.duration / EVEN_BAR) as usize)
        .map(|bar| bar as f64 * EVEN_BAR)
        .collect();
    let starts = if song.downbeats.is_empty() {
        &even
    } else {
        song.downbeats
    };
    let ends = starts.iter().skip(1).copied().chain([song.duration]);
    let bars: Vec<(f64, f64)> = starts.iter().copied().zip(ends).collect();
    let is_sung = |time: f64| {
        let part = song.sections.iter().find(|part| time < part.end.0);
        part.is_some_and(|part| {
            !matches!(
                part.kind,
                SectionKind::Intro | SectionKind::Outro | SectionKind::Break
            )
        })
    };
    // A downbeat may lie a hair before the boundary that was drawn through it.
    let sung: Vec<(f64, f64)> = bars
        .iter()
        .copied()
        .filter(|bar| is_sung(bar.0 + 0.05))
        .collect();
    if sung.is_empty() { bars } else { sung }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SONG: Song<'_> = Song {
        duration: 60.0,
        onsets: &[],
        downbeats: &[],
        sections: &[],
    };

    fn aligned(text: &str, song: &Song<'_>) -> Lyrics {
        align(&Written::parse(text).expect("lyrics"), song)
    }

    fn starts(line: &Line) -> Vec<f64> {
        line.words.iter().map(|word| word.start.0).collect()
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        let close = found
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(close, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn given_times_are_kept_exactly_and_the_rest_is_shared_by_syllables() {
        let lyrics = aligned("[00:10.00]Come <00:12.34>home now", &SONG);
        near(&starts(&lyrics.lines[0])[..2], &[10.0, 12.34]);
        // "ago" has two syllables of the four: it lasts half of the line.
        let lyrics = aligned("1\n00:00:10,000 --> 00:00:14,000\nlong ago now", &SONG);
        near(&starts(&lyrics.lines[0]), &[10.0, 11.0, 13.0]);
        assert_eq!(lyrics.lines[0].end, Seconds(14.0));
        assert!(lyrics.lines[0].words[0].given && !lyrics.lines[0].words[1].given);
    }

    #[test]
    fn the_last_line_of_a_language_without_spaces_stays_as_long_as_its_signs_take() {
        for (line, seconds) in [
            ("夜を越えて走り出す", 3.0..5.5), // 13 morae
            ("我爱你", 1.5..2.5),
            ("한 번만 더 안아 줘", 3.5..5.0),
            ("ฉันรักเธอ", 1.2..2.5),
            ("home", 0.6..1.3),
        ] {
            let lyrics = aligned(&format!("[00:10.00]{line}"), &SONG);
            let stays = lyrics.lines[0].end.0 - 10.0;
            assert!(seconds.contains(&stays), "{line} stays {stays} s");
        }
    }

    #[test]
    fn words_within_a_line_move_to_onsets_close_by() {
        let song = Song {
            onsets: &[10.05, 11.06, 12.5],
            ..SONG
        };
        let lyrics = aligned("1\n00:00:10,000 --> 00:00:14,000\nlong ago now", &song);
        near(&starts(&lyrics.lines[0]), &[10.0, 11.06, 13.0]);
    }

    #[test]
    fn text_without_times_is_laid_on_bars_of_sung_parts_and_says_that_it_is_a_guess() {
        let part = |kind, start: f64, end: f64| Section {
            label: "A".to_owned(),
            kind,
            start: Seconds(start),
            end: Seconds(end),
            energy: 0.5,
            confidence: 0.5,
            kind_confidence: 0.5,
            beat_confidence: None,
            bpm: None,
            alternates: Vec::new(),
        };
        let downbeats: Vec<f64> = (0..30).map(|bar| f64::from(bar) * 2.0).collect();
        let song = Song {
            downbeats: &downbeats,
            sections: &[
                part(SectionKind::Intro, 0.0, 8.0),
                part(SectionKind::Verse, 8.0, 24.0),
                part(SectionKind::Outro, 24.0, 60.0),
            ],
            ..SONG
        };
        let lyrics = aligned("one\ntwo\nthree\nfour", &song);
        let begins: Vec<f64> = lyrics.lines.iter().map(|line| line.start.0).collect();
        near(&begins, &[8.0, 12.0, 16.0, 20.0]);
        assert!(lyrics.confidence < 0.2 && lyrics.notes.len() == 1);
        assert_eq!(lyrics.source, LyricsSource::Guessed);
    }

    #[test]
    fn every_time_lies_within_the_song_and_none_goes_back() {
        for text in [
            "[00:59.00]a very long line at the end of it all\n[01:30.00]too late",
            "[00:10.00]x\n[00:10.00]y\n[00:10.05]one two three four",
            "a\nb\nc",
        ] {
            let lyrics = aligned(text, &SONG);
            for line in &lyrics.lines {
                assert!(
                    line.words
                        .windows(2)
                        .all(|pair| pair[0].start <= pair[1].start)
                );
                assert!(
                    line.words
                        .iter()
                        .all(|word| word.start <= word.end && word.end.0 <= 60.0)
                );
            }
        }
        assert_eq!(aligned("[00:59.00]a\n[01:30.00]late", &SONG).notes.len(), 1);
    }
}
