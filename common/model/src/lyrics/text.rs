//! Lyrics as people write them: LRC with times of lines or words, `SubRip`, or lines without times.

/// The most words that are taken: as many as a text has that repeats nothing. One line of LRC with many
/// times would be far more.
const MOST_WORDS: usize = super::LONGEST / 2;

/// A line as it was written, with the times that were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrittenLine {
    /// When it begins, in seconds.
    pub start: Option<f64>,
    /// When it ends, in seconds.
    pub end: Option<f64>,
    /// Its words, each with the time of its begin if that was given.
    pub words: Vec<(String, Option<f64>)>,
}

/// Lyrics as they were written: lines by their times, or in their order where they have none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// Lines with at least a word.
    pub lines: Vec<WrittenLine>,
}

/// Why bytes or a text are not taken as lyrics.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LyricsError {
    /// More than a song has.
    #[error(
        "the lyrics are {bytes} bytes long; at most {} are accepted",
        super::LONGEST
    )]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Bytes in an encoding that is not known.
    #[error("the lyrics are neither UTF-8 nor UTF-16; save them as UTF-8")]
    Encoding,
    /// Bytes that are no text.
    #[error("line {line} holds control characters; lyrics are LRC, SRT or plain text")]
    NoText {
        /// From 1.
        line: usize,
    },
    /// Lines that are sung so often that they are more than a song.
    #[error("the lyrics have more than {MOST_WORDS} words, counting a line as often as it is sung")]
    TooMany,
    /// A time of `SubRip` that cannot be read.
    #[error("line {line} is no time such as 00:01:02,500 --> 00:01:05,000")]
    Time {
        /// From 1.
        line: usize,
    },
    /// Nothing to sing.
    #[error("the lyrics hold no words")]
    Empty,
}

/// The text of a file, which is UTF-8, or UTF-16 with a mark at its begin that says so.
pub fn decoded(bytes: &[u8]) -> Result<String, LyricsError> {
    let longest = 2 * super::LONGEST;
    if bytes.len() > longest {
        return Err(LyricsError::TooLong { bytes: bytes.len() });
    }
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => String::from_utf8(rest.to_vec()).ok(),
    };
    text.ok_or(LyricsError::Encoding)
}

impl Written {
    /// Reads `text`, whatever of the three it is.
    pub fn parse(text: &str) -> Result<Self, LyricsError> {
        if text.len() > super::LONGEST {
            return Err(LyricsError::TooLong { bytes: text.len() });
        }
        let text = text.trim_start_matches('\u{feff}');
        let is_control = |letter: char| letter.is_control() && letter != '\t';
        if let Some(line) = text.lines().position(|line| line.contains(is_control)) {
            return Err(LyricsError::NoText { line: line + 1 });
        }
        let mut lines = if text.contains("-->") {
            subrip(text)?
        } else if text.lines().any(|line| time_tag(line.trim()).is_some()) {
            lrc(text)?
        } else {
            plain(text)
        };
        lines.retain(|line| !line.words.is_empty());
        if lines.is_empty() {
            return Err(LyricsError::Empty);
        }
        // A stable sort: lines without times stay in their order.
        lines.sort_by(|a, b| a.start.unwrap_or(0.0).total_cmp(&b.start.unwrap_or(0.0)));
        Ok(Self { lines })
    }

    /// Whether any line has a time.
    pub fn is_timed(&self) -> bool {
        self.lines.iter().any(|line| line.start.is_some())
    }
}

fn words(text: &str) -> Vec<(String, Option<f64>)> {
    let words = text.split_whitespace();
    words.map(|word| (word.to_owned(), None)).collect()
}

/// Lines; headings such as `[Chorus]` or `(x2)` are not sung.
fn plain(text: &str) -> Vec<WrittenLine> {
    let is_heading = |line: &&str| line.starts_with('[') && line.ends_with(']');
    let sung = text.lines().map(str::trim).filter(|line| !is_heading(line));
    sung.map(|line| WrittenLine {
        words: words(line),
        ..WrittenLine::default()
    })
    .collect()
}

