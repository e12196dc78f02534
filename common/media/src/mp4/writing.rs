//! Boxes as bytes, and those that every file of ours has.

/// A box.
pub(super) fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = 8 + content.len() as u32;
    [&length.to_be_bytes()[..], &kind, content].concat()
}

pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Nothing is turned and nothing moved.
pub(super) const UPRIGHT: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// `und`, as a track tells its language: nobody knows in which one people sing.
const UNDETERMINED: u32 = 0x55c4_0000;

/// `mvhd`: `length` in its own ticks, `next` the id that a further track would have.
pub(super) fn movie_header(timescale: u32, length: u32, next: u32) -> Vec<u8> {
    let mut out = words(&[0, 0, 0, timescale, length, 0x1_0000, 0x0100_0000, 0, 0]);
    out.extend(words(&UPRIGHT));
    out.extend(words(&[0, 0, 0, 0, 0, 0, next]));
    boxed(*b"mvhd", &out)
}

/// What the header of a track says.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrackHeader {
    pub(super) id: u32,
    /// 1 enabled, 2 part of the movie, 4 part of its preview.
    pub(super) flags: u32,
    /// In ticks of the movie.
    pub(super) length: u32,
    /// Of tracks with one number, other than 0, one is played at a time.
    pub(super) group: u16,
    pub(super) is_sound: bool,
    /// Pixels.
    pub(super) size: [u16; 2],
}

/// `tkhd`.
pub(super) fn track_header(header: TrackHeader) -> Vec<u8> {
    let TrackHeader {
        id,
        flags,
        length,
        group,
        is_sound,
        size,
    } = header;
    let [width, height] = size.map(|pixels| u32::from(pixels) << 16);
    let volume = if is_sound { 0x0100_0000 } else { 0 };
    let mut out = words(&[flags, 0, 0, id, 0, length, 0, 0, u32::from(group), volume]);
    out.extend(words(&UPRIGHT));
    out.extend(words(&[width, height]));
    boxed(*b"tkhd", &out)
}

/// `mdhd`: `length` in ticks of the media.
pub(super) fn media_header(timescale: u32, length: u32) -> Vec<u8> {
    boxed(
        *b"mdhd",
        &words(&[0, 0, 0, timescale, length, UNDETERMINED]),
    )
}

/// `hdlr`, without a name.
pub(super) fn handler(kind: [u8; 4]) -> Vec<u8> {
    boxed(*b"hdlr", &[&words(&[0, 0])[..], &kind, &[0; 13]].concat())
}

/// `dinf`: the data are in this file.
pub(super) fn data_here() -> Vec<u8> {
    let here = boxed(*b"url ", &words(&[1]));
    let references = boxed(*b"dref", &[words(&[0, 1]), here].concat());
    boxed(*b"dinf", &references)
}

/// `edts`: from this tick of the media on, for so many ticks of the movie; 0 is to the end.
pub(super) fn shown_from(tick: u32, length: u32) -> Vec<u8> {
    let list = words(&[0, 1, length, tick, 0x1_0000]);
    boxed(*b"edts", &boxed(*b"elst", &list))
}
