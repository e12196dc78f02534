//! Letters on frames: legible on any picture, within the safe area, the same everywhere.
#![expect(
    clippy::indexing_slicing,
    reason = "pictures are looked at pixel by pixel; one too far fails the test"
)]

use lettering::{Letterer, SafeArea, contrast};
use model::FrameRate;
use model::format::{AspectRatio, FrameSize, Resolution, VideoFormat};
use model::lettering::{Cue, CueWord, Face, Lettering, Role};
use model::look::{Palette, Srgb};
use model::timeline::Span;
use proptest::prelude::*;

/// The colour of a pixel at half size, as Y, U, V.
type Colour = fn(usize, usize) -> [u8; 3];

const SIZE: FrameSize = FrameSize {
    width: 640,
    height: 360,
};

fn lettering(role: Role, text: &str) -> Lettering {
    let words = text
        .split_whitespace()
        .enumerate()
        .map(|(index, word)| CueWord {
            text: word.to_owned(),
            sung: (role == Role::Lyric).then(|| Span {
                first: 10 + 10 * index as u64,
                count: 10,
            }),
        });
    Lettering {
        face: Face::Grotesk,
        palette: Palette {
            deep: Srgb([8, 10, 26]),
            shade: Srgb([40, 40, 90]),
            tone: Srgb([140, 90, 160]),
            light: Srgb([240, 210, 200]),
            accent: Srgb([255, 40, 60]),
        },
        begun: Vec::new(),
        cues: vec![Cue {
            role,
            seen: Span {
                first: 0,
                count: 200,
            },
            words: words.collect(),
        }],
    }
}

fn letterer(lettering: &Lettering, size: FrameSize) -> Letterer {
    let rate = FrameRate::FPS_30;
    Letterer::new(lettering, VideoFormat { size, rate })
}

/// A frame whose pixels, two by two, are what `colour` says.
fn picture(size: FrameSize, colour: impl Fn(usize, usize) -> [u8; 3]) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let mut planes = [vec![0; width * height], Vec::new(), Vec::new()];
    for y in 0..height {
        for x in 0..width {
            let [luma, u, v] = colour(x / 2, y / 2);
            planes[0][y * width + x] = luma;
            if x % 2 == 0 && y % 2 == 0 {
                planes[1].push(u);
                planes[2].push(v);
            }
        }
    }
    planes.concat()
}

fn black(size: FrameSize) -> Vec<u8> {
    picture(size, |_, _| [16, 128, 128])
}

fn noise(x: usize, y: usize) -> u32 {
    let bits = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    (bits ^ (bits >> 15)).wrapping_mul(0x846c_a68b) >> 8
}

/// Relative luminance of a pixel, by the definition of WCAG in floating point.
fn luminance(bytes: &[u8], size: FrameSize, (x, y): (usize, usize)) -> f32 {
    let (width, pixels) = (size.width as usize, (size.width * size.height) as usize);
    let half = y / 2 * (width / 2) + x / 2;
    let luma = (f32::from(bytes[y * width + x]) - 16.0) / 219.0;
    let u = (f32::from(bytes[pixels + half]) - 128.0) / 224.0;
    let v = (f32::from(bytes[pixels + pixels / 4 + half]) - 128.0) / 224.0;
    let light = |value: f32| match value.clamp(0.0, 1.0) {
        low if low <= 0.04045 => low / 12.92,
        high => ((high + 0.055) / 1.055).powf(2.4),
    };
    let [r, g, b] = [
        luma + 1.5748 * v,
        luma - 0.1873 * u - 0.4681 * v,
        luma + 1.8556 * u,
    ];
    0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b)
}

