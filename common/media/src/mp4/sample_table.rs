//! The sample table: how many frames, when each is shown, which can be decoded alone.

use super::Mp4Error;
use super::boxes::Boxes;

/// More than ten hours at 60 frames a second; a table may claim four thousand million in eight bytes.
const MOST_SAMPLES: u32 = 1 << 21;

/// When the frames of a track are shown, in ticks before the edit list.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    /// How many there are.
    pub(super) count: u32,
    /// The tick of the first.
    pub(super) first: i64,
    /// The ticks from each to the next, where all are the same; `None` for fewer than two.
    pub(super) step: Option<u32>,
    /// Those that can be decoded alone, as places in the order of showing.
    pub(super) key_frames: Vec<u32>,
}

/// The number of samples, and the sum of their lengths in ticks.
pub(super) fn count_and_length(table: Boxes<'_>) -> Result<(u32, u64), Mp4Error> {
    let mut stsz = table.find(*b"stsz")?;
    stsz.version()?;
    stsz.skip(4)?;
    let count = stsz.u32()?;
    if count > MOST_SAMPLES {
        return Err(Mp4Error::Invalid("it has more samples than any of ours"));
    }
    let mut counted = 0_u64;
    let mut length = 0_u64;
    for (samples, delta) in runs(table, *b"stts")? {
        counted += u64::from(samples);
        length = length.saturating_add(u64::from(samples) * u64::from(delta));
    }
    if counted == u64::from(count) {
        Ok((count, length))
    } else {
        Err(Mp4Error::Invalid(
            "its tables disagree on the number of samples",
        ))
    }
}

/// How many samples are larger than so many bytes.
pub(super) fn larger_than(table: Boxes<'_>, bytes: u32) -> Result<u32, Mp4Error> {
    let (count, _) = count_and_length(table)?;
    let mut stsz = table.find(*b"stsz")?;
    stsz.version()?;
    let of_all = stsz.u32()?;
    if of_all > 0 {
        return Ok(if of_all > bytes { count } else { 0 });
    }
    stsz.skip(4)?;
    let mut larger = 0;
    for _ in 0..count {
        larger += u32::from(stsz.u32()? > bytes);
    }
    Ok(larger)
}

/// When every frame is shown.
pub(super) fn shown(table: Boxes<'_>) -> Result<Shown, Mp4Error> {
    let (count, _) = count_and_length(table)?;
    let mut times = decoding_times(table, count)?;
    if table.find_optional(*b"ctts")?.is_some() {
        let offsets =
            runs(table, *b"ctts")?.flat_map(|(samples, offset)| (0..samples).map(move |_| offset));
        for (time, offset) in times.iter_mut().zip(offsets) {
            // Version 0 is unsigned, version 1 signed; no offset of ours reaches the bit in question.
            *time += i64::from(offset.cast_signed());
        }
    }
    let mut order: Vec<u32> = (0..count).collect();
    let time_of = |sample: u32| times.get(sample as usize).copied().unwrap_or(0);
    order.sort_by_key(|sample| time_of(*sample));
    let mut place = vec![0; count as usize];
    for (shown_as, sample) in (0_u32..).zip(&order) {
        if let Some(slot) = place.get_mut(*sample as usize) {
            *slot = shown_as;
        }
    }
    let mut steps = order.windows(2).map(|pair| match pair {
        [before, after] => time_of(*after) - time_of(*before),
        _ => 0,
    });
    let step = steps
        .next()
        .filter(|step| steps.all(|other| other == *step));
    Ok(Shown {
        count,
        first: order.first().map_or(0, |sample| time_of(*sample)),
        step: step.and_then(|step| u32::try_from(step).ok()),
        key_frames: key_frames(table, &place)?,
    })
}

fn decoding_times(table: Boxes<'_>, count: u32) -> Result<Vec<i64>, Mp4Error> {
    let mut times = Vec::with_capacity(count as usize);
    let mut time = 0_i64; // at most 2²¹ samples of 2³² ticks: no overflow
    for (samples, delta) in runs(table, *b"stts")? {
        for _ in 0..samples.min(count) {
            times.push(time);
            time += i64::from(delta);
        }
    }
    Ok(times)
}

