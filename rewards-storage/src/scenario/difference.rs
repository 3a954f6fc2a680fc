//! Where two answers differ.

use std::collections::BTreeSet;

use serde_json::Value;

use super::canonical;
use super::report::Difference;

/// Longest value that a difference repeats, in characters.
const EXCERPT_CHARS_MAX: usize = 400;

/// Every place at which the two differ, as deep inside them as possible.
pub(super) fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(String::new(), Some(expected), Some(found), &mut differences);
    differences
}

fn compare(
    path: String,
    expected: Option<&Value>,
    found: Option<&Value>,
    differences: &mut Vec<Difference>,
) {
    match (expected, found) {
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            // In their order, whatever other crates ask of the map: first what is expected.
            let added = found.keys().filter(|name| !expected.contains_key(*name));
            let (expected_names, added): (BTreeSet<_>, BTreeSet<_>) =
                (expected.keys().collect(), added.collect());
            for name in expected_names.into_iter().chain(added) {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                compare(path, expected.get(name), found.get(name), differences);
            }
        }
        (Some(Value::Array(expected)), Some(Value::Array(found))) => {
            for number in 0..expected.len().max(found.len()) {
                let path = format!("{path}[{number}]");
                compare(path, expected.get(number), found.get(number), differences);
            }
        }
        (expected, found) => {
            let (expected, found) = (expected.map(canonical), found.map(canonical));
            if expected != found {
                differences.push(Difference {
                    path,
                    expected: expected.as_deref().map(excerpt),
                    found: found.as_deref().map(excerpt),
                });
            }
        }
    }
}

fn excerpt(text: &str) -> String {
    let mut rest = text.chars();
    let mut start: String = rest.by_ref().take(EXCERPT_CHARS_MAX).collect();
    if rest.next().is_some() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_at_the_deepest_place() {
        let expected = json!({"reply": {"totals": [{"amount": "1.00"}], "old": 1, "same": []}});
        let found = json!({"reply": {"totals": [{"amount": "2.00"}, 3], "same": [], "new": {}}});
        let told: Vec<_> = differences(&expected, &found)
            .into_iter()
            .map(|one| (one.path, one.expected, one.found))
            .collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("reply.old".to_owned(), text("1"), None),
                (
                    "reply.totals[0].amount".to_owned(),
                    text("\"1.00\""),
                    text("\"2.00\"")
                ),
                ("reply.totals[1]".to_owned(), None, text("3")),
                ("reply.new".to_owned(), None, text("{}")),
            ]
        );
        assert_eq!(differences(&expected, &expected), []);
    }
}
