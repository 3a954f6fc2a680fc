//! Patterns: what codes look like, and how many different ones there are.
//!
//! | in a pattern | in a code |
//! |---|---|
//! | `{RANDOM:n}` | n letters and digits; 8 when n is left out |
//! | `{NUMERIC:n}` | n digits; 6 when n is left out |
//! | `{ALPHA:n}` | n letters; 8 when n is left out |
//! | `{UUID}` | a random UUID |
//! | `{CHECK}` | a [check character](check_character) of all before it; only at the end |
//! | `{}` | the same as `{RANDOM:8}` |
//! | `#`, `?` | a digit, a letter |
//! | a letter, a digit, `-`, `_`, `.` | itself |
//!
//! A pattern without anything random ends in `{RANDOM:8}`, so that a prefix alone is one. Letters are capital ones. Where
//! [look-alikes](CodeMatching::LookAlikes) are the same, nothing random is an `I`, `L`, `O` or `U`.

use thiserror::Error;

use super::{CodeMatching, spelled};

/// The longest code, in characters.
pub const CODE_CHARS_MAX: usize = 64;
/// How many different codes a pattern must have for each one that is wanted: at most one in so many can be met by accident.
pub const ROOM_FACTOR: u32 = 10;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ALL: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CLEAR_LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTVWXYZ";
const CLEAR_ALL: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A placeholder that there is not, or one that does not end.
    #[error(
        "unknown placeholder at byte {at}: expected `{{}}`, `{{RANDOM:n}}`, `{{NUMERIC:n}}`, `{{ALPHA:n}}`, `{{UUID}}` or, at the end, `{{CHECK}}`"
    )]
    Placeholder {
        /// Where it begins.
        at: usize,
    },
    /// A character that no code has.
    #[error(
        "unexpected character at byte {at}: expected a letter, a digit, `-`, `_`, `.`, `#`, `?` or a placeholder"
    )]
    Character {
        /// Where it is.
        at: usize,
    },
    /// Codes would be empty or too long.
    #[error("codes would have {found} characters, expected 1 to {CODE_CHARS_MAX}")]
    Length {
        /// How long they would be.
        found: usize,
    },
}

impl PatternError {
    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "pattern_invalid"
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(char),
    Drawn(&'static [u8], usize),
    Uuid,
    Check,
}

/// What codes look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodePattern {
    parts: Vec<Part>,
    matching: CodeMatching,
}

