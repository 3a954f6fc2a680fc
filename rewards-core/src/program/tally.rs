//! Tallies: what the engine counts for every member, because some rule or ladder asks for it.

use super::check::BasisMask;
use crate::ids::ProgramId;
use crate::money::Asset;
use crate::time::Period;

/// What a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TallyKind {
    /// Purchases.
    Visits,
    /// Money spent, in minor units of the program's currency.
    Spend(BasisMask),
    /// What was earned of an asset, in minor units.
    Earned(Asset),
}

/// One thing counted per member, asked for in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What is counted.
    pub kind: TallyKind,
    /// The window in which it is asked for.
    pub window: Period,
    /// The name of its counter, stable across revisions of the program. Tallies of several windows may share it.
    pub counter: String,
}

impl Tally {
    /// The period of its counter's buckets: days for rolling windows.
    #[must_use]
    pub fn period(&self) -> Period {
        self.window.counter_period()
    }
}

/// The tallies of a program, numbered in the order in which they were first asked for.
#[derive(Debug, Clone)]
pub struct Tallies {
    program: ProgramId,
    all: Vec<Tally>,
}

impl Tallies {
    /// No tallies yet.
    #[must_use]
    pub fn new(program: ProgramId) -> Self {
        Self {
            program,
            all: Vec::new(),
        }
    }

    /// The number of the tally that answers for a window, added when it is new.
    pub fn number(&mut self, kind: TallyKind, window: Period) -> usize {
        if let Some(found) = self
            .all
            .iter()
            .position(|t| t.kind == kind && t.window == window)
        {
            return found;
        }
        let what = match kind {
            TallyKind::Visits => "visits".to_owned(),
            TallyKind::Spend(mask) => format!("spend.{}", mask.number()),
            TallyKind::Earned(asset) => format!("earned.{asset}"),
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
        self.all.push(Tally {
            kind,
            window,
            counter,
        });
        self.all.len().saturating_sub(1)
    }

    /// The tallies, by number.
    #[must_use]
    pub fn into_vec(self) -> Vec<Tally> {
        self.all
    }
}
