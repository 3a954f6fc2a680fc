//! Whole tables of purchases, evaluated without state.
//!
//! A table comes in through the Arrow PyCapsule interface, from whichever library made it, and the grants go out the same
//! way. Nothing is copied into Python objects in between, and the interpreter is free while rows are evaluated.

mod columns;
mod grants;

use arrow_array::RecordBatch;
use columns::Columns;
use grants::Grants;
use pyo3::prelude::*;
use pyo3_arrow::PyTable;
use pyo3_arrow::input::AnyRecordBatch;
use rewards_core::operations::purchases::StatelessQuote;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::{Fault, Problem, Rejection};
use rewards_core::time::Timestamp;

use crate::fault::exception;

/// How many bad rows are told of at most.
const PROBLEMS_MAX: usize = 100;

/// A program, checked and compiled.
#[pyclass(frozen, module = "rewards._native")]
#[derive(Debug)]
pub struct NativeProgram {
    program: CompiledProgram,
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
        Ok(Self { program })
    }

    /// The grants of a table of purchases, as a table.
    fn evaluate(&self, py: Python<'_>, purchases: AnyRecordBatch) -> PyResult<PyTable> {
        let reader = purchases.into_reader()?;
        let evaluated = py.detach(|| {
            let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().map_err(unreadable)?;
            evaluate(&self.program, batches.into_iter())
        });
        let batches = evaluated.map_err(|fault| exception(&fault))?;
        let schema = Grants::new(&self.program).schema();
        PyTable::try_new(batches, schema)
    }
}

fn unreadable(error: impl std::fmt::Display) -> Fault {
    let detail = format!("the table cannot be read: {error}");
    Rejection::Invalid(vec![Problem::new("table_invalid", "", detail)]).into()
}

/// What the rows of the batches are granted, in batches of grants.
///
/// # Errors
/// `invalid` with the problems of the columns, or of the rows; `internal` for a defect.
fn evaluate(
    program: &CompiledProgram,
    batches: impl Iterator<Item = RecordBatch>,
) -> Result<Vec<RecordBatch>, Fault> {
    let mut quote = StatelessQuote::new(program)?;
    let mut grants = Grants::new(program);
    let mut problems = Vec::new();
    let mut evaluated = Vec::new();
    let mut first = 0;
    for batch in batches {
        let columns = Columns::read(program, &batch, first)
            .map_err(|problem| Rejection::Invalid(vec![problem]))?;
        rows(&mut quote, &columns, first, &mut grants, &mut problems)?;
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        first += columns.len();
        evaluated.push(grants.finish().map_err(defect)?);
    }
    if problems.is_empty() {
        Ok(evaluated)
    } else {
        problems.truncate(PROBLEMS_MAX);
        Err(Rejection::Invalid(problems).into())
    }
}

fn rows(
    quote: &mut StatelessQuote<'_>,
    columns: &Columns,
    first: usize,
    grants: &mut Grants<'_>,
    problems: &mut Vec<Problem>,
) -> Result<(), Fault> {
    for at in 0..columns.len() {
        let Some(row) = columns.row(at) else { break };
        if columns.has_texts() {
            quote.set_facts(columns.tags(at), columns.attributes(at));
        }
        match quote.evaluate(&row) {
            Ok(evaluation) => grants.push(first + at, &evaluation),
            Err(Rejection::Invalid(found)) => {
                let here = |problem: Problem| Problem {
                    path: format!("{}[{}]", problem.path, first + at),
                    ..problem
                };
                problems.extend(found.into_iter().map(here));
                if problems.len() >= PROBLEMS_MAX {
                    return Ok(());
                }
            }
            Err(rejection) => return Err(rejection.into()),
        }
    }
    Ok(())
}

fn defect(error: impl std::fmt::Display) -> Fault {
    Fault::new(
        "internal",
        format!("the grants cannot be written as columns: {error}"),
    )
}
