//! What is sung as captions: a track of the film, and `SubRip`, `WebVTT` and LRC beside it. Pure.
//!
//! Formats: `SubRip` as players read it; `WebVTT`, W3C, §4 (cue times within a cue show a word when it is
//! sung); LRC with a time a line, which every player of it reads.

use std::fmt::Write;

use media::mp4::TimedText;
use model::Seconds;
use model::lyrics::{Line, Lyrics, Word};

/// Letters of a row. What broadcasters take; two rows fit over a picture of any shape.
const ROW: usize = 42;
/// Rows of a caption.
const ROWS: usize = 2;
/// How long a caption stays at least where the next one allows it, in milliseconds.
const SHORTEST: u64 = 700;
/// A pause after which LRC says that nothing is sung, in milliseconds.
const PAUSE: u64 = 2_000;

/// A piece of text over the picture. Times in milliseconds of the song.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    /// When it comes.
    pub start: u64,
    /// When it goes, later than it comes.
    pub end: u64,
    /// One row or more, none of them empty.
    pub text: String,
    /// Its words that follow the first, as bytes of [`Self::text`] at which they begin and when.
    pub words: Vec<(usize, u64)>,
}

/// The captions of a song, ascending, none upon another. A line that is too long for one becomes
/// several, at the times of its words. Empty where nothing is sung.
pub fn of(lyrics: Option<&Lyrics>, song: Seconds) -> Vec<Cue> {
    let lines = lyrics.map_or(&[][..], |lyrics| &lyrics.lines);
    let mut cues: Vec<Cue> = lines.iter().flat_map(cues_of).collect();
    cues.retain(|cue| !cue.text.is_empty() && cue.start < millis(song));
    cues.sort_by_key(|cue| cue.start);
    cues.dedup_by(|later, earlier| {
        let together = later.start <= earlier.start;
        if together {
            earlier.text = format!("{}\n{}", earlier.text, later.text);
            earlier.end = earlier.end.max(later.end);
            earlier.words.clear();
        }
        together
    });
    let nexts = cues.iter().skip(1).map(|cue| cue.start);
    let nexts: Vec<u64> = nexts.chain([millis(song)]).collect();
    for (cue, next) in cues.iter_mut().zip(nexts) {
        cue.end = cue.end.max(cue.start + SHORTEST).min(next);
        cue.words
            .retain(|(_, time)| cue.start < *time && *time < cue.end);
    }
    cues
}

fn cues_of(line: &Line) -> Vec<Cue> {
    let text = printable(&line.text);
    if text.chars().count() <= ROW * ROWS || line.words.len() < 2 {
        return vec![cue(&text, (line.start, line.end), &line.words)];
    }
    let mut cues = Vec::new();
    let mut rest = line.words.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest));
        if let [first, ..] = now {
            let texts: Vec<&str> = now.iter().map(|word| word.text.as_str()).collect();
            let end = now.last().map_or(first.end, |last| last.end);
            cues.push(cue(&printable(&texts.join(" ")), (first.start, end), now));
        }
        rest = later;
    }
    cues
}

/// How many words fit into one caption; at least one.
fn fitting(words: &[Word]) -> usize {
    let mut letters = 0;
    let fits = |word: &&Word| {
        letters += word.text.chars().count() + 1;
        // Rows are broken between words, so that they are not quite full.
        letters <= ROW * ROWS - ROW / 4
    };
    words.iter().take_while(fits).count().max(1)
}

fn cue(text: &str, (start, end): (Seconds, Seconds), words: &[Word]) -> Cue {
    let text = in_rows(text);
    let mut found = Vec::new();
    let mut behind = 0;
    for word in words {
        let name = printable(&word.text);
        let at = text.get(behind..).and_then(|rest| rest.find(&name));
        // A line whose words are not its text is shown as a whole.
        let Some(at) = at.filter(|_| !name.is_empty()) else {
            found.clear();
            break;
        };
        if behind + at > 0 {
            found.push((behind + at, millis(word.start)));
        }
        behind += at + name.len();
    }
    Cue {
        start: millis(start),
        end: millis(end),
        text,
        words: found,
    }
}

