//! How the types of this module are read and written as text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

use super::MoneyError;
use crate::coded::Coded;

/// Reads a number that is written as text, or as an integer, which is as exact; one with a point or an exponent is refused, as
/// readers of other languages make a float of it.
pub(super) fn deserialize_number<'de, D, T>(
    deserializer: D,
    expecting: &'static str,
    parse: fn(&str) -> Result<T, MoneyError>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_any(NumberVisitor(TextVisitor {
        expecting,
        parse,
        value: PhantomData,
    }))
}

/// Reads a text value; a number is refused with a message that says what was expected.
pub(super) fn deserialize_text<'de, D, T>(
    deserializer: D,
    expecting: &'static str,
    parse: fn(&str) -> Result<T, MoneyError>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(TextVisitor {
        expecting,
        parse,
        value: PhantomData,
    })
}

struct TextVisitor<T> {
    expecting: &'static str,
    parse: fn(&str) -> Result<T, MoneyError>,
    value: PhantomData<T>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(|error| E::custom(Coded::from(error)))
    }
}

struct NumberVisitor<T>(TextVisitor<T>);

impl<T> Visitor<'_> for NumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.0.visit_str(text)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.0.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.0.visit_str(&number.to_string())
    }
}

/// Gives a type with `parse` and `Display` its one text form: `FromStr`, serde as that text, and with the feature
/// `schema` a string schema with a format and a pattern. A `number` may be written as an integer, too.
macro_rules! text_form {
    ($type:ident, number, $($rest:tt)*) => {
        $crate::money::text::text_form! {
            @ $type, deserialize_number, ["string", "integer"], "Number: ", $($rest)*
        }
    };
    ($type:ident, expecting: $($rest:tt)*) => {
        $crate::money::text::text_form! {
            @ $type, deserialize_text, "string", "Text: ", expecting: $($rest)*
        }
    };
    (
        @ $type:ident, $deserialize:ident, $kind:tt, $label:literal,
        expecting: $expecting:literal, format: $format:literal, pattern: $pattern:expr $(,)?
    ) => {
        impl std::str::FromStr for $type {
            type Err = $crate::money::MoneyError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::money::text::$deserialize(deserializer, $expecting, Self::parse)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($type)).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": concat!($label, $expecting),
                    "type": $kind,
                    "format": $format,
                    "pattern": $pattern,
                })
            }
        }
    };
}

pub(super) use text_form;
