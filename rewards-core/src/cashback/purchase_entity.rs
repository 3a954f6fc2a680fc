//! A purchase as it is kept: what was told of it, what it was granted, and what that moved.
//!
//! What was decided is frozen: later changes undo exactly this and never recompute it. What the caller was told is kept with
//! the entity as the reply of the command that made it.
//!
//! | from | [`confirm`](PurchaseEntity::confirm) | [`cancel`](PurchaseEntity::cancel) |
//! |---|---|---|
//! | recorded | confirmed | cancelled |
//! | confirmed | refused | cancelled |
//! | cancelled | refused | refused |

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Purchase, SeenStanding};
use crate::counter::Subject;
use crate::entity::{Entity, Index};
use crate::ids::{PurchaseId, Slug};
use crate::ledger::LotNumber;
use crate::time::Timestamp;

/// Where a purchase is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum PurchaseState {
    /// Recorded; its rewards may be pending.
    Recorded,
    /// Confirmed: its rewards are available.
    Confirmed,
    /// Cancelled: its rewards were taken back. Final.
    Cancelled,
}

impl PurchaseState {
    /// The stable text, as stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A purchase as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurchaseEntity {
    state: PurchaseState,
    /// What was told of it.
    pub purchase: Purchase,
    /// The revision that decided it.
    pub revision: u32,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What it was granted, in the order of the decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<Allocation>,
    /// What it added to counters, to be released when it is cancelled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Counted>,
    /// What the decision saw of the member. Absent when something that it was explained by was erased, and in what was recorded
    /// before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenStanding>,
}

/// What one rule granted, and for which lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// The rule.
    pub rule: Slug,
    /// The lot that was made.
    pub lot: LotNumber,
    /// Which part of it is for which line, counted from 0, in minor units: for a rule that pays by line all of it for that
    /// line, for one that pays for the basket split by what the lines cost. Empty for a purchase without lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u32, i64)>,
}

/// One addition to a counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted(
    /// For whom.
    pub Subject,
    /// What was counted.
    pub SmolStr,
    /// The calendar bucket.
    pub i64,
    /// What was added.
    pub i64,
);

/// A step that the purchase cannot take from where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongState(
    /// Where it is.
    pub PurchaseState,
);

impl PurchaseEntity {
    /// A purchase that is recorded now.
    #[must_use]
    pub fn new(purchase: Purchase, revision: u32, recorded_at: Timestamp) -> Self {
        Self {
            state: PurchaseState::Recorded,
            purchase,
            revision,
            recorded_at,
            allocations: Vec::new(),
            counted: Vec::new(),
            seen: None,
        }
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> PurchaseState {
        self.state
    }

    /// Its rewards become available, for instance when its return period is over.
    ///
    /// # Errors
    /// [`WrongState`] unless it is recorded.
    pub fn confirm(mut self) -> Result<Self, WrongState> {
        match self.state {
            PurchaseState::Recorded => {
                self.state = PurchaseState::Confirmed;
                Ok(self)
            }
            state => Err(WrongState(state)),
        }
    }

    /// It is undone. Gives what it had counted, which is released.
    ///
    /// # Errors
    /// [`WrongState`] when it is cancelled already.
    pub fn cancel(mut self) -> Result<(Self, Vec<Counted>), WrongState> {
        match self.state {
            PurchaseState::Recorded | PurchaseState::Confirmed => {
                self.state = PurchaseState::Cancelled;
                let counted = std::mem::take(&mut self.counted);
                Ok((self, counted))
            }
            state => Err(WrongState(state)),
        }
    }

    /// The same without anything that the host told of it or of the member in words: its facts and those of its lines, and
    /// what the decision saw of the member.
    #[must_use]
    pub fn erased(mut self) -> Self {
        let without = self.purchase.clone().without_facts();
        // Without the facts it cannot be explained any more.
        let is_explained = without == self.purchase;
        self.seen = self.seen.filter(|seen| is_explained && !seen.has_words());
        self.purchase = without;
        self
    }
}

impl Entity for PurchaseEntity {
    const KIND: &'static str = "purchase";
    const SHAPE: u16 = 1;
    type Id = PurchaseId;

    fn index(&self) -> Index {
        Index::new(self.state.text(), self.recorded_at).owned_by(&self.purchase.member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Asset, Money};

    #[test]
    fn every_step_from_every_state() {
        let at = Timestamp::MIN;
        let total = Money::new(1, Asset::parse("EUR").unwrap());
        let id = |text| text;
        let purchase = Purchase::new(
            id("p").parse().unwrap(),
            id("ann").parse().unwrap(),
            id("club").parse().unwrap(),
            at,
            total,
        );
        let recorded = PurchaseEntity::new(purchase, 1, at);
        let confirmed = recorded.clone().confirm().unwrap();
        let (cancelled, _) = recorded.clone().cancel().unwrap();
        use PurchaseState::{Cancelled, Confirmed, Recorded};
        for (from, confirm, cancel) in [
            (recorded, Ok(Confirmed), Ok(Cancelled)),
            (confirmed, Err(Confirmed), Ok(Cancelled)),
            (cancelled, Err(Cancelled), Err(Cancelled)),
        ] {
            assert!(matches!(from.state(), Recorded | Confirmed | Cancelled));
            let found = from.clone().confirm().map(|to| to.state());
            assert_eq!(found, confirm.map_err(WrongState), "{:?}", from.state());
            let found = from.clone().cancel().map(|(to, _)| to.state());
            assert_eq!(found, cancel.map_err(WrongState), "{:?}", from.state());
        }
    }
}
