//! One run of a stage.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StagePoint;
use crate::ids::Slug;
use crate::rejection::Problem;
use crate::texts::is_unstorable;

/// The longest version of a stage, in bytes.
pub const STAGE_VERSION_BYTES_MAX: usize = 64;
/// The most fields of an answer.
pub const ANSWER_FIELDS_MAX: usize = 16;
/// The longest name or value of a field of an answer, in bytes.
pub const ANSWER_TEXT_BYTES_MAX: usize = 256;

/// What a stage said when it ran for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct StageRun {
    /// The stage.
    pub stage: Slug,
    /// The version of what ran, as the host calls it; at most 64 bytes.
    pub version: String,
    /// How it ended.
    pub outcome: StageOutcome,
    /// How long it took, in milliseconds.
    pub millis: u32,
    /// What it answered, by names of its own: at most 16 fields of at most 256 bytes each. It is kept with the payment, so nothing
    /// personal belongs there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub answer: BTreeMap<String, String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum StageOutcome {
    /// It answered.
    Answered,
    /// It had nothing to do.
    Skipped,
    /// It took too long.
    TimedOut,
    /// It failed, with this code of its own.
    Failed(Slug),
}

/// Why what is said of runs cannot be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WrongRuns {
    /// No such stage runs here.
    Unknown {
        /// Which of the runs.
        place: usize,
    },
    /// It ran twice, or another one comes before it.
    OutOfOrder {
        /// Which of the runs.
        place: usize,
    },
    /// A critical stage did not run.
    Missing(Slug),
}

impl StageRun {
    /// What is wrong with it by itself, with paths in a request.
    pub fn problems(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut note = |code, field: &str, detail: String| {
            problems.push(Problem::new(code, format!("{path}.{field}"), detail));
        };
        let is_long = self.version.len() > STAGE_VERSION_BYTES_MAX;
        if self.version.is_empty() || is_long || is_unstorable(&self.version) {
            let detail =
                format!("expected 1 to {STAGE_VERSION_BYTES_MAX} bytes, none of them a NUL");
            note("text_invalid", "version", detail);
        }
        if self.answer.len() > ANSWER_FIELDS_MAX {
            let found = self.answer.len();
            let detail = format!("expected at most {ANSWER_FIELDS_MAX} fields, got {found}");
            note("too_many_facts", "answer", detail);
            return;
        }
        for (name, value) in &self.answer {
            if name.len() > ANSWER_TEXT_BYTES_MAX || value.len() > ANSWER_TEXT_BYTES_MAX {
                let detail = format!("expected at most {ANSWER_TEXT_BYTES_MAX} bytes");
                note("text_too_long", "answer", detail);
            }
            if is_unstorable(name) || is_unstorable(value) {
                let detail = "a text cannot hold NUL".to_owned();
                note("text_invalid", "answer", detail);
            }
        }
    }
}

/// A run as it is kept with its payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptRun {
    /// At which point it ran.
    pub at: StagePoint,
    /// The local day on which it is counted.
    pub day: i64,
    /// What the host said of it.
    pub run: StageRun,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_store_keeps_is_a_problem_of_the_run() {
        let run = |version: &str, name: &str, value: &str| StageRun {
            stage: Slug::new("fx").unwrap(),
            version: version.to_owned(),
            outcome: StageOutcome::Answered,
            millis: 1,
            answer: [(name.to_owned(), value.to_owned())].into(),
        };
        for (run, expected) in [
            (run("1", "rate", "1.08"), None),
            (run("1\0", "rate", "1.08"), Some("stages[0].version")),
            (run("1", "ra\0te", "1.08"), Some("stages[0].answer")),
            (run("1", "rate", "\0"), Some("stages[0].answer")),
        ] {
            let mut problems = Vec::new();
            run.problems("stages[0]", &mut problems);
            let found: Vec<&str> = problems.iter().map(|one| &*one.path).collect();
            assert_eq!(found, Vec::from_iter(expected), "{run:?}");
            assert!(problems.iter().all(|one| one.code == "text_invalid"));
        }
    }
}
