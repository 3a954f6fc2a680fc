//! Objects of an id, a length and a value, two digits each for the first two, and the checksum over all of them.

use super::problem::{QrError, QrProblem};

/// The longest value of an object in characters: what two digits can say.
pub const VALUE_CHARACTERS_MAX: usize = 99;

/// Reads objects one after the other. A length counts characters, whatever bytes they are written as.
pub(super) fn objects(text: &str) -> Result<Vec<(u8, &str)>, QrError> {
    let mut objects = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (id, after) = number(rest).ok_or_else(|| unread(rest, QrProblem::Id))?;
        let (length, after) = number(after).ok_or_else(|| {
            let error = unread(after, QrProblem::Length);
            error.within(id)
        })?;
        if length == 0 {
            return Err(QrError::at(&[id], QrProblem::Length));
        }
        let (value, after) =
            split(after, length).ok_or_else(|| QrError::at(&[id], QrProblem::Cut))?;
        objects.push((id, value));
        rest = after;
    }
    Ok(objects)
}

/// Two digits, and what follows them.
fn number(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

/// Why two digits could not be read.
fn unread(text: &str, otherwise: QrProblem) -> QrError {
    let is_cut = text.chars().nth(1).is_none();
    QrError::at(&[], if is_cut { QrProblem::Cut } else { otherwise })
}

/// So many characters, and what follows them.
fn split(text: &str, characters: u8) -> Option<(&str, &str)> {
    let mut places = text.char_indices().map(|(place, _)| place);
    let end = places.nth(usize::from(characters)).or_else(|| {
        let is_all = text.chars().count() == usize::from(characters);
        is_all.then_some(text.len())
    })?;
    text.split_at_checked(end)
}

/// Writes an object. Its value has no more characters than two digits can say.
pub(super) fn push(text: &mut String, id: u8, value: &str) {
    let characters = value.chars().count();
    text.push_str(&format!("{id:02}{characters:02}{value}"));
}

/// CRC-16 as codes have it: the polynomial `0x1021`, from `0xFFFF` on, nothing reflected and nothing inverted at the end.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        let mixed = crc ^ (u16::from(*byte) << 8);
        (0..8).fold(mixed, |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_has_its_published_check_value() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
        assert_eq!(crc16(b""), 0xFFFF);
    }

    #[test]
    fn objects_are_read_by_characters() {
        let read = |text: &'static str| objects(text).map_err(|error| (error.code(), error.path()));
        let at = |code: &'static str, path: &str| Err((code, path.to_owned()));
        for (text, want) in [
            ("", Ok(vec![])),
            ("000201", Ok(vec![(0, "01")])),
            ("6404最佳运输5901x", Ok(vec![(64, "最佳运输"), (59, "x")])),
            ("0", at("qr_cut", "qr")),
            ("0002", at("qr_cut", "qr.00")),
            ("00020", at("qr_cut", "qr.00")),
            ("00", at("qr_cut", "qr.00")),
            ("0000", at("qr_length_invalid", "qr.00")),
            ("00x1y", at("qr_length_invalid", "qr.00")),
            ("00+1y", at("qr_length_invalid", "qr.00")),
            ("a001y", at("qr_id_invalid", "qr")),
            ("é001y", at("qr_id_invalid", "qr")),
            ("0é01y", at("qr_id_invalid", "qr")),
            ("00é1y", at("qr_length_invalid", "qr.00")),
            ("000201é", at("qr_cut", "qr")),
            ("5903日本", at("qr_cut", "qr.59")),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }
}
