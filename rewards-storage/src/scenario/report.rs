//! What running scenarios found.

use std::fmt;
use std::path::PathBuf;

use rewards_core::ids::Slug;

use super::document::OperationName;

/// Most differences of one step that are shown.
const SHOWN_MAX: usize = 20;

/// What running scenarios found. Displays as everything that went wrong and, in the last line, the number of cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many cases ran, each counted once, although it runs on two stores.
    pub cases: usize,
    /// How many cases were not as expected.
    pub failed: usize,
    /// Every step that was not as expected.
    pub failures: Vec<Failure>,
    /// The files that were written again.
    pub blessed: Vec<PathBuf>,
}

impl Report {
    /// Whether everything was as expected.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures.is_empty()
    }

    /// Adds what another run found.
    pub fn merge(&mut self, other: Self) {
        self.cases = self.cases.saturating_add(other.cases);
        self.failed = self.failed.saturating_add(other.failed);
        self.failures.extend(other.failures);
        self.blessed.extend(other.blessed);
    }
}

/// A step that was not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The file.
    pub file: PathBuf,
    /// The case.
    pub case: Slug,
    /// Which step of the case, from 1.
    pub step: usize,
    /// The operation of the step.
    pub operation: OperationName,
    /// On which stores.
    pub stores: &'static str,
    /// What is different; everything, where the step expects nothing yet.
    pub differences: Vec<Difference>,
}

/// A place at which something else was found than expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: a path in the step, such as `reply.decision.totals[0].amount`.
    pub path: String,
    /// What was expected, in canonical form, cut when it is long; `None` for nothing at all.
    pub expected: Option<String>,
    /// What was found, in the same form.
    pub found: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        for path in &self.blessed {
            writeln!(f, "written: {}", path.display())?;
        }
        if self.failed > 0 {
            writeln!(f, "failed: {} cases", self.failed)?;
        }
        write!(f, "vectors: {} cases", self.cases)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            case,
            step,
            operation,
            stores,
            ..
        } = self;
        let file = file.display();
        writeln!(
            f,
            "{file}: case `{case}`, step {step} ({operation}), on {stores}:"
        )?;
        for difference in self.differences.iter().take(SHOWN_MAX) {
            writeln!(f, "{difference}")?;
        }
        match self.differences.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} more differences"),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_nothing = |value: &Option<String>| value.clone().unwrap_or("nothing".to_owned());
        writeln!(f, "  {}", self.path)?;
        writeln!(f, "    expected {}", or_nothing(&self.expected))?;
        write!(f, "    found    {}", or_nothing(&self.found))
    }
}
