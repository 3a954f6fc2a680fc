//! JSON as it is written into files: the order of an author's fields is kept.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Number, Value};

/// Lists and objects are written in one line as long as they fit into so many columns.
const COLUMNS: usize = 120;

/// A JSON value whose fields have the order in which they were written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Ordered {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Ordered>),
    Object(Fields),
}

/// The fields of an object in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Fields(Vec<(String, Ordered)>);

impl Fields {
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Ordered> {
        let mut fields = self.0.iter_mut();
        fields
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    pub fn push(&mut self, name: &str, value: Ordered) {
        self.0.push((name.to_owned(), value));
    }
}

impl Ordered {
    /// The field of an object.
    pub fn field(&mut self, name: &str) -> Option<&mut Self> {
        match self {
            Self::Object(fields) => fields.get_mut(name),
            _ => None,
        }
    }

    /// The item of a list.
    pub fn item(&mut self, index: usize) -> Option<&mut Self> {
        match self {
            Self::List(items) => items.get_mut(index),
            _ => None,
        }
    }

    /// The value as the text of a file, ended by a line break.
    pub fn to_file(&self) -> String {
        let mut text = String::new();
        self.write(0, 0, &mut text);
        text.push('\n');
        text
    }

    /// Writes the value after so many columns of its line, the first `indent` of which are blank.
    fn write(&self, indent: usize, column: usize, text: &mut String) {
        let line = self.in_one_line();
        // One column is left for the comma.
        if column.saturating_add(line.chars().count()) < COLUMNS {
            text.push_str(&line);
            return;
        }
        let inner = indent.saturating_add(2);
        match self {
            Self::List(items) => {
                let items = items.iter().map(|item| (String::new(), item));
                write_parts(["[", "]"], items, inner, text);
            }
            Self::Object(Fields(fields)) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (format!("{}: ", quoted(name)), value));
                write_parts(["{", "}"], fields, inner, text);
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => text.push_str(&line),
        }
    }

    fn in_one_line(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(content) => quoted(content),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::in_one_line).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(Fields(fields)) if fields.is_empty() => "{}".to_owned(),
            Self::Object(Fields(fields)) => {
                let field = |(name, value): &(String, Self)| {
                    format!("{}: {}", quoted(name), value.in_one_line())
                };
                let fields: Vec<String> = fields.iter().map(field).collect();
                format!("{{ {} }}", fields.join(", "))
            }
        }
    }
}

fn write_parts<'a>(
    [open, close]: [&str; 2],
    parts: impl Iterator<Item = (String, &'a Ordered)>,
    indent: usize,
    text: &mut String,
) {
    let blank = " ".repeat(indent);
    text.push_str(open);
    for (number, (name, value)) in parts.enumerate() {
        text.push_str(if number == 0 { "\n" } else { ",\n" });
        text.push_str(&blank);
        text.push_str(&name);
        let column = indent.saturating_add(name.chars().count());
        value.write(indent, column, text);
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent.saturating_sub(2)));
    text.push_str(close);
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

impl From<&Value> for Ordered {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(value) => Self::Number(value.clone()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let field = |(name, value): (&String, &Value)| (name.clone(), Self::from(value));
                let mut fields: Vec<_> = fields.iter().map(field).collect();
                // The order of a map depends on the features other crates ask for, and that of a file must not.
                fields.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Object(Fields(fields))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(field) = object.next_entry()? {
            fields.0.push(field);
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_order_and_get_one_layout() {
        let long = "x".repeat(COLUMNS);
        let text = format!(r#"{{"b":{{"z":1,"a":[true,null,-2.5]}},"a":"{long}"}}"#);
        let read: Ordered = serde_json::from_str(&text).unwrap();
        let written = read.to_file();
        assert_eq!(
            written,
            format!(
                "{{\n  \"b\": {{ \"z\": 1, \"a\": [true, null, -2.5] }},\n  \"a\": \"{long}\"\n}}\n"
            )
        );
        let again: Ordered = serde_json::from_str(&written).unwrap();
        assert_eq!(again.to_file(), written);
    }
}
