//! `verbose_json`: words and segments with times, as servers tell them, made sane.

use model::Seconds;
use model::lyrics::transcript::HeardLine;
use serde::Deserialize;

/// Words that stand no farther apart than this are one line, where no segments are told; in seconds.
const BREATH: f64 = 0.9;
/// Words that a line has at most, where no segments are told.
const LONGEST_LINE: usize = 9;
/// A segment that is likelier silence than this holds invented words: models thank for watching.
const SILENT: f64 = 0.85;

/// What is used of an answer. Servers differ in what they leave out.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    words: Option<Vec<Word>>,
    #[serde(default)]
    segments: Option<Vec<Segment>>,
}

#[derive(Debug, Deserialize)]
struct Word {
    #[serde(rename = "word")]
    text: String,
    start: f64,
    end: f64,
}

#[derive(Debug, Deserialize)]
struct Segment {
    start: f64,
    end: f64,
    text: String,
    #[serde(default)]
    avg_logprob: Option<f64>,
    #[serde(default)]
    no_speech_prob: Option<f64>,
    /// Some servers tell words within segments.
    #[serde(default)]
    words: Option<Vec<Word>>,
}

/// Lines, and in which language they are.
#[derive(Debug, PartialEq)]
pub(crate) struct Lines {
    pub(crate) language: Option<String>,
    pub(crate) lines: Vec<HeardLine>,
}

/// Reads an answer for a recording of that length. No words at all are an answer, too.
pub(crate) fn read(body: &[u8], duration: Seconds) -> Result<Lines, String> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if answer.words.is_none() && answer.segments.is_none() {
        return Err("it has neither `words` nor `segments`: the model tells no times".to_owned());
    }
    let mut segments = answer.segments.unwrap_or_default();
    let mut words = answer.words.unwrap_or_default();
    for segment in &mut segments {
        words.append(segment.words.as_mut().unwrap_or(&mut Vec::new()));
    }
    let words = sane(words, duration.0);
    let mut lines = if segments.is_empty() {
        by_breath(&words)
    } else {
        by_segment(segments, &words, duration.0)
    };
    lines.retain(|line| !line.words.is_empty());
    lines.sort_by(|a, b| a.start.total_cmp(&b.start));
    Ok(Lines {
        language: answer.language,
        lines,
    })
}

/// In order, within the song, without words that are none.
fn sane(words: Vec<Word>, duration: f64) -> Vec<Word> {
    let mut words: Vec<Word> = words
        .into_iter()
        .map(|word| Word {
            text: printable(&word.text),
            end: word.end.max(word.start).min(duration),
            ..word
        })
        .filter(|word| !word.text.is_empty() && (0.0..duration).contains(&word.start))
        .collect();
    words.sort_by(|a, b| a.start.total_cmp(&b.start));
    words
}

fn printable(text: &str) -> String {
    let shown = text.trim().chars().filter(|letter| !letter.is_control());
    shown.collect()
}

/// A line a segment, with the words that begin in it; those that begin in none go to the one before.
fn by_segment(segments: Vec<Segment>, words: &[Word], duration: f64) -> Vec<HeardLine> {
    let mut segments: Vec<Segment> = segments
        .into_iter()
        .filter(|segment| (0.0..duration).contains(&segment.start))
        .collect();
    segments.sort_by(|a, b| a.start.total_cmp(&b.start));
    let next_starts: Vec<f64> = segments.iter().skip(1).map(|next| next.start).collect();
    let mut lines = Vec::with_capacity(segments.len());
    let mut from = f64::NEG_INFINITY;
    for (number, segment) in segments.iter().enumerate() {
        let next = next_starts.get(number).copied().unwrap_or(f64::INFINITY);
        let inside = words
            .iter()
            .filter(move |word| (from..next).contains(&word.start));
        from = next;
        if segment.no_speech_prob.is_some_and(|silent| silent > SILENT) {
            continue;
        }
        let mut timed: Vec<(String, Option<f64>)> = inside
            .map(|word| (word.text.clone(), Some(word.start)))
            .collect();
        if words.is_empty() {
            let told = printable(&segment.text);
            timed.extend(told.split_whitespace().map(|word| (word.to_owned(), None)));
        }
        let first = timed.first().and_then(|(_, start)| *start);
        let start = first.unwrap_or(segment.start);
        lines.push(HeardLine {
            start,
            end: segment.end.max(start).min(duration),
            confidence: segment.avg_logprob.map(|log| log.min(0.0).exp() as f32),
            words: timed,
        });
    }
    lines
}

