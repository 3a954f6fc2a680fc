//! The engine's values as pydantic models, and back, without a text in between.
//!
//! serde drives both ways, so that no type of the core is known here. What a reply looks like in Python is told once
//! by the package (`shape`); what a request holds is read from its objects (`read`). Whatever these two do not know is
//! left to the models' own JSON, which is slower and tells exactly what is wrong.

mod objects;
mod read;
mod shape;
mod write;

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use rewards_core::rejection::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use objects::classes;
pub use shape::Shape;

use crate::dispatch;
use crate::fault::{caught, exception};

/// The request that a model stands for.
///
/// # Errors
/// Whatever the model says when it cannot be written as JSON. The fault of a request that the core does not read is
/// the inner result.
pub fn request<T: DeserializeOwned>(model: &Bound<'_, PyAny>) -> PyResult<Result<T, Fault>> {
    caught(|| {
        match read::value(model) {
            Ok(request) => return Ok(Ok(request)),
            Err(error) => error.interruption(model.py()).map_or(Ok(()), Err)?,
        }
        #[cfg(feature = "test-hooks")]
        crate::hooks::count_json_read();
        let text: String = model
            .call_method0(intern!(model.py(), "to_json"))?
            .extract()?;
        Ok(dispatch::read(&text))
    })
}

/// A reply was made, and could not be handed over.
fn lost(error: &PyErr) -> Fault {
    let detail = format!(
        "the reply could not be handed over ({error}); ask again with the same key to learn whether it took effect"
    );
    Fault::new("internal", detail)
}

/// A reply that waits for the interpreter.
pub trait Reply: Send {
    /// The model of the reply.
    ///
    /// # Errors
    /// Whatever Python refuses.
    fn to_python<'py>(&self, py: Python<'py>, shape: &Shape) -> PyResult<Bound<'py, PyAny>>;
}

impl<T: Serialize + Send> Reply for T {
    fn to_python<'py>(&self, py: Python<'py>, shape: &Shape) -> PyResult<Bound<'py, PyAny>> {
        caught(|| {
            let made = write::value(py, self, shape).map_err(PyErr::from);
            made.map_err(|error| match error.is_instance_of::<PyException>(py) {
                true => exception(&lost(&error)),
                false => error,
            })
        })
    }
}
