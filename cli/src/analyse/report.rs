//! The analysis as a table for people.

use std::fmt::Write;
use std::path::Path;

use audio_parser::hearing::Hearing;
use console::{Color, Style, style};
use model::analysis::{Edge, MoodWord, Section, SectionKind};
use model::lyrics::Lyrics;

/// Columns of the energy curve.
const COLUMNS: usize = 64;
/// Heights of one character, lowest first.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// One for each repetition label, then again from the first.
const COLOURS: [Color; 6] = [
    Color::Cyan,
    Color::Magenta,
    Color::Yellow,
    Color::Green,
    Color::Blue,
    Color::Red,
];

/// One line: for when the rest went to a file.
pub(super) fn line(file: &Path, hearing: &Hearing) -> String {
    format!(
        "{}: {}, {}, {}, {}",
        name(file),
        tempo(hearing),
        count(hearing.beats().len(), "beat"),
        count(hearing.sections().len(), "section"),
        count(hearing.clip_grid().len(), "clip")
    )
}

/// What one would say of the song in a line.
pub(super) fn facts(hearing: &Hearing) -> Vec<String> {
    let key = hearing.key().map(|key| key.to_string());
    vec![
        clock(hearing.duration().0),
        tempo(hearing),
        format!("{} beats a bar", hearing.beats_per_bar()),
        key.unwrap_or_else(|| "no clear key".to_owned()),
        mood_word(hearing).to_owned(),
        count(hearing.beats().len(), "beat"),
        count(hearing.clip_grid().len(), "clip"),
    ]
}

/// Everything that fits on a screen.
pub(super) fn table(file: &Path, hearing: &Hearing) -> String {
    let mut table = Table::default();
    let length = clock(hearing.duration().0);
    table.line(format_args!(
        "{}  {}",
        style(name(file)).bold(),
        style(length).dim()
    ));
    table.gap();
    table.field("Tempo", tempo_field(hearing));
    table.field(
        "Metre",
        format_args!("{} beats a bar", hearing.beats_per_bar()),
    );
    table.field("Beats", beats_field(hearing));
    let key = hearing.key().map(|key| key.to_string());
    table.field("Key", key.as_deref().unwrap_or("not clear"));
    table.field("Mood", mood_field(hearing));
    table.field("Clips", clips_field(hearing));
    if let Some(lyrics) = &hearing.lyrics {
        table.field("Lyrics", lyrics_field(lyrics));
        for note in &lyrics.notes {
            table.field("", style(note).yellow());
        }
    }
    table.gap();
    table.line(energy_curve(hearing));
    table.gap();
    for section in hearing.sections() {
        table.line(section_line(section, hearing));
    }
    table.text
}

#[derive(Default)]
struct Table {
    text: String,
}

impl Table {
    fn line(&mut self, line: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "  {line}");
    }

    fn field(&mut self, name: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{}{value}", style(format!("{name:<8}")).dim()));
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn tempo(hearing: &Hearing) -> String {
    match hearing.tempo().bpm {
        0.0 => "no pulse".to_owned(),
        bpm => format!("{bpm:.2} BPM"),
    }
}

fn tempo_field(hearing: &Hearing) -> String {
    let tempo_heard = hearing.tempo();
    let mut field = style(tempo(hearing)).bold().to_string();
    if tempo_heard.bpm > 0.0 {
        let sure = tempo_heard.confidence;
        let _ = write!(field, "  {} {:.0} % sure", gauge(sure), 100.0 * sure);
    }
    if !tempo_heard.alternates.is_empty() {
        let others: Vec<String> = tempo_heard
            .alternates
            .iter()
            .map(|bpm| format!("{bpm:.1}"))
            .collect();
        let _ = write!(
            field,
            "  {}",
            style(format!("or {}", others.join(", "))).dim()
        );
    }
    field
}

/// A bar of ten for a value from 0 to 1.
fn gauge(value: f64) -> String {
    let full = (10.0 * value.clamp(0.0, 1.0)).round() as usize;
    let colour = match full {
        0..4 => Color::Red,
        4..7 => Color::Yellow,
        _ => Color::Green,
    };
    format!(
        "{}{}",
        style("━".repeat(full)).fg(colour),
        style("━".repeat(10 - full)).dim()
    )
}

fn beats_field(hearing: &Hearing) -> String {
    let beats = hearing.beats();
    let (Some(first), Some(last)) = (beats.first(), beats.last()) else {
        return "none".to_owned();
    };
    let bars = beats.iter().filter(|beat| beat.downbeat).count();
    format!(
        "{}, {bars} of them open a bar, from {:.3} s to {:.3} s",
        beats.len(),
        first.time.0,
        last.time.0
    )
}

fn mood_field(hearing: &Hearing) -> String {
    let mood = hearing.mood();
    let word = mood_word(hearing);
    let measures = format!("valence {:+.2}, arousal {:+.2}", mood.valence, mood.arousal);
    format!("{word}  {}", style(measures).dim())
}

fn mood_word(hearing: &Hearing) -> &'static str {
    match hearing.mood().primary {
        MoodWord::Energetic => "energetic",
        MoodWord::Bright => "bright",
        MoodWord::Dark => "dark",
        MoodWord::Calm => "calm",
    }
}

