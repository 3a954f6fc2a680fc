//! From a pydantic model to a value of the core.
//!
//! Only what models are made of is known here. A value of another class, a tree nested too deeply and whatever the core
//! refuses end the reading; why does not matter, because the model's JSON is then read with care.

use std::fmt::Display;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyDictMethods, PyInt, PyList, PySet, PyString, PyType};
use rewards_core::parse::NESTING_MAX;
use serde::de::value::{CowStrDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

/// The value that a model stands for.
///
/// # Errors
/// When anything about it is unusual or wrong.
pub(super) fn value<T: DeserializeOwned>(model: &Bound<'_, PyAny>) -> Result<T, Unreadable> {
    T::deserialize(Reader {
        object: model.clone(),
        depth: 0,
    })
}

/// A model cannot be read without its JSON.
#[derive(Debug, thiserror::Error)]
#[error("unreadable")]
pub(super) struct Unreadable;

impl serde::de::Error for Unreadable {
    fn custom<T: Display>(_words: T) -> Self {
        Self
    }
}

impl From<PyErr> for Unreadable {
    fn from(_error: PyErr) -> Self {
        Self
    }
}

impl From<std::convert::Infallible> for Unreadable {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

struct Reader<'py> {
    object: Bound<'py, PyAny>,
    depth: usize,
}

/// A class of the standard library or of this package that values are looked up by.
type Class = PyOnceLock<Py<PyType>>;
static DECIMAL: Class = PyOnceLock::new();
static DATETIME: Class = PyOnceLock::new();
static DATE: Class = PyOnceLock::new();
static UUID: Class = PyOnceLock::new();

impl<'py> Reader<'py> {
    fn inner(&self, object: Bound<'py, PyAny>) -> Self {
        Self {
            object,
            depth: self.depth.saturating_add(1),
        }
    }

    /// The text of a value that is text in JSON, too: an amount, a time, a date or an id.
    fn text(&self) -> Result<Option<Bound<'py, PyString>>, Unreadable> {
        let py = self.object.py();
        let class = self.object.get_type();
        let text = if class.is(DECIMAL.import(py, "decimal", "Decimal")?) {
            let text = self.object.str()?;
            // Python writes very small and some other amounts with an exponent.
            if text.to_cow()?.contains('E') {
                let format = intern!(py, "__format__");
                self.object.call_method1(format, (intern!(py, "f"),))?
            } else {
                text.into_any()
            }
        } else if class.is(DATETIME.import(py, "datetime", "datetime")?)
            || class.is(DATE.import(py, "datetime", "date")?)
        {
            self.object.call_method0(intern!(py, "isoformat"))?
        } else if class.is(UUID.import(py, "uuid", "UUID")?) {
            self.object.str()?.into_any()
        } else {
            return Ok(None);
        };
        Ok(Some(text.cast_into().map_err(|_| Unreadable)?))
    }

    /// The fields of a model, or the entries of a dictionary.
    fn entries(&self) -> Result<Entries<'py>, Unreadable> {
        if self.depth > NESTING_MAX {
            return Err(Unreadable);
        }
        let py = self.object.py();
        let is_dict = self.object.is_exact_instance_of::<PyDict>();
        let entries = match is_dict {
            true => self.object.clone(),
            // Only models have this; asking for their class would have pydantic look through all classes.
            false
                if self
                    .object
                    .hasattr(intern!(py, "__pydantic_fields_set__"))? =>
            {
                self.object.getattr(intern!(py, "__dict__"))?
            }
            false => return Err(Unreadable),
        };
        Ok(Entries {
            entries: entries
                .cast_into::<PyDict>()
                .map_err(|_| Unreadable)?
                .iter(),
            is_model: !is_dict,
            value: None,
            depth: self.depth,
        })
    }
}

impl<'de, 'py> Deserializer<'de> for Reader<'py> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let object = &self.object;
        if let Ok(text) = object.cast_exact::<PyString>() {
            return visitor.visit_str(&text.to_cow()?);
        }
        if let Ok(list) = object.cast_exact::<PyList>() {
            let items = list.iter().map(|item| self.inner(item));
            return visitor.visit_seq(SeqDeserializer::new(items));
        }
        if let Ok(set) = object.cast_exact::<PySet>() {
            let items = set.iter().map(|item| self.inner(item));
            return visitor.visit_seq(SeqDeserializer::new(items));
        }
        if let Ok(truth) = object.cast_exact::<PyBool>() {
            return visitor.visit_bool(truth.is_true());
        }
        if object.is_exact_instance_of::<PyInt>() {
            return match object.extract::<u64>() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(object.extract()?),
            };
        }
        if object.is_none() {
            return visitor.visit_unit();
        }
        match self.text()? {
            Some(text) => visitor.visit_str(&text.to_cow()?),
            None => visitor.visit_map(self.entries()?),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.object.is_none() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        if let Ok(text) = self.object.cast_exact::<PyString>() {
            let name: CowStrDeserializer<'_, Unreadable> = text.to_cow()?.into_deserializer();
            return visitor.visit_enum(name);
        }
        let mut entries = self.entries()?;
        let value = visitor.visit_enum(&mut entries)?;
        // A second name beside the first.
        match entries.entries.next() {
            Some(_) => Err(Unreadable),
            None => Ok(value),
        }
    }

    /// A list is no object, although serde would take its items for the fields.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_map(self.entries()?)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de, 'py> IntoDeserializer<'de, Unreadable> for Reader<'py> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Entries<'py> {
    entries: pyo3::types::dict::BoundDictIterator<'py>,
    /// Then absent values are left out, and a name that Python keeps for itself has a `_` behind it.
    is_model: bool,
    value: Option<Bound<'py, PyAny>>,
    depth: usize,
}

impl<'py> Entries<'py> {
    fn value(&mut self) -> Result<Reader<'py>, Unreadable> {
        Ok(Reader {
            object: self.value.take().ok_or(Unreadable)?,
            depth: self.depth.saturating_add(1),
        })
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unreadable> {
        for (key, value) in self.entries.by_ref() {
            if self.is_model && value.is_none() {
                continue;
            }
            self.value = Some(value);
            let Ok(text) = key.cast_exact::<PyString>() else {
                let object = key.clone();
                let depth = self.depth;
                return seed.deserialize(Reader { object, depth }).map(Some);
            };
            let name = text.to_cow()?;
            let name = match self.is_model {
                true => name.strip_suffix('_').unwrap_or(&name),
                false => &name,
            };
            return seed.deserialize(name.into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Unreadable> {
        seed.deserialize(self.value()?)
    }
}

impl<'de> EnumAccess<'de> for &mut Entries<'_> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), Unreadable> {
        let name = self.next_key_seed(seed)?.ok_or(Unreadable)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Entries<'_> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Err(Unreadable)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, Unreadable> {
        seed.deserialize(self.value()?)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.value()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_map(self.value()?.entries()?)
    }
}
