//! What no text of a request can hold: NUL, which not every store can keep.
//!
//! It is refused here, for every operation and every field at once, so that the same request has the same answer whatever is
//! underneath. Everything else is text: it is kept as it is given.

use serde::Serialize;
use serde_json::Value;

use crate::parse::{At, PROBLEMS_MAX};
use crate::rejection::{Problem, Rejection};

/// Refuses a request with a text that cannot be stored.
///
/// # Errors
/// [`Rejection::Invalid`] with the code `text_invalid` and the path of every such text; a name in a map is told at its value.
pub fn check_texts<T: Serialize>(request: &T) -> Result<(), Rejection> {
    let unreadable = |_| Rejection::Internal("a request cannot be encoded");
    // NUL is escaped in JSON, and next to nothing else is: one fast look is enough for nearly every request.
    let body = serde_json::to_vec(request).map_err(unreadable)?;
    if !body.contains(&b'\\') {
        return Ok(());
    }
    let mut document = serde_json::to_value(request).map_err(unreadable)?;
    // The order of a map depends on the features other crates ask for, and what is told first must not.
    document.sort_all_objects();
    let problems = problems(&document);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Rejection::Invalid(problems))
    }
}

/// Whether a store may be unable to hold a text.
pub(crate) fn is_unstorable(text: &str) -> bool {
    text.contains('\0')
}

fn problems(document: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    look(document, &At::Root, &mut problems);
    problems
}

fn look(value: &Value, at: &At<'_>, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) if is_unstorable(text) => report(at, problems),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                look(item, &at.item(index), problems);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let at = at.field(name);
                if is_unstorable(name) {
                    report(&at, problems);
                }
                look(value, &at, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn report(at: &At<'_>, problems: &mut Vec<Problem>) {
    if problems.len() < PROBLEMS_MAX {
        let words = "a text cannot hold NUL";
        problems.push(Problem::new("text_invalid", at.to_string(), words));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_text_and_every_name_is_looked_at() {
        let request = json!({
            "fine": ["", "\\u0000", "\u{1}", "ä", 1, null, true],
            "list": [{"deep": "a\0b"}, "\0"],
            "map": {"n\0": "value", "plain": "\0"},
        });
        let Err(Rejection::Invalid(problems)) = check_texts(&request) else {
            panic!("accepted");
        };
        let found: Vec<_> = problems.iter().map(|p| (&*p.code, &*p.path)).collect();
        assert_eq!(
            found,
            [
                ("text_invalid", "list[0].deep"),
                ("text_invalid", "list[1]"),
                ("text_invalid", "map[\"n\\0\"]"),
                ("text_invalid", "map.plain"),
            ]
        );
        assert_eq!(check_texts(&json!({"fine": "\\u0000"})), Ok(()));
    }

    #[test]
    fn many_problems_are_cut() {
        let request: Vec<&str> = vec!["\0"; PROBLEMS_MAX + 9];
        let refused = check_texts(&request);
        assert!(matches!(refused, Err(Rejection::Invalid(all)) if all.len() == PROBLEMS_MAX));
    }
}
