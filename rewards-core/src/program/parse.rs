//! Program documents as TOML and JSON text.
//!
//! Both formats become the same JSON value first, so they have the same fields and the same problems. TOML dates and
//! times may be written without quotes; they are taken as the text they are written as. Amounts and
//! factors may be integers, which are exact; with a point they are text, as a number would be a float.
//!
//! A document of the right shape is read, whatever it means: [`CompiledProgram::compile`](super::CompiledProgram::compile)
//! checks that. If the shape is wrong, what the rest means is checked here as well, so that one round shows all.

use serde_json::Value;

use super::validate::check_rest;
use super::{CONDITION_DEPTH_MAX, Program};
use crate::parse::{parse_document, parse_document_value, read_toml};
use crate::rejection::Problem;

impl Program {
    /// Reads a TOML document.
    ///
    /// # Errors
    /// All problems, with the codes of [`crate::parse`], when its shape is wrong: of its shape, and of what the rest means.
    ///
    /// ```
    /// use rewards_core::program::Program;
    ///
    /// let program = Program::from_toml(r#"
    ///     id = "cashback"
    ///     currency = "EUR"
    ///     zone = "Europe/Berlin"
    ///
    ///     [[rules]]
    ///     id = "base"
    ///     active = { from = 2026-01-01 }
    ///     effect.percent.rate = "5%"
    /// "#).unwrap();
    /// assert_eq!(program.rules.len(), 1);
    ///
    /// let problems = Program::from_toml("id = 'cashback'\nzome = 'UTC'").unwrap_err();
    /// assert_eq!(problems[0].detail, "unknown field `zome`, did you mean `zone`");
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, Vec<Problem>> {
        Self::from_value(read_toml(text)?)
    }

    /// Reads a JSON document.
    ///
    /// # Errors
    /// All problems, with the codes of [`crate::parse`], when its shape is wrong: of its shape, and of what the rest means.
    pub fn from_json(text: &str) -> Result<Self, Vec<Problem>> {
        parse_document(text, Self::is_shallow, check_rest)
    }

    /// Whether the document's text is surely nested less than texts may be: only conditions hold their like, two levels
    /// deeper each, and what is around and inside them takes fewer than ten.
    fn is_shallow(&self) -> bool {
        let mut conditions = self.rules.iter().filter_map(|rule| rule.when.as_ref());
        conditions.all(|condition| condition.is_within(CONDITION_DEPTH_MAX))
    }

    /// Reads a document that is JSON when it begins with `{`, and TOML otherwise.
    ///
    /// # Errors
    /// All problems, with the codes of [`crate::parse`], when its shape is wrong: of its shape, and of what the rest means.
    pub fn from_text(text: &str) -> Result<Self, Vec<Problem>> {
        if text.trim_start().starts_with('{') {
            Self::from_json(text)
        } else {
            Self::from_toml(text)
        }
    }

    /// Reads a document from a JSON value.
    ///
    /// # Errors
    /// All problems, with the codes of [`crate::parse`], when its shape is wrong: of its shape, and of what the rest means.
    pub fn from_value(value: Value) -> Result<Self, Vec<Problem>> {
        parse_document_value(value, check_rest)
    }

    /// The canonical TOML text: fields in the order of their declaration, absent ones left out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Every field has a form in TOML, so the default is never taken.
        toml::to_string(self).unwrap_or_default()
    }

    /// The canonical JSON text: one line, fields in the order of their declaration, absent ones left out, no `null`.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is text, so the default is never taken.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The JSON Schema of the document, for editors and other languages.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn json_schema() -> schemars::Schema {
        schemars::schema_for!(Self)
    }
}
