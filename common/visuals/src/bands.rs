//! Bands of rows, drawn side by side on several threads: which thread draws a row changes nothing in it.

use std::thread;

/// Rows of several planes that lie beside each other, from row `first` on.
pub(crate) struct Band<'a, T, const N: usize> {
    pub(crate) first: usize,
    /// Length of a row, in each plane.
    stride: usize,
    planes: [&'a mut [T]; N],
}

impl<'a, T, const N: usize> Band<'a, T, N> {
    /// Planes of rows of `stride`, split into at most `count` bands of nearly equal height.
    pub(crate) fn split(planes: [&'a mut [T]; N], stride: usize, count: usize) -> Vec<Self> {
        let length = planes.first().map_or(0, |plane| plane.len());
        let rows = (length / stride.max(1)).div_ceil(count.max(1)).max(1);
        let mut rest = planes;
        let mut bands = Vec::with_capacity(count);
        let mut first = 0;
        while rest.first().is_some_and(|plane| !plane.is_empty()) {
            let mut taken = rest.map(|plane| {
                let (head, tail) = plane.split_at_mut(plane.len().min(rows * stride));
                (Some(head), tail)
            });
            let planes = taken
                .each_mut()
                .map(|(head, _)| head.take().unwrap_or_default());
            rest = taken.map(|(_, tail)| tail);
            bands.push(Self {
                first,
                stride,
                planes,
            });
            first += rows;
        }
        bands
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.planes.first().map_or(0, |plane| plane.len()) / self.stride
    }

    /// Row `index` of the band.
    #[inline(always)]
    pub(crate) fn row(&mut self, index: usize) -> [&mut [T]; N] {
        let (from, to) = (index * self.stride, (index + 1) * self.stride);
        self.planes.each_mut().map(|plane| &mut plane[from..to])
    }
}

/// Runs `work` on each part: the first on this thread, each other on one of its own.
pub(crate) fn side_by_side<T: Send>(parts: Vec<T>, work: impl Fn(T) + Sync) {
    let mut parts = parts.into_iter();
    let Some(mine) = parts.next() else {
        return;
    };
    if parts.len() == 0 {
        work(mine);
        return;
    }
    thread::scope(|scope| {
        for part in parts {
            scope.spawn(|| work(part));
        }
        work(mine);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_hold_every_row_once_in_order() {
        for (rows, count) in [(7, 1), (7, 2), (7, 3), (2, 5), (1, 1)] {
            let (mut a, mut b) = (vec![0_usize; rows * 3], vec![0_usize; rows * 3]);
            let mut bands = Band::split([a.as_mut_slice(), b.as_mut_slice()], 3, count);
            assert!(bands.len() <= count);
            for band in &mut bands {
                for index in 0..band.len() {
                    let number = band.first + index + 1;
                    band.row(index).into_iter().for_each(|row| row.fill(number));
                }
            }
            let numbers: Vec<usize> = (0..rows * 3).map(|at| at / 3 + 1).collect();
            assert_eq!((a, b), (numbers.clone(), numbers), "{rows} {count}");
        }
    }
}
