//! Letters on given pictures, to be looked at: `cargo run -p beatreel-lettering --example stills -- OUT PNG…`
//!
//! Each picture is cut to 16:9, 9:16 and 1:1 in turn, and gets a title and a line in one script after the other.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a tool for one's own eyes: it may stop where it stands"
)]

use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use lettering::Letterer;
use model::FrameRate;
use model::format::{AspectRatio, Resolution, VideoFormat};
use model::lettering::{Cue, CueWord, Face, Lettering, Role};
use model::look::{Palette, Srgb};
use model::timeline::Span;

/// A title and a line.
const TEXTS: [(&str, &str); 8] = [
    (
        "Midnight Rain",
        "and all the stars are falling, falling down again tonight",
    ),
    (
        "Ночной поезд",
        "А за окном летит ночная дорога, и звёзды падают в снег",
    ),
    (
        "夜に駆ける",
        "沈むように 溶けてゆくように 二人だけの空が広がる夜に",
    ),
    (
        "حبيبي يا نور العين",
        "حبيبي يا نور العين يا ساكن خيالي عاشق بقالي سنين",
    ),
    (
        "ירושלים של זהב",
        "אוויר הרים צלול כיין וריח אורנים (live 2024) נישא ברוח",
    ),
    (
        "Été indien",
        "On ira où tu voudras, quand tu voudras, et on s'aimera encore",
    ),
    ("海阔天空", "今天我 寒夜里看雪飘过 怀着冷却了的心窝飘远方"),
    ("봄날", "보고 싶다 이렇게 말하니까 더 보고 싶다"),
];
const FRAME: u64 = 60;

fn main() {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let out = arguments.next().expect("a folder to write to");
    let pictures: Vec<PathBuf> = arguments.collect();
    let shapes = [AspectRatio::Wide, AspectRatio::Tall, AspectRatio::Square];
    for (index, (title, line)) in TEXTS.iter().enumerate() {
        for (turn, shape) in shapes.iter().enumerate() {
            let picture = &pictures[(index + turn * 3) % pictures.len()];
            let face = Face::ALL[(index + turn) % 4];
            let file = out.join(format!(
                "{index}-{}.png",
                String::from(*shape).replace(':', "x")
            ));
            still(picture, *shape, (face, title, line), &file);
        }
    }
}

fn still(picture: &Path, shape: AspectRatio, (face, title, line): (Face, &str, &str), file: &Path) {
    let format = VideoFormat {
        size: Resolution::P1080.shaped(shape),
        rate: FrameRate::FPS_30,
    };
    let (width, height) = (format.size.width, format.size.height);
    let image = image::open(picture).expect("a picture").to_rgb8();
    let filled = filled(&image, width, height);
    let mut bytes = yuv(&filled);
    let lettering = Lettering {
        face,
        palette: Palette {
            deep: Srgb([8, 10, 26]),
            shade: Srgb([40, 40, 90]),
            tone: Srgb([140, 90, 160]),
            light: Srgb([240, 210, 200]),
            accent: Srgb([255, 140, 60]),
        },
        begun: Vec::new(),
        cues: vec![cue(Role::Title, title), cue(Role::Lyric, line)],
    };
    let mut letterer = Letterer::new(&lettering, format);
    let begun = busy();
    letterer.draw(FRAME - 1, &mut bytes.clone());
    let first = busy() - begun;
    let mut copies = vec![bytes.clone(); 20];
    let begun = busy();
    for copy in &mut copies {
        letterer.draw(FRAME, copy);
    }
    let then = (busy() - begun) / 20.0;
    println!(
        "{}: CPU {first:.1} ms for the first frame, then {then:.2} ms each",
        file.display()
    );
    letterer.draw(FRAME, &mut bytes);
    rgb(&bytes, width, height)
        .save(file)
        .expect("the picture can be written");
}

/// Milliseconds of CPU that this thread has used; 0 where the system does not tell.
fn busy() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told
        .split(' ')
        .next()
        .and_then(|text| text.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e6
}

/// A text whose words are sung one after the other, the third of them now.
fn cue(role: Role, text: &str) -> Cue {
    let words = text.split(' ').enumerate().map(|(index, word)| CueWord {
        text: word.to_owned(),
        sung: (role == Role::Lyric).then(|| Span {
            first: FRAME - 24 + index as u64 * 12,
            count: 12,
        }),
    });
    Cue {
        role,
        seen: Span {
            first: 0,
            count: 240,
        },
        words: words.collect(),
    }
}

fn filled(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let scale = (f64::from(width) / f64::from(image.width()))
        .max(f64::from(height) / f64::from(image.height()));
    let across = (f64::from(image.width()) * scale).ceil() as u32;
    let down = (f64::from(image.height()) * scale).ceil() as u32;
    let large = imageops::resize(image, across, down, FilterType::Triangle);
    imageops::crop_imm(
        &large,
        (across - width) / 2,
        (down - height) / 2,
        width,
        height,
    )
    .to_image()
}

fn yuv(image: &RgbImage) -> Vec<u8> {
    let convert = |Rgb(pixel): &Rgb<u8>| {
        let [r, g, b] = pixel.map(|value| f32::from(value) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [
            16.0 + 219.0 * y,
            128.0 + 224.0 * (b - y) / 1.8556,
            128.0 + 224.0 * (r - y) / 1.5748,
        ]
    };
    let mut planes = [Vec::new(), Vec::new(), Vec::new()];
    for (x, y, pixel) in image.enumerate_pixels() {
        let value = convert(pixel);
        planes[0].push((value[0] + 0.5) as u8);
        if x % 2 == 0 && y % 2 == 0 {
            planes[1].push((value[1] + 0.5) as u8);
            planes[2].push((value[2] + 0.5) as u8);
        }
    }
    planes.concat()
}

fn rgb(bytes: &[u8], width: u32, height: u32) -> RgbImage {
    let pixels = (width * height) as usize;
    RgbImage::from_fn(width, height, |x, y| {
        let half = (y / 2 * (width / 2) + x / 2) as usize;
        let y = (f32::from(bytes[(y * width + x) as usize]) - 16.0) * 255.0 / 219.0;
        let u = (f32::from(bytes[pixels + half]) - 128.0) * 255.0 / 224.0;
        let v = (f32::from(bytes[pixels + pixels / 4 + half]) - 128.0) * 255.0 / 224.0;
        let channels = [y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u];
        Rgb(channels.map(|value| (value + 0.5).clamp(0.0, 255.0) as u8))
    })
}
