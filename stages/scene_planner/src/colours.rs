//! The palette of a film: four anchors from dark to light along one path of hue, and an accent.
//!
//! Ours. Rules: the anchors' lightness is what gives a picture its depth, so it is set first and hardly
//! moves; chroma is highest in the middle; hue travels from the shadows to the lights as it does
//! outdoors; one accent stands against it.

use model::analysis::{Mood, MoodWord};
use model::harmony::{KeyGuess, Mode};
use model::look::{Palette, SceneKind};
use model::style::Style;

use crate::oklch::Oklch;
use crate::theme::Theme;

/// A palette as numbers, before it becomes colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scheme {
    /// Hue of the shadows, in degrees.
    shadow: f64,
    /// Hue of the lights.
    light: f64,
    /// Hue of what stands out.
    accent: f64,
    /// Added to every lightness.
    lightness: f64,
    /// Times every chroma.
    chroma: f64,
}

/// What a named look does to a scheme.
struct Tint {
    /// Hues of shadow, light and accent, where the sentence names no colour.
    hues: Option<(f64, f64, f64)>,
    /// Added to every lightness.
    lightness: f64,
    /// Times every chroma but the accent's.
    chroma: f64,
}

const fn tint(style: Style) -> Tint {
    let (hues, lightness, chroma) = match style {
        Style::Neon => (Some((300.0, 200.0, 345.0)), -0.04, 1.35),
        Style::Noir => (None, -0.06, 0.12),
        Style::Pastel => (None, 0.08, 0.55),
        Style::GoldenHour => (Some((30.0, 85.0, 20.0)), 0.02, 1.1),
        Style::Vintage => (Some((60.0, 100.0, 30.0)), 0.02, 0.5),
        Style::Frost => (Some((255.0, 215.0, 190.0)), 0.05, 0.7),
    };
    Tint {
        hues,
        lightness,
        chroma,
    }
}

impl Scheme {
    /// The scheme of a film: the prompt's colours where it names some, else those of its first scene,
    /// shifted by the song's mood.
    pub(crate) fn of_film(
        theme: &Theme,
        scene: SceneKind,
        mood: Mood,
        key: Option<KeyGuess>,
    ) -> Self {
        let (shadow, light, accent) = natural_hues(scene);
        let hues = if theme.hues.is_empty() {
            &theme.tints
        } else {
            &theme.hues
        };
        let (shadow, light, accent) = match hues.as_slice() {
            [] => {
                let turned = theme.drift + key_turn(key);
                (shadow + turned, light + turned, accent + theme.drift)
            }
            // One colour: it leads, its neighbours carry, its opposite is the accent.
            [lead] => (lead - 20.0, lead + 35.0, lead + 180.0),
            [lead, second] => (*lead, *lead + 0.35 * turn(*lead, *second), *second),
            [lead, second, third, ..] => (*lead, *second, *third),
        };
        let (shadow, light) = tempered((shadow, light), theme);
        let (lightness, chroma) = mood_shift(mood);
        let (lightness, chroma) = match key {
            // Minor is darker and less coloured, by as much as the key is certain.
            Some(guess) if guess.key.mode == Mode::Minor => {
                let sure = f64::from(guess.probability);
                (lightness - 0.02 * sure, chroma - 0.12 * sure)
            }
            _ => (lightness, chroma),
        };
        Self {
            shadow,
            light,
            accent,
            lightness: (0.05 * theme.lightness + lightness).clamp(-0.07, 0.07),
            chroma: (1.0 + 0.35 * theme.vividness + chroma).clamp(0.35, 1.5),
        }
    }

    /// The same in a named look. Colours that the sentence names (`theme`) stay.
    pub(crate) fn in_style(self, style: Option<Style>, theme: &Theme) -> Self {
        let Some(tint) = style.map(tint) else {
            return self;
        };
        let given = tint.hues.filter(|_| theme.hues.is_empty());
        let (shadow, light, accent) = given.unwrap_or((self.shadow, self.light, self.accent));
        Self {
            shadow,
            light,
            accent,
            lightness: self.lightness + tint.lightness,
            chroma: self.chroma * tint.chroma,
        }
    }

