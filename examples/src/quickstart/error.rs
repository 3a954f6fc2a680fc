//! What can go wrong in the example, each with a stable code.

use std::path::PathBuf;

use rewards_core::ids::IdError;
use rewards_core::money::MoneyError;
use rewards_core::rejection::{Fault, Problem};
use rewards_core::time::TimeError;
use rewards_storage::error::StoreError;
use thiserror::Error;

/// Why the example did not run to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QuickstartError {
    /// A file or folder could not be read or written.
    #[error("`{}`: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Standard output could not be written.
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
    /// The program document is wrong; all problems found.
    #[error("{} problems in the program `{}`", .problems.len(), .path.display())]
    Program {
        /// The document.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A line of the data file is not a purchase.
    #[error("`{}` line {line}: {detail}", .path.display())]
    Data {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no purchase to record.
    #[error("`{}` holds no purchase", .0.display())]
    Empty(PathBuf),
    /// The database holds another revision of the program than the file.
    #[error(
        "the database was filled with another version of this program; choose another place with `--output`"
    )]
    ProgramChanged,
    /// The engine refused something that is not the fault of one purchase.
    #[error("{}", .0.detail)]
    Fault(#[from] Fault),
    /// The store could not be opened or read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// An amount left its range or is not one.
    #[error("{0}")]
    Money(#[from] MoneyError),
    /// A time left its range.
    #[error("{0}")]
    Time(#[from] TimeError),
    /// A text is not an id.
    #[error("{0}")]
    Id(#[from] IdError),
    /// The picture could not be drawn.
    #[error("the picture could not be drawn: {0}")]
    Chart(String),
    /// The audit of the books found problems.
    #[error("the books are not valid: {0} problems")]
    Invalid(usize),
}

impl QuickstartError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::File { .. } => "file_unreadable",
            Self::Output(_) => "output_failed",
            Self::Program { .. } => "program_invalid",
            Self::Data { .. } => "data_invalid",
            Self::Empty(_) => "data_empty",
            Self::ProgramChanged => "program_changed",
            Self::Fault(fault) => &fault.code,
            Self::Store(_) => "store_failed",
            Self::Money(error) => error.code(),
            Self::Time(error) => error.code(),
            Self::Id(_) => "id_invalid",
            Self::Chart(_) => "chart_failed",
            Self::Invalid(_) => "books_invalid",
        }
    }

    /// The single problems behind it, if it has any.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Program { problems, .. } => problems,
            Self::Fault(fault) => &fault.problems,
            _ => &[],
        }
    }
}
