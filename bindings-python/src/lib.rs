//! The native half of the Python module `rewards`: opens engines and carries values to and from them.
//!
//! | module | what it is |
//! |---|---|
//! | `engine` | the Python class of an open engine, called from threads and from event loops |
//! | `asyncio` | how outcomes come back to an event loop, many with one wake-up |
//! | `dispatch`, `services` | from a name and what is asked to the engine and back |
//! | `documents` | program documents as text |
//! | `models` | requests and replies as pydantic models |
//! | `columnar` | whole tables of purchases, through the Arrow PyCapsule interface |
//! | `open` | from an address to an engine |
//! | `till` | the Python class of a till, which takes offline tokens |
//! | `tokens`, `qr` | offline tokens and QR codes without an engine |
//! | `json` | values of those as JSON |
//! | `host` | what a process has once: the runtime and the thread that wakes event loops |
//! | `visits` | how threads of ours come to the interpreter, and none any more at exit |
//! | `fault` | faults as Python exceptions; panics as faults |
//! | `logging` | what the engine traces, for Python's `logging` |
//!
//! It knows no rewards: every operation passes through one function. The typed half is Python, generated from the
//! registry and its JSON Schema.
#![forbid(unsafe_code)]

mod asyncio;
mod columnar;
mod dispatch;
mod documents;
mod engine;
mod fault;
#[cfg(feature = "test-hooks")]
mod hooks;
mod host;
mod json;
mod logging;
mod models;
mod open;
mod qr;
mod services;
mod till;
mod tokens;
mod visits;

/// The native half of `rewards`. Use the module `rewards` instead: nothing here is meant to stay as it is.
#[pyo3::pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::asyncio::{Call, Inbox};
    #[pymodule_export]
    use crate::columnar::NativeProgram;
    #[pymodule_export]
    use crate::dispatch::{NativeOperation, check, operations};
    #[pymodule_export]
    use crate::documents::{calibrate, read_program};
    #[pymodule_export]
    use crate::engine::{NativeEngine, migrate};
    #[pymodule_export]
    use crate::fault::NativeFault;
    #[cfg(feature = "test-hooks")]
    #[pymodule_export]
    use crate::hooks::{json_reads, set_panic};
    #[pymodule_export]
    use crate::logging::{flush_logging, set_logging};
    #[pymodule_export]
    use crate::models::Shape;
    #[pymodule_export]
    use crate::qr::{check_qr, qr_png, qr_svg};
    #[pymodule_export]
    use crate::till::NativeTill;
    #[pymodule_export]
    use crate::tokens::{check_token, read_token, spend_message, spend_proof};
    #[pymodule_export]
    use crate::visits::end_visits;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::models::classes(module.py()).map(|_| ())
    }
}
