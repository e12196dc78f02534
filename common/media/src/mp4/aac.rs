//! The number of channels of AAC: the sample entry's own field says 2 in files of many writers,
//! whatever the sound is; the decoder's configuration (ISO/IEC 14496-1 §7.2.6, 14496-3 §1.6.2.1) is true.

use super::Mp4Error;
use super::boxes::Bytes;

/// Descriptor tags: elementary stream, decoder configuration, what the decoder itself is told.
const ES: u8 = 3;
const DECODER: u8 = 4;
const SPECIFIC: u8 = 5;

/// Channels by an `esds` box; `None` where the configuration leaves them to the stream.
pub(super) fn channels(mut esds: Bytes<'_>) -> Result<Option<u16>, Mp4Error> {
    esds.version()?;
    descriptor(&mut esds, ES)?;
    let [_, _, flags] = esds.array()?;
    // A depends-on id, a URL with its length, a clock id: each only where its flag says so.
    esds.skip(if flags & 0x80 != 0 { 2 } else { 0 })?;
    if flags & 0x40 != 0 {
        let [length] = esds.array()?;
        esds.skip(length.into())?;
    }
    esds.skip(if flags & 0x20 != 0 { 2 } else { 0 })?;
    descriptor(&mut esds, DECODER)?;
    esds.skip(13)?;
    descriptor(&mut esds, SPECIFIC)?;
    // 5 bits of object type, 4 of rate index, 4 of channels; other object types or rates that are
    // spelled out move the bits, and are none of ours.
    let bits = esds.u16()?;
    let (object, rate, channels) = (bits >> 11, bits >> 7 & 15, bits >> 3 & 15);
    if object == 31 || rate == 15 {
        return Ok(None);
    }
    Ok(match channels {
        1..=6 => Some(channels),
        7 => Some(8),
        _ => None,
    })
}

/// Steps into a descriptor: its tag, then its length in groups of seven bits.
fn descriptor(bytes: &mut Bytes<'_>, tag: u8) -> Result<(), Mp4Error> {
    if bytes.array()? != [tag] {
        return Err(Mp4Error::Invalid("its sound has no decoder configuration"));
    }
    for _ in 0..4 {
        let [length] = bytes.array()?;
        if length & 0x80 == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(specific: [u8; 2], expected: Option<u16>) {
        let mut bytes = vec![0, 0, 0, 0, ES, 0x80, 0x80, 0x80, 0x22, 0, 1, 0];
        bytes.extend([DECODER, 0x14]);
        bytes.extend([0; 13]);
        bytes.extend([SPECIFIC, 2]);
        bytes.extend(specific);
        assert_eq!(channels(Bytes::of(&bytes)).unwrap(), expected);
    }

    #[test]
    fn channels_are_read_from_the_decoders_configuration() {
        check([0x12, 0x08], Some(1)); // AAC-LC, 44.1 kHz
        check([0x11, 0x90], Some(2)); // AAC-LC, 48 kHz
        check([0x12, 0x38], Some(8));
        check([0x12, 0x00], None);
        check([0x17, 0x88], None); // the rate is spelled out
    }
}
