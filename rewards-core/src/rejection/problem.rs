//! What is wrong with an input.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// One thing that is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// Stable code of the problem.
    pub code: Cow<'static, str>,
    /// Where it is: a path such as `rules[3].effect.percent.rate`; empty for the whole input.
    pub path: String,
    /// What is wrong, in words.
    pub detail: String,
}

impl Problem {
    /// A problem at a path.
    #[must_use]
    pub fn new(code: &'static str, path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            path: path.into(),
            detail: detail.into(),
        }
    }

    /// The same problem with its path below a field: that of the request which holds the input.
    #[must_use]
    pub fn below(mut self, field: &str) -> Self {
        self.path = match self.path.as_str() {
            "" => field.to_owned(),
            path if path.starts_with('[') => format!("{field}{path}"),
            path => format!("{field}.{path}"),
        };
        self
    }
}
