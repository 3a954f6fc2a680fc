//! What rules and ladders ask of what a member did, each in a window.
//!
//! Nothing is counted because it is asked for here: what can be asked is [summed](Summed) of every purchase anyway.

use smallvec::SmallVec;

use super::Part;
use super::check::BasisMask;
use crate::counter::Summed;
use crate::money::Asset;
use crate::time::Period;

/// What is summed, of an asset.
type SumOf = fn(Asset) -> Summed;

/// How the parts of a purchase's total are summed.
const PARTS: [(Part, SumOf); 4] = [
    (Part::Discounts, Summed::Discounts),
    (Part::Fee, Summed::Fee),
    (Part::Tax, Summed::Tax),
    (Part::Shipping, Summed::Shipping),
];

/// What of a member's past is asked for.
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

impl Activity {
    /// The sums that it is put together from, each added or taken off. A number is not summed.
    #[must_use]
    pub fn sums(self, currency: Asset) -> SmallVec<[(Summed, bool); 5]> {
        let mut sums = SmallVec::new();
        match self {
            Self::Number => {}
            Self::Visits => sums.push((Summed::Visits, true)),
            Self::Earned(asset) => sums.push((Summed::Earned(asset), true)),
            Self::Spend(mask) => {
                sums.push((Summed::Gross(currency), true));
                let parts = PARTS.iter().filter(|(part, _)| mask.takes_off(*part));
                sums.extend(parts.map(|(_, summed)| (summed(currency), false)));
            }
        }
        sums
    }
}

/// One thing that is asked for in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityCounter {
    /// What is asked for.
    pub kind: Activity,
    /// The window.
    pub window: Period,
}

/// What a program asks for, numbered in the order in which it was first asked for.
#[derive(Debug, Clone, Default)]
pub struct ActivityCounters(Vec<ActivityCounter>);

impl ActivityCounters {
    /// The number of what is asked for in a window, added when it is new.
    pub fn number(&mut self, kind: Activity, window: Period) -> usize {
        let wanted = ActivityCounter { kind, window };
        let known = self.0.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            self.0.push(wanted);
            self.0.len().saturating_sub(1)
        })
    }

    /// All of it, by number.
    #[must_use]
    pub fn into_vec(self) -> Vec<ActivityCounter> {
        self.0
    }
}
