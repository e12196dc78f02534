//! Boxes within bytes: length, four letters, content; read without ever going beyond the end.

use super::{FourCc, Mp4Error};

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) const fn of(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Mp4Error> {
        let (head, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(Mp4Error::Truncated("a field"))?;
        self.rest = rest;
        Ok(*head)
    }

    pub(super) fn skip(&mut self, bytes: usize) -> Result<(), Mp4Error> {
        self.rest = self
            .rest
            .get(bytes..)
            .ok_or(Mp4Error::Truncated("a field"))?;
        Ok(())
    }

    pub(super) fn u16(&mut self) -> Result<u16, Mp4Error> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Mp4Error> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Mp4Error> {
        self.array().map(u64::from_be_bytes)
    }

    /// The version of a full box; its flags are skipped.
    pub(super) fn version(&mut self) -> Result<u8, Mp4Error> {
        let [version, _, _, _] = self.array()?;
        Ok(version)
    }

    /// The number of entries of a table, each of `size` bytes, all of which are there.
    pub(super) fn entries(&mut self, size: usize) -> Result<u32, Mp4Error> {
        let count = self.u32()?;
        match (count as usize).checked_mul(size) {
            Some(needed) if needed <= self.rest.len() => Ok(count),
            _ => Err(Mp4Error::Truncated("a table")),
        }
    }
}

/// Kind, length of the header, and whole size of the box that begins with `bytes`, of which at most
/// `available` bytes are there. `None` where the header or the box goes beyond them.
pub(super) fn header(bytes: &[u8], available: u64) -> Option<(FourCc, u64, u64)> {
    let mut bytes = Bytes::of(bytes);
    let short = bytes.u32().ok()?;
    let kind = FourCc(bytes.array().ok()?);
    let (header, size) = match short {
        0 => (8, available), // up to the end
        1 => (16, bytes.u64().ok()?),
        size => (8, u64::from(size)),
    };
    (header <= size && size <= available).then_some((kind, header, size))
}

/// A sequence of boxes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Boxes<'a> {
    bytes: Bytes<'a>,
}

impl<'a> Boxes<'a> {
    pub(super) const fn of(bytes: Bytes<'a>) -> Self {
        Self { bytes }
    }

    /// The contents of all boxes of this kind. After an error there are no more.
    pub(super) fn all(self, kind: [u8; 4]) -> impl Iterator<Item = Result<Bytes<'a>, Mp4Error>> {
        self.into_iter().filter_map(move |entry| match entry {
            Ok((found, content)) => (found.0 == kind).then_some(Ok(content)),
            Err(error) => Some(Err(error)),
        })
    }

    /// The content of the first box of this kind.
    pub(super) fn find(self, kind: [u8; 4]) -> Result<Bytes<'a>, Mp4Error> {
        self.all(kind)
            .next()
            .unwrap_or(Err(Mp4Error::NoBox(FourCc(kind))))
    }

    /// The content of the first box of this kind, if there is one.
    pub(super) fn find_optional(self, kind: [u8; 4]) -> Result<Option<Bytes<'a>>, Mp4Error> {
        self.all(kind).next().transpose()
    }

    /// The box at the end of a path.
    pub(super) fn at(self, path: &[[u8; 4]]) -> Result<Bytes<'a>, Mp4Error> {
        path.iter()
            .try_fold(self.bytes, |bytes, kind| Boxes::of(bytes).find(*kind))
    }
}

impl<'a> IntoIterator for Boxes<'a> {
    type Item = Result<(FourCc, Bytes<'a>), Mp4Error>;
    type IntoIter = Walk<'a>;

    fn into_iter(self) -> Walk<'a> {
        Walk { bytes: self.bytes }
    }
}

/// Goes from box to box; ends after the first that goes beyond the end.
pub(super) struct Walk<'a> {
    bytes: Bytes<'a>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<(FourCc, Bytes<'a>), Mp4Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let all = self.bytes.rest();
        if all.is_empty() {
            return None;
        }
        let Some((kind, start, size)) = header(all, all.len() as u64) else {
            self.bytes = Bytes::of(&[]);
            return Some(Err(Mp4Error::Truncated("a box")));
        };
        let (whole, rest) = all.split_at_checked(size as usize)?;
        self.bytes = Bytes::of(rest);
        let content = whole.get(start as usize..)?;
        Some(Ok((kind, Bytes::of(content))))
    }
}
