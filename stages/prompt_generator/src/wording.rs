//! The sentence that a video model gets for a clip.

use model::analysis::{AudioAnalysis, MoodWord, SectionKind};
use model::look::Palette;
use model::plan::Shot;
use model::reference::Swatch;
use model::style::Style;

/// What a video model should keep out of every clip.
pub(crate) const NEGATIVE: &str = "text, captions, watermark, logo, frame border, split screen, flicker, cuts, low resolution, distortion";

/// The instruction for one shot: what is seen, its light and colours, its pace, and the user's words.
pub(crate) fn prompt(
    asked: &str,
    shot: &Shot,
    palette: Palette,
    heard: &AudioAnalysis,
    beats: usize,
) -> String {
    let section = heard
        .sections
        .get(shot.section)
        .map_or("", |section| part(section.kind));
    let rhythm = match beats {
        0 => String::new(),
        1 => ", with one accent on the beat".to_owned(),
        n => format!(", its motion accented on {n} beats"),
    };
    format!(
        "{seen}. {mood} light; colours {deep}, {shade}, {tone} and {light} with {accent} as the one accent. \
         {pace}{rhythm}.{section} One continuous shot. The film is about: {asked}",
        seen = capitalised(&shot.description),
        mood = mood(heard.mood.primary),
        deep = String::from(palette.deep),
        shade = String::from(palette.shade),
        tone = String::from(palette.tone),
        light = String::from(palette.light),
        accent = String::from(palette.accent),
        pace = pace(shot.intensity),
    )
}

/// The same with the colours that the still of its place really shows, so that a model that cannot look at
/// it still meets the film's look.
pub(crate) fn coloured(prompt: String, colours: &[Swatch]) -> String {
    let told = colours.iter().map(|swatch| {
        let share = (swatch.share * 100.0).round().max(1.0);
        format!("{} ({share:.0} %)", String::from(swatch.colour))
    });
    match told.collect::<Vec<_>>() {
        told if told.is_empty() => prompt,
        told => format!("{prompt} The picture as a whole is {}.", told.join(", ")),
    }
}

/// The same in a named look.
pub(crate) fn styled(prompt: String, style: Option<Style>) -> String {
    let look = match style {
        None => return prompt,
        Some(Style::Neon) => "glowing neon out of deep black, saturated, hard reflections",
        Some(Style::Noir) => {
            "film noir, nearly black and white, hard shadows, one accent of colour"
        }
        Some(Style::Pastel) => "soft pastel colours, airy, high key",
        Some(Style::GoldenHour) => "golden hour, warm low sun, long shadows",
        Some(Style::Vintage) => "faded old film stock, warm highlights, low contrast",
        Some(Style::Frost) => "cold blue light, white highlights, clear winter air",
    };
    format!("{prompt} Look: {look}.")
}

fn pace(intensity: f32) -> &'static str {
    match intensity {
        calm if calm < 0.33 => "Slow and still",
        medium if medium < 0.66 => "In steady motion",
        _ => "Fast and full of energy",
    }
}

fn mood(word: MoodWord) -> &'static str {
    match word {
        MoodWord::Energetic => "Hard, saturated",
        MoodWord::Bright => "Soft, open",
        MoodWord::Dark => "Low, contrasting",
        MoodWord::Calm => "Diffuse, quiet",
    }
}

fn part(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Intro => " The film is just beginning.",
        SectionKind::Verse => "",
        SectionKind::Chorus => " This is the chorus: the widest view.",
        SectionKind::Bridge => " This is the bridge: something else than before.",
        SectionKind::Break => " The music holds its breath.",
        SectionKind::Drop => " Everything comes back at once.",
        SectionKind::Outro => " The film is ending.",
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
