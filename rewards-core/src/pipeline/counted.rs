//! What is counted of runs, by stage and local day.

use super::{KeptRun, StageOutcome};
use crate::counter::{CounterKey, CounterKind, CounterName};
use crate::ids::{ProgramId, Slug, TenantId};
use crate::time::{Period, WeekStart};

/// Something that is counted of the runs of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageCount {
    /// Runs that answered.
    Answered,
    /// Runs that had nothing to do.
    Skipped,
    /// Runs that took too long.
    TimedOut,
    /// Runs that failed.
    Failed,
    /// How long all runs took, in milliseconds.
    Millis,
}

impl StageCount {
    /// How runs can end.
    pub const OUTCOMES: [Self; 4] = [Self::Answered, Self::Skipped, Self::TimedOut, Self::Failed];

    fn of(outcome: &StageOutcome) -> Self {
        match outcome {
            StageOutcome::Answered => Self::Answered,
            StageOutcome::Skipped => Self::Skipped,
            StageOutcome::TimedOut => Self::TimedOut,
            StageOutcome::Failed(_) => Self::Failed,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Skipped => "skipped",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
            Self::Millis => "millis",
        }
    }

    /// The counter of a stage, in buckets of local days.
    #[must_use]
    pub fn counter(self, tenant: &TenantId, program: &ProgramId, stage: &Slug) -> CounterName {
        let kind = CounterKind::Stage {
            stage,
            what: self.text(),
        };
        // Days do not know on which day a week begins.
        let name = kind.name(Period::Day, WeekStart::default());
        CounterName::of_program(tenant, program, &name)
    }
}

impl KeptRun {
    /// What it counts.
    #[must_use]
    pub fn counted(&self, tenant: &TenantId, program: &ProgramId) -> [(CounterKey, i64); 2] {
        let key = |count: StageCount| {
            let name = count.counter(tenant, program, &self.run.stage);
            name.at(self.day)
        };
        [
            (key(StageCount::of(&self.run.outcome)), 1),
            (key(StageCount::Millis), i64::from(self.run.millis)),
        ]
    }
}
