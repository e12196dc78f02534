//! Draws every scene in each of its variants, and every motif, on one sheet: `docs/visuals.jpg`.
//!
//! `cargo run -p beatreel-visuals --example contact_sheet -- docs/visuals.jpg`
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a tool for one's own eyes: it may stop where it stands"
)]

use std::fs::File;
use std::io::BufWriter;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use model::FrameRate;
use model::format::{FrameSize, VideoFormat};
use model::look::{CameraMove, Motif, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::music::MusicAt;
use visuals::{Picture, Renderer};

/// What is drawn, and what is left of it on the sheet: half as much each way.
const DRAWN: FrameSize = FrameSize {
    width: 800,
    height: 450,
};
const CELL: (usize, usize) = (400, 225);
const GAP: usize = 4;
const COLUMNS: usize = 4;
/// The frame of a clip that is shown, and how many are drawn to hear the music that led to it.
const FRAME: u32 = 46;
const RUN_UP: u32 = 4;

fn main() {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "docs/visuals.jpg".to_owned());
    let mut cells = Vec::new();
    for (row, scene) in SceneKind::ALL.into_iter().enumerate() {
        for variant in Variant::ALL {
            cells.push(SceneParameters {
                variant,
                ..parameters(scene, row)
            });
        }
    }
    for (index, motif) in Motif::ALL.into_iter().enumerate() {
        let scene = match motif {
            Motif::Birds | Motif::LightLeaks => SceneKind::Ridges,
            Motif::Rain => SceneKind::NeonCity,
            Motif::Stars => SceneKind::Dunes,
            Motif::Dust => SceneKind::Forest,
            Motif::Snow => SceneKind::Aurora,
            Motif::Bokeh => SceneKind::Silk,
            Motif::Embers => SceneKind::Ink,
        };
        cells.push(SceneParameters {
            motifs: [Some(motif), None],
            variant: if motif == Motif::Embers {
                Variant::Turned
            } else {
                Variant::Full
            },
            ..parameters(scene, index + 1)
        });
    }
    let rows = cells.len().div_ceil(COLUMNS);
    let (width, height) = (COLUMNS * (CELL.0 + GAP) - GAP, rows * (CELL.1 + GAP) - GAP);
    let mut sheet = vec![0_u8; width * height * 3];
    for (index, parameters) in cells.iter().enumerate() {
        let left = index % COLUMNS * (CELL.0 + GAP);
        let top = index / COLUMNS * (CELL.1 + GAP);
        place(&mut sheet, width, (left, top), &drawn(parameters));
    }
    let file = BufWriter::new(File::create(&path).expect("the sheet can be written"));
    JpegEncoder::new_with_quality(file, 74)
        .encode(&sheet, width as u32, height as u32, ExtendedColorType::Rgb8)
        .expect("the sheet can be written");
    println!("{path}: {} pictures, {width}×{height}", cells.len());
}

/// Half of a frame each way, as RGB.
fn drawn(parameters: &SceneParameters) -> Vec<u8> {
    let format = VideoFormat {
        size: DRAWN,
        rate: FrameRate::FPS_30,
    };
    let mut renderer = Renderer::new(parameters, format, 400, 90);
    let mut picture = Picture::new(DRAWN);
    for frame in FRAME - RUN_UP..=FRAME {
        renderer.render(frame, &music(f64::from(frame) / 30.0), &mut picture);
    }
    let rgb = picture.to_rgb();
    let wide = DRAWN.width as usize * 3;
    let mut half = Vec::with_capacity(CELL.0 * CELL.1 * 3);
    for y in 0..CELL.1 {
        for x in 0..CELL.0 {
            for channel in 0..3 {
                let at = y * 2 * wide + x * 6 + channel;
                let sum: u32 = [at, at + 3, at + wide, at + wide + 3]
                    .map(|at| u32::from(rgb[at]))
                    .iter()
                    .sum();
                half.push((sum / 4) as u8);
            }
        }
    }
    half
}

fn place(sheet: &mut [u8], width: usize, (left, top): (usize, usize), cell: &[u8]) {
    for (y, row) in cell.chunks_exact(CELL.0 * 3).enumerate() {
        let at = ((top + y) * width + left) * 3;
        sheet[at..at + row.len()].copy_from_slice(row);
    }
}

/// A song at 120 beats a minute, just after a beat.
fn music(seconds: f64) -> MusicAt {
    let decay = |every: f64| (-(seconds % every) * 9.0).exp() as f32;
    MusicAt {
        energy: 0.7,
        bass: 0.4 + 0.5 * decay(0.5),
        mid: 0.5,
        treble: 0.3 + 0.4 * decay(0.25),
        beat: decay(0.5),
        downbeat: decay(2.0),
        ..MusicAt::default()
    }
}

/// A palette that suits each scene, as the planner would choose one.
fn parameters(scene: SceneKind, row: usize) -> SceneParameters {
    const PALETTES: [[u32; 5]; 6] = [
        [0x15102b, 0x4a2a6b, 0xc2607f, 0xf6c7a4, 0xff7a3d],
        [0x0a0d24, 0x26357f, 0x8a4fb8, 0xe8c4e6, 0xff9d5c],
        [0x061a20, 0x0f4c5c, 0x2fa39a, 0xd9f2e1, 0xf2b134],
        [0x0c0e12, 0x39424f, 0x8996a5, 0xeceff2, 0xe23b3b],
        [0x0b0620, 0x3a1078, 0xb5179e, 0xf7b2f0, 0x30e3ff],
        [0x071326, 0x12405e, 0x27c29b, 0xd2fbe4, 0xb06cf0],
    ];
    let chosen = match scene {
        SceneKind::Ridges | SceneKind::Dunes | SceneKind::Clouds | SceneKind::Bauhaus => 0,
        SceneKind::Nebula | SceneKind::Silk | SceneKind::Ocean => 1,
        SceneKind::Contours | SceneKind::Forest | SceneKind::Ink => 2,
        SceneKind::Halftone | SceneKind::Rain | SceneKind::Chrome => 3,
        SceneKind::NeonCity | SceneKind::Tunnel => 4,
        SceneKind::Aurora | SceneKind::Constellation => 5,
    };
    let [deep, shade, tone, light, accent] = PALETTES[chosen].map(|colour| {
        let [_, red, green, blue] = colour.to_be_bytes();
        Srgb([red, green, blue])
    });
    SceneParameters {
        scene,
        seed: row as u64 + 11,
        variant: Variant::Full,
        motifs: [None; 2],
        texture: Texture::Clean,
        palette: Palette {
            deep,
            shade,
            tone,
            light,
            accent,
        },
        camera: CameraMove::PushIn,
        intensity: 0.6,
        reactivity: 0.7,
    }
}