/// LRC: `[mm:ss.xx]` before a line, as many as it is sung times; `<mm:ss.xx>` before a word; and
/// `[offset:±ms]`, by which all of it is sung earlier. An empty line ends the one before.
fn lrc(text: &str) -> Result<Vec<WrittenLine>, LyricsError> {
    let mut offset = 0.0;
    let mut lines: Vec<WrittenLine> = Vec::new();
    let mut ends = Vec::new();
    let mut count = 0;
    for line in text.lines() {
        let mut rest = line.trim();
        let mut starts = Vec::new();
        while let Some((time, behind)) = time_tag(rest) {
            starts.push(time);
            rest = behind.trim_start();
        }
        if starts.is_empty() {
            offset = offset_tag(rest).unwrap_or(offset);
            continue;
        }
        let (sung, end) = timed_words(rest);
        if sung.is_empty() {
            ends.extend(&starts);
        }
        count += starts.len() * sung.len();
        if count > MOST_WORDS {
            return Err(LyricsError::TooMany);
        }
        let first = starts.first().copied().unwrap_or_default();
        for start in &starts {
            // Times of words are those of the first time that the line is sung.
            let later = start - first;
            let sung = sung
                .iter()
                .map(|(word, time)| (word.clone(), time.map(|time| time + later)));
            lines.push(WrittenLine {
                start: Some(*start),
                end: end.map(|end| end + later),
                words: sung.collect(),
            });
        }
    }
    for line in &mut lines {
        let start = line.start.unwrap_or(0.0);
        let ended = ends
            .iter()
            .copied()
            .filter(|end| *end > start)
            .reduce(f64::min);
        line.end = line.end.or(ended);
        let earlier = |time: f64| (time - offset).max(0.0);
        line.start = line.start.map(earlier);
        line.end = line.end.map(earlier);
        for (_, time) in &mut line.words {
            *time = time.map(earlier);
        }
    }
    Ok(lines)
}

/// The seconds of `[offset:±ms]`.
fn offset_tag(line: &str) -> Option<f64> {
    let (name, value) = line.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    let milliseconds: f64 = value.trim().parse().ok()?;
    name.trim()
        .eq_ignore_ascii_case("offset")
        .then_some(milliseconds / 1_000.0)
}

/// `[mm:ss.xx]` at the begin of a line, and what is behind it.
fn time_tag(line: &str) -> Option<(f64, &str)> {
    let (tag, rest) = line.strip_prefix('[')?.split_once(']')?;
    Some((clock(tag)?, rest))
}

/// Words with the times of `<mm:ss.xx>` before them, and the time behind the last.
fn timed_words(text: &str) -> (Vec<(String, Option<f64>)>, Option<f64>) {
    let mut pieces = text.split('<');
    let mut sung = words(pieces.next().unwrap_or_default());
    let mut end = None;
    for piece in pieces {
        let tag = piece
            .split_once('>')
            .and_then(|(tag, behind)| Some((clock(tag)?, behind)));
        let Some((time, behind)) = tag else {
            // No time: the bracket is a part of the text.
            sung.extend(words(&format!("<{piece}")));
            continue;
        };
        let mut behind = words(behind);
        end = behind.is_empty().then_some(time);
        if let Some((_, first)) = behind.first_mut() {
            *first = Some(time);
        }
        sung.extend(behind);
    }
    (sung, end)
}

/// `mm:ss`, `mm:ss.xx` or `mm:ss:xx`, in seconds.
fn clock(text: &str) -> Option<f64> {
    let (minutes, seconds) = text.trim().split_once(':')?;
    let seconds = seconds.replace([':', ','], ".");
    let digits =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !digits(minutes) || !digits(&seconds) {
        return None;
    }
    let (minutes, seconds): (f64, f64) = (minutes.parse().ok()?, seconds.parse().ok()?);
    (seconds < 60.0).then_some(60.0 * minutes + seconds)
}

/// `SubRip`: a number, a line of times, then lines of text up to an empty one.
fn subrip(text: &str) -> Result<Vec<WrittenLine>, LyricsError> {
    let mut lines: Vec<WrittenLine> = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some((from, to)) = line.split_once("-->") {
            let wrong = LyricsError::Time { line: at + 1 };
            let to = to.split_whitespace().next().unwrap_or_default();
            let (start, end) = subrip_clock(from)
                .zip(subrip_clock(to))
                .ok_or(wrong.clone())?;
            if end < start {
                return Err(wrong);
            }
            lines.push(WrittenLine {
                start: Some(start),
                end: Some(end),
                words: Vec::new(),
            });
            open = true;
        } else if line.is_empty() {
            open = false;
        } else if open && let Some(cue) = lines.last_mut() {
            cue.words.extend(words(&without_marks(line)));
        }
    }
    Ok(lines)
}

