//! Reading requests and documents, and saying **all** that is wrong with their shape.
//!
//! Every problem has a stable code, the path of the value it is about, and words that say what was expected. A refused
//! value is taken out, a missing one stood in for, and the rest is read again, so one round shows every misspelt field,
//! missing field and wrong value, up to [`PROBLEMS_MAX`].
//!
//! | Code | Meaning |
//! |---|---|
//! | `document_too_large` | more than [`DOCUMENT_BYTES_MAX`] bytes; nothing was read |
//! | `nesting_too_deep` | lists and objects nested more than [`NESTING_MAX`] deep |
//! | `syntax` | not the format at all; the words begin with line and column |
//! | `field_duplicate` | a field is given twice |
//! | `field_unknown` | no such field here; the nearest known one is named |
//! | `field_missing` | a required field is absent |
//! | `variant_unknown` | not one of the names allowed here; the nearest one is named |
//! | `type_invalid` | another kind of value is wanted, such as text instead of a number |
//! | `value_invalid` | the right kind of value, but out of range |
//! | `problems_omitted` | more is wrong than is listed |
//!
//! A value with rules of its own refuses with its own code, such as `rate_invalid` or `zone_unknown`.

mod explain;
mod json;
mod objects;
mod path;
mod reread;
mod stand_in;
mod suggest;
mod toml;

use serde::de::DeserializeOwned;
use serde_json::Value;

use objects::Objects;
pub(crate) use path::At;
pub(crate) use suggest::{excerpt, nearest};
pub(crate) use toml::read_toml;

use crate::rejection::Problem;

/// Largest text that is read, in bytes: 8 MiB.
pub const DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How deep lists and objects may be nested in each other.
pub const NESTING_MAX: usize = 64;
/// Most problems that one reading reports. When there are more, the last one says so, as `problems_omitted`.
pub const PROBLEMS_MAX: usize = 100;

/// Reads a request from JSON text.
///
/// # Errors
/// All problems of its shape, as listed at the [module](self).
///
/// ```
/// use rewards_core::money::Money;
/// use rewards_core::parse::parse_request;
///
/// let problems = parse_request::<Money>(r#"{"amuont": "1.00", "asset": "euro!"}"#).unwrap_err();
/// let found: Vec<_> = problems.iter().map(|p| (&*p.code, &*p.path)).collect();
/// assert_eq!(found, [("field_unknown", "amuont"), ("asset_invalid", "asset")]);
/// ```
pub fn parse_request<T: DeserializeOwned>(json: &str) -> Result<T, Vec<Problem>> {
    check_size(json)?;
    let (value, problems) = json::read(json)?;
    reread::collect(value, problems, unchecked)
}

/// What is wrong with the meaning of a document, and does not follow from the values at the paths, which are not as they
/// were given.
type Check<T> = fn(&T, amended: &[String]) -> Vec<Problem>;

/// Reads a large document from JSON text, as [`parse_request`] does, and much faster when nothing is wrong with it. If its
/// shape is wrong, `check` says what else is.
///
/// The document is read straight into its type, and only what is refused then is read with care. Reading straight
/// overlooks the fields given twice in a map, so the type must not hold any map, nor skip a field it does not know. It
/// overlooks deep nesting too, up to the deeper bound of the JSON reader: `is_shallow` says whether the text of what
/// was read is nested at most [`NESTING_MAX`] deep, and may say no when in doubt.
pub(crate) fn parse_document<T: DeserializeOwned>(
    json: &str,
    is_shallow: impl FnOnce(&T) -> bool,
    check: Check<T>,
) -> Result<T, Vec<Problem>> {
    check_size(json)?;
    match read_straight(json) {
        Ok(document) if is_shallow(&document) => Ok(document),
        _ => {
            let (value, problems) = json::read(json)?;
            reread::collect(value, problems, check)
        }
    }
}

/// Reads a document from a value, as [`parse_value`] does. If its shape is wrong, `check` says what else is.
pub(crate) fn parse_document_value<T: DeserializeOwned>(
    value: Value,
    check: Check<T>,
) -> Result<T, Vec<Problem>> {
    reread::collect(within_nesting(value)?, Vec::new(), check)
}

/// Finds nothing wrong with the meaning.
fn unchecked<T>(_: &T, _: &[String]) -> Vec<Problem> {
    Vec::new()
}

/// Reads JSON text straight into its type: the quick way for a request that is most likely right.
///
/// It accepts what [`parse_request`] accepts, and beyond that fields given twice in a map and values nested more deeply
/// than [`NESTING_MAX`]. Where it refuses, let [`parse_request`] say what is wrong.
///
/// # Errors
/// The first thing that is wrong, in the words of the JSON reader.
fn read_straight<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(Objects(&mut reader))?;
    reader.end()?;
    Ok(value)
}

/// Reads a request from a JSON value, as [`parse_request`] does from text.
///
/// # Errors
/// All problems of its shape, as listed at the [module](self).
pub fn parse_value<T: DeserializeOwned>(value: Value) -> Result<T, Vec<Problem>> {
    reread::collect(within_nesting(value)?, Vec::new(), unchecked)
}

fn within_nesting(value: Value) -> Result<Value, Vec<Problem>> {
    if json::is_deeper_than(&value, NESTING_MAX) {
        json::dismantle(value);
        return Err(vec![too_deep("")]);
    }
    Ok(value)
}

/// Whether there is room for one more problem than is told: it shows that there are more.
pub(crate) fn has_room(problems: &[Problem]) -> bool {
    problems.len() <= PROBLEMS_MAX
}

/// The problems that are told; the last one says when there are more.
pub(crate) fn told(mut problems: Vec<Problem>) -> Vec<Problem> {
    if !has_room(&problems) {
        problems.truncate(PROBLEMS_MAX.saturating_sub(1));
        problems.push(omitted());
    }
    problems
}

/// Says that more may be wrong than is told.
fn omitted() -> Problem {
    let words = "more is wrong than is listed here";
    Problem::new("problems_omitted", "", words)
}

/// Refuses a text that is too large to be read.
fn check_size(text: &str) -> Result<(), Vec<Problem>> {
    if text.len() <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    let words = format!(
        "expected at most {DOCUMENT_BYTES_MAX} bytes, got {}",
        text.len()
    );
    Err(vec![Problem::new("document_too_large", "", words)])
}

/// Refuses a value that holds others too deeply.
fn too_deep(path: impl Into<String>) -> Problem {
    let words = format!("expected lists and objects nested at most {NESTING_MAX} deep");
    Problem::new("nesting_too_deep", path, words)
}

/// Refuses text that is not in its format.
fn bad_syntax(line: usize, column: usize, words: &str) -> Problem {
    let words = format!("line {line}, column {column}: {words}");
    Problem::new("syntax", "", words)
}
