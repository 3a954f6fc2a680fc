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
    let object = base(py, &NEW, "__new__")?.call1((&model.class,))?;
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
    // The class's own way refuses: models cannot be changed.
    let set = base(py, &SET, "__setattr__")?;
    set.call1((&object, intern!(py, "__pydantic_fields_set__"), given))?;
    set.call1((&object, intern!(py, "__pydantic_extra__"), py.None()))?;
    set.call1((&object, intern!(py, "__pydantic_private__"), py.None()))?;
    Ok(object)
}

static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static SET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A method of `object`, which the models' own class hides.
fn base<'py>(
    py: Python<'py>,
    place: &'static PyOnceLock<Py<PyAny>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyAny>> {
    let method = place.get_or_try_init(py, || {
        let object = py
            .import(intern!(py, "builtins"))?
            .getattr(intern!(py, "object"))?;
        Ok::<_, PyErr>(object.getattr(name)?.unbind())
    })?;
    Ok(method.bind(py))
}
