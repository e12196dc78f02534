//! Motifs: what is laid over a scene. Sharp marks are strokes of luma at full size; light is added to
//! the canvas, so that it blooms and keeps its colour.

use model::look::{Motif, SceneParameters};

use crate::colour::{Colours, Rgb, blend, light_of};
use crate::hash::Dice;
use crate::maths::{cos, exp2, mix, sin, smoothstep};
use crate::motion::Moment;
use crate::plane::Canvas;
use crate::scenes::Size;
use crate::strokes::{Stroke, Strokes};

/// A thing of a motif: what it does follows from these numbers and the time.
#[derive(Debug, Clone, Copy)]
struct Mote {
    /// 0–1: where it begins.
    x: f32,
    y: f32,
    /// 0 (far) to 1 (near).
    near: f32,
    /// 0–1: what else tells it from others.
    whim: f32,
    phase: f32,
}

/// A disc of light in the canvas, in pixels of half size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disc {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    pub(crate) light: Rgb,
}

/// The motifs of a clip, and how they lie on the frame.
#[derive(Debug)]
pub(crate) struct Motifs {
    size: Size,
    all: Vec<(Motif, Vec<Mote>)>,
    /// As display colours, and the first two as light.
    lamps: [Rgb; 3],
    lights: [Rgb; 2],
    strokes: Strokes,
    discs: Vec<Disc>,
    /// Stray light: along x, along y, and its colour.
    leaks: Vec<(Vec<f32>, Vec<f32>, Rgb)>,
}

impl Motifs {
    pub(crate) fn new(parameters: &SceneParameters, size: Size) -> Self {
        let colours = Colours::new(&parameters.palette);
        let motifs = parameters.motifs.into_iter().flatten();
        let lamps = [
            blend(colours.accent, colours.light, 0.35),
            colours.light,
            blend(colours.tone, colours.accent, 0.4),
        ];
        Self {
            size,
            all: motifs
                .map(|motif| {
                    let mut dice = Dice::new(parameters.seed, 0x006d_6f74 + motif as u64);
                    let count = count(motif, parameters.intensity);
                    (motif, (0..count).map(|_| mote(&mut dice)).collect())
                })
                .collect(),
            lights: [light_of(lamps[0]), light_of(lamps[1])],
            lamps,
            strokes: Strokes::default(),
            discs: Vec::new(),
            leaks: Vec::new(),
        }
    }

    /// Lays everything out for a frame.
    pub(crate) fn prepare(&mut self, moment: &Moment) {
        self.strokes.clear();
        self.discs.clear();
        self.leaks.clear();
        let all = std::mem::take(&mut self.all);
        for (motif, motes) in &all {
            match motif {
                Motif::Birds => self.birds(motes, moment),
                Motif::LightLeaks => self.stray(motes, moment),
                _ => {
                    for mote in motes {
                        self.place(*motif, mote, moment);
                    }
                }
            }
        }
        self.all = all;
        self.strokes.sort();
    }

    fn place(&mut self, motif: Motif, mote: &Mote, moment: &Moment) {
        match motif {
            Motif::Stars => self.star(mote, moment),
            Motif::Dust => self.speck(mote, moment),
            Motif::Snow => self.flake(mote, moment),
            Motif::Rain => self.drop(mote, moment),
            Motif::Bokeh => self.bokeh(mote, moment),
            Motif::Embers => self.ember(mote, moment),
            Motif::Birds | Motif::LightLeaks => {}
        }
    }

    /// A place in 0–1 each way, wrapped beyond the edges, in pixels of full size.
    fn at(&self, x: f32, y: f32, near: f32, moment: &Moment) -> (f32, f32) {
        let (width, height) = (self.size.width as f32, self.size.height as f32);
        let parallax = 0.15 + 0.85 * near;
        let x = x - moment.view.x * 0.5 * parallax * height / width;
        let y = y - moment.view.y * 0.5 * parallax;
        let wrap = |v: f32| (v - v.floor()) * 1.2 - 0.1;
        (wrap(x) * width, wrap(y) * height)
    }

