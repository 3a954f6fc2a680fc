//! From a pydantic model to a value of the core.
//!
//! Only what models are made of is known here. A value of another class, a tree nested too deeply and whatever the core
//! refuses end the reading; why does not matter, because the model's JSON is then read with care.

use std::cell::Cell;
use std::fmt::Display;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyDictMethods, PyInt, PyList, PySet, PyString};
use rewards_core::parse::NESTING_MAX;
use serde::de::value::{CowStrDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::objects::classes;

/// How much is read before a request is left to its JSON, whose length has a bound: about a megabyte of text.
const SIZE_MAX: usize = 1 << 20;

/// The value that a model stands for.
///
/// # Errors
/// When anything about it is unusual or wrong.
pub(super) fn value<T: DeserializeOwned>(model: &Bound<'_, PyAny>) -> Result<T, Unreadable> {
    T::deserialize(Reader {
        object: model.clone(),
        depth: 0,
        size: &Cell::new(0),
    })
}

/// A model cannot be read without its JSON; with the exception that said so, if one did.
#[derive(Debug, thiserror::Error)]
#[error("unreadable")]
pub(super) struct Unreadable(Option<PyErr>);

impl Unreadable {
    /// What must not be taken for a refusal, such as a signal that arrived meanwhile.
    pub(super) fn interruption(self, py: Python<'_>) -> Option<PyErr> {
        self.0
            .filter(|error| !error.is_instance_of::<PyException>(py))
    }
}

impl serde::de::Error for Unreadable {
    fn custom<T: Display>(_words: T) -> Self {
        Self(None)
    }
}

impl From<PyErr> for Unreadable {
    fn from(error: PyErr) -> Self {
        Self(Some(error))
    }
}

struct Reader<'a, 'py> {
    object: Bound<'py, PyAny>,
    depth: usize,
    /// How much was read of the whole so far, in bytes of text and objects.
    size: &'a Cell<usize>,
}

impl<'a, 'py> Reader<'a, 'py> {
    fn inner(&self, object: Bound<'py, PyAny>) -> Self {
        Self {
            object,
            depth: self.depth.saturating_add(1),
            size: self.size,
        }
    }

    /// Refuses to go on when much was read already.
    fn count(&self, size: usize) -> Result<(), Unreadable> {
        self.size.set(self.size.get().saturating_add(size));
        match self.size.get() > SIZE_MAX {
            true => Err(Unreadable(None)),
            false => Ok(()),
        }
    }

    fn visit_text<'de, V: Visitor<'de>>(
        &self,
        text: &Bound<'_, PyString>,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let text = text.to_cow()?;
        self.count(text.len())?;
        visitor.visit_str(&text)
    }

    /// The text of a value that is text in JSON, too: an amount, a time, a date or an id.
    fn text(&self) -> Result<Option<Bound<'py, PyString>>, Unreadable> {
        let py = self.object.py();
        let class = self.object.get_type();
        let classes = classes(py)?;
        let text = if class.is(&classes.decimal) {
            let text = self.object.str()?;
            // Python writes very small and some other amounts with an exponent.
            if text.to_cow()?.contains('E') {
                let format = intern!(py, "__format__");
                self.object.call_method1(format, (intern!(py, "f"),))?
            } else {
                text.into_any()
            }
        } else if class.is(&classes.datetime) || class.is(&classes.date) {
            self.object.call_method0(intern!(py, "isoformat"))?
        } else if class.is(&classes.uuid) {
            self.object.str()?.into_any()
        } else {
            return Ok(None);
        };
        Ok(Some(text.cast_into().map_err(|_| Unreadable(None))?))
    }

    /// The fields of a model, or the entries of a dictionary.
    fn entries(self) -> Result<Entries<'a, 'py>, Unreadable> {
        if self.depth >= NESTING_MAX {
            return Err(Unreadable(None));
        }
        self.count(1)?;
        let py = self.object.py();
        let (entries, given) = if self.object.is_exact_instance_of::<PyDict>() {
            (self.object.clone(), None)
        } else {
            // Only models have this; asking for their class would have pydantic look through all classes.
            let given = self
                .object
                .getattr(intern!(py, "__pydantic_fields_set__"))?;
            let given = given.cast_into::<PySet>().map_err(|_| Unreadable(None))?;
            (self.object.getattr(intern!(py, "__dict__"))?, Some(given))
        };
        let entries = entries.cast_into::<PyDict>();
        Ok(Entries {
            entries: entries.map_err(|_| Unreadable(None))?.iter(),
            given,
            value: None,
            whole: self,
        })
    }
}

impl<'de> Deserializer<'de> for Reader<'_, '_> {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let object = &self.object;
        if let Ok(text) = object.cast_exact::<PyString>() {
            return self.visit_text(text, visitor);
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
            Some(text) => self.visit_text(&text, visitor),
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
            Some(_) => Err(Unreadable(None)),
            None => Ok(value),
        }
    }

    /// Text is text: an amount in its place is for the JSON to refuse.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.object.cast_exact::<PyString>() {
            Ok(text) => self.visit_text(text, visitor),
            Err(_) => Err(Unreadable(None)),
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
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Unreadable> for Reader<'_, '_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The fields of a model or the entries of a dictionary, one after another.
struct Entries<'a, 'py> {
    entries: pyo3::types::dict::BoundDictIterator<'py>,
    /// The fields that a model was given; `None` for a dictionary.
    given: Option<Bound<'py, PySet>>,
    value: Option<Bound<'py, PyAny>>,
    /// What they belong to.
    whole: Reader<'a, 'py>,
}

impl<'a, 'py> Entries<'a, 'py> {
    fn value(&mut self) -> Result<Reader<'a, 'py>, Unreadable> {
        let value = self.value.take().ok_or(Unreadable(None))?;
        Ok(self.whole.inner(value))
    }

    /// Whether a field is absent: `None` that nobody gave.
    fn is_absent(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.given {
            Some(given) if value.is_none() => Ok(!given.contains(key)?),
            _ => Ok(false),
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unreadable> {
        while let Some((key, value)) = self.entries.next() {
            if self.is_absent(&key, &value)? {
                continue;
            }
            self.value = Some(value);
            let Ok(text) = key.cast_exact::<PyString>() else {
                return seed.deserialize(self.whole.inner(key)).map(Some);
            };
            let name = text.to_cow()?;
            // A field whose name Python keeps for itself has a `_` behind it.
            let name = match self.given {
                Some(_) => name.strip_suffix('_').unwrap_or(&name),
                None => &name,
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

impl<'de> EnumAccess<'de> for &mut Entries<'_, '_> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), Unreadable> {
        let name = self.next_key_seed(seed)?.ok_or(Unreadable(None))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Entries<'_, '_> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Err(Unreadable(None))
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
