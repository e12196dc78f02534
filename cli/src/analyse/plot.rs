//! The analysis as a picture: one lane a subject, over one time axis.

mod canvas;
mod lanes;

use std::path::Path;

use anyhow::Context;
use audio_parser::hearing::Hearing;
use model::Seconds;

use canvas::{Align, Area, Canvas, Paint, Type};

/// Pixels of the picture.
const SIZE: (u32, u32) = (2_000, 1_230);
const BACKGROUND: [u8; 3] = [14, 16, 22];
const PANEL: Paint = Paint::solid([23, 26, 36]);
const RULE: Paint = Paint::solid([52, 58, 75]);
const INK: Paint = Paint::solid([232, 235, 242]);
const QUIET: Paint = Paint::solid([146, 154, 174]);
/// One for each repetition label, then again from the first.
const COLOURS: [Paint; 8] = [
    Paint::solid([76, 201, 240]),
    Paint::solid([244, 114, 182]),
    Paint::solid([250, 204, 21]),
    Paint::solid([74, 222, 128]),
    Paint::solid([167, 139, 250]),
    Paint::solid([251, 146, 60]),
    Paint::solid([45, 212, 191]),
    Paint::solid([248, 113, 113]),
];
/// Where lanes begin and end: names stand left of them.
const LEFT: f32 = 130.0;
const RIGHT: f32 = 1_960.0;

/// Writes the picture of `hearing` as PNG to `path`.
pub(super) fn write(path: &Path, song: &Path, hearing: &Hearing) -> anyhow::Result<()> {
    let name = song.file_name().unwrap_or(song.as_os_str());
    let picture = draw(&name.to_string_lossy(), hearing).context("reading the built-in font")?;
    picture
        .save_with_format(path, image::ImageFormat::Png)
        .with_context(|| format!("writing {}", path.display()))
}

/// What is drawn on, and what is drawn.
struct Picture<'a> {
    canvas: Canvas,
    hearing: &'a Hearing,
}

fn draw(name: &str, hearing: &Hearing) -> Result<image::RgbImage, ab_glyph::InvalidFont> {
    let mut picture = Picture {
        canvas: Canvas::new(SIZE, BACKGROUND)?,
        hearing,
    };
    picture.header(name);
    picture.sections(lane(150.0, 196.0));
    picture.waveform(lane(206.0, 546.0));
    picture.clip_grid(lane(556.0, 600.0));
    picture.energy(lane(628.0, 848.0));
    picture.tempo(lane(876.0, 1_116.0));
    picture.time_axis(1_116.0);
    picture.legend(1_196.0);
    Ok(picture.canvas.into_image())
}

const fn lane(top: f32, bottom: f32) -> Area {
    Area {
        left: LEFT,
        top,
        right: RIGHT,
        bottom,
    }
}

impl Picture<'_> {
    /// Where an instant of the song lies.
    fn x(&self, time: Seconds) -> f32 {
        let duration = self.hearing.duration().0.max(1e-3);
        LEFT + (time.0 / duration) as f32 * (RIGHT - LEFT)
    }

    /// The part of the song (0–1) that lies at `x`.
    fn part(x: f32) -> f32 {
        ((x - LEFT) / (RIGHT - LEFT)).clamp(0.0, 1.0)
    }

    fn panel(&mut self, area: Area, name: &str) {
        self.canvas.rectangle(area, 6.0, PANEL);
        let middle = f32::midpoint(area.top, area.bottom);
        self.say(name, (LEFT - 16.0, middle + 6.0), 18.0, Align::Right);
    }

    /// A text that leads to something else.
    fn say(&mut self, text: &str, place: (f32, f32), size: f32, align: Align) {
        let set = Type {
            size,
            paint: QUIET,
            align,
        };
        self.canvas.text(text, place, set);
    }

    fn header(&mut self, name: &str) {
        let mut title = name.to_owned();
        while self.canvas.width(&title, 44.0) > RIGHT - LEFT && title.pop().is_some() {}
        if title.len() < name.len() {
            title.pop();
            title.push('…');
        }
        let set = Type {
            size: 44.0,
            paint: INK,
            align: Align::Left,
        };
        self.canvas.text(&title, (LEFT, 76.0), set);
        let facts = super::report::facts(self.hearing).join("   ·   ");
        self.say(&facts, (LEFT, 118.0), 23.0, Align::Left);
    }

    fn time_axis(&mut self, top: f32) {
        let duration = self.hearing.duration().0;
        // About a dozen labels, at times that a person would name.
        let step = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0]
            .into_iter()
            .find(|step| duration / step <= 16.0)
            .unwrap_or(300.0);
        let mut time = 0.0;
        while time <= duration {
            let x = self.x(Seconds(time));
            self.canvas.vertical(x, (top, top + 10.0), 2.0, RULE);
            let label = format!("{}:{:02}", time as u64 / 60, time as u64 % 60);
            self.say(&label, (x, top + 34.0), 20.0, Align::Centre);
            time += step;
        }
    }
}

/// The colour of a repetition label.
fn colour(label: &str) -> Paint {
    let letter = label.bytes().next().unwrap_or(b'A');
    let mut colours = COLOURS.iter().cycle();
    let colour = colours.nth(usize::from(letter.wrapping_sub(b'A')));
    colour.copied().unwrap_or(INK)
}
