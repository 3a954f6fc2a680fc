//! How documents are stored: the names and forms of our JSON are always the same, so they are not written out again in every row.
//!
//! A stored document is either the JSON text itself, or the byte 1, the length of the text (four bytes, the lowest first) and an
//! LZ4 block made with [`DICTIONARY`]. JSON begins with no byte below the tabulator, so the two are told apart by the first one, and
//! a later dictionary would have a number of its own. A dictionary is never changed: what was stored with it is read with it for
//! ever. ADR 27 says what this saves.

use std::borrow::Cow;

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_into_with_dict};

use super::fault::Unreadable;

/// The first byte of what is stored with [`DICTIONARY`].
const PACKED: u8 = 1;

/// What documents usually say.
const DICTIONARY: &[u8] = include_bytes!("packing/dictionary_1.txt");

/// The longest text that is read: a damaged length must not take all memory. No document comes near it.
const TEXT_MAX: usize = 64 << 20;

/// Whether what begins with this is no plain text.
fn is_form(first: char) -> bool {
    first < '\t'
}

/// A document as it is stored.
pub(super) fn pack(text: &str) -> Vec<u8> {
    let block = compress_prepend_size_with_dict(text.as_bytes(), DICTIONARY);
    if block.len() >= text.len() && !text.starts_with(is_form) {
        return text.as_bytes().to_vec();
    }
    let mut stored = Vec::with_capacity(block.len().saturating_add(1));
    stored.push(PACKED);
    stored.extend(block);
    stored
}

/// A document as it was before it was stored.
pub(super) fn unpack(stored: &[u8]) -> Result<Cow<'_, str>, Unreadable> {
    let rest = match stored.split_first() {
        Some((&PACKED, rest)) => rest,
        Some((form, _)) if is_form(char::from(*form)) => {
            return Err(Unreadable(format!("no form of a document is {form}")));
        }
        _ => return Ok(Cow::Borrowed(std::str::from_utf8(stored)?)),
    };
    let Some((length, block)) = rest.split_first_chunk() else {
        return Err(Unreadable("a packed document is cut off".to_owned()));
    };
    let length = usize::try_from(u32::from_le_bytes(*length))?;
    if length > TEXT_MAX {
        return Err(Unreadable(format!("a packed document of {length} bytes")));
    }
    let mut text = vec![0; length];
    let read = decompress_into_with_dict(block, &mut text, DICTIONARY)?;
    if read != length {
        let detail = format!("expected a document of {length} bytes, got {read}");
        return Err(Unreadable(detail));
    }
    Ok(Cow::Owned(String::from_utf8(text)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// What is stored today, written down: if this changes, books that are there can no longer be read.
    const STORED: &str = "014100000004fb0a0f2a0a0f47332e30375a0180455552227d5d7d7d";
    const DICTIONARY_SHA256: &str =
        "a8d8dd414843e9455a6d9a9b94c1d75a01200d189b91e9e97d3d2fed49e5d5b7";

    #[test]
    fn what_was_stored_is_read_for_ever() {
        let text = r#"{"rewards_matured":{"amounts":[{"amount":"3.07","asset":"EUR"}]}}"#;
        assert_eq!(hex::encode(pack(text)), STORED);
        assert_eq!(unpack(&hex::decode(STORED).unwrap()).unwrap(), text);
        let digest = hex::encode(Sha256::digest(DICTIONARY));
        assert_eq!(digest, DICTIONARY_SHA256);
    }

    #[test]
    fn a_plain_text_is_read_as_it_is() {
        for text in ["", "{}", "null", "[1,{}]", " 7"] {
            assert_eq!(unpack(text.as_bytes()).unwrap(), text);
        }
    }

    /// Each is refused in words, and none takes memory for more than it has.
    #[test]
    fn what_is_damaged_is_refused() {
        let whole = pack(r#"{"rewards_expired":{"amounts":[]}}"#);
        let mut too_long = whole.clone();
        too_long[1] += 1;
        let mut no_text = pack(r#"{"purchase":"order-77","decision":{}}"#);
        let last = no_text.len() - 4;
        no_text[last] = 0xFF;
        for stored in [
            &whole[..1],
            &whole[..4],
            &whole[..whole.len() - 1],
            &too_long,
            &no_text,
            &[PACKED, 0xFF, 0xFF, 0xFF, 0xFF, 0],
            &[PACKED, 0xFF, 0xFF, 0, 0],
            &[2, 0, 0, 0, 0],
            &[b'{', 0xFF, b'}'],
        ] {
            assert!(unpack(stored).is_err(), "{stored:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in ".{0,2000}", times in 1_usize..5) {
            let text = text.repeat(times);
            let stored = pack(&text);
            prop_assert_eq!(unpack(&stored).unwrap(), text);
        }

        #[test]
        fn no_bytes_bring_it_down(mut stored in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&stored);
            if let Some(first) = stored.first_mut() {
                *first = PACKED;
            }
            let _ = unpack(&stored);
        }
    }
}
