//! Program documents as text: checked by the core, with all problems at once.

use pyo3::prelude::*;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::{Problem, Rejection};
use rewards_core::risk::calibrate::{CalibrationOptions, calibrate_program};
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

/// Fits the scorecard of a program to labelled payments in CSV: the canonical JSON of the program with its new points, and a report of
/// what was done. Options are JSON.
#[pyfunction]
#[pyo3(signature = (program, payments, options, /))]
pub fn calibrate(
    py: Python<'_>,
    program: &str,
    payments: &str,
    options: &str,
) -> PyResult<(String, String)> {
    // It takes long, and other threads do not wait for it.
    py.detach(|| {
        caught(|| {
            let refused = |rejection: Rejection| exception(&rejection.into());
            let read = Program::from_text(program).and_then(published);
            let program = read.map_err(|problems| refused(Rejection::Invalid(problems)))?;
            let options: CalibrationOptions = serde_json::from_str(options).map_err(|error| {
                let problem = Problem::new("value_invalid", "options", error.to_string());
                refused(problem.into())
            })?;
            let fitted = calibrate_program(&program, payments, &options);
            let (program, found) = fitted.map_err(refused)?;
            Ok((program.to_json(), found.report()))
        })
    })
}