#[test]
fn letters_have_their_contrast_on_every_picture() {
    let pictures: [(&str, Colour); 10] = [
        ("black", |_, _| [16, 128, 128]),
        ("white", |_, _| [235, 128, 128]),
        ("grey", |_, _| [126, 128, 128]),
        ("red", |_, _| [63, 102, 240]),
        ("green", |_, _| [173, 42, 26]),
        ("blue", |_, _| [32, 240, 118]),
        ("yellow", |_, _| [219, 16, 138]),
        ("half and half", |x, _| {
            if x < 160 {
                [235, 128, 128]
            } else {
                [16, 128, 128]
            }
        }),
        ("tiles", |x, y| {
            if (x / 7 + y / 7) % 2 == 0 {
                [225, 110, 140]
            } else {
                [30, 150, 120]
            }
        }),
        ("noise", |x, y| [16 + (noise(x, y) % 220) as u8, 128, 128]),
    ];
    for role in [Role::Title, Role::Lyric] {
        let lettering = lettering(role, "Midnight rain over the water");
        // Sung, being sung and waiting at once.
        let frame = 35;
        let mut mask = black(SIZE);
        letterer(&lettering, SIZE).draw(frame, &mut mask);
        for (name, colour) in pictures {
            let mut drawn = picture(SIZE, colour);
            letterer(&lettering, SIZE).draw(frame, &mut drawn);
            let worst = worst_contrast(&mask, &drawn);
            assert!(worst >= 4.5, "{role:?} on {name}: {worst}");
        }
    }
}

/// The least contrast between a letter and the ground within three pixels of it. `mask` is the same letters
/// over black: what is black there is no letter.
fn worst_contrast(mask: &[u8], drawn: &[u8]) -> f32 {
    let width = SIZE.width as usize;
    let cover = |x: usize, y: usize| mask[y * width + x];
    let mut worst = f32::INFINITY;
    for y in 4..SIZE.height as usize - 4 {
        for x in 4..width - 4 {
            let inside = (x - 1..=x + 1).all(|x| (y - 1..=y + 1).all(|y| cover(x, y) > 150));
            if !inside {
                continue;
            }
            let letter = luminance(drawn, SIZE, (x, y));
            for ground in (x - 4..=x + 4).flat_map(|x| (y - 4..=y + 4).map(move |y| (x, y))) {
                let (u, v) = (ground.0 & !1, ground.1 & !1);
                let bare = [(u, v), (u + 1, v), (u, v + 1), (u + 1, v + 1)];
                if bare.iter().all(|(x, y)| cover(*x, *y) == 16) {
                    worst = worst.min(contrast(letter, luminance(drawn, SIZE, ground)));
                }
            }
        }
    }
    worst
}

#[test]
fn a_dark_picture_changes_nowhere_but_under_letters() {
    let lettering = lettering(Role::Lyric, "quiet");
    let night = |x: usize, y: usize| [16 + (noise(x, y) % 24) as u8, 130, 126];
    let before = picture(SIZE, night);
    let mut after = before.clone();
    letterer(&lettering, SIZE).draw(40, &mut after);
    let changed = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .count();
    assert!(changed > 300 && changed < 6_000, "{changed}");
}

#[test]
fn a_text_is_the_same_after_a_cut_as_before_it() {
    let lettering = lettering(Role::Lyric, "over the cut it stays");
    let (mut old, mut new) = (letterer(&lettering, SIZE), letterer(&lettering, SIZE));
    let night = |_: usize, _: usize| [40, 140, 120];
    for frame in 0..60 {
        old.draw(frame, &mut picture(SIZE, night));
    }
    let (mut before, mut after) = (picture(SIZE, night), picture(SIZE, night));
    old.draw(60, &mut before);
    new.draw(60, &mut after);
    assert!(before == after);
}

/// Whether letters are dark on a picture of this grey: they make it darker.
fn darkens(letterer: &mut Letterer, frame: u64, grey: u8) -> bool {
    let mut bytes = picture(SIZE, |_, _| [grey, 128, 128]);
    let light = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    let before = light(&bytes);
    letterer.draw(frame, &mut bytes);
    light(&bytes) < before
}