    /// A place's own variation: hue turned by `degrees`, and darker or lighter by `lightness`.
    pub(crate) fn varied(self, degrees: f64, lightness: f64) -> Self {
        Self {
            shadow: self.shadow + degrees,
            light: self.light + degrees,
            lightness: (self.lightness + lightness).clamp(-0.12, 0.12),
            ..self
        }
    }

    /// The colours themselves.
    pub(crate) fn palette(self) -> Palette {
        let anchor = |lightness: f64, chroma: f64, along: f64| {
            let hue = self.shadow + along * turn(self.shadow, self.light);
            Oklch::new(lightness + self.lightness, chroma * self.chroma, hue).to_srgb()
        };
        Palette {
            deep: anchor(0.19, 0.055, 0.0),
            shade: anchor(0.38, 0.105, 0.25),
            tone: anchor(0.64, 0.125, 0.7),
            light: anchor(0.90, 0.06, 1.0),
            accent: Oklch::new(0.72, 0.19 * self.chroma.max(0.8), self.accent).to_srgb(),
        }
    }
}

/// The hues of warm and of cold light.
const WARM: f64 = 65.0;
const COLD: f64 = 240.0;
/// How far the hues of light and shadow go there where nothing but that is asked for.
const OF_LIGHT: f64 = 0.75;
const OF_SHADOW: f64 = 0.2;

/// Shadow and light as warm or cold as asked for: light takes its colour from the hour more than shadow does.
/// Colours that are named stay.
fn tempered((shadow, light): (f64, f64), theme: &Theme) -> (f64, f64) {
    if !theme.hues.is_empty() {
        return (shadow, light);
    }
    let goal = if theme.warmth > 0.0 { WARM } else { COLD };
    let towards = |hue: f64, share: f64| hue + share * theme.warmth.abs() * turn(hue, goal);
    (towards(shadow, OF_SHADOW), towards(light, OF_LIGHT))
}

/// Hues of shadow, light and accent that suit a scene when nobody asks for others.
fn natural_hues(scene: SceneKind) -> (f64, f64, f64) {
    match scene {
        SceneKind::Nebula => (285.0, 20.0, 65.0),
        SceneKind::Ridges => (290.0, 70.0, 40.0),
        SceneKind::NeonCity => (280.0, 210.0, 345.0),
        SceneKind::Bauhaus => (265.0, 85.0, 30.0),
        SceneKind::Aurora => (255.0, 165.0, 150.0),
        SceneKind::Ink => (250.0, 60.0, 25.0),
        SceneKind::Ocean => (250.0, 205.0, 75.0),
        SceneKind::Silk => (330.0, 35.0, 65.0),
        SceneKind::Halftone => (265.0, 80.0, 32.0),
        SceneKind::Clouds => (262.0, 50.0, 45.0),
        SceneKind::Rain => (255.0, 215.0, 65.0),
        SceneKind::Contours => (220.0, 160.0, 70.0),
        SceneKind::Dunes => (345.0, 65.0, 45.0),
        SceneKind::Tunnel => (290.0, 350.0, 80.0),
        SceneKind::Forest => (190.0, 120.0, 75.0),
        SceneKind::Chrome => (265.0, 235.0, 350.0),
        SceneKind::Constellation => (265.0, 225.0, 60.0),
    }
}

/// By how much the song's key turns the hues where the prompt names none: fifths go round, eleven degrees
/// at most to either side, minor towards blue.
fn key_turn(key: Option<KeyGuess>) -> f64 {
    let Some(guess) = key else {
        return 0.0;
    };
    let fifths = (guess.key.tonic.semitones() * 7 % 12) as f64;
    let round = (fifths / 12.0 * std::f64::consts::TAU).sin() * 11.0;
    let minor = if guess.key.mode == Mode::Minor {
        -8.0
    } else {
        4.0
    };
    (round + minor) * f64::from(guess.probability)
}