/// Lines where a breath is taken.
fn by_breath(words: &[Word]) -> Vec<HeardLine> {
    let mut lines: Vec<HeardLine> = Vec::new();
    for word in words {
        let told = (word.text.clone(), Some(word.start));
        match lines.last_mut() {
            Some(line) if word.start - line.end < BREATH && line.words.len() < LONGEST_LINE => {
                line.end = line.end.max(word.end);
                line.words.push(told);
            }
            _ => lines.push(HeardLine {
                start: word.start,
                end: word.end,
                confidence: None,
                words: vec![told],
            }),
        }
    }
    lines
}

/// What a refusal says, in at most so many characters.
pub(crate) fn message(body: &[u8], longest: usize) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let told = ["/error/message", "/error", "/detail", "/message"]
        .iter()
        .find_map(|pointer| json.pointer(pointer)?.as_str());
    let text = String::from_utf8_lossy(body);
    let text = told.unwrap_or(&text).trim();
    let shown = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    shown.take(longest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &str) -> Vec<String> {
        let lines = read(body.as_bytes(), Seconds(60.0)).unwrap().lines;
        let line = |line: &HeardLine| {
            let words = line.words.iter().map(|(word, start)| match start {
                Some(start) => format!("{word}@{start}"),
                None => word.clone(),
            });
            let words: Vec<String> = words.collect();
            format!("{}-{} {}", line.start, line.end, words.join(" "))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn words_are_lines_by_segments() {
        let body = r#"{"language":"english","text":"Come home. Now","words":[
            {"word":" Come","start":1.0,"end":1.4},{"word":"home.","start":1.5,"end":2.0},
            {"word":"Now","start":9.1,"end":9.5}],
            "segments":[{"id":0,"start":0.8,"end":2.2,"text":" Come home.","avg_logprob":-0.5,"no_speech_prob":0.1},
            {"id":1,"start":9.0,"end":9.8,"text":" Now","avg_logprob":0.2,"no_speech_prob":0.1}]}"#;
        assert_eq!(shown(body), ["1-2.2 Come@1 home.@1.5", "9.1-9.8 Now@9.1"]);
        let lines = read(body.as_bytes(), Seconds(60.0)).unwrap();
        assert_eq!(lines.language.as_deref(), Some("english"));
        let sure: Vec<f32> = lines
            .lines
            .iter()
            .filter_map(|line| line.confidence)
            .collect();
        assert!((sure[0] - 0.606).abs() < 0.01 && sure[1] == 1.0, "{sure:?}");
    }

    #[test]
    fn words_without_segments_are_lines_by_breaths_and_segments_without_words_are_lines() {
        let body = r#"{"words":[{"word":"a","start":1,"end":2},{"word":"b","start":2.5,"end":3},{"word":"c","start":4,"end":5}]}"#;
        assert_eq!(shown(body), ["1-3 a@1 b@2.5", "4-5 c@4"]);
        let body = r#"{"segments":[{"start":1,"end":2,"text":" one two "}]}"#;
        assert_eq!(shown(body), ["1-2 one two"]);
        let body = r#"{"segments":[{"start":1,"end":2,"text":"one","words":[{"word":"one","start":1.2,"end":1.9}]}]}"#;
        assert_eq!(shown(body), ["1.2-2 one@1.2"]);
    }

    #[test]
    fn what_cannot_be_sung_is_left_out() {
        // Out of order, out of the song, empty, and thanks for watching in silence.
        let body = r#"{"words":[{"word":"late","start":61,"end":62},{"word":"b","start":3,"end":2},
            {"word":" ","start":1,"end":2},{"word":"a","start":-1,"end":2},{"word":"c","start":2,"end":2.5}]}"#;
        assert_eq!(shown(body), ["2-3 c@2 b@3"]);
        let body = r#"{"segments":[{"start":50,"end":55,"text":"Thanks for watching!","no_speech_prob":0.97}]}"#;
        assert!(shown(body).is_empty());
        assert!(shown(r#"{"words":[],"text":""}"#).is_empty());
    }

    #[test]
    fn an_answer_without_times_or_that_is_none_is_refused() {
        for body in [
            "",
            "<html>",
            r#"{"text":"hello"}"#,
            r#"{"words":[{"word":1}]}"#,
            "[1]",
        ] {
            assert!(read(body.as_bytes(), Seconds(60.0)).is_err(), "{body}");
        }
    }

    #[test]
    fn refusals_are_told_in_a_line() {
        let check = |body: &str, told: &str| assert_eq!(message(body.as_bytes(), 12), told);
        check(r#"{"error":{"message":"no\nkey"}}"#, "no key");
        check(r#"{"detail":"bad file"}"#, "bad file");
        check("an answer in plain text", "an answer in");
    }
}
