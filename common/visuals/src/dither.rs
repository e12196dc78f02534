//! Static blue noise, so that gradients do not band: not in eight bits, nor after the encoder.

use std::sync::LazyLock;

use crate::hash::Dice;
use crate::maths::exp2;

/// Width and height of the tile.
pub(crate) const TILE: usize = 64;

/// The tile: every one of 4096 even steps from -0.5 to 0.5 once, neighbours as unlike as can be.
pub(crate) static BLUE_NOISE: LazyLock<Vec<f32>> = LazyLock::new(blue_noise);

/// Fills the tile rank by rank, each into the emptiest place left: the void half of R. Ulichney,
/// "The void-and-cluster method for dither array generation", 1993.
fn blue_noise() -> Vec<f32> {
    const CELLS: usize = TILE * TILE;
    let kernel: Vec<f32> = (0..CELLS)
        .map(|index| {
            let near = |v: usize| v.min(TILE - v) as f32;
            let (x, y) = (near(index % TILE), near(index / TILE));
            exp2((x * x + y * y) * -0.32) // sigma 1.5 pixels
        })
        .collect();
    let mut dice = Dice::new(11, 11);
    let mut crowding: Vec<f32> = (0..CELLS).map(|_| dice.unit() * 1e-3).collect();
    let mut tile = vec![0.0; CELLS];
    for rank in 0..CELLS {
        let mut emptiest = 0;
        for cell in 1..CELLS {
            if crowding[cell] < crowding[emptiest] {
                emptiest = cell;
            }
        }
        tile[emptiest] = (rank as f32 + 0.5) / CELLS as f32 - 0.5;
        let (column, row) = (emptiest % TILE, emptiest / TILE);
        for y in 0..TILE {
            let from = ((y + TILE - row) % TILE) * TILE;
            for x in 0..TILE {
                crowding[y * TILE + x] += kernel[from + (x + TILE - column) % TILE];
            }
        }
        crowding[emptiest] = f32::MAX;
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_more_than_chance_would_have_them() {
        let tile = &*BLUE_NOISE;
        let pairs = (0..TILE * TILE).filter(|i| i % TILE != TILE - 1);
        let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), i| {
            (sum + (tile[i] - tile[i + 1]).abs(), count + 1.0)
        });
        assert!(
            sum / count > 0.38,
            "mean step {}; white noise has 0.33",
            sum / count
        );
    }
}
