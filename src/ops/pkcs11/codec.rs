//! How parameters travel. What the vectors show: a CK_ULONG has 8 bytes, big-endian; texts are padded with blanks;
//! structures lie inline (CK_INFO in PKCS11-M-1). What the PKCS#11 profile adds, by our reading of it: a length or a
//! count has 4 bytes and stands before what it counts; only what goes in is in the input, only what comes out in the
//! output, and buffers of the caller are its own business.

use super::rv::{ARGUMENTS_BAD, Failed, Rv};
use zeroize::Zeroizing;

/// Most elements of one list.
const COUNT_MAX: usize = 1024;

/// Input parameters, taken in order.
#[derive(Debug)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Failed> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Failed::Codec)?;
        self.0 = rest;
        Ok(head)
    }

    /// CK_ULONG that is a value.
    pub fn ulong(&mut self) -> Result<u64, Failed> {
        Ok(u64::from_be_bytes(self.take(8)?.try_into().map_err(|_| Failed::Codec)?))
    }

    /// CK_ULONG that counts.
    pub fn count(&mut self) -> Result<usize, Failed> {
        Ok(u32::from_be_bytes(self.take(4)?.try_into().map_err(|_| Failed::Codec)?) as usize)
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Result<&'a [u8], Failed> {
        let count = self.count()?;
        self.take(count)
    }

    /// A template: types and values.
    pub fn template(&mut self) -> Result<Vec<(u64, &'a [u8])>, Failed> {
        let count = self.count()?;
        if count > COUNT_MAX {
            return Err(ARGUMENTS_BAD.into());
        }
        (0..count).map(|_| Ok((self.ulong()?, self.bytes()?))).collect()
    }
}

/// Output parameters; wiped, as they may hold keys.
#[derive(Debug, Default)]
pub struct Output(pub Zeroizing<Vec<u8>>);

impl Output {
    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// CK_ULONG that is a value.
    pub fn ulong(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// CK_ULONG that counts.
    pub fn count(&mut self, count: usize) -> &mut Self {
        self.raw(&(count as u32).to_be_bytes())
    }

    /// Bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.count(bytes.len()).raw(bytes)
    }

    /// Text of a fixed length, padded with blanks.
    pub fn text(&mut self, text: &str, length: usize) -> &mut Self {
        let text = &text.as_bytes()[..text.len().min(length)];
        self.raw(text).raw(&vec![b' '; length - text.len()])
    }
}

/// A CK_RV as a failure.
impl From<Rv> for Failed {
    fn from(rv: Rv) -> Self {
        Self::Rv(rv)
    }
}
