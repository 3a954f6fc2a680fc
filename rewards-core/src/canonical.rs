//! JSON in its canonical form: fields in the order of their names, no white space, UTF-8.
//!
//! In it is compared what different languages and stores answer. Nothing that is stored or hashed depends on it.

use serde_json::Value;

/// The canonical text of a value.
///
/// Fields are sorted here, because what the map of the JSON library does depends on the features other crates ask for.
///
/// ```
/// use rewards_core::canonical;
///
/// let value = serde_json::from_str(r#"{ "b": [1, 2.50], "a": null }"#)?;
/// assert_eq!(canonical::text(&value), r#"{"a":null,"b":[1,2.5]}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            text.push('{');
            for (number, (name, value)) in fields.into_iter().enumerate() {
                if number > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_text() {
        let cases = [
            // Objects in objects, sorted by the bytes of their names at every level.
            (
                r#"{ "b": { "z": 1, "a": { "d": {}, "c": [] } }, "a": 0 }"#,
                r#"{"a":0,"b":{"a":{"c":[],"d":{}},"z":1}}"#,
            ),
            (
                r#"{ "ä": 1, "z": 2, "Z": 3, "": 4, "a.b": 5, "a": 6 }"#,
                r#"{"":4,"Z":3,"a":6,"a.b":5,"z":2,"ä":1}"#,
            ),
            // Lists keep their order.
            (
                r#"[ 3, [ ], { }, [ 1, { "b": 1, "a": 2 } ], 2 ]"#,
                r#"[3,[],{},[1,{"a":2,"b":1}],2]"#,
            ),
            // Only what JSON needs is escaped, in names as well.
            (
                r#"[ "\u00e4\u20ac\ud83c\udf81/\/", "\" \\ \n \u0001 \u007f" ]"#,
                "[\"ä€🎁//\",\"\\\" \\\\ \\n \\u0001 \u{7f}\"]",
            ),
            (r#"{ "\u00e9\n\"": "\t" }"#, r#"{"é\n\"":"\t"}"#),
            // Whole numbers as they are, fractions in their shortest form.
            (
                "[ 0, -0, -7, 18446744073709551615, -9223372036854775808 ]",
                "[0,-0.0,-7,18446744073709551615,-9223372036854775808]",
            ),
            ("[ 1.50, 1e2, 0.1 ]", "[1.5,100.0,0.1]"),
            ("null", "null"),
            ("[ true, false ]", "[true,false]"),
            (r#" "text" "#, r#""text""#),
        ];
        for (written, expected) in cases {
            let value: Value = serde_json::from_str(written).unwrap();
            let canonical = text(&value);
            assert_eq!(canonical, expected, "of {written}");
            let again: Value = serde_json::from_str(&canonical).unwrap();
            assert_eq!((text(&again), again), (canonical, value), "of {written}");
        }
    }
}
