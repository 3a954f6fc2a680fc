//! The evaluation of a table, block by block.
//!
//! Blocks are small enough for what is read of them to stay in the processor's cache, and their lists are used again by the
//! next: of a table of any length, only the grants take up memory.

use arrow_array::RecordBatch;
use rewards_core::operations::purchases::StatelessQuote;
use rewards_core::program::CompiledProgram;
use rewards_core::rejection::{Fault, Problem, Rejection};

use super::columns::{Columns, Dictionaries};
use super::grants::{GrantFormat, Grants};

/// How many bad rows are told of at most.
const PROBLEMS_MAX: usize = 100;
/// How many rows are read at a time.
const BLOCK_LEN: usize = 2_048;

/// What the rows of the batches are granted, in batches of grants.
///
/// # Errors
/// `invalid` with the problems of the columns, or of the rows; `internal` for a defect.
pub(super) fn evaluate(
    program: &CompiledProgram,
    format: &GrantFormat,
    batches: impl Iterator<Item = RecordBatch>,
) -> Result<Vec<RecordBatch>, Fault> {
    let mut quote = StatelessQuote::new(program);
    let mut grants = Grants::new(format);
    let mut problems = Vec::new();
    let mut evaluated = Vec::new();
    let mut first = 0;
    for batch in batches {
        let dictionaries = Dictionaries::read(program, &batch)?;
        grants.reserve(batch.num_rows());
        for at in starts(batch.num_rows()) {
            let block = batch.slice(at, BLOCK_LEN.min(batch.num_rows() - at));
            let columns = Columns::read(program, &dictionaries, &block, first + at)?;
            rows(&mut quote, &columns, first + at, &mut grants, &mut problems)?;
            if problems.len() >= PROBLEMS_MAX {
                break;
            }
        }
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        first += batch.num_rows();
        evaluated.push(grants.finish().map_err(defect)?);
    }
    if problems.is_empty() {
        Ok(evaluated)
    } else {
        problems.truncate(PROBLEMS_MAX);
        Err(Rejection::Invalid(problems).into())
    }
}

/// Where blocks start. An empty batch has one as well: its columns may have to be refused.
fn starts(rows: usize) -> impl Iterator<Item = usize> {
    (0..rows.max(1)).step_by(BLOCK_LEN)
}

/// Evaluates a block whose first row is row `first` of the table.
fn rows(
    quote: &mut StatelessQuote<'_>,
    columns: &Columns,
    first: usize,
    grants: &mut Grants<'_>,
    problems: &mut Vec<Problem>,
) -> Result<(), Fault> {
    let mut refuse = |at: usize, found: Vec<Problem>| {
        let here = |problem: Problem| Problem {
            path: format!("{}[{}]", problem.path, first + at),
            ..problem
        };
        problems.extend(found.into_iter().map(here));
        problems.len() < PROBLEMS_MAX
    };
    let rows = columns.rows();
    if !columns.has_texts() {
        quote.evaluate_all(&rows, |at, grant| grants.push(first + at, grant), refuse)?;
        return Ok(());
    }
    for at in 0..columns.len() {
        let Some(row) = rows.get(at) else { break };
        quote.set_facts(columns.tags(at), columns.attributes(at));
        let of_facts = columns.problems(at);
        let mut found = match quote.evaluate(&row) {
            Ok(found) => {
                found
                    .iter()
                    .for_each(|grant| grants.push(first + at, grant));
                Vec::new()
            }
            Err(Rejection::Invalid(found)) => found,
            // A purchase with problems is not evaluated, so that is all there is to tell of it.
            Err(_) if !of_facts.is_empty() => Vec::new(),
            Err(rejection) => return Err(rejection.into()),
        };
        found.extend_from_slice(of_facts);
        if !found.is_empty() && !refuse(at, found) {
            break;
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
