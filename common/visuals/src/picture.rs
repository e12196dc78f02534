//! One finished frame.

use model::format::FrameSize;

/// A frame as encoders take it: 8-bit planar YUV 4:2:0, BT.709, limited range; the planes follow each
/// other without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    size: FrameSize,
    bytes: Vec<u8>,
}

impl Picture {
    /// A black frame. Odd sizes lose their last row or column.
    pub fn new(size: FrameSize) -> Self {
        let size = FrameSize {
            width: (size.width & !1).max(2),
            height: (size.height & !1).max(2),
        };
        let luma = size.width as usize * size.height as usize;
        let mut bytes = vec![16; luma];
        bytes.resize(luma + luma / 2, 128);
        Self { size, bytes }
    }

    /// Its size in pixels.
    pub const fn size(&self) -> FrameSize {
        self.size
    }

    /// All three planes: Y, U, V.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to be filled with a frame from elsewhere.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The luma plane, `width × height`, 16 (black) to 235 (white).
    pub fn luma(&self) -> &[u8] {
        &self.bytes[..self.luma_len()]
    }

    /// All three planes, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The planes, to be written.
    pub(crate) fn planes_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        let luma = self.luma_len();
        let (y, chroma) = self.bytes.split_at_mut(luma);
        let (u, v) = chroma.split_at_mut(luma / 4);
        (y, u, v)
    }

    fn luma_len(&self) -> usize {
        self.size.width as usize * self.size.height as usize
    }

    /// The frame as 8-bit RGB, for stills: rows of `width × 3` bytes, top first.
    pub fn to_rgb(&self) -> Vec<u8> {
        let (width, luma) = (self.size.width as usize, self.luma_len());
        let (y_plane, chroma) = self.bytes.split_at(luma);
        let (u_plane, v_plane) = chroma.split_at(luma / 4);
        let mut rgb = Vec::with_capacity(luma * 3);
        for (index, y) in y_plane.iter().enumerate() {
            let (row, column) = (index / width, index % width);
            let at = row / 2 * (width / 2) + column / 2;
            let y = (f32::from(*y) - 16.0) * (255.0 / 219.0);
            let u = (f32::from(u_plane[at]) - 128.0) * (255.0 / 224.0);
            let v = (f32::from(v_plane[at]) - 128.0) * (255.0 / 224.0);
            for value in [
                y + 1.5748 * v,
                y - 0.187_324 * u - 0.468_124 * v,
                y + 1.8556 * u,
            ] {
                rgb.push((value + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
        rgb
    }
}
