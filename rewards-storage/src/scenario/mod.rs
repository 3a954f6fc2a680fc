//! Scenarios: requests and the whole replies that are expected, as JSON files. The test format of programs.
//!
//! A file holds cases; a case holds steps that are taken one after another, starting from empty books:
//!
//! ```json
//! {
//!   "about": "what these cases are about",
//!   "cases": [
//!     {
//!       "name": "a-name-of-its-own",
//!       "steps": [
//!         {
//!           "operation": "register_member",
//!           "now": "2026-01-01T00:00:00Z",
//!           "request": { "member": "ada" },
//!           "reply": { "member": "ada", "registered_at": "2026-01-01T00:00:00Z" }
//!         }
//!       ]
//!     }
//!   ]
//! }
//! ```
//!
//! A case may have a `key_ring`, the keys that the engine seals secrets with: a list of keys with `purpose`, `id`, `key` (32 to
//! 1,024 bytes in hexadecimal digits), `valid_from` and, where its time is limited, `valid_until`:
//!
//! ```json
//! { "purpose": "alias", "id": "2026", "key": "8f…", "valid_from": "1970-01-01T00:00:00Z" }
//! ```
//!
//! Which key is current is the one thing for which the machine's clock is looked at, so let keys begin long ago.
//!
//! | part of a step | meaning |
//! |---|---|
//! | `operation` | the name of an operation of the [registry](rewards_core::registry) |
//! | `now` | when the command is decided; nothing here looks at a clock |
//! | `key` | the idempotency key; the one that the request implies when absent |
//! | `request` | the request, as any host would send it |
//! | `reply` or `fault` | what must come back, whole; exactly one of them |
//! | `replayed` | whether the reply must be that of an earlier step with the same key; false when absent |
//!
//! Every case runs twice: in memory, and on a SQLite file of its own. Both must answer exactly what is expected, which
//! is compared in [canonical form](canonical). Ids are drawn from [`SEED`] for the tenant [`TENANT`], so everything in a
//! reply can be expected, digests too. [`bless`] writes the expectations, which leaves only the reading to the author.
//!
//! What is unknown in a file is refused, with its path. A request that is wrong is no mistake of the file: it is answered
//! with the fault `invalid`, which a step may expect.

mod difference;
mod document;
mod json;
mod report;
mod run;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rewards_core::rejection::{Fault, Problem};
use serde_json::Value;
use thiserror::Error;

use crate::store::Backend;

pub use rewards_core::canonical::text as canonical;

pub use document::{Case, CaseKey, OperationName, ScenarioFile, Step, parse};
pub use report::{Difference, Failure, Report};

/// The tenant that cases run for.
pub const TENANT: &str = "vectors";
/// The seed that the ids of a case are drawn from.
pub const SEED: u64 = 7;

/// Why scenarios could not be run. That something else was found than expected is no error but in the [`Report`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A file or folder cannot be read or written.
    #[error("cannot use `{path}`: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder without scenarios.
    #[error("expected a file or a folder with `.json` files, got `{path}`")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not in the format.
    #[error("`{path}` is no scenario file{}", in_lines(.problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All problems found.
        problems: Vec<Problem>,
    },
    /// A store for a case cannot be opened.
    #[error("cannot open the {store} store: {fault}")]
    Store {
        /// Which store.
        store: &'static str,
        /// What it says.
        fault: Fault,
    },
    /// What was found cannot be written as JSON.
    #[error("cannot write what was found: {0}")]
    Encode(#[from] serde_json::Error),
}

/// Runs a file, or all `.json` files of a folder in the order of their names, and compares.
///
/// Runs in the tokio runtime it is awaited in, which needs its timer enabled.
///
/// # Errors
/// [`ScenarioError`] when a file cannot be read or is not in the format, or a store cannot be opened.
pub async fn run(path: &Path) -> Result<Report, ScenarioError> {
    let mut report = Report::default();
    for (path, file) in read(path)? {
        run::compare_file(&path, &file, &mut report).await?;
    }
    Ok(report)
}

/// Runs as [`run`] does, and writes what was found as what is expected into the files, which keep their order and get one
/// layout. A case whose stores disagree is left as it is and reported.
///
/// # Errors
/// As [`run`], and [`ScenarioError::Io`] when a file cannot be written.
pub async fn bless(path: &Path) -> Result<Report, ScenarioError> {
    let mut report = Report::default();
    for (path, file) in read(path)? {
        run::bless_file(&path, &file, &mut report).await?;
    }
    Ok(report)
}

/// Plays the steps of a case on a store, whatever is in it, and returns what each came to: an object with `reply` and, where it is
/// that of an earlier command, `replayed`; or with `fault`.
///
/// # Errors
/// [`ScenarioError::Store`] when no engine can be opened on the store.
pub async fn play(case: &Case, store: Arc<dyn Backend>) -> Result<Vec<Value>, ScenarioError> {
    run::take_steps(case, store, "given").await
}

/// Reads a file, or all `.json` files of a folder in the order of their names, without running anything.
///
/// # Errors
/// [`ScenarioError`] when a file cannot be read or is not in the format.
pub fn read(path: &Path) -> Result<Vec<(PathBuf, ScenarioFile)>, ScenarioError> {
    let mut files = Vec::new();
    for path in paths(path)? {
        let text = std::fs::read_to_string(&path).map_err(|source| at(&path, source))?;
        let file = parse(&text).map_err(|problems| ScenarioError::Invalid {
            path: path.clone(),
            problems,
        })?;
        files.push((path, file));
    }
    Ok(files)
}

/// The files that a path stands for.
fn paths(path: &Path) -> Result<Vec<PathBuf>, ScenarioError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|source| at(path, source))? {
        let entry = entry.map_err(|source| at(path, source))?.path();
        if entry.extension().is_some_and(|end| end == "json") {
            paths.push(entry);
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(ScenarioError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(paths)
}

fn at(path: &Path, source: io::Error) -> ScenarioError {
    ScenarioError::Io {
        path: path.to_owned(),
        source,
    }
}

fn in_lines(problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        let place = if problem.path.is_empty() {
            "the whole file"
        } else {
            &problem.path
        };
        format!("\n  {place}: {} ({})", problem.detail, problem.code)
    };
    problems.iter().map(line).collect()
}