/// How the song's mood shifts lightness and chroma.
fn mood_shift(mood: Mood) -> (f64, f64) {
    let sure = f64::from(mood.confidence.clamp(0.0, 1.0));
    let (lightness, chroma) = match mood.primary {
        MoodWord::Energetic => (0.01, 0.2),
        MoodWord::Bright => (0.03, 0.1),
        MoodWord::Dark => (-0.03, -0.1),
        MoodWord::Calm => (0.0, -0.15),
    };
    (lightness * sure, chroma * sure)
}

/// The shorter way round from one hue to another, in degrees, −180 to 180.
fn turn(from: f64, to: f64) -> f64 {
    (to - from + 180.0).rem_euclid(360.0) - 180.0
}

#[cfg(test)]
mod tests {
    use model::look::Srgb;

    use super::*;
    use crate::theme;

    const NEUTRAL: Mood = Mood {
        primary: MoodWord::Calm,
        secondary: None,
        valence: 0.0,
        arousal: 0.0,
        confidence: 0.0,
    };

    fn palette_of(prompt: &str) -> Palette {
        let theme = theme::read(prompt);
        Scheme::of_film(&theme, theme.scenes[0], NEUTRAL, None).palette()
    }

    fn brightness(Srgb([red, green, blue]): Srgb) -> u32 {
        2 * u32::from(red) + 5 * u32::from(green) + u32::from(blue)
    }

    #[test]
    fn anchors_run_from_dark_to_light_whatever_is_asked_for() {
        for prompt in [
            "",
            "dark red night",
            "bright pastel pink morning light",
            "teal and gold",
            "neon",
        ] {
            let palette = palette_of(prompt);
            let steps = [palette.deep, palette.shade, palette.tone, palette.light].map(brightness);
            assert!(steps.is_sorted_by(|a, b| a < b), "{prompt}: {steps:?}");
        }
    }

    #[test]
    fn a_named_colour_leads_the_palette() {
        let Srgb([red, green, blue]) = palette_of("everything in deep blue").tone;
        assert!(blue > red && blue > green, "{red} {green} {blue}");
        let Srgb([red, _, blue]) = palette_of("all crimson and scarlet").tone;
        assert!(red > blue, "{red} {blue}");
    }

    #[test]
    fn warm_and_cold_light_fall_on_the_same_things() {
        let light = |prompt: &str| palette_of(prompt).light;
        let Srgb([red, _, blue]) = light("a pine forest in the mist, soft and warm");
        assert!(red > blue, "{red} {blue}");
        let Srgb([red, _, blue]) = light("a pine forest in the mist, still and cold");
        assert!(red < blue, "{red} {blue}");
        // A colour that is named is what it is.
        assert_eq!(light("a warm teal forest"), light("a teal forest"));
    }

    #[test]
    fn every_look_has_a_palette_of_its_own_that_still_runs_from_dark_to_light() {
        let theme = theme::read("a slow walk through it all");
        let scheme = Scheme::of_film(&theme, SceneKind::Ink, NEUTRAL, None);
        let mut seen = vec![scheme.palette()];
        for style in Style::ALL {
            let palette = scheme.in_style(Some(*style), &theme).palette();
            let steps = [palette.deep, palette.shade, palette.tone, palette.light].map(brightness);
            assert!(steps.is_sorted_by(|a, b| a < b), "{style}: {steps:?}");
            assert!(!seen.contains(&palette), "{style}");
            seen.push(palette);
        }
    }

    #[test]
    fn noir_has_hardly_a_colour_but_its_accent() {
        let theme = theme::read("everything in deep blue");
        let scheme = Scheme::of_film(&theme, SceneKind::Ridges, NEUTRAL, None);
        let palette = scheme.in_style(Some(Style::Noir), &theme).palette();
        let spread = |Srgb(parts): Srgb| {
            let (least, most) = (parts.iter().min(), parts.iter().max());
            most.unwrap() - least.unwrap()
        };
        assert!(spread(palette.tone) < 25, "{palette:?}");
        assert!(spread(palette.accent) > 80, "{palette:?}");
    }

    #[test]
    fn the_way_between_hues_is_the_shorter_one() {
        assert_eq!(turn(350.0, 10.0), 20.0);
        assert_eq!(turn(10.0, 350.0), -20.0);
    }
}
