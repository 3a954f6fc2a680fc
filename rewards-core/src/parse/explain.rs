//! What serde's messages say, in our words.
//!
//! Serde tells a custom type's error and its own apart by text only. All knowledge of those texts is in
//! [`Refusal::read`]; a message it does not know is passed on as it is.

use std::borrow::Cow;

use super::path::{Step, render};
use super::{excerpt, nearest};
use crate::coded;
use crate::rejection::Problem;

/// Longest words of a problem that are passed on, in characters.
const WORDS_CHARS_MAX: usize = 400;

/// A message of serde, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal<'a> {
    UnknownField { name: &'a str, known: Vec<&'a str> },
    UnknownVariant { name: &'a str, known: Vec<&'a str> },
    MissingField { name: &'a str },
    WrongType { found: &'a str, expected: &'a str },
    WrongValue { found: &'a str, expected: &'a str },
    Coded { code: &'a str, words: &'a str },
    Other { words: &'a str },
}

impl<'a> Refusal<'a> {
    pub(super) fn read(message: &'a str) -> Self {
        if let Some((code, words)) = coded::split(message) {
            return Self::Coded { code, words };
        }
        Self::read_name(message)
            .or_else(|| Self::read_expectation(message))
            .unwrap_or(Self::Other { words: message })
    }

    /// ``unknown field `x`, expected one of `a`, `b` `` and its kin.
    fn read_name(message: &'a str) -> Option<Self> {
        if let Some(rest) = message.strip_prefix("missing field `") {
            let name = rest.strip_suffix('`')?;
            return Some(Self::MissingField { name });
        }
        let field = message.strip_prefix("unknown field `");
        let rest = field.or_else(|| message.strip_prefix("unknown variant `"))?;
        // The refused name comes first and may hold anything; the known names are ours and come last.
        let (name, known) = rest
            .rsplit_once("`, expected ")
            .or_else(|| rest.rsplit_once("`, there are no "))?;
        let known = known.split('`').skip(1).step_by(2).collect();
        Some(if field.is_some() {
            Self::UnknownField { name, known }
        } else {
            Self::UnknownVariant { name, known }
        })
    }

    /// `invalid type: integer, expected a string` and its kin.
    fn read_expectation(message: &'a str) -> Option<Self> {
        let kind = message.strip_prefix("invalid type: ");
        let rest = kind
            .or_else(|| message.strip_prefix("invalid value: "))
            .or_else(|| message.strip_prefix("invalid length "))?;
        let (found, expected) = rest.rsplit_once(", expected ")?;
        Some(if kind.is_some() {
            Self::WrongType { found, expected }
        } else {
            Self::WrongValue { found, expected }
        })
    }

    /// The known name that an unknown one was probably meant to be.
    pub(super) fn meant(&self) -> Option<&'a str> {
        match self {
            Self::UnknownField { name, known } | Self::UnknownVariant { name, known } => {
                nearest(name, known.iter().copied())
            }
            _ => None,
        }
    }

    /// The problem for whoever wrote the document.
    pub(super) fn problem(&self, there: &[Step]) -> Problem {
        let mut path = render(there);
        let (code, words): (Cow<'static, str>, String) = match self {
            Self::UnknownField { name, known } => (
                "field_unknown".into(),
                unknown("field", name, known, self.meant()),
            ),
            Self::UnknownVariant { name, known } => (
                "variant_unknown".into(),
                unknown("name", name, known, self.meant()),
            ),
            Self::MissingField { name } => {
                super::path::push_field(&mut path, name);
                let words = format!("the field `{name}` is required");
                ("field_missing".into(), words)
            }
            Self::WrongType { found, expected } => {
                ("type_invalid".into(), expectation(found, expected))
            }
            Self::WrongValue { found, expected } => {
                ("value_invalid".into(), expectation(found, expected))
            }
            Self::Coded { code, words } => ((*code).to_owned().into(), (*words).to_owned()),
            Self::Other { words } => ("value_invalid".into(), (*words).to_owned()),
        };
        Problem {
            code,
            path,
            detail: words.chars().take(WORDS_CHARS_MAX).collect(),
        }
    }
}