    /// Pixels of full size for one at 1080 lines.
    fn pixel(&self) -> f32 {
        self.size.height as f32 / 1080.0
    }

    fn spot(&mut self, (x, y): (f32, f32), radius: f32, soft: f32, strength: f32) {
        self.strokes.push(Stroke {
            from: (x, y),
            to: (x, y),
            radius,
            soft,
            tone: 1.0,
            strength,
        });
    }

    fn star(&mut self, mote: &Mote, moment: &Moment) {
        let bright = mote.whim * mote.whim * mote.whim;
        let twinkle = 0.5 + 0.5 * sin(mote.phase + moment.time * (0.2 + mote.near * 0.7));
        let strength =
            (0.16 + 0.7 * bright) * (0.75 + 0.25 * twinkle + 0.3 * moment.treble * twinkle);
        let pixel = self.pixel();
        let at = self.at(mote.x, mote.y * 0.8, mote.near * 0.15, moment);
        self.spot(
            at,
            (0.5 + 0.7 * bright) * pixel,
            1.6 * pixel,
            strength.min(0.95),
        );
    }

    fn speck(&mut self, mote: &Mote, moment: &Moment) {
        let x = mote.x + 0.02 * sin(mote.phase + moment.flow * 0.04) + moment.flow * 0.004;
        let y = mote.y - moment.flow * (0.004 + 0.010 * mote.near);
        let at = self.at(x, y, mote.near, moment);
        // Near ones are out of focus: larger and fainter.
        let blur = mote.near * mote.near;
        let radius = (1.0 + 6.0 * blur) * self.pixel();
        let glint = 0.6 + 0.4 * sin(mote.phase * 3.0 + moment.flow * 0.12);
        let strength = mix(0.42, 0.07, blur) * glint * (1.0 + 0.6 * moment.treble);
        self.spot(at, radius, radius * 1.7, strength.min(0.6));
    }

    fn flake(&mut self, mote: &Mote, moment: &Moment) {
        let speed = 0.05 + 0.11 * mote.near;
        let sway = sin(mote.phase + moment.time * (0.10 + 0.15 * mote.whim));
        let x = mote.x + 0.018 * sway * (0.4 + mote.near) + moment.flow * 0.012;
        let at = self.at(x, mote.y + moment.time * speed, mote.near, moment);
        let blur = mote.near * mote.near * mote.near;
        let radius = (1.0 + 1.8 * mote.near + 7.0 * blur) * self.pixel();
        let strength = mix(0.75, 0.28, blur) * (0.7 + 0.3 * mote.whim);
        self.spot(at, radius, radius * mix(0.9, 1.7, blur), strength);
    }

    fn drop(&mut self, mote: &Mote, moment: &Moment) {
        let speed = 1.1 + 1.5 * mote.near;
        let (x, y) = self.at(
            mote.x + mote.y * 0.03,
            mote.y + moment.time * speed,
            mote.near,
            moment,
        );
        // As long as it falls while a shutter is half open.
        let long = speed * self.size.height as f32 / 60.0 * (0.8 + 0.4 * mote.whim);
        let strength = mix(0.07, 0.22, mote.near) * (0.8 + 0.4 * moment.energy);
        self.strokes.push(Stroke {
            from: (x, y),
            to: (x - long * 0.07, y + long),
            radius: mix(0.35, 0.9, mote.near) * self.pixel(),
            soft: 1.3 * self.pixel(),
            tone: 0.95,
            strength,
        });
    }

