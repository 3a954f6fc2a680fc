//! The part of CBOR that tokens are made of: whole numbers, texts, bytes, lists and maps of known labels, nothing else.
//!
//! What reads and what writes are apart, and [`only_form`] holds them together: bytes that are not exactly what would be written
//! again are refused. So a number that could be shorter, a map that is not sorted, a label that comes twice and a length that is
//! not told first all end the same way, and two texts are never one token.

use std::convert::Infallible;

use minicbor::data::Tag;
use minicbor::{Decoder, Encoder, decode, encode};

use super::TokenError;

/// Reads what is known, one thing after another, and never more than there is.
#[derive(Debug)]
pub(crate) struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    /// How many pairs a map has, which are at most so many.
    pub fn map(&mut self, max: u64) -> Result<u64, TokenError> {
        let pairs = known(self.0.map())?;
        within(pairs, max)
    }

    /// How many values a list has, which are at most so many.
    pub fn list(&mut self, max: u64) -> Result<u64, TokenError> {
        let values = known(self.0.array())?;
        within(values, max)
    }

    pub fn tag(&mut self, expected: u64) -> Result<(), TokenError> {
        let tag = known(self.0.tag())?;
        if tag == Tag::new(expected) {
            return Ok(());
        }
        Err(TokenError::malformed("another tag"))
    }

    pub fn label(&mut self) -> Result<i64, TokenError> {
        known(self.0.i64())
    }

    /// A number that is not negative.
    pub fn number(&mut self) -> Result<i64, TokenError> {
        let number = known(self.0.u64())?;
        i64::try_from(number).map_err(|_| TokenError::malformed("a number is out of range"))
    }

    pub fn bytes(&mut self) -> Result<&'b [u8], TokenError> {
        known(self.0.bytes())
    }

    /// As many bytes as are expected.
    pub fn exactly<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let bytes = self.bytes()?;
        <[u8; N]>::try_from(bytes).map_err(|_| TokenError::malformed("too few or too many bytes"))
    }

    pub fn text(&mut self) -> Result<&'b str, TokenError> {
        known(self.0.str())
    }

    /// A value that is read from a text.
    pub fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, TokenError> {
        parsed(self.text()?)
    }

    /// A value that is read from the bytes of a text.
    pub fn named<T: std::str::FromStr>(&mut self) -> Result<T, TokenError> {
        let text = std::str::from_utf8(self.bytes()?);
        parsed(text.map_err(|_| TokenError::malformed("a name is not UTF-8"))?)
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, TokenError> {
    text.parse()
        .map_err(|_| TokenError::malformed("a text is not what is expected"))
}

fn known<T>(read: Result<T, decode::Error>) -> Result<T, TokenError> {
    read.map_err(|_| TokenError::malformed("it is not the CBOR that is expected"))
}

fn within(count: Option<u64>, max: u64) -> Result<u64, TokenError> {
    // A map or list that does not say how long it is has no count.
    count
        .filter(|count| *count <= max)
        .ok_or_else(|| TokenError::malformed("too many values, or how many is not said"))
}

/// What goes wrong in writing: nothing, where there is memory.
pub(crate) type Written = Result<(), encode::Error<Infallible>>;

/// Room for what is written: more than most tokens have, so that writing one seldom takes memory twice.
const WRITTEN_BYTES: usize = 384;

/// Writes bytes.
pub(crate) fn write(
    write: impl FnOnce(&mut Encoder<Vec<u8>>) -> Written,
) -> Result<Vec<u8>, TokenError> {
    let mut encoder = Encoder::new(Vec::with_capacity(WRITTEN_BYTES));
    write(&mut encoder).map_err(|_| TokenError::malformed("it cannot be encoded"))?;
    Ok(encoder.into_writer())
}

/// Refuses bytes that are not what would be written of what was read from them.
pub(crate) fn only_form(read: &[u8], written: &[u8]) -> Result<(), TokenError> {
    if read == written {
        return Ok(());
    }
    Err(TokenError::malformed(
        "its encoding is not the shortest and sorted",
    ))
}
