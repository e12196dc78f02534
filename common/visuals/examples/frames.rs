//! Draws frames of scenes as PNG files to look at, and measures what a frame costs.
//!
//! `cargo run -p beatreel-visuals --example frames -- <directory> [scene|all] [seed] [frame …]`
//!
//! Every variant of each scene is drawn.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a tool for one's own eyes: it may stop where it stands"
)]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Instant;

use model::FrameRate;
use model::format::{Resolution, VideoFormat};
use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::music::MusicAt;
use visuals::{Picture, Renderer};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "frames".to_owned()));
    let scene = arguments.next().unwrap_or_else(|| "all".to_owned());
    let seed: u64 = arguments
        .next()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut shown: Vec<u32> = arguments.filter_map(|frame| frame.parse().ok()).collect();
    if shown.is_empty() {
        shown = vec![0, 45, 90];
    }
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    for kind in SceneKind::ALL {
        if scene != "all" && scene != kind.name() {
            continue;
        }
        for variant in Variant::ALL {
            draw(kind, variant, seed, &shown, &directory);
        }
    }
}

fn draw(kind: SceneKind, variant: Variant, seed: u64, shown: &[u32], directory: &std::path::Path) {
    let format = VideoFormat {
        size: Resolution::P1080.size(),
        rate: FrameRate::FPS_30,
    };
    let (palette_name, palette) = palettes()[(seed as usize) % palettes().len()];
    let parameters = SceneParameters {
        scene: kind,
        seed,
        palette,
        camera: CameraMove::PushIn,
        variant,
        motifs: [None; 2],
        texture: Texture::Clean,
        intensity: 0.6,
        reactivity: 0.8,
    };
    let frames = shown.iter().max().map_or(1, |last| last + 1);
    let mut renderer = Renderer::new(&parameters, format, seed * 100, frames);
    let mut picture = Picture::new(format.size);
    let mut spent = 0.0;
    for frame in 0..frames {
        let begun = cpu_seconds();
        renderer.render(frame, &music(f64::from(frame) / 30.0), &mut picture);
        spent += cpu_seconds() - begun;
        if shown.contains(&frame) {
            let name = format!(
                "{}-{}-{seed}-{palette_name}-{frame:03}.png",
                kind.name(),
                variant.name()
            );
            let size = picture.size();
            image::save_buffer(
                directory.join(name),
                &picture.to_rgb(),
                size.width,
                size.height,
                image::ColorType::Rgb8,
            )
            .expect("the frame can be written");
        }
    }
    println!(
        "{:13} {:6} {:6.2} ms a frame",
        kind.name(),
        variant.name(),
        spent * 1000.0 / f64::from(frames)
    );
}

/// This thread's time on the CPU, which other work on the machine does not lengthen; where the system
/// does not tell, time on the clock.
fn cpu_seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = schedule.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// A song at 120 beats a minute.
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

fn palettes() -> [(&'static str, Palette); 6] {
    let palette = |colours: [u32; 5]| {
        let [deep, shade, tone, light, accent] = colours.map(|colour| {
            let [_, red, green, blue] = colour.to_be_bytes();
            Srgb([red, green, blue])
        });
        Palette {
            deep,
            shade,
            tone,
            light,
            accent,
        }
    };
    [
        (
            "dusk",
            palette([0x15102b, 0x4a2a6b, 0xc2607f, 0xf6c7a4, 0xff7a3d]),
        ),
        (
            "space",
            palette([0x0a0d24, 0x26357f, 0x8a4fb8, 0xe8c4e6, 0xff9d5c]),
        ),
        (
            "teal",
            palette([0x061a20, 0x0f4c5c, 0x2fa39a, 0xd9f2e1, 0xf2b134]),
        ),
        (
            "mono",
            palette([0x0c0e12, 0x39424f, 0x8996a5, 0xeceff2, 0xe23b3b]),
        ),
        (
            "neon",
            palette([0x0b0620, 0x3a1078, 0xb5179e, 0xf7b2f0, 0x30e3ff]),
        ),
        (
            "north",
            palette([0x071326, 0x12405e, 0x27c29b, 0xd2fbe4, 0xb06cf0]),
        ),
    ]
}