/// One row, or two that are about as long.
fn in_rows(text: &str) -> String {
    let letters = text.chars().count();
    if letters <= ROW {
        return text.to_owned();
    }
    let spaces = text.char_indices().enumerate();
    let spaces = spaces.filter(|(_, (_, letter))| *letter == ' ');
    let middle = spaces.min_by_key(|(column, _)| column.abs_diff(letters / 2));
    match middle.and_then(|(_, (at, _))| text.split_at_checked(at)) {
        Some((first, second)) => format!("{first}\n{}", second.trim_start()),
        None => text.to_owned(),
    }
}

/// Without what players take for commands, and without rows of its own.
fn printable(text: &str) -> String {
    let shown = |letter: char| match letter {
        '<' => '‹',
        '>' => '›',
        '{' => '(',
        '}' => ')',
        '\\' => '/',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    let text: String = text.chars().map(shown).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As the track of a film takes them.
pub(crate) fn timed(cues: &[Cue]) -> Vec<TimedText> {
    let seconds = |millis: u64| Seconds(millis as f64 / 1000.0);
    let text = |cue: &Cue| TimedText {
        start: seconds(cue.start),
        end: seconds(cue.end),
        text: cue.text.clone(),
    };
    cues.iter().map(text).collect()
}

/// As `SubRip`.
pub fn srt(cues: &[Cue]) -> String {
    let mut text = String::new();
    for (number, cue) in (1..).zip(cues) {
        let (start, end) = (clock(cue.start, ','), clock(cue.end, ','));
        // Writing to a string cannot fail.
        let _written = write!(text, "{number}\n{start} --> {end}\n{}\n\n", cue.text);
    }
    text
}

/// As `WebVTT`, with the times of the words.
pub fn vtt(cues: &[Cue]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for cue in cues {
        let (start, end) = (clock(cue.start, '.'), clock(cue.end, '.'));
        let _written = write!(text, "\n{start} --> {end}\n");
        let mut behind = 0;
        for (at, time) in &cue.words {
            let before = cue.text.get(behind..*at).unwrap_or_default();
            let _written = write!(text, "{}<{}>", escaped(before), clock(*time, '.'));
            behind = *at;
        }
        let rest = cue.text.get(behind..).unwrap_or_default();
        let _written = writeln!(text, "{}", escaped(rest));
    }
    text
}

/// As LRC. Where nothing is sung for a while, a line without text says so.
pub fn lrc(cues: &[Cue], title: &str) -> String {
    let title = printable(&title.replace(['[', ']'], " "));
    let mut text = format!("[ti:{title}]\n[re:Beatreel]\n");
    let nexts = cues.iter().skip(1).map(|cue| Some(cue.start));
    for (cue, next) in cues.iter().zip(nexts.chain([None])) {
        let line = cue.text.replace('\n', " ");
        let _written = writeln!(text, "[{}]{line}", short_clock(cue.start));
        if next.is_none_or(|next| next >= cue.end + PAUSE) {
            let _written = writeln!(text, "[{}]", short_clock(cue.end));
        }
    }
    text
}

fn millis(time: Seconds) -> u64 {
    (time.0.max(0.0) * 1000.0).round() as u64
}

fn clock(millis: u64, point: char) -> String {
    let (seconds, rest) = (millis / 1000, millis % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{rest:03}")
}

/// Minutes and seconds, as LRC counts: in hundredths.
fn short_clock(millis: u64) -> String {
    let hundredths = (millis + 5) / 10;
    let (seconds, rest) = (hundredths / 100, hundredths % 100);
    format!("{:02}:{:02}.{rest:02}", seconds / 60, seconds % 60)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
}

#[cfg(test)]
mod tests {
    use model::lyrics::text::Written;
    use proptest::prelude::*;

    use super::*;

    /// A line whose words take half a second each.
    fn line(text: &str, start: f64) -> Line {
        let word = |(n, text): (usize, &str)| Word {
            text: text.to_owned(),
            start: Seconds(start + n as f64 * 0.5),
            end: Seconds(start + n as f64 * 0.5 + 0.4),
            given: true,
        };
        let words: Vec<Word> = text.split_whitespace().enumerate().map(word).collect();
        Line {
            text: text.to_owned(),
            start: Seconds(start),
            end: words.last().map_or(Seconds(start), |word| word.end),
            words,
        }
    }

    fn captions(lines: Vec<Line>, song: f64) -> Vec<Cue> {
        let lyrics = Lyrics {
            lines,
            ..Lyrics::default()
        };
        of(Some(&lyrics), Seconds(song))
    }

    #[test]
    fn a_line_becomes_a_caption_in_each_of_the_formats() {
        let cues = captions(vec![line("Dark & deep", 1.0), line("water", 62.5)], 90.0);
        assert_eq!(
            srt(&cues),
            "1\n00:00:01,000 --> 00:00:02,400\nDark & deep\n\n\
             2\n00:01:02,500 --> 00:01:03,200\nwater\n\n"
        );
        assert_eq!(
            vtt(&cues),
            "WEBVTT\n\n00:00:01.000 --> 00:00:02.400\nDark <00:00:01.500>&amp; <00:00:02.000>deep\n\
             \n00:01:02.500 --> 00:01:03.200\nwater\n"
        );
        assert_eq!(
            lrc(&cues, "A [title]"),
            "[ti:A title]\n[re:Beatreel]\n[00:01.00]Dark & deep\n[00:02.40]\n[01:02.50]water\n[01:03.20]\n"
        );
    }

    #[test]
    fn what_is_written_is_read_again_with_its_times() {
        let cues = captions(vec![line("one two", 1.0), line("three", 5.25)], 9.0);
        for text in [srt(&cues), lrc(&cues, "x")] {
            let read = Written::parse(&text).unwrap();
            let lines = read.lines.iter();
            let starts: Vec<f64> = lines.filter_map(|line| line.start).collect();
            assert_eq!(starts, [1.0, 5.25], "{text}");
        }
    }

    #[test]
    fn nothing_sung_is_nothing_shown() {
        assert_eq!(of(None, Seconds(9.0)), []);
        assert_eq!(captions(vec![line(" ", 1.0)], 9.0), []);
        assert_eq!(captions(vec![line("after the end", 9.0)], 9.0), []);
    }

    #[test]
    fn a_caption_stays_a_while_but_goes_when_the_next_one_comes() {
        let cues = captions(vec![line("a", 1.0), line("b", 1.5), line("c", 4.0)], 4.2);
        let times: Vec<_> = cues.iter().map(|cue| (cue.start, cue.end)).collect();
        assert_eq!(times, [(1000, 1500), (1500, 2200), (4000, 4200)]);
    }

    #[test]
    fn lines_that_begin_together_share_a_caption() {
        let cues = captions(vec![line("high", 1.0), line("low", 1.0)], 9.0);
        let texts: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        assert_eq!(texts, ["high\nlow"]);
    }

    #[test]
    fn a_long_line_is_broken_into_rows_and_a_longer_one_into_captions() {
        let text = ["shimmering"; 5].join(" ");
        let cues = captions(vec![line(&text, 1.0)], 90.0);
        assert_eq!(cues.len(), 1);
        let rows: Vec<_> = cues[0].text.lines().map(str::len).collect();
        assert_eq!(rows, [32, 21]);
        let text = ["shimmering"; 20].join(" ");
        let cues = captions(vec![line(&text, 1.0)], 90.0);
        assert!(cues.len() > 1);
        // At most six words of eleven letters each fit; the next caption begins with its first word.
        assert_eq!(cues[1].start, 4_000);
    }

    #[test]
    fn players_find_no_commands_in_a_text() {
        let cues = captions(vec![line(r"<b>{\an8}\N & -->", 1.0)], 9.0);
        let text = srt(&cues);
        assert!(text.contains("‹b›(/an8)/N & --›"), "{text}");
    }

    proptest! {
        #[test]
        fn captions_ascend_and_never_lie_upon_another(
            lines in prop::collection::vec((0.0..60.0_f64, "[a-zA-Z äöü漢字<&{}]{0,120}"), 0..30)
        ) {
            let lines = lines.iter().map(|(start, text)| line(text, *start)).collect();
            let cues = captions(lines, 50.0);
            for cue in &cues {
                prop_assert!(cue.start < cue.end && cue.end <= 50_000);
                prop_assert!(cue.text.lines().all(|row| !row.trim().is_empty()));
            }
            for pair in cues.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            prop_assert!(vtt(&cues).starts_with("WEBVTT\n"));
        }
    }
}
