//! ActivityCounters: what the engine counts for every member, because some rule or ladder asks for it.

use super::check::BasisMask;
use crate::ids::ProgramId;
use crate::money::Asset;
use crate::time::Period;

/// What a activity_counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Activity {
    /// Purchases ever recorded, those that were cancelled since included: a number that was given stays given.
    Number,
    /// Purchases that were not cancelled.
    Visits,
    /// Money spent, in minor units of the program's currency.
    Spend(BasisMask),
    /// What was earned of an asset, in minor units.
    Earned(Asset),
}

/// One thing counted per member, asked for in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityCounter {
    /// What is counted.
    pub kind: Activity,
    /// The window in which it is asked for.
    pub window: Period,
    /// The name of its counter, stable across revisions of the program. ActivityCounters of several windows may share it.
    pub counter: String,
}

impl ActivityCounter {
    /// The period of its counter's buckets: days for rolling windows.
    #[must_use]
    pub fn period(&self) -> Period {
        self.window.counter_period()
    }
}

/// The activity_counters of a program, numbered in the order in which they were first asked for.
#[derive(Debug, Clone)]
pub struct ActivityCounters {
    program: ProgramId,
    /// The currency of purchases.
    currency: Asset,
    all: Vec<ActivityCounter>,
}

impl ActivityCounters {
    /// No activity_counters yet.
    #[must_use]
    pub fn new(program: ProgramId, currency: Asset) -> Self {
        Self {
            program,
            currency,
            all: Vec::new(),
        }
    }

    /// The number of the activity_counter that answers for a window, added when it is new.
    pub fn number(&mut self, kind: Activity, window: Period) -> usize {
        if let Some(found) = self
            .all
            .iter()
            .position(|t| t.kind == kind && t.window == window)
        {
            return found;
        }
        let what = match kind {
            Activity::Number => "number".to_owned(),
            Activity::Visits => "visits".to_owned(),
            Activity::Spend(mask) => format!("spend.{}.{}", mask.number(), self.currency),
            Activity::Earned(asset) => format!("earned.{asset}"),
        };
        let span = match window {
            Period::Day | Period::Days(_) => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
            Period::Lifetime => "lifetime",
        };
        let counter = format!("{}/{what}/{span}", self.program);
        self.all.push(ActivityCounter {
            kind,
            window,
            counter,
        });
        self.all.len().saturating_sub(1)
    }

    /// The activity_counters, by number.
    #[must_use]
    pub fn into_vec(self) -> Vec<ActivityCounter> {
        self.all
    }
}
