//! Program documents as text: checked by the core, with all problems at once.

use pyo3::prelude::*;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::{Problem, Rejection};
use rewards_core::time::Timestamp;

use crate::fault::{caught, exception};

/// The canonical JSON of a document, TOML or JSON. A fault with all problems when its shape is wrong, or when what it means
/// cannot be published.
#[pyfunction]
#[pyo3(signature = (text, /))]
pub fn read_program(text: &str) -> PyResult<String> {
    caught(|| {
        let read = Program::from_text(text).and_then(published);
        let problems = match read {
            Ok(program) => return Ok(program.to_json()),
            Err(problems) => problems,
        };
        Err(exception(&Rejection::Invalid(problems).into()))
    })
}

fn published(program: Program) -> Result<Program, Vec<Problem>> {
    let compiled = CompiledProgram::compile(program, 1, Timestamp::MIN)?;
    Ok(compiled.document().clone())
}