/// The places of the key frames, ascending; without a table every frame is one.
fn key_frames(table: Boxes<'_>, place: &[u32]) -> Result<Vec<u32>, Mp4Error> {
    let Some(mut stss) = table.find_optional(*b"stss")? else {
        return Ok((0..place.len() as u32).collect());
    };
    stss.version()?;
    let mut found = Vec::new();
    for _ in 0..stss.entries(4)? {
        let sample = stss.u32()?.checked_sub(1); // counted from 1
        let shown = sample.and_then(|sample| place.get(sample as usize));
        found.push(*shown.ok_or(Mp4Error::Invalid("a key frame is none of its frames"))?);
    }
    found.sort_unstable();
    Ok(found)
}

/// The pairs (samples, value) of a run-length table.
pub(super) fn runs(
    table: Boxes<'_>,
    kind: [u8; 4],
) -> Result<impl Iterator<Item = (u32, u32)>, Mp4Error> {
    let mut bytes = table.find(kind)?;
    bytes.version()?;
    let count = bytes.entries(8)?;
    Ok((0..count).map_while(move |_| Some((bytes.u32().ok()?, bytes.u32().ok()?))))
}

#[cfg(test)]
mod tests {
    use super::super::boxes::Bytes;
    use super::*;

    fn boxed(kind: [u8; 4], words: &[u32]) -> Vec<u8> {
        let mut bytes = (8 + 4 * words.len() as u32).to_be_bytes().to_vec();
        bytes.extend(kind);
        bytes.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        bytes
    }

    /// I P B as decoded, shown as I B P, in ticks of 100.
    fn table(key: &[u32]) -> Vec<u8> {
        let mut bytes = boxed(*b"stsz", &[0, 0, 3, 9, 9, 9]);
        bytes.extend(boxed(*b"stts", &[0, 1, 3, 100]));
        bytes.extend(boxed(*b"ctts", &[0, 3, 1, 100, 1, 200, 1, 0]));
        bytes.extend(boxed(*b"stss", &[&[0, key.len() as u32], key].concat()));
        bytes
    }

    #[test]
    fn frames_are_counted_in_the_order_of_showing() {
        let bytes = table(&[1, 2]);
        let shown = shown(Boxes::of(Bytes::of(&bytes))).unwrap();
        let expected = Shown {
            count: 3,
            first: 100,
            step: Some(100),
            key_frames: vec![0, 2],
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn samples_are_told_apart_by_their_size() {
        let mut bytes = boxed(*b"stsz", &[0, 0, 3, 2, 9, 3]);
        bytes.extend(boxed(*b"stts", &[0, 1, 3, 100]));
        assert_eq!(larger_than(Boxes::of(Bytes::of(&bytes)), 2).unwrap(), 2);
        let mut bytes = boxed(*b"stsz", &[0, 9, 3]);
        bytes.extend(boxed(*b"stts", &[0, 1, 3, 100]));
        let table = Boxes::of(Bytes::of(&bytes));
        assert_eq!(larger_than(table, 2).unwrap(), 3);
        assert_eq!(larger_than(table, 9).unwrap(), 0);
    }

    #[test]
    fn a_key_frame_that_is_not_there_is_refused() {
        for key in [0, 4, u32::MAX] {
            let bytes = table(&[key]);
            assert!(shown(Boxes::of(Bytes::of(&bytes))).is_err());
        }
    }

    #[test]
    fn a_table_that_claims_the_moon_costs_nothing() {
        let mut bytes = boxed(*b"stsz", &[0, 1, u32::MAX]);
        bytes.extend(boxed(*b"stts", &[0, 1, u32::MAX, 1]));
        assert!(shown(Boxes::of(Bytes::of(&bytes))).is_err());
    }
}
