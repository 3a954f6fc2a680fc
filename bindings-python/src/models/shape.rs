//! What values look like in Python, told once by the package when it is imported.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet, PyString, PyType};

/// What a value looks like in Python.
#[pyclass(frozen, from_py_object, module = "rewards._native")]
#[derive(Debug, Clone)]
pub struct Shape(pub(super) Arc<Kind>);

/// The kinds of values that look different in Python and in JSON.
#[derive(Debug)]
pub(super) enum Kind {
    /// Text, whole numbers, truth values: as they are.
    Plain,
    /// A `Decimal`.
    Decimal,
    /// An aware `datetime` in UTC.
    Timestamp,
    /// A `date`.
    Date,
    /// A `UUID`.
    Uuid,
    /// A `list`.
    List(Shape),
    /// A `set`.
    Set(Shape),
    /// A `dict`.
    Dict(Shape),
    /// A model.
    Model(Model),
    /// One of several models with a single field each, or a text.
    Choice(Vec<Shape>),
    /// A model that reads itself from its JSON.
    Document(Py<PyType>),
}

/// A model and its fields.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) class: Py<PyType>,
    pub(super) fields: Vec<Field>,
}

/// A field of a model.
#[derive(Debug)]
pub(super) struct Field {
    /// Its name in Python.
    pub(super) name: Py<PyString>,
    /// Its name in the core.
    pub(super) alias: String,
    pub(super) shape: Shape,
    default: Option<Default>,
}

/// What a field holds that is absent.
#[derive(Debug)]
enum Default {
    /// A value that cannot change, so that all may share it.
    Shared(Py<PyAny>),
    /// A list, set or dictionary: each model has its own.
    Copied(Py<PyAny>),
}

impl Field {
    /// What the field holds when it is absent; `None` for one that must be there.
    pub(super) fn default<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(match &self.default {
            None => None,
            Some(Default::Shared(value)) => Some(value.bind(py).clone()),
            Some(Default::Copied(value)) => Some(value.bind(py).call_method0("copy")?),
        })
    }
}

impl Model {
    /// The single field, which is named like the variant it stands for.
    pub(super) fn variant(&self) -> Option<&Field> {
        match self.fields.as_slice() {
            [field] => Some(field),
            _ => None,
        }
    }
}

#[pymethods]
impl Shape {
    /// A value without parts.
    #[staticmethod]
    #[pyo3(signature = (name, /))]
    fn scalar(name: &str) -> PyResult<Self> {
        Ok(Self::from(match name {
            "plain" => Kind::Plain,
            "Decimal" => Kind::Decimal,
            "datetime" => Kind::Timestamp,
            "date" => Kind::Date,
            "UUID" => Kind::Uuid,
            _ => return Err(PyValueError::new_err(format!("unknown scalar `{name}`"))),
        }))
    }

    /// A list.
    #[staticmethod]
    #[pyo3(signature = (item, /))]
    fn list_of(item: Self) -> Self {
        Self::from(Kind::List(item))
    }

    /// A set.
    #[staticmethod]
    #[pyo3(signature = (item, /))]
    fn set_of(item: Self) -> Self {
        Self::from(Kind::Set(item))
    }

    /// A dictionary.
    #[staticmethod]
    #[pyo3(signature = (value, /))]
    fn dict_of(value: Self) -> Self {
        Self::from(Kind::Dict(value))
    }

    /// A model: its class, and for each field the name, the name in the core, the shape and a list with the default, if
    /// it has one.
    #[staticmethod]
    #[pyo3(signature = (class, fields, /))]
    fn model(
        py: Python<'_>,
        class: Py<PyType>,
        fields: Vec<(String, String, Self, Vec<Py<PyAny>>)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, alias, shape, default)| {
            let default = default.into_iter().next();
            Field {
                name: PyString::intern(py, &name).unbind(),
                alias,
                shape,
                default: default.map(|value| default_of(py, value)),
            }
        });
        let fields = fields.collect();
        Self::from(Kind::Model(Model { class, fields }))
    }

    /// A model that reads itself from its JSON, because it may be nested in itself.
    #[staticmethod]
    #[pyo3(signature = (class, /))]
    fn document(class: Py<PyType>) -> Self {
        Self::from(Kind::Document(class))
    }

    /// One of several models with a single field each, or a text.
    #[staticmethod]
    #[pyo3(signature = (members, /))]
    fn choice(members: Vec<Self>) -> Self {
        Self::from(Kind::Choice(members))
    }
}

impl From<Kind> for Shape {
    fn from(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }
}

fn default_of(py: Python<'_>, value: Py<PyAny>) -> Default {
    let found = value.bind(py);
    let is_container = found.is_instance_of::<PyList>()
        || found.is_instance_of::<PySet>()
        || found.is_instance_of::<PyDict>();
    match is_container {
        true => Default::Copied(value),
        false => Default::Shared(value),
    }
}
