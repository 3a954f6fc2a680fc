//! The Python objects that values become.
//!
//! A model is made as pydantic makes it once it has validated the fields: an object without a call of its class, the
//! fields in `__dict__`, the names of those that were given beside it.

use std::ptr::null_mut;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDate, PyDict, PySet, PyString, PyType};
use rewards_core::time::LocalDate;

use super::shape::Model;

type Object<'py> = PyResult<Bound<'py, PyAny>>;

/// A `Decimal`.
pub(super) fn decimal<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "decimal", "Decimal")?.call1((text,))
}

/// A `UUID`.
pub(super) fn uuid<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    CLASS.import(py, "uuid", "UUID")?.call1((text,))
}

/// An aware `datetime` in UTC.
pub(super) fn datetime<'py>(py: Python<'py>, text: &str) -> Object<'py> {
    static READ: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let read = READ.get_or_try_init(py, || {
        let class = py
            .import(intern!(py, "datetime"))?
            .getattr(intern!(py, "datetime"))?;
        Ok::<_, PyErr>(class.getattr(intern!(py, "fromisoformat"))?.unbind())
    })?;
    // Before Python 3.11 it does not know the `Z` that the engine writes.
    let local = text.strip_suffix('Z').ok_or_else(|| refused(text))?;
    read.bind(py).call1((format!("{local}+00:00"),))
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
    let object = blank(model.class.bind(py))?;
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
            None => fields.set_item(name, field.default(py)?)?,
        }
    }
    let none = py.None().into_bound(py);
    set(&object, intern!(py, "__pydantic_fields_set__"), &given)?;
    set(&object, intern!(py, "__pydantic_extra__"), &none)?;
    set(&object, intern!(py, "__pydantic_private__"), &none)?;
    Ok(object)
}

/// An object of the class that nobody has initialised: `object.__new__(class)`.
#[expect(
    unsafe_code,
    reason = "the safe way, a call with a tuple of arguments, takes thrice as long"
)]
fn blank<'py>(class: &Bound<'py, PyType>) -> Object<'py> {
    // SAFETY: a live class is given, and what comes back is a new reference or null with an exception set. Models are
    // made by `object`'s own constructor, which this is.
    unsafe {
        let object = ffi::PyType_GenericNew(class.as_type_ptr(), null_mut(), null_mut());
        Bound::from_owned_ptr_or_err(class.py(), object)
    }
}

/// Sets an attribute past the class's own way of doing so, which refuses: `object.__setattr__(object, name, value)`.
#[expect(
    unsafe_code,
    reason = "the safe way, a call with a tuple of arguments, takes thrice as long"
)]
fn set(
    object: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: all three are live objects that the call borrows.
    let status =
        unsafe { ffi::PyObject_GenericSetAttr(object.as_ptr(), name.as_ptr(), value.as_ptr()) };
    match status {
        0 => Ok(()),
        _ => Err(PyErr::fetch(object.py())),
    }
}