impl CodePattern {
    /// Reads a pattern, for codes that match in a way.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn parse(text: &str, matching: CodeMatching) -> Result<Self, PatternError> {
        let mut pattern = Self {
            parts: Vec::new(),
            matching,
        };
        let mut at = 0_usize;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            at = at.saturating_add(pattern.read(rest, at)?);
        }
        let is_random = |part: &Part| matches!(part, Part::Drawn(..) | Part::Uuid);
        if !pattern.parts.iter().any(is_random) {
            let drawn = Part::Drawn(pattern.all(), 8);
            let has_check = pattern.parts.last() == Some(&Part::Check);
            let end = pattern.parts.len().saturating_sub(usize::from(has_check));
            pattern.parts.insert(end, drawn);
        }
        let found = pattern.chars();
        if found > CODE_CHARS_MAX {
            return Err(PatternError::Length { found });
        }
        Ok(pattern)
    }

    /// Reads one part, and says how many bytes it takes.
    fn read(&mut self, rest: &str, at: usize) -> Result<usize, PatternError> {
        // Nothing follows a check character, which is one of all before it.
        if self.parts.last() == Some(&Part::Check) {
            return Err(PatternError::Placeholder { at });
        }
        let first = rest.chars().next().unwrap_or_default();
        let part = match first {
            '#' => Part::Drawn(DIGITS, 1),
            '?' => Part::Drawn(self.letters(), 1),
            '{' => {
                let unknown = PatternError::Placeholder { at };
                let inside = rest.split_once('}').map(|(inside, _)| inside);
                let inside = inside.and_then(|inside| inside.strip_prefix('{'));
                let inside = inside.ok_or_else(|| unknown.clone())?;
                self.parts.push(self.placeholder(inside).ok_or(unknown)?);
                return Ok(inside.len().saturating_add(2));
            }
            '-' | '_' | '.' => Part::Literal(first),
            _ if first.is_ascii_alphanumeric() => Part::Literal(first),
            _ => return Err(PatternError::Character { at }),
        };
        self.parts.push(part);
        Ok(1)
    }

    fn placeholder(&self, inside: &str) -> Option<Part> {
        let (name, count) = match inside.split_once(':') {
            Some((name, count)) => (name, Some(count.parse::<usize>().ok()?)),
            None => (inside, None),
        };
        if count.is_some_and(|count| !(1..=CODE_CHARS_MAX).contains(&count)) {
            return None;
        }
        Some(match (name, count) {
            ("", None) => Part::Drawn(self.all(), 8),
            ("RANDOM", count) => Part::Drawn(self.all(), count.unwrap_or(8)),
            ("NUMERIC", count) => Part::Drawn(DIGITS, count.unwrap_or(6)),
            ("ALPHA", count) => Part::Drawn(self.letters(), count.unwrap_or(8)),
            ("UUID", None) => Part::Uuid,
            ("CHECK", None) => Part::Check,
            _ => return None,
        })
    }

    fn all(&self) -> &'static [u8] {
        match self.matching {
            CodeMatching::LookAlikes => CLEAR_ALL,
            CodeMatching::Exact | CodeMatching::AnyCase => ALL,
        }
    }

    fn letters(&self) -> &'static [u8] {
        match self.matching {
            CodeMatching::LookAlikes => CLEAR_LETTERS,
            CodeMatching::Exact | CodeMatching::AnyCase => LETTERS,
        }
    }

    fn chars(&self) -> usize {
        let chars = self.parts.iter().map(|part| match part {
            Part::Literal(_) | Part::Check => 1,
            Part::Drawn(_, count) => *count,
            Part::Uuid => 36,
        });
        chars.fold(0, usize::saturating_add)
    }

    /// How many different codes there are, or the most that can be told.
    #[must_use]
    pub fn room(&self) -> u128 {
        self.parts.iter().fold(1, |room: u128, part| match part {
            Part::Literal(_) | Part::Check => room,
            Part::Drawn(alphabet, count) => (0..*count).fold(room, |room, _| {
                room.saturating_mul(u128::try_from(alphabet.len()).unwrap_or(u128::MAX))
            }),
            Part::Uuid => room.saturating_mul(1 << 122),
        })
    }

    /// A code, out of random bytes. Every one is as likely as every other: a byte that would make some more likely is passed over.
    pub fn code(&self, mut byte: impl FnMut() -> u8) -> String {
        let mut code = String::with_capacity(CODE_CHARS_MAX);
        for part in &self.parts {
            match part {
                Part::Literal(literal) => code.push(*literal),
                Part::Drawn(alphabet, count) => {
                    for _ in 0..*count {
                        code.push(draw(alphabet, &mut byte));
                    }
                }
                Part::Uuid => {
                    let bytes = std::array::from_fn(|_| byte());
                    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
                    code.push_str(&uuid.to_string());
                }
                Part::Check => code.push(check_character(&code)),
            }
        }
        code
    }
}

/// A character of an alphabet of at most 256, each as likely as every other.
fn draw(alphabet: &[u8], byte: &mut impl FnMut() -> u8) -> char {
    let length = u16::try_from(alphabet.len()).unwrap_or(256).max(1);
    let whole = 256_u16.saturating_sub(256_u16.checked_rem(length).unwrap_or_default());
    loop {
        let drawn = u16::from(byte());
        if drawn < whole {
            let place = usize::from(drawn.checked_rem(length).unwrap_or_default());
            return alphabet.get(place).copied().map_or('0', char::from);
        }
    }
}

