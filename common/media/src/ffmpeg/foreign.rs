//! What there is to know of a foreign clip: from what ffmpeg says of it, and from its list of frames.

/// How luma and chroma were made of red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matrix {
    /// Television of standard definition.
    Bt601,
    /// Of high definition.
    Bt709,
    /// Of ultra-high definition.
    Bt2020,
    /// They were not.
    Rgb,
}

/// A foreign clip.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Foreign {
    pub(super) frames: u32,
    /// From its first frame to the end of its last.
    pub(super) seconds: f64,
    /// 0–255 instead of 16–235.
    pub(super) full_range: bool,
    pub(super) matrix: Matrix,
    /// ffmpeg's name for how light became numbers; empty where the file does not say.
    pub(super) transfer: String,
}

impl Foreign {
    /// From ffmpeg's description of the stream (the first line with `Video:`) and the list of its frames as
    /// the muxer `framecrc` writes it. `None` where there are no frames.
    pub(super) fn read(said: &str, listed: &str) -> Option<Self> {
        let (mut times, mut tick, mut height) = (Vec::new(), (1.0, 25.0), 0);
        let mut length = 0.0;
        for line in listed.lines() {
            if let Some(ratio) = line.strip_prefix("#tb 0: ") {
                tick = ratio_of(ratio, '/')?;
            } else if let Some(size) = line.strip_prefix("#dimensions 0: ") {
                height = ratio_of(size, 'x')?.1 as u32;
            } else if !line.starts_with('#') {
                let mut fields = line.split(',').map(str::trim);
                let time: f64 = fields.nth(2)?.parse().ok()?;
                length = fields.next()?.parse().ok()?;
                times.push(time);
            }
        }
        let (first, last) = (times.first()?, times.last()?);
        // Where the last frame's own length is not told, it is as long as the others.
        let usual = (last - first) / (times.len() as f64 - 1.0).max(1.0);
        let ticks = last - first + if length > 0.0 { length } else { usual };
        let stream = said.lines().find(|line| line.contains("Video:"))?;
        Some(Self {
            frames: times.len() as u32,
            seconds: ticks * tick.0 / tick.1,
            full_range: has(stream, "pc"),
            matrix: matrix(stream, height),
            transfer: transfer(stream).to_owned(),
        })
    }

    /// Whether it is brighter than a usual display can show.
    pub(super) fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_str(), "smpte2084" | "arib-std-b67")
    }
}

fn ratio_of(text: &str, between: char) -> Option<(f64, f64)> {
    let (one, other) = text.trim().split_once(between)?;
    Some((one.parse().ok()?, other.parse().ok()?))
}

/// The words of a description, such as `yuv420p10le(tv, bt2020nc/bt2020/smpte2084)`.
fn words(stream: &str) -> impl Iterator<Item = &str> {
    stream.split([' ', ',', '(', ')', '/'])
}

fn has(stream: &str, word: &str) -> bool {
    words(stream).any(|other| other == word)
}

fn transfer(stream: &str) -> &str {
    let known = ["smpte2084", "arib-std-b67"];
    words(stream)
        .find(|word| known.contains(word))
        .unwrap_or_default()
}

/// Where the file does not say, large pictures are taken for those of high definition, as players do.
fn matrix(stream: &str, height: u32) -> Matrix {
    if words(stream).any(|word| word.starts_with("gbr") || word.starts_with("rgb")) {
        Matrix::Rgb
    } else if has(stream, "bt2020nc") || has(stream, "bt2020c") {
        Matrix::Bt2020
    } else if ["smpte170m", "bt470bg", "fcc"]
        .iter()
        .any(|name| has(stream, name))
    {
        Matrix::Bt601
    } else if has(stream, "bt709") || height >= 720 {
        Matrix::Bt709
    } else {
        Matrix::Bt601
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "#software: x\n#tb 0: 1/16\n#media_type 0: video\n#codec_id 0: rawvideo\n\
        #dimensions 0: 832x480\n#sar 0: 1/1\n0,          0,          4,        1,   599040, 0x1\n\
        0,          1,          5,        1,   599040, 0x2\n0,          2,          8,        1,   599040, 0x3\n";

    #[test]
    fn length_and_colours_are_read_from_what_ffmpeg_says() {
        let read = |said: &str| Foreign::read(said, LIST).unwrap();
        let plain = read(
            "  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 832x480",
        );
        assert_eq!((plain.frames, plain.matrix), (3, Matrix::Bt601));
        assert!((plain.seconds - 5.0 / 16.0).abs() < 1e-9);
        let tagged = read("Stream: Video: h264, yuvj420p(pc, bt709, progressive), 832x480");
        assert!(tagged.full_range && tagged.matrix == Matrix::Bt709);
        let hdr = read(
            "Stream: Video: hevc (Main 10), yuv420p10le(tv, bt2020nc/bt2020/smpte2084), 832x480",
        );
        assert!(hdr.is_hdr() && hdr.matrix == Matrix::Bt2020);
        assert!(Foreign::read("Video: h264", "#tb 0: 1/16\n").is_none());
    }
}
