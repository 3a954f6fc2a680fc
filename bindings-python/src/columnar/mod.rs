//! Whole tables of purchases, evaluated without state.
//!
//! A table comes in through the Arrow PyCapsule interface, from whichever library made it, and the grants go out the same
//! way. Nothing is copied into Python objects in between, and the interpreter is free while rows are evaluated.

mod columns;
mod grants;
mod table;

use arrow_array::RecordBatch;
use grants::GrantFormat;
use pyo3::prelude::*;
use pyo3_arrow::PyTable;
use pyo3_arrow::input::AnyRecordBatch;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::{Fault, Problem, Rejection};
use rewards_core::time::Timestamp;

use crate::fault::exception;

/// A program, checked and compiled.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct NativeProgram {
    program: CompiledProgram,
    format: GrantFormat,
}

#[pymethods]
impl NativeProgram {
    /// Reads a document as JSON text and compiles it.
    #[new]
    fn new(py: Python<'_>, document: &str) -> PyResult<Self> {
        let compile = || {
            let program = Program::from_json(document)?;
            CompiledProgram::compile(program, 1, Timestamp::MIN)
        };
        let program = py.detach(compile);
        let program =
            program.map_err(|problems| exception(&Rejection::Invalid(problems).into()))?;
        let format = GrantFormat::new(&program);
        Ok(Self { program, format })
    }

    /// The grants of a table of purchases, as a table.
    fn evaluate(&self, py: Python<'_>, purchases: AnyRecordBatch) -> PyResult<PyTable> {
        let reader = purchases.into_reader()?;
        let evaluated = py.detach(|| {
            let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(unreadable)?;
            table::evaluate(&self.program, &self.format, batches.into_iter())
        });
        let batches = evaluated.map_err(|fault| exception(&fault))?;
        PyTable::try_new(batches, self.format.schema())
    }
}

fn unreadable(error: impl std::fmt::Display) -> Fault {
    let detail = format!("the table cannot be read: {error}");
    Problem::new("table_invalid", "", detail).into()
}
