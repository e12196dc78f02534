//! Scenes with parameters and music of our own, to measure and to look at.

use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::music::MusicAt;

/// Palettes as the planner designs them, from shadow to light, and the accent.
const PALETTES: [[u32; 5]; 6] = [
    [
        0x0015_102b,
        0x004a_2a6b,
        0x00c2_607f,
        0x00f6_c7a4,
        0x00ff_7a3d,
    ],
    [
        0x000a_0d24,
        0x0026_357f,
        0x008a_4fb8,
        0x00e8_c4e6,
        0x00ff_9d5c,
    ],
    [
        0x0006_1a20,
        0x000f_4c5c,
        0x002f_a39a,
        0x00d9_f2e1,
        0x00f2_b134,
    ],
    [
        0x000c_0e12,
        0x0039_424f,
        0x0089_96a5,
        0x00ec_eff2,
        0x00e2_3b3b,
    ],
    [
        0x000b_0620,
        0x003a_1078,
        0x00b5_179e,
        0x00f7_b2f0,
        0x0030_e3ff,
    ],
    [
        0x0007_1326,
        0x0012_405e,
        0x0027_c29b,
        0x00d2_fbe4,
        0x00b0_6cf0,
    ],
];

/// A scene as a film may have it.
pub(crate) fn parameters(scene: SceneKind, seed: u64) -> SceneParameters {
    let colour = |value: u32| {
        let [_, red, green, blue] = value.to_be_bytes();
        Srgb([red, green, blue])
    };
    let [first, ..] = PALETTES;
    let chosen = PALETTES.get(seed as usize % PALETTES.len()).copied();
    let [deep, shade, tone, light, accent] = chosen.unwrap_or(first).map(colour);
    SceneParameters {
        scene,
        seed,
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

/// A song at 120 beats a minute in four.
pub(crate) fn music(seconds: f64) -> MusicAt {
    let decay = |every: f64| (-(seconds % every) * 9.0).exp() as f32;
    MusicAt {
        energy: 0.7,
        bass: 0.4 + 0.5 * decay(0.5),
        mid: 0.5,
        treble: 0.3 + 0.4 * decay(0.25),
        percussive: decay(0.25),
        harmonic: 0.6,
        beat: decay(0.5),
        downbeat: decay(2.0),
    }
}
