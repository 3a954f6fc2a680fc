//! What a simulation leaves behind, and how it is told.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use rewards_storage::faulty::FaultCounts;

use super::books::Books;
use super::model::{Deliveries, History};

/// What a simulation leaves behind.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What the clients were told.
    pub history: History,
    /// What was delivered.
    pub deliveries: Deliveries,
    /// The books of every tenant.
    pub books: Vec<Books>,
    /// The faults that struck.
    pub faults: FaultCounts,
}

impl Evidence {
    /// A number that two runs share only when everything went the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{self:?}").hash(&mut hasher);
        hasher.finish()
    }

    /// How many commands happened.
    #[must_use]
    pub fn applied(&self) -> usize {
        self.books.iter().map(|books| books.replies.len()).sum()
    }

    /// How often each operation was ordered, with how it ended.
    #[must_use]
    pub fn tallies(&self) -> BTreeMap<&'static str, Tally> {
        let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
        for (id, told) in &self.history.0 {
            let tally = tallies.entry(id.operation).or_default();
            tally.ordered += 1;
            tally.accepted += u64::from(!told.acks.is_empty());
            tally.refused += u64::from(!told.refused.is_empty());
        }
        tallies
    }

    /// How often each refusal was given.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<&str, usize> {
        let mut refusals: BTreeMap<&str, usize> = BTreeMap::new();
        let all = self.history.0.values().flat_map(|told| &told.refused);
        for refused in all {
            *refusals.entry(&refused.code).or_default() += 1;
        }
        refusals
    }
}

/// How often an operation was ordered, by keys; how many of those were carried out, and how many refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Keys under which it was ordered.
    pub ordered: u64,
    /// Those that were acknowledged.
    pub accepted: u64,
    /// Those under which it was refused at least once.
    pub refused: u64,
}
