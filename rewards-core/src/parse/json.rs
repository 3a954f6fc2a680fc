//! JSON text as a value: duplicate fields are problems, and nesting is bounded.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::path::{push_field, push_item};
use super::{NESTING_MAX, PROBLEMS_MAX, bad_syntax, excerpt, has_room, too_deep};
use crate::rejection::Problem;

/// Marks the one error of [`Reader`] itself among those of the JSON grammar.
const TOO_DEEP: &str = "nested too deep";

/// Reads JSON text to a value, and the fields given twice to problems. Of two equal fields the first one counts.
pub(super) fn read(text: &str) -> Result<(Value, Vec<Problem>), Vec<Problem>> {
    let mut path = String::new();
    let mut problems = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    let reader = Reader {
        depth: 0,
        path: &mut path,
        problems: &mut problems,
    };
    let read = reader
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    match read {
        Ok(value) => Ok((value, problems)),
        Err(error) => {
            let words = error.to_string();
            problems.truncate(PROBLEMS_MAX.saturating_sub(1));
            problems.push(if words.starts_with(TOO_DEEP) {
                too_deep(path)
            } else {
                let words = words.split(" at line ").next().unwrap_or_default();
                bad_syntax(error.line(), error.column(), words)
            });
            Err(problems)
        }
    }
}

/// Whether lists and objects are nested more than `bound` deep. Walks without recursion.
pub(super) fn is_deeper_than(value: &Value, bound: usize) -> bool {
    let mut rest = vec![(value, 1_usize)];
    while let Some((value, depth)) = rest.pop() {
        let inner = depth.saturating_add(1);
        match value {
            Value::Array(_) | Value::Object(_) if depth > bound => return true,
            Value::Array(items) => rest.extend(items.iter().map(|item| (item, inner))),
            Value::Object(fields) => rest.extend(fields.values().map(|field| (field, inner))),
            _ => {}
        }
    }
    false
}

/// Drops a value without recursion, which a value nested without bound would overflow.
pub(super) fn dismantle(value: Value) {
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.into_iter().map(|(_, field)| field)),
            _ => {}
        }
    }
}

/// How many values a value holds, itself included.
pub(super) fn count(value: &Value) -> usize {
    let mut counted = 0_usize;
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        counted = counted.saturating_add(1);
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(fields) => rest.extend(fields.values()),
            _ => {}
        }
    }
    counted
}

struct Reader<'a> {
    depth: usize,
    path: &'a mut String,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn inner<E: Error>(&mut self) -> Result<Reader<'_>, E> {
        if self.depth >= NESTING_MAX {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Reader {
            depth: self.depth.saturating_add(1),
            path: self.path,
            problems: self.problems,
        })
    }

    fn again(&mut self) -> Reader<'_> {
        Reader {
            depth: self.depth,
            path: self.path,
            problems: self.problems,
        }
    }

    fn refuse_duplicate(&mut self, name: &str) {
        if has_room(self.problems) {
            let words = format!("the field `{}` is given more than once", excerpt(name));
            self.problems
                .push(Problem::new("field_duplicate", self.path.clone(), words));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut reader = self.inner()?;
        let start = reader.path.len();
        let mut items = Vec::new();
        loop {
            push_item(reader.path, items.len());
            let Some(item) = list.next_element_seed(reader.again())? else {
                reader.path.truncate(start);
                return Ok(Value::Array(items));
            };
            reader.path.truncate(start);
            items.push(item);
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Value, A::Error> {
        let mut reader = self.inner()?;
        let start = reader.path.len();
        let mut fields = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            push_field(reader.path, &name);
            let value = object.next_value_seed(reader.again())?;
            if fields.contains_key(&name) {
                reader.refuse_duplicate(&name);
            } else {
                fields.insert(name, value);
            }
            reader.path.truncate(start);
        }
        Ok(Value::Object(fields))
    }
}
