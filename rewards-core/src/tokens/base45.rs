//! Base45 (RFC 9285): bytes as the characters that a QR code packs tightest, three for two bytes.
//!
//! Every text is the form of at most one sequence of bytes, and of every sequence there is one text: whatever else a decoder might
//! let through (a triple above 65,535, a pair above 255, a single character left over, lower case) is refused.

/// The characters, by their value.
const ALPHABET: &[u8; 45] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

/// Bytes as text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(2).saturating_mul(3));
    for pair in bytes.chunks(2) {
        let (mut value, digits) = match pair {
            [high, low] => (u32::from(u16::from_be_bytes([*high, *low])), 3),
            single => (single.first().copied().map_or(0, u32::from), 2),
        };
        for _ in 0..digits {
            let digit = usize::try_from(value.wrapping_rem(45)).unwrap_or_default();
            text.extend(ALPHABET.get(digit).map(|byte| char::from(*byte)));
            value = value.wrapping_div(45);
        }
    }
    text
}

/// Text as bytes; `None` when it is not what [`encode`] makes of any.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(3).saturating_mul(2));
    for part in text.as_bytes().chunks(3) {
        match *part {
            [a, b, c] => {
                let value = join(&[a, b, c])?;
                bytes.extend(u16::try_from(value).ok()?.to_be_bytes());
            }
            [a, b] => bytes.push(u8::try_from(join(&[a, b])?).ok()?),
            _ => return None,
        }
    }
    Some(bytes)
}

/// The number that characters stand for, the one that counts least first. Three of them stay below 91,125.
fn join(characters: &[u8]) -> Option<u32> {
    characters.iter().rev().try_fold(0_u32, |value, character| {
        let digit = digit(*character)?;
        value.checked_mul(45)?.checked_add(u32::from(digit))
    })
}

/// The place of a character in the alphabet. A token has hundreds of them, so it is not looked for.
const fn digit(character: u8) -> Option<u8> {
    Some(match character {
        b'0'..=b'9' => character.wrapping_sub(b'0'),
        b'A'..=b'Z' => character.wrapping_sub(b'A').wrapping_add(10),
        b' ' => 36,
        b'$' => 37,
        b'%' => 38,
        b'*' => 39,
        b'+' => 40,
        b'-' => 41,
        b'.' => 42,
        b'/' => 43,
        b':' => 44,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (bytes, text) in [
            ("", ""),
            ("AB", "BB8"),
            ("Hello!!", "%69 VD92EX0"),
            ("base-45", "UJCLQE7W581"),
            ("ietf!", "QED8WEX0"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(decode("FGW"), Some(vec![0xff, 0xff]));
    }

    #[test]
    fn the_alphabet_is_the_same_both_ways() {
        for byte in 0..=u8::MAX {
            let place = ALPHABET.iter().position(|own| *own == byte);
            assert_eq!(digit(byte).map(usize::from), place, "{byte}");
        }
    }

    #[test]
    fn no_other_text_is_read() {
        for text in [
            "GGW", ":::", "::", "V5", "A", "BB8A", "bb8", "BB_", "BBÄ", "\u{0}00",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn what_is_read_is_written_the_same(text in "[0-9A-Z $%*+./:-]{0,30}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
