//! The Python objects that values become.
//!
//! A model is made as pydantic makes it once it has validated the fields: an object without a call of its class, the
//! fields in `__dict__`, the names of those that were given beside it.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDict, PySet};
use rewards_core::time::LocalDate;

use super::shape::Model;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// What is looked up in Python's own modules.
#[derive(Debug)]
pub struct Classes {
    pub(super) decimal: Py<PyAny>,
    pub(super) datetime: Py<PyAny>,
    pub(super) date: Py<PyAny>,
    pub(super) uuid: Py<PyAny>,
    /// `datetime.fromisoformat`.
    read_datetime: Py<PyAny>,
    /// `object.__new__` and `object.__setattr__`, which the models' own class hides.
    new: Py<PyAny>,
    set: Py<PyAny>,
}

/// The classes, looked up when the module is imported: later a test library may have put its own in their place.
pub fn classes(py: Python<'_>) -> PyResult<&Classes> {
    static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
    CLASSES.get_or_try_init(py, || {
        let class = |module: &str, name: &str| py.import(module)?.getattr(name);
        let datetime = class("datetime", "datetime")?;
        let object = class("builtins", "object")?;
        Ok(Classes {
            decimal: class("decimal", "Decimal")?.unbind(),
            date: class("datetime", "date")?.unbind(),
            uuid: class("uuid", "UUID")?.unbind(),
            read_datetime: datetime.getattr("fromisoformat")?.unbind(),
            datetime: datetime.unbind(),
            new: object.getattr("__new__")?.unbind(),
            set: object.getattr("__setattr__")?.unbind(),
        })
    })
}

/// A `Decimal`.
pub(super) fn decimal<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    classes(py)?.decimal.bind(py).call1((text,))
}

/// A `UUID`.
pub(super) fn uuid<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    classes(py)?.uuid.bind(py).call1((text,))
}

/// An aware `datetime` in UTC.
pub(super) fn datetime<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    // Before Python 3.11 it does not know the `Z` that the engine writes.
    let local = text.strip_suffix('Z').ok_or_else(|| refused(text))?;
    let read = classes(py)?.read_datetime.bind(py);
    read.call1((format!("{local}+00:00"),))
}

/// A `date`.
pub(super) fn date<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    let (year, month, day) = LocalDate::parse(text).map_err(refused)?.ymd();
    let part = |part: u32| u8::try_from(part).map_err(refused);
    Ok(PyDate::new(py, year, part(month)?, part(day)?)?.into_any())
}

fn refused(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A model with the values of its fields, in their order.
pub(super) fn model<'py>(
    py: Python<'py>,
    model: &Model,
    values: Vec<Option<Bound<'py, PyAny>>>,
) -> Object<'py> {
    let classes = classes(py)?;
    let object = classes.new.bind(py).call1((&model.class,))?;
    let fields = object.getattr(intern!(py, "__dict__"))?;
    let fields = fields.cast::<PyDict>()?;
    let given = PySet::empty(py)?;
    for (field, value) in model.fields.iter().zip(values) {
        let name = field.name.bind(py);
        match value {
            Some(value) => {
                fields.set_item(name, value)?;
                given.add(name)?;
            }
            None => {
                let default = field.default(py)?;
                fields.set_item(name, default.ok_or_else(|| refused(name))?)?;
            }
        }
    }
    // The class's own way refuses: models cannot be changed.
    let set = classes.set.bind(py);
    set.call1((&object, intern!(py, "__pydantic_fields_set__"), given))?;
    set.call1((&object, intern!(py, "__pydantic_extra__"), py.None()))?;
    set.call1((&object, intern!(py, "__pydantic_private__"), py.None()))?;
    Ok(object)
}