/// `hh:mm:ss,mmm`, in seconds.
fn subrip_clock(text: &str) -> Option<f64> {
    let (hours, rest) = text.trim().split_once(':')?;
    let hours: u32 = hours.parse().ok()?;
    Some(3_600.0 * f64::from(hours) + clock(rest)?)
}

/// Without `<i>` and its kin.
fn without_marks(line: &str) -> String {
    let mut inside = false;
    let shown = line.chars().filter(|letter| {
        let mark = inside || *letter == '<';
        inside = (inside || *letter == '<') && *letter != '>';
        !mark
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let written = Written::parse(text).expect("lyrics");
        let time = |time: Option<f64>| time.map_or("?".to_owned(), |time| format!("{time:.2}"));
        let lines = written.lines.iter().map(|line| {
            let words = line.words.iter().map(|(word, at)| match at {
                Some(at) => format!("{word}@{at:.2}"),
                None => word.clone(),
            });
            let words: Vec<String> = words.collect();
            format!(
                "{}-{} {}",
                time(line.start),
                time(line.end),
                words.join(" ")
            )
        });
        lines.collect()
    }

    #[test]
    fn files_are_read_in_every_encoding_that_says_what_it_is() {
        let text = "[00:01.00]Größe 愛\n";
        let wide = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
            let units = text.encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect::<Vec<u8>>()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            wide([0xff, 0xfe], u16::to_le_bytes),
            wide([0xfe, 0xff], u16::to_be_bytes),
        ] {
            assert_eq!(decoded(&bytes).as_deref(), Ok(text));
        }
        for bytes in [&b"Gr\xf6\xdfe"[..], b"\xff\xfea", b"\xfe\xff\xd8\x00"] {
            assert_eq!(decoded(bytes), Err(LyricsError::Encoding), "{bytes:?}");
        }
        assert!(matches!(
            decoded("a".repeat(140_000).as_bytes()),
            Err(LyricsError::TooLong { .. })
        ));
    }

    #[test]
    fn lines_of_lrc_are_sung_as_often_as_they_have_times_and_moved_by_the_offset() {
        let text = "\u{feff}[ti:Song]\r\n[offset:+500]\r\n[00:10.50][01:10.50]Come home\r\n[00:14.00]\r\n[00:20]Now\r\n";
        assert_eq!(
            shown(text),
            ["10.00-13.50 Come home", "19.50-? Now", "70.00-? Come home"]
        );
    }

    #[test]
    fn words_of_enhanced_lrc_have_their_own_times() {
        let text = "[00:10.00] <00:10.10> Come <00:10.60> home <00:11.20>\n[00:12.00]a <b> c";
        assert_eq!(
            shown(text),
            ["10.00-11.20 Come@10.10 home@10.60", "12.00-? a <b> c"]
        );
    }

    #[test]
    fn subrip_has_begins_and_ends() {
        let text = "1\n00:00:01,500 --> 00:00:03,000\n<i>Come</i>\nhome\n\n2\n00:01:00,000 --> 00:01:01,250 X1:0\nNow\n";
        assert_eq!(shown(text), ["1.50-3.00 Come home", "60.00-61.25 Now"]);
    }

    #[test]
    fn plain_lines_have_no_times_and_headings_are_not_sung() {
        assert_eq!(
            shown("[Verse 1]\nCome home\n\nNow\n"),
            ["?-? Come home", "?-? Now"]
        );
    }

    #[test]
    fn what_cannot_be_sung_is_refused_with_its_line() {
        let check = |text: &str, reason: &str| {
            let error = Written::parse(text).expect_err(text);
            assert!(error.to_string().contains(reason), "{error}");
        };
        check("", "no words");
        check("[00:01.00]\n", "no words");
        check("one\ntwo \u{1}", "line 2 holds control characters");
        check("1\n00:00:xx --> 00:00:02,000\nHey", "line 2 is no time");
        check("1\n00:00:05,000 --> 00:00:02,000\nHey", "line 2 is no time");
        check(&"a ".repeat(40_000), "at most 65536");
        // 80 million words, if they were all written out.
        let often = format!("{}{}", "[0:1]".repeat(6_000), "a ".repeat(14_000));
        check(&often, "more than 32768 words");
    }
}