    /// A flock that crosses the upper part of the frame, wings up and down.
    fn birds(&mut self, motes: &[Mote], moment: &Moment) {
        let Some(leader) = motes.first() else {
            return;
        };
        let side = if leader.whim < 0.5 { 1.0 } else { -1.0 };
        let (height, aspect) = (self.size.height as f32, self.size.aspect());
        let way = (leader.x + moment.flow * 0.018).fract() * 2.6 - 1.3;
        for mote in motes {
            let wander = 0.02 * sin(mote.phase + moment.time * 0.11);
            let x = side * way * aspect + (mote.x - 0.5) * 0.55 + wander;
            let y = -0.62 + 0.25 * leader.y + (mote.y - 0.5) * 0.24 + 0.5 * wander
                - moment.view.y * 0.2;
            let (x, y) = ((x + aspect) * height * 0.5, (y + 1.0) * height * 0.5);
            let span = mix(7.0, 15.0, mote.near) * self.pixel();
            let wave = mote.phase + moment.time * (1.5 + 0.5 * mote.whim);
            // Some strokes, then a glide.
            let glide = smoothstep(0.2, 0.6, sin(mote.phase * 5.0 + moment.time * 0.13));
            let lift = mix(sin(wave), -0.25, glide) * 0.55 * span;
            for (out, tip) in [(-span, -lift - 0.12 * span), (span, -lift)] {
                self.strokes.push(Stroke {
                    from: (x, y),
                    to: (x + out, y + tip),
                    radius: mix(0.55, 1.0, mote.near) * self.pixel(),
                    soft: 1.2,
                    tone: 0.05,
                    strength: 0.8,
                });
            }
        }
    }

    fn bokeh(&mut self, mote: &Mote, moment: &Moment) {
        let x = mote.x + 0.03 * sin(mote.phase + moment.flow * 0.02);
        let y = mote.y + 0.02 * sin(mote.phase * 2.0 + moment.flow * 0.017);
        let (x, y) = self.at(x, y, mote.near, moment);
        // Dimmer ones are mixed towards black in OKLab, where they keep their hue.
        let bright = 0.10 + 0.62 * (1.0 - mote.whim) * (1.0 - mote.whim);
        let pulse = 0.8 + 0.5 * moment.beat * f32::from(mote.phase < 0.34) + 0.35 * moment.bass;
        let colour = self.lamps[(mote.phase * 3.0) as usize % 3];
        let radius = mix(0.022, 0.095, mote.near) * self.size.height as f32 * 0.5;
        let light = light_of(blend([0.0; 3], colour, bright)).map(|v| v * pulse);
        self.discs.push(Disc {
            x: x * 0.5,
            y: y * 0.5,
            radius,
            light,
        });
    }

    fn ember(&mut self, mote: &Mote, moment: &Moment) {
        let rise = 0.05 + 0.10 * mote.near;
        let life = (mote.y + moment.flow * rise).fract();
        let turn =
            sin(mote.phase + moment.flow * 0.22) + 0.5 * sin(mote.phase * 7.0 + moment.flow * 0.51);
        let x = mote.x + 0.025 * turn + 0.02 * life;
        let (x, _) = self.at(x, 0.0, mote.near, moment);
        let y = (1.06 - life * 0.95) * self.size.height as f32;
        let flicker = 0.6 + 0.4 * sin(mote.phase * 11.0 + moment.time * (2.0 + 3.0 * mote.whim));
        let fade = smoothstep(0.0, 0.12, life) * smoothstep(1.0, 0.35, life);
        let heat = fade * flicker * (0.7 + 0.5 * moment.energy + 0.4 * moment.beat);
        let radius = mix(0.6, 1.9, mote.near * mote.near) * self.pixel();
        self.spot((x, y), radius, radius * 1.6, (0.9 * heat).min(0.95));
        let light = self.lights[0].map(|v| v * heat * 2.6);
        self.discs.push(Disc {
            x: x * 0.5,
            y: y * 0.5,
            radius: radius * 1.2 + 0.6,
            light,
        });
    }

