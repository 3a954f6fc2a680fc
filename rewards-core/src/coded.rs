//! How a refusal keeps its stable code on its way through serde.
//!
//! Serde turns the error of a value's own rules into text. The values of this crate therefore refuse with the text
//! `code: words`, and whoever reads a whole document takes the code out again. A code is lower-case words joined by
//! `_`, at least two, so that no message of serde itself can be taken for one.

use std::fmt;

/// A refusal that displays as its stable code, a colon and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coded {
    code: &'static str,
    words: String,
}

impl Coded {
    pub(crate) fn new(code: &'static str, words: impl fmt::Display) -> Self {
        Self {
            code,
            words: words.to_string(),
        }
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.words)
    }
}

/// The code and the words of a displayed [`Coded`]; `None` for any other text.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let (code, words) = text.split_once(": ")?;
    let mut count = 0_usize;
    for word in code.split('_') {
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        count = count.saturating_add(1);
    }
    (count >= 2).then_some((code, words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_comes_back_out_and_words_of_serde_are_left_alone() {
        for (text, want) in [
            (
                "rate_invalid: expected: 5%",
                Some(("rate_invalid", "expected: 5%")),
            ),
            (
                "time_out_of_range: late",
                Some(("time_out_of_range", "late")),
            ),
            ("rate_invalid", None),
            ("invalid type: map, expected a list", None),
            ("note: something", None),
            ("_: x", None),
            ("a__b: x", None),
            ("Rate_invalid: x", None),
        ] {
            assert_eq!(split(text), want, "{text}");
        }
        let coded = Coded::new("rate_invalid", "no");
        assert_eq!(split(&coded.to_string()), Some(("rate_invalid", "no")));
    }
}
