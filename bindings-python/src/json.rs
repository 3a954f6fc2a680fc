//! Values as JSON, for functions that need no engine, and refusals of the core as Python exceptions.

use pyo3::prelude::*;
use rewards_core::parse::parse_request;
use rewards_core::rejection::Rejection;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fault::{caught, exception};

/// Reads a value, or says all that is wrong with its shape.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, Rejection> {
    parse_request(json).map_err(Rejection::Invalid)
}

/// Writes a value.
pub fn written<T: Serialize>(value: &T) -> Result<String, Rejection> {
    serde_json::to_string(value).map_err(|_| Rejection::Internal("a value cannot be encoded"))
}

/// Works, and raises what is refused; a panic is a fault.
pub fn told<T>(work: impl FnOnce() -> Result<T, Rejection>) -> PyResult<T> {
    caught(|| work().map_err(|refused| exception(&refused.into())))
}
