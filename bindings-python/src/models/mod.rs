//! The engine's values as pydantic models, and back, without a text in between.
//!
//! serde drives both ways, so that no type of the core is known here. What a reply looks like in Python is told once
//! by the package (`shape`); what a request holds is read from its objects (`read`). Whatever these two do not know is
//! left to the models' own JSON, which is slower and tells exactly what is wrong.

mod objects;
mod read;
mod shape;
mod write;

use pyo3::intern;
use pyo3::prelude::*;
use rewards_core::rejection::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use shape::Shape;

use crate::dispatch;
use crate::fault::caught;

/// The request that a model stands for.
///
/// # Errors
/// Whatever the model says when it cannot be written as JSON. The fault of a request that the core does not read is
/// the inner result.
pub fn request<T: DeserializeOwned>(model: &Bound<'_, PyAny>) -> PyResult<Result<T, Fault>> {
    caught(|| {
        if let Ok(request) = read::value(model) {
            return Ok(Ok(request));
        }
        #[cfg(feature = "test-hooks")]
        crate::hooks::count_json_read();
        let text: String = model
            .call_method0(intern!(model.py(), "to_json"))?
            .extract()?;
        Ok(dispatch::read(&text))
    })
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
        caught(|| Ok(write::value(py, self, shape)?))
    }
}
