//! Reading and publishing the program.

use std::path::Path;

use rewards_core::ids::IdempotencyKey;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Problem;
use rewards_core::time::Timestamp;
use rewards_storage::engine::{CommandOptions, TenantEngine};

use super::QuickstartError;

/// Reads a program document and checks all of it.
///
/// # Errors
/// The file cannot be read, or the document is wrong: all problems with their paths.
pub fn load_program(path: &Path) -> Result<Program, QuickstartError> {
    let text = std::fs::read_to_string(path).map_err(|source| QuickstartError::File {
        path: path.to_owned(),
        source,
    })?;
    parse_program(&text).map_err(|problems| QuickstartError::Program {
        path: path.to_owned(),
        problems,
    })
}

/// Reads the text of a program document and checks all of it.
///
/// # Errors
/// All problems, with their paths.
pub fn parse_program(text: &str) -> Result<Program, Vec<Problem>> {
    let program = Program::from_toml(text)?;
    CompiledProgram::compile(program.clone(), 1, Timestamp::MIN)?;
    Ok(program)
}

/// Publishes the program, once: the same document published again is replayed.
pub(super) async fn publish(
    tenant: &TenantEngine,
    program: &Program,
    from: Timestamp,
) -> Result<(), QuickstartError> {
    let request = PublishProgram {
        program: program.clone(),
        active_from: Some(from),
    };
    let options = CommandOptions {
        key: Some(IdempotencyKey::new(&format!("publish {}", program.id))?),
        now: Some(from),
    };
    match tenant.execute_with(request, options).await {
        Ok(_) => Ok(()),
        Err(fault) if fault.code == "key_reused" => Err(QuickstartError::ProgramChanged),
        Err(fault) => Err(fault.into()),
    }
}
