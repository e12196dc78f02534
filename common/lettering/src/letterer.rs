//! Draws the cues of a clip on its frames.

use model::FrameRate;
use model::format::{FrameSize, VideoFormat};
use model::lettering::{Cue, Face, Lettering, Role};

use crate::cells::{self, Cell};
use crate::ink::{Ink, Inks, Yuv};
use crate::layout;
use crate::mask::{Blend, Frame};
use crate::motion::{self, Lit, Pose};
use crate::veil::{Cost, Strength, Veil};
use crate::wording;

/// Draws letters. Frames are meant to be drawn in order: whether letters are light or dark follows the
/// picture under them, and turns slowly.
///
/// While a cue shows it holds a byte and a half for each pixel around its letters: about 0.5 MB for a line
/// at 1080p. Nothing is held for cues that are over or still to come.
#[derive(Debug)]
pub struct Letterer {
    size: FrameSize,
    rate: FrameRate,
    face: Face,
    inks: Inks,
    cues: Vec<Shown>,
}

/// A cue, and what is drawn for it while it shows.
#[derive(Debug)]
struct Shown {
    cue: Cue,
    set: Set,
}

#[derive(Debug)]
enum Set {
    Waiting,
    Showing(Box<Text>),
    /// It is over, or has nothing that could be drawn.
    Over,
}

/// A text that is drawn.
#[derive(Debug)]
struct Text {
    cells: Vec<Cell>,
    veil: Veil,
    em: f32,
    /// How far its letters are dark, 0–1.
    dark: f32,
    /// Whether they are to be.
    wants_dark: bool,
    is_new: bool,
}

/// Frames in which letters turn from light to dark.
const TURN: f32 = 10.0;
/// How much better the other kind has to be for letters to turn.
const RELUCTANCE: f32 = 0.10;

impl Letterer {
    /// For a clip of this format.
    pub fn new(lettering: &Lettering, format: VideoFormat) -> Self {
        let cues = lettering.cues.iter().map(|cue| Shown {
            cue: cue.clone(),
            set: Set::Waiting,
        });
        Self {
            size: format.size,
            rate: format.rate,
            face: lettering.face,
            inks: Inks::of(&lettering.palette),
            cues: cues.collect(),
        }
    }

    /// Draws what is to be seen in the film's frame `frame` on `picture`: its planes Y, U and V in 8 bits,
    /// BT.709, one after the other. A picture of another length is left as it is.
    pub fn draw(&mut self, frame: u64, picture: &mut [u8]) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let Some(mut canvas) = Frame::over(picture, width, height) else {
            return;
        };
        let (size, rate, face, inks) = (self.size, self.rate, self.face, self.inks);
        for shown in &mut self.cues {
            let Shown { cue, set } = shown;
            if frame >= cue.seen.end() {
                *set = Set::Over;
            }
            if frame < cue.seen.first {
                continue;
            }
            if matches!(set, Set::Waiting) {
                *set = Text::of(cue, face, size)
                    .map_or(Set::Over, |text| Set::Showing(Box::new(text)));
            }
            if let Set::Showing(text) = set {
                text.draw((cue, rate), frame, &inks, &mut canvas);
            }
        }
    }
}

impl Text {
    fn of(cue: &Cue, face: Face, size: FrameSize) -> Option<Self> {
        let face = match cue.role {
            // Narrow capitals are for a few large words, not for reading.
            Role::Lyric if face == Face::Condensed => Face::Grotesk,
            _ => face,
        };
        let wording = wording::read(cue, face)?;
        let layout = layout::lay_out(&wording, (cue.role, face), size)?;
        let pixels = (size.width as usize, size.height as usize);
        let cells = cells::of(&wording, &layout, pixels);
        let masks: Vec<_> = cells.iter().map(|cell| &cell.mask).collect();
        let veil = Veil::of(&masks, layout.em, pixels);
        (!cells.is_empty()).then_some(Self {
            cells,
            veil,
            em: layout.em,
            dark: 0.0,
            wants_dark: false,
            is_new: true,
        })
    }

    fn draw(
        &mut self,
        (cue, rate): (&Cue, FrameRate),
        frame: u64,
        inks: &Inks,
        canvas: &mut Frame<'_>,
    ) {
        let cost = self.veil.cost(canvas);
        self.turn(cost);
        let count = self
            .cells
            .iter()
            .map(|cell| cell.order + 1)
            .max()
            .unwrap_or(0);
        let pose = |order| motion::pose(cue.role, (cue.seen, rate), (order, count), frame);
        let present = self.cells.iter().map(|cell| pose(cell.order).presence);
        let present = present.fold(0.0, f32::max);
        self.veil.draw(
            Strength {
                light: (present * (1.0 - self.dark) * 256.0) as i32,
                dark: (present * self.dark * 256.0) as i32,
            },
            canvas,
        );
        for cell in &self.cells {
            let Pose { presence, drop } = pose(cell.order);
            let lit = motion::lit(cell.sung, rate, frame);
            let (light, dark) = (tone(&inks.light, lit), tone(&inks.dark, lit));
            let blend = Blend {
                colour: between(light, dark, self.dark),
                strength: (presence * 256.0) as i32,
                drop: (drop * self.em * 256.0) as i32,
            };
            cell.mask.blend(blend, canvas);
        }
    }

    /// Light letters or dark ones: those under which the picture has to give way less.
    fn turn(&mut self, cost: Cost) {
        let reluctance = if self.is_new { 0.05 } else { RELUCTANCE };
        if self.wants_dark {
            self.wants_dark = cost.light + reluctance > cost.dark;
        } else {
            self.wants_dark = cost.dark + reluctance < cost.light;
        }
        let aim = f32::from(u8::from(self.wants_dark));
        self.dark = if self.is_new {
            aim
        } else {
            self.dark + (aim - self.dark).clamp(-1.0 / TURN, 1.0 / TURN)
        };
        self.is_new = false;
    }
}

fn tone(ink: &Ink, lit: Lit) -> Yuv {
    let tone = between(ink.plain, ink.waiting, lit.waiting);
    between(tone, ink.sung, lit.sung)
}

fn between(a: Yuv, b: Yuv, t: f32) -> Yuv {
    std::array::from_fn(|at| {
        let (from, to) = (f32::from(a[at]), f32::from(b[at]));
        (from + (to - from) * t + 0.5) as u8
    })
}