#[test]
fn letters_stay_light_or_dark_whatever_the_picture_does_under_them() {
    let lettering = lettering(Role::Title, "Staying");
    for (grey, is_dark) in [(30, false), (225, true)] {
        let mut letterer = letterer(&lettering, SIZE);
        assert_eq!(darkens(&mut letterer, 60, grey), is_dark);
        // Light letters on white hold it back, dark ones on black lift it: what counts is that they stay.
        let mut other = self::letterer(&lettering, SIZE);
        let opposite = 255 - grey;
        darkens(&mut other, 60, grey);
        for frame in 61..90 {
            let (mut a, mut b) = (
                picture(SIZE, |_, _| [opposite, 128, 128]),
                picture(SIZE, |_, _| [opposite, 128, 128]),
            );
            letterer.draw(frame, &mut a);
            other.draw(89, &mut b);
            assert!(a == b, "frame {frame} on {opposite}");
        }
    }
}

#[test]
fn a_cue_that_began_before_the_clip_is_as_it_was_then() {
    let lettering = lettering(Role::Title, "Begun");
    for grey in [30, 225] {
        let mut first = letterer(&lettering, SIZE);
        darkens(&mut first, 0, grey);
        let mut next = letterer(&lettering, SIZE);
        next.begin(0, &mut picture(SIZE, |_, _| [grey, 128, 128]));
        for other in [40, 128, 220] {
            let (mut a, mut b) = (
                picture(SIZE, |_, _| [other, 128, 128]),
                picture(SIZE, |_, _| [other, 128, 128]),
            );
            first.draw(60, &mut a);
            next.draw(60, &mut b);
            assert!(a == b, "begun on {grey}, on {other}");
        }
    }
}

#[test]
fn nothing_is_drawn_before_and_after_a_cue_or_on_a_picture_of_another_size() {
    let mut lettering = lettering(Role::Title, "Now");
    lettering.cues[0].seen = Span {
        first: 50,
        count: 20,
    };
    let mut letterer = letterer(&lettering, SIZE);
    for (frame, is_drawn) in [
        (0, false),
        (49, false),
        (60, true),
        (70, false),
        (1000, false),
    ] {
        let mut bytes = black(SIZE);
        letterer.draw(frame, &mut bytes);
        assert_eq!(bytes != black(SIZE), is_drawn, "{frame}");
    }
    let mut short = vec![7; 1000];
    letterer.draw(60, &mut short);
    assert_eq!(short, vec![7; 1000]);
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn the_same_cues_give_the_same_bytes_on_every_machine() {
    let texts = ["Ночь, 夜に駆ける", "سلام يا ليل", "שלום Été"];
    let digests = texts.map(|text| {
        let mut bytes = picture(SIZE, |x, y| [(noise(x, y) % 200) as u8 + 20, 120, 140]);
        letterer(&lettering(Role::Lyric, text), SIZE).draw(33, &mut bytes);
        digest(&bytes)
    });
    // If letters were meant to change, raise `lettering::VERSION` with these.
    let known = [
        0x896c_1ce3_6f7e_6a5a,
        0x4821_b562_42ef_f374,
        0xedb1_73cf_7c3d_8fbd,
    ];
    assert_eq!(digests, known, "{digests:x?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_letter_of_any_text_leaves_the_safe_area(
        text in "\\PC{1,120}",
        (ratio, title) in (0..5_usize, any::<bool>()),
        short in 80..420_u32,
    ) {
        let size = Resolution::P1080.shaped(AspectRatio::ALL[ratio]).scaled_to(short / 2 * 2);
        let role = if title { Role::Title } else { Role::Lyric };
        let mut bytes = black(size);
        letterer(&lettering(role, &text), size).draw(100, &mut bytes);
        let safe = SafeArea::of(size);
        let width = size.width as usize;
        // What hangs over a line's edge or drops below it stays within a tenth of the margin's width.
        let slack = size.width.min(size.height) as f32 * 0.02 + 2.0;
        for (index, _) in bytes[..width * size.height as usize].iter().enumerate().filter(|(_, luma)| **luma != 16) {
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            prop_assert!(x >= safe.left - slack && x <= safe.right + slack, "x {x} of {size}, {text:?}");
            prop_assert!(y >= safe.top - slack && y <= safe.bottom + slack, "y {y} of {size}, {text:?}");
        }
    }
}
