//! The towers of a city: boxes with windows, roofs, masts and signs, in layers.

use crate::hash::Dice;
use crate::maths::mix;

/// An upright rectangle in units; `top < bottom`, as y goes down.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Box2 {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
}

/// What a lit thing shines in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lamp {
    Warm,
    Cool,
    Neon,
}

/// A window that is lit, or may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) at: Box2,
    pub(crate) lamp: Lamp,
    /// Which beats it answers to, and how brightly it burns, 0–1.
    pub(crate) group: u32,
    pub(crate) brightness: f32,
}

/// A tower: its boxes (the street at 0, heights negative), its windows and its signs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tower {
    pub(crate) bodies: Vec<Box2>,
    pub(crate) windows: Vec<Window>,
    pub(crate) signs: Vec<Window>,
}

/// Towers at one distance.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// 0 (furthest) to 1.
    pub(crate) near: f32,
    pub(crate) towers: Vec<Tower>,
}

/// A city's layers, from the furthest.
pub(crate) fn city(dice: &mut Dice, density: f32) -> Vec<Layer> {
    let focus = dice.within(-0.5, 0.5);
    [0.0, 0.34, 0.66, 1.0]
        .into_iter()
        .map(|near| layer(dice, near, focus, density))
        .collect()
}

fn layer(dice: &mut Dice, near: f32, focus: f32, density: f32) -> Layer {
    let mut towers = Vec::new();
    let mut x = -4.0;
    while x < 4.0 {
        let width =
            mix(0.11, 0.24, near) * dice.within(0.6, 1.35) + if near > 0.9 { 0.12 } else { 0.0 };
        let aside = (x + width * 0.5 - focus).abs();
        // The tallest stand about the focus; the nearest frame the view and leave its middle open.
        let open = near > 0.9 && aside < 0.95;
        let rarity = dice.unit();
        let tall = mix(0.62, 0.42, near)
            * (1.25 - 0.45 * aside.min(2.0))
            * (0.30 + 0.85 * rarity * rarity);
        let height = if near > 0.9 {
            0.55 + 1.1 * rarity
        } else {
            tall.max(0.05) + 0.10
        };
        if !open && !dice.chance(mix(0.04, 0.14, near)) {
            towers.push(tower(dice, near, x, width, (height, density)));
        }
        x += width + mix(0.0, 0.02, near) * dice.unit();
    }
    Layer { near, towers }
}

fn tower(
    dice: &mut Dice,
    near: f32,
    left: f32,
    width: f32,
    (height, density): (f32, f32),
) -> Tower {
    let mut tower = Tower::default();
    let body = Box2 {
        left,
        right: left + width,
        top: -height,
        bottom: 0.0,
    };
    tower.bodies.push(body);
    crown(dice, &mut tower, &body);
    let pitch = mix(0.017, 0.031, near) * dice.within(0.85, 1.3);
    let style = dice.below(4);
    let (across, down) = match style {
        0 => (pitch, pitch * 1.35),
        1 => (pitch * 2.6, pitch * 1.1),
        2 => (pitch * 0.9, pitch * 2.4),
        _ => (pitch * 1.15, pitch * 1.15),
    };
    let lit = dice.within(0.18, 0.5) * (0.6 + 0.6 * density);
    let (columns, rows) = ((width / across - 0.6) as u32, (height / down - 0.8) as u32);
    let margin = (width - columns as f32 * across) * 0.5;
    let usual = if dice.chance(0.68) {
        Lamp::Warm
    } else {
        Lamp::Cool
    };
    for row in 0..rows {
        let storey = dice.chance(0.12); // a whole storey at work
        for column in 0..columns {
            if !dice.chance(if storey { 0.85 } else { lit }) {
                continue;
            }
            let x = left + margin + (column as f32 + 0.2) * across;
            let y = -height + (row as f32 + 0.7) * down;
            let lamp = match dice.unit() {
                u if u < 0.05 => Lamp::Neon,
                u if u < 0.2 => Lamp::Cool,
                _ => usual,
            };
            let bright = dice.unit();
            tower.windows.push(Window {
                at: Box2 {
                    left: x,
                    right: x + across * 0.62,
                    top: y,
                    bottom: y + down * 0.55,
                },
                lamp,
                group: dice.below(12),
                brightness: 0.16 + 0.84 * bright * bright,
            });
        }
    }
    if near > 0.3 && dice.chance(mix(0.22, 0.7, near)) {
        sign(dice, &mut tower, &body, near);
    }
    tower
}

/// What stands on the roof: a setback, a mast with its lamp, or nothing.
fn crown(dice: &mut Dice, tower: &mut Tower, body: &Box2) {
    let width = body.right - body.left;
    let mut top = *body;
    if dice.chance(0.42) {
        let inset = width * dice.within(0.12, 0.3);
        top = Box2 {
            left: body.left + inset,
            right: body.right - inset * dice.within(0.4, 1.0),
            top: body.top - width * dice.within(0.12, 0.45),
            bottom: body.top,
        };
        tower.bodies.push(top);
    }
    if dice.chance(0.3) {
        let x = mix(top.left, top.right, dice.within(0.3, 0.7));
        let tip = top.top - width * dice.within(0.3, 0.8);
        let thick = 0.0028;
        tower.bodies.push(Box2 {
            left: x - thick,
            right: x + thick,
            top: tip,
            bottom: top.top,
        });
        tower.signs.push(Window {
            at: Box2 {
                left: x - 0.004,
                right: x + 0.004,
                top: tip - 0.006,
                bottom: tip + 0.004,
            },
            lamp: Lamp::Neon,
            group: dice.below(4),
            brightness: 0.28,
        });
    }
}

/// A sign: a column of glowing characters, or a line along the roof.
fn sign(dice: &mut Dice, tower: &mut Tower, body: &Box2, near: f32) {
    let lamp = if dice.chance(0.6) {
        Lamp::Neon
    } else {
        Lamp::Cool
    };
    let group = dice.below(4);
    let size = mix(0.018, 0.034, near);
    if dice.chance(0.65) {
        let x = mix(
            body.left,
            body.right - size,
            if dice.chance(0.5) { 0.08 } else { 0.92 },
        );
        let mut y = body.top + dice.within(0.05, 0.16);
        for _ in 0..dice.below(6) + 4 {
            if y + size > -0.06 {
                break;
            }
            tower.signs.push(Window {
                at: Box2 {
                    left: x,
                    right: x + size,
                    top: y,
                    bottom: y + size * 0.68,
                },
                lamp,
                group,
                brightness: dice.within(0.75, 1.0),
            });
            y += size;
        }
    } else {
        tower.signs.push(Window {
            at: Box2 {
                left: body.left + 0.004,
                right: body.right - 0.004,
                top: body.top + 0.010,
                bottom: body.top + 0.010 + size * 0.2,
            },
            lamp,
            group,
            brightness: 0.6,
        });
    }
}