fn clips_field(hearing: &Hearing) -> String {
    let grid = hearing.clip_grid();
    let lengths = || grid.iter().map(|slot| slot.end.0 - slot.start.0);
    let shortest = lengths().fold(f64::INFINITY, f64::min);
    let longest = lengths().fold(0.0, f64::max);
    let mean = lengths().sum::<f64>() / grid.len().max(1) as f64;
    let edges = [
        (Edge::Downbeat, "downbeats"),
        (Edge::Beat, "beats"),
        (Edge::Onset, "onsets"),
        (Edge::Time, "even time"),
    ];
    let kinds: Vec<String> = edges
        .iter()
        .map(|(kind, name)| (grid.iter().filter(|slot| slot.edge == *kind).count(), name))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} on {name}"))
        .collect();
    format!(
        "{} of {shortest:.1} to {longest:.1} s, {mean:.1} s on average  {}",
        grid.len(),
        style(format!("cuts: {}", kinds.join(", "))).dim()
    )
}

fn lyrics_field(lyrics: &Lyrics) -> String {
    let words = lyrics.lines.iter().map(|line| line.words.len()).sum();
    let given = lyrics.lines.iter().flat_map(|line| &line.words);
    let given = given.filter(|word| word.given).count();
    format!(
        "{}, {}, {given} at given times",
        count(lyrics.lines.len(), "line"),
        count(words, "word")
    )
}

/// The energy over the song, in the colours of its sections.
fn energy_curve(hearing: &Hearing) -> String {
    let curve = &hearing.envelopes.energy;
    let duration = hearing.duration().0;
    let column = |at: usize| {
        let bounds = [at, at + 1].map(|at| at * curve.len() / COLUMNS);
        let part = curve.get(bounds[0]..bounds[1].max(bounds[0] + 1));
        let most = part.unwrap_or_default().iter().max().copied().unwrap_or(0);
        let height = usize::from(most) * (HEIGHTS.len() - 1) / 255;
        let height = HEIGHTS.get(height).copied().unwrap_or(' ');
        let time = (at as f64 + 0.5) / COLUMNS as f64 * duration;
        let section = hearing
            .sections()
            .iter()
            .find(|section| time < section.end.0);
        let colours = section.map_or_else(Style::new, |section| coloured(&section.label));
        colours.apply_to(height).to_string()
    };
    (0..COLUMNS).map(column).collect()
}

fn coloured(label: &str) -> Style {
    let letter = label.bytes().next().unwrap_or(b'A');
    let mut colours = COLOURS.iter().cycle();
    let colour = colours.nth(usize::from(letter.wrapping_sub(b'A')));
    Style::new().fg(colour.copied().unwrap_or(Color::White))
}

fn section_line(section: &Section, hearing: &Hearing) -> String {
    let bars = hearing
        .beats()
        .iter()
        .filter(|beat| beat.downbeat && (section.start..section.end).contains(&beat.time))
        .count();
    let bars = if bars == 0 {
        String::new()
    } else {
        count(bars, "bar")
    };
    format!(
        "{}  {:<7} {:>8} {} {:<8}  {bars:<8} {} energy {:.2}",
        coloured(&section.label).bold().apply_to(&section.label),
        kind(section.kind),
        clock(section.start.0),
        style("–").dim(),
        clock(section.end.0),
        gauge(f64::from(section.energy)),
        section.energy,
    )
}

/// A kind of section, for people.
pub(super) const fn kind(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Intro => "intro",
        SectionKind::Verse => "verse",
        SectionKind::Chorus => "chorus",
        SectionKind::Bridge => "bridge",
        SectionKind::Break => "break",
        SectionKind::Drop => "drop",
        SectionKind::Outro => "outro",
    }
}

/// `1 bar`, `2 bars`.
fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// `3:07.4`.
fn clock(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() as u64;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}
