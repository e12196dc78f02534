//! Draws the cues of a clip on its frames.

use model::FrameRate;
use model::format::{FrameSize, VideoFormat};
use model::lettering::{Cue, Face, Lettering, Role};

use crate::cells::{self, Cell};
use crate::ink::{Ink, Inks, Yuv};
use crate::layout;
use crate::mask::{Blend, Frame};
use crate::motion::{self, Lit, Pose};
use crate::veil::Veil;
use crate::wording;

/// Draws letters. Whether those of a cue are light or dark is decided once, by the picture under them when it
/// begins, and kept as long as it shows: letters that turn are read twice.
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
    /// Whether its letters are dark; `None` before the first frame.
    is_dark: Option<bool>,
}

/// How much better dark letters have to be than light ones, and how much more what gives way for them counts:
/// a bright patch about dark letters is louder than a dark one about light letters.
const RELUCTANCE: f32 = 0.05;
/// See above.
const LOUDER: f32 = 2.0;

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

    /// Decides on `picture` whether the cues that begin with the film's frame `frame` are light or dark. For
    /// cues that began before the clip, with the picture that was seen then; without this, the first frame
    /// that is drawn decides.
    pub fn begin(&mut self, frame: u64, picture: &mut [u8]) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let Some(canvas) = Frame::over(picture, width, height) else {
            return;
        };
        for shown in &mut self.cues {
            if shown.cue.seen.first == frame {
                shown.begin(self.face, self.size);
                if let Set::Showing(text) = &mut shown.set {
                    text.decide(&canvas);
                }
            }
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
            if frame >= shown.cue.seen.end() {
                shown.set = Set::Over;
            }
            if frame < shown.cue.seen.first {
                continue;
            }
            shown.begin(face, size);
            if let Set::Showing(text) = &mut shown.set {
                text.draw((&shown.cue, rate), frame, &inks, &mut canvas);
            }
        }
    }
}

impl Shown {
    fn begin(&mut self, face: Face, size: FrameSize) {
        if matches!(self.set, Set::Waiting) {
            let text = Text::of(&self.cue, face, size);
            self.set = text.map_or(Set::Over, |text| Set::Showing(Box::new(text)));
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
            is_dark: None,
        })
    }

    fn draw(
        &mut self,
        (cue, rate): (&Cue, FrameRate),
        frame: u64,
        inks: &Inks,
        canvas: &mut Frame<'_>,
    ) {
        let is_dark = self.decide(canvas);
        let count = self
            .cells
            .iter()
            .map(|cell| cell.order + 1)
            .max()
            .unwrap_or(0);
        let pose = |order| motion::pose(cue.role, (cue.seen, rate), (order, count), frame);
        let present = self.cells.iter().map(|cell| pose(cell.order).presence);
        let present = present.fold(0.0, f32::max);
        self.veil.draw((present * 256.0) as i32, canvas);
        for cell in &self.cells {
            let Pose { presence, drop } = pose(cell.order);
            let lit = motion::lit(cell.sung, rate, frame);
            let ink = if is_dark { &inks.dark } else { &inks.light };
            let blend = Blend {
                colour: tone(ink, lit),
                strength: (presence * 256.0) as i32,
                drop: (drop * self.em * 256.0) as i32,
            };
            cell.mask.blend(blend, canvas);
        }
    }

    /// Light letters or dark ones: those under which the picture has to give way less, once and for all.
    fn decide(&mut self, canvas: &Frame<'_>) -> bool {
        if let Some(is_dark) = self.is_dark {
            return is_dark;
        }
        let cost = self.veil.cost(canvas);
        let is_dark = cost.dark * LOUDER + RELUCTANCE < cost.light;
        self.veil.settle(is_dark);
        self.is_dark = Some(is_dark);
        is_dark
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