    /// Light that strays in from an edge, breathing slowly.
    fn stray(&mut self, motes: &[Mote], moment: &Moment) {
        let (width, height) = (self.size.width / 2, self.size.height / 2);
        for (index, mote) in motes.iter().enumerate() {
            let breath = 0.5 + 0.5 * sin(mote.phase + moment.flow * 0.03);
            let side = if mote.x < 0.5 { -0.08 } else { 1.08 };
            let middle = side + 0.10 * sin(mote.phase * 3.0 + moment.flow * 0.021);
            let centre = mote.y + 0.15 * sin(mote.phase * 5.0 + moment.flow * 0.017);
            let bell = |count: usize, centre: f32, reach: f32| -> Vec<f32> {
                (0..count)
                    .map(|at| {
                        let d = ((at as f32 + 0.5) / count as f32 - centre) / reach;
                        exp2(-1.44 * d * d)
                    })
                    .collect()
            };
            let power =
                (0.030 + 0.060 * breath) * (0.8 + 0.3 * moment.bass + 0.25 * moment.downbeat);
            let light = self.lights[index % 2].map(|v| v * power);
            self.leaks.push((
                bell(width, middle, 0.16 + 0.16 * mote.near),
                bell(height, centre, 0.35 + 0.35 * mote.whim),
                light,
            ));
        }
    }

    /// Adds the light of the motifs.
    pub(crate) fn light(&self, canvas: &mut Canvas) {
        for disc in &self.discs {
            shine(canvas, disc);
        }
        for (across, down, light) in &self.leaks {
            for (y, share) in down.iter().enumerate() {
                for (row, level) in canvas.rows_mut(y).into_iter().zip(light) {
                    let level = level * share;
                    for (value, along) in row.iter_mut().zip(across) {
                        *value += along * level;
                    }
                }
            }
        }
    }

    /// Draws the marks of row `y` at full size.
    pub(crate) fn luma_row(&self, y: usize, row: &mut [f32]) {
        self.strokes.luma_row(y, row);
    }
}

/// Adds a disc of light: six-sided with rounded corners as an aperture is, a little brighter at its rim.
pub(crate) fn shine(canvas: &mut Canvas, disc: &Disc) {
    let (width, height) = (canvas.width(), canvas.height());
    let reach = disc.radius + 1.0;
    let first = (disc.y - reach).max(0.0) as usize;
    let last = ((disc.y + reach).max(0.0) as usize + 1).min(height);
    let left = (disc.x - reach).max(0.0) as usize;
    let right = ((disc.x + reach).max(0.0) as usize + 1).min(width);
    let (c, s) = (cos(0.04), sin(0.04));
    for y in first..last {
        let dy = y as f32 + 0.5 - disc.y;
        let [red, green, blue] = canvas.rows_mut(y);
        for x in left..right {
            let dx = x as f32 + 0.5 - disc.x;
            let (u, v) = (dx * c + dy * s, dy * c - dx * s);
            let sides = (0.5 * u.abs() + 0.866_025_4 * v.abs()).max(u.abs()) * 1.06;
            let round = (u * u + v * v).sqrt();
            let out = sides.max(round * 0.985);
            let cover = ((disc.radius - out) * 0.8 + 0.5).clamp(0.0, 1.0);
            let rim = out / disc.radius;
            let level = cover * (0.78 + 0.34 * rim * rim * rim);
            red[x] += disc.light[0] * level;
            green[x] += disc.light[1] * level;
            blue[x] += disc.light[2] * level;
        }
    }
}

fn count(motif: Motif, intensity: f32) -> usize {
    let more = 0.7 + 0.6 * intensity.clamp(0.0, 1.0);
    let usual = match motif {
        Motif::Stars => 260.0,
        Motif::Dust => 70.0,
        Motif::Snow => 240.0,
        Motif::Rain => 170.0,
        Motif::Birds => 9.0,
        Motif::Bokeh => 16.0,
        Motif::LightLeaks => return 3,
        Motif::Embers => 80.0,
    };
    (usual * more) as usize
}

fn mote(dice: &mut Dice) -> Mote {
    Mote {
        x: dice.unit(),
        y: dice.unit(),
        near: dice.unit(),
        whim: dice.unit(),
        phase: dice.unit(),
    }
}
