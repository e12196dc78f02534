//! Light in single frames of full size: bands in gradients, and exposure.

use visuals::Picture;

/// The share of blocks of 9×9 that are perfectly flat where the picture is smooth but not even: what the
/// eye sees as bands. Smooth: over 33 pixels it changes by 0.015 to 0.35 steps a pixel. 0 where there is
/// too little of that to tell.
pub(super) fn banding(picture: &Picture) -> f64 {
    const BLOCK: usize = 9;
    const LEAST: u32 = 50; // blocks
    let width = picture.size().width as usize;
    let rows: Vec<&[u8]> = picture.luma().chunks_exact(width).collect();
    let (mut smooth, mut flat) = (0_u32, 0_u32);
    for top in (REACH..rows.len().saturating_sub(REACH + BLOCK)).step_by(BLOCK) {
        for left in (REACH..width.saturating_sub(REACH + BLOCK)).step_by(BLOCK) {
            let slope = slope(&rows, left + BLOCK / 2, top + BLOCK / 2);
            if !(0.015..=0.35).contains(&slope) {
                continue;
            }
            smooth += 1;
            let block = rows.iter().skip(top).take(BLOCK);
            let mut values = block.flat_map(|row| row.iter().skip(left).take(BLOCK));
            let first = values.next();
            flat += u32::from(values.all(|value| Some(value) == first));
        }
    }
    if smooth < LEAST {
        0.0
    } else {
        f64::from(flat) / f64::from(smooth)
    }
}

/// Half of a window of 33 pixels.
const REACH: usize = 16;

/// Steps a pixel, from the means of the halves of a window about a point, each half taken at every third
/// pixel from the middle.
fn slope(rows: &[&[u8]], x: usize, y: usize) -> f64 {
    const EVERY: usize = 3;
    const SIDE: i64 = (REACH / EVERY) as i64; // samples
    let (mut across, mut down) = (0_i64, 0_i64);
    for (j, row) in rows
        .iter()
        .skip(y - SIDE as usize * EVERY)
        .step_by(EVERY)
        .take(2 * SIDE as usize + 1)
        .enumerate()
    {
        let samples = row.iter().skip(x - SIDE as usize * EVERY).step_by(EVERY);
        let vertical = (j as i64 - SIDE).signum();
        for (i, value) in samples.take(2 * SIDE as usize + 1).enumerate() {
            across += (i as i64 - SIDE).signum() * i64::from(*value);
            down += vertical * i64::from(*value);
        }
    }
    let samples = (SIDE * (2 * SIDE + 1)) as f64;
    let apart = ((SIDE + 1) as usize * EVERY) as f64; // from the middle of one half to that of the other
    (across as f64).hypot(down as f64) / samples / apart
}

/// How light a frame is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exposure {
    /// Luma below and above which 1 % of the pixels lie.
    pub(super) low: u8,
    pub(super) high: u8,
    /// Shares of pixels at white and near black.
    pub(super) clipped: f64,
    pub(super) dark: f64,
}

pub(super) fn exposure(picture: &Picture) -> Exposure {
    let mut counts = [0_u32; 256];
    for value in picture.luma() {
        if let Some(count) = counts.get_mut(usize::from(*value)) {
            *count += 1;
        }
    }
    let total = f64::from(counts.iter().sum::<u32>()).max(1.0);
    let share = |from: usize, to: usize| {
        let sum: u32 = counts.iter().take(to).skip(from).sum();
        f64::from(sum) / total
    };
    let at = |part: f64| {
        let reached = |value: &u8| share(0, usize::from(*value) + 1) >= part;
        (0..=u8::MAX).find(reached).unwrap_or(u8::MAX)
    };
    Exposure {
        low: at(0.01),
        high: at(0.99),
        clipped: share(234, 256),
        dark: share(0, 24),
    }
}

#[cfg(test)]
mod tests {
    use model::format::FrameSize;

    use super::*;

    const SIZE: FrameSize = FrameSize {
        width: 640,
        height: 360,
    };

    fn painted(luma: impl Fn(usize, usize) -> u8) -> Picture {
        let mut picture = Picture::new(SIZE);
        let width = SIZE.width as usize;
        let pixels = width * SIZE.height as usize;
        for (index, value) in picture.as_bytes_mut().iter_mut().take(pixels).enumerate() {
            *value = luma(index % width, index / width);
        }
        picture
    }

    #[test]
    fn bands_are_found_and_dither_is_none() {
        let banded = painted(|x, _| 40 + (x / 16) as u8);
        assert!(banding(&banded) > 0.2, "{}", banding(&banded));
        let dithered = painted(|x, y| 40 + (x / 16) as u8 + ((x * 7 + y * 13) % 5) as u8);
        assert!(banding(&dithered) < 0.01, "{}", banding(&dithered));
        let even = painted(|_, _| 90);
        assert_eq!(banding(&even), 0.0, "an even area is no gradient");
    }

    #[test]
    fn slopes_are_measured_in_steps_a_pixel() {
        let picture = painted(|x, _| 40 + (x / 4) as u8);
        let rows: Vec<&[u8]> = picture.luma().chunks_exact(640).collect();
        assert!((slope(&rows, 300, 100) - 0.25).abs() < 0.03);
    }

    #[test]
    fn exposure_tells_black_from_white() {
        let dark = exposure(&painted(|_, _| 18));
        assert!(dark.dark > 0.99 && dark.high < 24);
        let white = exposure(&painted(|_, _| 235));
        assert!(white.clipped > 0.99);
    }
}