/// The check character of a text: a hybrid system as in ISO/IEC 7064, MOD 33,32, over its letters and digits as look-alikes spell
/// them, with `U` as `V`. It shows every single character that was mistaken, and is never a look-alike itself.
#[must_use]
pub fn check_character(text: &str) -> char {
    let spelled = spelled(text, CodeMatching::LookAlikes).replace('U', "V");
    let values = spelled.bytes().filter_map(|byte| {
        let place = CLEAR_ALL.iter().position(|known| *known == byte);
        place.and_then(|place| u32::try_from(place).ok())
    });
    let product = values.fold(32_u32, |product, value| {
        let sum = product.saturating_add(value).checked_rem(32);
        let sum = sum.filter(|sum| *sum != 0).unwrap_or(32);
        sum.saturating_mul(2).checked_rem(33).unwrap_or_default()
    });
    let check = 33_u32.saturating_sub(product).checked_rem(32);
    let place = usize::try_from(check.unwrap_or_default()).unwrap_or_default();
    CLEAR_ALL.get(place).copied().map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that say in what order they were asked for.
    fn counting() -> impl FnMut() -> u8 {
        let mut next = 0_u8;
        move || {
            next = next.wrapping_add(97);
            next
        }
    }

    #[test]
    fn patterns_are_read_and_their_room_is_known() {
        use CodeMatching::{AnyCase, LookAlikes};
        for (text, matching, room, chars) in [
            ("", AnyCase, 36_u128.pow(8), 8),
            ("{}", AnyCase, 36_u128.pow(8), 8),
            ("{}", LookAlikes, 32_u128.pow(8), 8),
            ("SPRING-", AnyCase, 36_u128.pow(8), 15),
            ("SPRING-{CHECK}", AnyCase, 36_u128.pow(8), 16),
            ("A{RANDOM:4}", AnyCase, 36_u128.pow(4), 5),
            ("{NUMERIC}", AnyCase, 10_u128.pow(6), 6),
            ("{ALPHA:3}", AnyCase, 26_u128.pow(3), 3),
            ("{ALPHA:3}", LookAlikes, 22_u128.pow(3), 3),
            ("?##-x", AnyCase, 2_600, 5),
            ("{UUID}", AnyCase, 1 << 122, 36),
            ("{RANDOM:64}", AnyCase, u128::MAX, 64),
        ] {
            let pattern = CodePattern::parse(text, matching).unwrap();
            assert_eq!(pattern.room(), room, "{text}");
            let code = pattern.code(counting());
            assert_eq!(code.chars().count(), chars, "{text}: {code}");
        }
        for (text, error) in [
            ("{WORD}", PatternError::Placeholder { at: 0 }),
            ("A{RANDOM:0}", PatternError::Placeholder { at: 1 }),
            ("A{RANDOM:65}", PatternError::Placeholder { at: 1 }),
            ("A{RANDOM:x}", PatternError::Placeholder { at: 1 }),
            ("{RANDOM", PatternError::Placeholder { at: 0 }),
            ("{CHECK}-{RANDOM}", PatternError::Placeholder { at: 7 }),
            ("{UUID:2}", PatternError::Placeholder { at: 0 }),
            ("A B", PatternError::Character { at: 1 }),
            ("Ä", PatternError::Character { at: 0 }),
            ("}", PatternError::Character { at: 0 }),
            ("A{RANDOM:64}", PatternError::Length { found: 65 }),
        ] {
            assert_eq!(CodePattern::parse(text, AnyCase), Err(error), "{text}");
        }
    }

    #[test]
    fn every_character_is_as_likely_as_every_other() {
        for alphabet in [DIGITS, LETTERS, ALL, CLEAR_LETTERS, CLEAR_ALL] {
            let mut counts = std::collections::BTreeMap::new();
            for byte in 0..=u8::MAX {
                // A byte that is passed over is followed by one that is not.
                let mut asked = 0;
                let drawn = draw(alphabet, &mut || {
                    asked += 1;
                    if asked == 1 { byte } else { 0 }
                });
                if asked == 1 {
                    *counts.entry(drawn).or_insert(0) += 1;
                }
            }
            assert_eq!(counts.len(), alphabet.len());
            let each = 256 / alphabet.len();
            assert!(counts.values().all(|count| *count == each), "{counts:?}");
        }
    }

    #[test]
    fn a_mistaken_character_is_shown() {
        let code = "SPRING-7K2M9";
        let check = check_character(code);
        for (at, was) in code.char_indices().filter(|(_, was)| *was != '-') {
            for now in CLEAR_ALL.iter().copied().map(char::from) {
                let mut mistaken = code.to_owned();
                mistaken.replace_range(at..=at, &now.to_string());
                let same = |c: char| matches!((was, c), ('I', '1')) || was == c;
                let is_shown = check_character(&mistaken) != check;
                assert_eq!(is_shown, !same(now), "{mistaken}");
            }
        }
        assert_eq!(check_character("spr1ng 7k2m9"), check, "as look-alikes");
    }
}
