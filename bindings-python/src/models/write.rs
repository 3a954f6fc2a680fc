//! From a value of the core to a pydantic model, without validating it again. Only a program document is read from its JSON.

use std::fmt::Display;
use std::sync::LazyLock;

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString};
use pyo3::{BoundObject as _, IntoPyObject};
use serde::ser::{self, Impossible, Serialize};

use super::objects;
use super::shape::{Field, Kind, Model, Shape};

/// The value as Python has it.
///
/// # Errors
/// When the value does not have the shape, or Python refuses.
pub(super) fn value<'py>(
    py: Python<'py>,
    value: &(impl Serialize + ?Sized),
    shape: &Shape,
) -> Result<Bound<'py, PyAny>, WriteError> {
    if let Kind::Document(class) = &*shape.0 {
        let text =
            serde_json::to_string(value).map_err(|error| WriteError::Shape(error.to_string()))?;
        return Ok(class
            .call_method1(py, intern!(py, "from_json"), (text,))?
            .into_bound(py));
    }
    value.serialize(Writer { py, shape })
}

/// Why a value could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Python(#[from] PyErr),
    #[error("{0}")]
    Shape(String),
}

impl From<WriteError> for PyErr {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Python(error) => error,
            WriteError::Shape(words) => PyTypeError::new_err(words),
        }
    }
}

impl ser::Error for WriteError {
    fn custom<T: Display>(words: T) -> Self {
        Self::Shape(words.to_string())
    }
}

fn unexpected(found: &str) -> WriteError {
    WriteError::Shape(format!("no model has a place for {found} here"))
}

/// What keys of dictionaries look like.
static PLAIN: LazyLock<Shape> = LazyLock::new(|| Shape::from(Kind::Plain));

type Written<'py> = Result<Bound<'py, PyAny>, WriteError>;

#[derive(Clone, Copy)]
struct Writer<'a, 'py> {
    py: Python<'py>,
    shape: &'a Shape,
}

impl<'a, 'py> Writer<'a, 'py> {
    fn plain<T: IntoPyObject<'py>>(self, value: T) -> Written<'py>
    where
        PyErr: From<T::Error>,
    {
        let value = value.into_pyobject(self.py).map_err(PyErr::from)?;
        Ok(value.into_any().into_bound())
    }

    /// The model of a variant with data, and the field that holds the data.
    fn variant(self, name: &str) -> Result<(&'a Model, &'a Field), WriteError> {
        if let Kind::Choice(members) = &*self.shape.0 {
            for member in members {
                if let Kind::Model(model) = &*member.0
                    && let Some(field) = model.variant()
                    && field.alias == name
                {
                    return Ok((model, field));
                }
            }
        }
        Err(unexpected(name))
    }

    fn fields(self, shape: &'a Shape) -> Result<Fields<'a, 'py>, WriteError> {
        let Kind::Model(model) = &*shape.0 else {
            return Err(unexpected("an object"));
        };
        let mut values = Vec::new();
        values.resize_with(model.fields.len(), || None);
        Ok(Fields {
            py: self.py,
            model,
            values,
            next: 0,
            outer: None,
        })
    }
}