fn unknown(what: &str, name: &str, known: &[&str], meant: Option<&str>) -> String {
    let refused = excerpt(name);
    if let Some(meant) = meant {
        return format!("unknown {what} `{refused}`, did you mean `{meant}`");
    }
    if known.is_empty() {
        return format!("unknown {what} `{refused}`, expected none");
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    format!(
        "unknown {what} `{refused}`, expected one of {}",
        known.join(", ")
    )
}

fn expectation(found: &str, expected: &str) -> String {
    let wanted = wanted(expected);
    let number = found.starts_with("integer") || found.starts_with("floating point");
    let hint = match wanted {
        // Everything that is not among the shapes of serde is a text of ours.
        None if number => ": write it in quotes",
        Some("text") if number => ": write it in quotes",
        _ => "",
    };
    let wanted = wanted.unwrap_or(expected);
    format!("expected {wanted}, got {}{hint}", got(found))
}

/// The shapes that serde wants, for people; `None` for the words of a type of our own.
fn wanted(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "a string" | "a borrowed string" | "string" => "text",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "u64" | "usize" => "a whole number from 0",
        "i64" | "isize" => "a whole number",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "an object",
        "map with a single key" => "an object with exactly one key",
        "string or map" => "a name, or an object with one name as its key",
        "newtype variant" | "struct variant" | "tuple variant" => {
            "an object with the name as its key"
        }
        "unit" | "unit variant" => "the name alone, as text",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("enum ") => "a name, or an object with one name as its key",
        _ => return None,
    })
}

fn got(found: &str) -> String {
    let plain = match found {
        "map" => "an object",
        "sequence" => "a list",
        "null" | "unit value" => "nothing (`null`)",
        "unit variant" => "only the name",
        _ => "",
    };
    if !plain.is_empty() {
        return plain.to_owned();
    }
    let found = found
        .strip_prefix("integer ")
        .or_else(|| found.strip_prefix("floating point "))
        .map_or_else(|| found.to_owned(), |number| format!("the number {number}"));
    excerpt(&found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_serde_are_taken_apart() {
        use Refusal::*;
        for (message, want) in [
            (
                "unknown field `a`, expected one of `b`, `c`, `d`",
                UnknownField {
                    name: "a",
                    known: vec!["b", "c", "d"],
                },
            ),
            (
                "unknown field `a`, expected `b` or `c`",
                UnknownField {
                    name: "a",
                    known: vec!["b", "c"],
                },
            ),
            (
                "unknown field `x`, there are no fields",
                UnknownField {
                    name: "x",
                    known: vec![],
                },
            ),
            (
                "unknown variant `a`, expected `b`",
                UnknownVariant {
                    name: "a",
                    known: vec!["b"],
                },
            ),
            (
                "unknown field ``, expected `q`, expected `b`",
                UnknownField {
                    name: "`, expected `q",
                    known: vec!["b"],
                },
            ),
            ("missing field `rate`", MissingField { name: "rate" }),
            (
                "invalid type: integer `5`, expected a string",
                WrongType {
                    found: "integer `5`",
                    expected: "a string",
                },
            ),
            (
                "invalid type: string \"a, expected b\", expected u16",
                WrongType {
                    found: "string \"a, expected b\"",
                    expected: "u16",
                },
            ),
            (
                "invalid value: integer `70000`, expected u16",
                WrongValue {
                    found: "integer `70000`",
                    expected: "u16",
                },
            ),
            (
                "invalid length 2, expected fewer elements in array",
                WrongValue {
                    found: "2",
                    expected: "fewer elements in array",
                },
            ),
            (
                "rate_invalid: invalid rate `5`: expected",
                Coded {
                    code: "rate_invalid",
                    words: "invalid rate `5`: expected",
                },
            ),
            (
                "something else",
                Other {
                    words: "something else",
                },
            ),
        ] {
            assert_eq!(Refusal::read(message), want, "{message}");
        }
    }

    /// Serde's wording is not ours: this fails when an upgrade changes it.
    #[test]
    fn the_wording_of_serde_is_known() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "snake_case")]
        enum Choice {
            #[expect(dead_code, reason = "only refused values are read")]
            One { size: u16 },
        }
        let read = |text: &str| {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            serde_json::from_value::<Choice>(value)
                .unwrap_err()
                .to_string()
        };
        for (text, code) in [
            (r#"{"one": {"size": 1, "x": 1}}"#, "field_unknown"),
            (r#"{"one": {}}"#, "field_missing"),
            (r#"{"two": {}}"#, "variant_unknown"),
            (r#"{"one": {"size": "1"}}"#, "type_invalid"),
            (r#"{"one": {"size": 70000}}"#, "value_invalid"),
            (r#"{}"#, "value_invalid"),
            (r#""one""#, "type_invalid"),
            ("5", "type_invalid"),
        ] {
            let message = read(text);
            let problem = Refusal::read(&message).problem(&[]);
            assert_eq!(problem.code, code, "{message}");
            assert!(!problem.detail.contains("enum"), "{message}");
            assert!(!problem.detail.contains("u16"), "{message}");
        }
    }
}
