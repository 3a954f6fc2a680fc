//! A line of a file of codes: a code, or what is wrong with it. One bad line does not spoil the others.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::CODE_CHARS_MAX;
use crate::coded::Coded;
use crate::secret::{SECRET_BYTES_MAX, Secret, SecretError};

/// What is wrong with a line of a file of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum LineProblem {
    /// There is nothing in it, or spaces alone.
    Empty,
    /// It is longer than a code may be.
    TooLong,
    /// It holds a character that cannot be read or typed.
    Unreadable,
    /// An earlier line has the same code.
    Repeated,
    /// A coupon with this code is in a book already.
    Exists,
}

/// A line of a file of codes, as it is told in confidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeLine(Result<Secret, LineProblem>);

impl CodeLine {
    /// Reads a line. Spaces around it do not count.
    ///
    /// # Errors
    /// [`SecretError::Control`] for a NUL, which no text of a request holds.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        if text.contains('\0') {
            return Err(SecretError::Control);
        }
        let text = text.trim();
        let is_unreadable = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
        Ok(Self(if text.is_empty() {
            Err(LineProblem::Empty)
        } else if text.chars().any(is_unreadable) {
            Err(LineProblem::Unreadable)
        } else if text.chars().count() > CODE_CHARS_MAX || text.len() > SECRET_BYTES_MAX {
            Err(LineProblem::TooLong)
        } else {
            Ok(Secret::from(text))
        }))
    }

    /// The code.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn code(&self) -> Result<&Secret, LineProblem> {
        self.0.as_ref().map_err(|problem| *problem)
    }

    /// A text that reads as the same line, for a request that another language reads and gives back: the code itself, or
    /// a line with the same fault. What was sealed crosses no boundary.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.0 {
            Ok(Secret::Clear(text)) => text.clone(),
            Ok(Secret::Sealed(_) | Secret::Kept { .. }) | Err(LineProblem::Empty) => String::new(),
            Err(LineProblem::TooLong) => "x".repeat(CODE_CHARS_MAX.saturating_add(1)),
            Err(LineProblem::Unreadable | LineProblem::Repeated | LineProblem::Exists) => {
                String::from(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    /// The code, to be sealed.
    pub fn code_mut(&mut self) -> Option<&mut Secret> {
        self.0.as_mut().ok()
    }
}

impl Serialize for CodeLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Ok(code) => code.serialize(serializer),
            Err(problem) => problem.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CodeLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(LineVisitor)
    }
}

struct LineVisitor;

impl Visitor<'_> for LineVisitor {
    type Value = CodeLine;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<CodeLine, E> {
        CodeLine::new(text).map_err(|error| E::custom(Coded::new(error.code(), error)))
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for CodeLine {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CodeLine".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(CodeLine::new("A\0"), Err(SecretError::Control));
        assert!(serde_json::from_str::<CodeLine>(r#""A\u0000""#).is_err());
    }

    #[test]
    fn bad_lines_are_told_from_codes() {
        let long = "x".repeat(CODE_CHARS_MAX);
        for (text, wanted) in [
            (" SAVE-10 ", Ok("SAVE-10")),
            (long.as_str(), Ok(long.as_str())),
            (&format!("{long}x"), Err(LineProblem::TooLong)),
            ("", Err(LineProblem::Empty)),
            ("  ", Err(LineProblem::Empty)),
            ("A\u{7}B", Err(LineProblem::Unreadable)),
            ("A\u{fffd}", Err(LineProblem::Unreadable)),
        ] {
            let line = CodeLine::new(text).unwrap();
            let wanted = wanted.map(Secret::from);
            assert_eq!(
                line.code(),
                wanted.as_ref().map_err(|problem| *problem),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_line_that_crosses_to_another_language_and_back_is_the_same() {
        let long = "x".repeat(CODE_CHARS_MAX + 1);
        let huge = "ö".repeat(SECRET_BYTES_MAX);
        for text in [
            "SPRING-1", " a b ", "", "  ", "\u{7}", "\u{fffd}", &long, &huge,
        ] {
            let line = CodeLine::new(text).unwrap();
            assert_eq!(CodeLine::new(&line.to_text()).unwrap(), line, "{text:?}");
        }
    }
}
