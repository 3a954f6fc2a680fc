//! The Python class of a till that is open. Values cross as JSON; calls work without the interpreter.

use std::sync::Arc;

use pyo3::prelude::*;
use rewards_core::rejection::{Fault, Rejection};
use rewards_core::time::Timestamp;
use rewards_core::tokens::{ShownToken, TillMark, TokenVerifier};
use rewards_storage::till::Till;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::asyncio::Done;
use crate::engine::wait;
use crate::json;

/// A till that is open.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct NativeTill {
    till: Arc<Till>,
}

impl From<Arc<Till>> for NativeTill {
    fn from(till: Arc<Till>) -> Self {
        Self { till }
    }
}

/// What was told to an engine, and when.
#[derive(Deserialize)]
struct Synced {
    told: Vec<String>,
    at: Timestamp,
}

#[pymethods]
impl NativeTill {
    /// Opens the till in the file at a path.
    #[staticmethod]
    #[pyo3(signature = (path, verifier, mark, /))]
    fn open(
        py: Python<'_>,
        path: String,
        verifier: String,
        mark: Option<String>,
    ) -> PyResult<Py<PyAny>> {
        wait(py, async move {
            let verifier: TokenVerifier = read(&verifier)?;
            let mark: Option<TillMark> = mark.as_deref().map(read).transpose()?;
            let till = Till::open(path, verifier, mark).await?;
            Ok(Done::Till(Arc::new(till)))
        })
    }

    /// What is known of issuers and tokens from now on.
    #[pyo3(signature = (verifier, /))]
    fn know(&self, py: Python<'_>, verifier: String) -> PyResult<Py<PyAny>> {
        let till = Arc::clone(&self.till);
        wait(py, async move {
            till.know(read(&verifier)?).await;
            Ok(Done::Closed)
        })
    }

    /// Takes a token that is shown: what was accepted.
    #[pyo3(signature = (shown, /))]
    fn take(&self, py: Python<'_>, shown: String) -> PyResult<Py<PyAny>> {
        let till = Arc::clone(&self.till);
        wait(py, async move {
            let shown: ShownToken = read(&shown)?;
            text(&till.take(&shown).await?)
        })
    }

    /// Payments that are not told to an engine yet.
    #[pyo3(signature = (most, /))]
    fn waiting(&self, py: Python<'_>, most: usize) -> PyResult<Py<PyAny>> {
        let till = Arc::clone(&self.till);
        wait(py, async move { text(&till.waiting(most).await?) })
    }

    /// Payments were told to an engine.
    #[pyo3(signature = (synced, /))]
    fn synced(&self, py: Python<'_>, synced: String) -> PyResult<Py<PyAny>> {
        let till = Arc::clone(&self.till);
        wait(py, async move {
            let Synced { told, at } = read(&synced)?;
            till.synced(&told, at).await?;
            Ok(Done::Closed)
        })
    }

    /// How far the till has come.
    #[pyo3(signature = (/))]
    fn mark(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let till = Arc::clone(&self.till);
        wait(py, async move { text(&till.mark().await?) })
    }

    /// Closes the file. May be called more than once.
    #[pyo3(signature = (/))]
    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let till = Arc::clone(&self.till);
        wait(py, async move {
            till.close().await?;
            Ok(Done::Closed)
        })
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, Fault> {
    json::read(json).map_err(Fault::from)
}

fn text<T: Serialize>(value: &T) -> Result<Done, Fault> {
    let written: Result<String, Rejection> = json::written(value);
    Ok(Done::Text(written?.into_bytes()))
}