impl<'a, 'py> ser::Serializer for Writer<'a, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = WriteError;
    type SerializeSeq = Items<'a, 'py>;
    type SerializeTuple = Impossible<Self::Ok, WriteError>;
    type SerializeTupleStruct = Impossible<Self::Ok, WriteError>;
    type SerializeTupleVariant = Impossible<Self::Ok, WriteError>;
    type SerializeMap = Entries<'a, 'py>;
    type SerializeStruct = Fields<'a, 'py>;
    type SerializeStructVariant = Fields<'a, 'py>;

    fn serialize_bool(self, value: bool) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_i8(self, value: i8) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_i16(self, value: i16) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_i32(self, value: i32) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_i64(self, value: i64) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_u8(self, value: u8) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_u16(self, value: u16) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_u32(self, value: u32) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_u64(self, value: u64) -> Written<'py> {
        self.plain(value)
    }

    fn serialize_f32(self, _value: f32) -> Written<'py> {
        Err(unexpected("a float"))
    }

    fn serialize_f64(self, _value: f64) -> Written<'py> {
        Err(unexpected("a float"))
    }

    fn serialize_char(self, value: char) -> Written<'py> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Written<'py> {
        let py = self.py;
        Ok(match &*self.shape.0 {
            Kind::Decimal => objects::decimal(py, text)?,
            Kind::Timestamp => objects::datetime(py, text)?,
            Kind::Date => objects::date(py, text)?,
            Kind::Uuid => objects::uuid(py, text)?,
            Kind::Plain | Kind::Choice(_) => PyString::new(py, text).into_any(),
            _ => return Err(unexpected("text")),
        })
    }

    fn serialize_bytes(self, _value: &[u8]) -> Written<'py> {
        Err(unexpected("bytes"))
    }

    fn serialize_none(self) -> Written<'py> {
        Ok(self.py.None().into_bound(self.py))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written<'py> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written<'py> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, name: &'static str) -> Written<'py> {
        Err(unexpected(name))
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Written<'py> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Written<'py> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written<'py> {
        let (model, field) = self.variant(variant)?;
        let value = self::value(self.py, value, &field.shape)?;
        Ok(objects::model(self.py, model, vec![Some(value)])?)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Items<'a, 'py>, WriteError> {
        let (item, items) = match &*self.shape.0 {
            Kind::List(item) => (item, Collection::List(PyList::empty(self.py))),
            Kind::Set(item) => (item, Collection::Set(PySet::empty(self.py)?)),
            _ => return Err(unexpected("a list")),
        };
        Ok(Items {
            py: self.py,
            item,
            items,
        })
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self::SerializeTuple, WriteError> {
        Err(unexpected("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleStruct, WriteError> {
        Err(unexpected(name))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        Err(unexpected(name))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries<'a, 'py>, WriteError> {
        let Kind::Dict(value) = &*self.shape.0 else {
            return Err(unexpected("a map"));
        };
        Ok(Entries {
            py: self.py,
            value,
            entries: PyDict::new(self.py),
            key: None,
        })
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _length: usize,
    ) -> Result<Fields<'a, 'py>, WriteError> {
        self.fields(self.shape)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Fields<'a, 'py>, WriteError> {
        let (model, field) = self.variant(variant)?;
        let mut fields = self.fields(&field.shape)?;
        fields.outer = Some(model);
        Ok(fields)
    }
}

enum Collection<'py> {
    List(Bound<'py, PyList>),
    Set(Bound<'py, PySet>),
}

struct Items<'a, 'py> {
    py: Python<'py>,
    item: &'a Shape,
    items: Collection<'py>,
}

impl<'py> ser::SerializeSeq for Items<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), WriteError> {
        let item = value(self.py, item, self.item)?;
        match &self.items {
            Collection::List(list) => list.append(item)?,
            Collection::Set(set) => set.add(item)?,
        }
        Ok(())
    }

    fn end(self) -> Written<'py> {
        Ok(match self.items {
            Collection::List(list) => list.into_any(),
            Collection::Set(set) => set.into_any(),
        })
    }
}

struct Entries<'a, 'py> {
    py: Python<'py>,
    value: &'a Shape,
    entries: Bound<'py, PyDict>,
    key: Option<Bound<'py, PyAny>>,
}

impl<'py> ser::SerializeMap for Entries<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), WriteError> {
        self.key = Some(value(self.py, key, &PLAIN)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WriteError> {
        let value = self::value(self.py, value, self.value)?;
        let key = self.key.take();
        Ok(self.entries.set_item(key, value)?)
    }

    fn end(self) -> Written<'py> {
        Ok(self.entries.into_any())
    }
}

struct Fields<'a, 'py> {
    py: Python<'py>,
    model: &'a Model,
    values: Vec<Option<Bound<'py, PyAny>>>,
    /// Where the next field is most likely: models have their fields in the core's order.
    next: usize,
    /// The model of the variant that the fields are the data of.
    outer: Option<&'a Model>,
}

impl<'py> Fields<'_, 'py> {
    fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), WriteError> {
        let fields = &self.model.fields;
        let later = fields.iter().enumerate().skip(self.next);
        let found = later
            .chain(fields.iter().enumerate().take(self.next))
            .find(|(_, field)| field.alias == key);
        let Some((at, field)) = found else {
            return Err(WriteError::Shape(format!("unknown field `{key}`")));
        };
        let value = self::value(self.py, value, &field.shape)?;
        if let Some(place) = self.values.get_mut(at) {
            *place = Some(value);
        }
        self.next = at.saturating_add(1);
        Ok(())
    }

    fn finish(self) -> Written<'py> {
        let inner = objects::model(self.py, self.model, self.values)?;
        Ok(match self.outer {
            Some(model) => objects::model(self.py, model, vec![Some(inner)])?,
            None => inner,
        })
    }
}

impl<'py> ser::SerializeStruct for Fields<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.set(key, value)
    }

    fn end(self) -> Written<'py> {
        self.finish()
    }
}

impl<'py> ser::SerializeStructVariant for Fields<'_, 'py> {
    type Ok = Bound<'py, PyAny>;
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), WriteError> {
        self.set(key, value)
    }

    fn end(self) -> Written<'py> {
        self.finish()
    }
}
