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
//!
//! # What is released, and when
//!
//! - **Limits** (caps and budgets) hold as long as the value is with the member, spent or expired. They are released by what
//!   [goes back](PurchaseEntity::give_back) to the account that paid it, however that comes about: cancelled, voided or
//!   forfeited. A use is released once nothing that was granted under it is left.
//! - **Measures** (spend, visits, earned) are what the member did: undone with the purchase, spent or not. A reward that goes
//!   back earlier, because it was never confirmed, was not earned.
//! - **Remainders** lose what the purchase added, and get back the units that it turned into rewards as far as these came
//!   back: who keeps a point has used up the unit it was for.
//! - **Numbers** are not here: the second purchase stays the second, whatever becomes of the first.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Purchase, SeenStanding};
use crate::counter::Summed;
use crate::entity::{Entity, Index};
use crate::ids::{PurchaseId, Slug};
use crate::ledger::LotNumber;
use crate::money::{Money, Rounding};
use crate::program::CompiledProgram;
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
    /// The local day on which it is summed in its member's history.
    pub day: i64,
    /// What it was granted, in the order of the decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<Allocation>,
    /// What it used of caps and budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<UsedLimit>,
    /// How it changed the remainders that rules carry; of a cancelled one, what is left of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
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
    /// What of it went back to the account that paid it, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: i64,
    /// Whether that is all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_returned: bool,
}

fn is_zero(minor: &i64) -> bool {
    *minor == 0
}

/// What was used of a cap or budget. Its counter follows from the revision that decided, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedLimit(
    /// Its number among the [caps of the revision](CompiledProgram::caps).
    pub u32,
    /// The calendar bucket of its counter.
    pub i64,
    /// How much, in minor units or uses.
    pub i64,
    /// For a cap per value of an attribute: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub Option<SmolStr>,
);

/// How what a rule carries for the member was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried(
    /// The rule.
    pub Slug,
    /// What was added to the remainder, less what was turned into units, in minor units of the purchase.
    pub i64,
    /// What was turned into units.
    pub i64,
    /// What was added to the part of a minor unit that tiers leave, in [parts](super::CARRIED_PARTS) of one.
    pub i64,
);

impl Carried {
    /// What is undone with the purchase, and what is left of it, when of `all` that was granted for the units `kept` did not
    /// come back. Units whose rewards were kept stay used, with what they left of a minor unit. A part of a unit is kept,
    /// which the program gains.
    fn undone(self, (all, kept): (i64, i64)) -> (UndoneRemainder, Option<Self>) {
        let came_back = |amount: i64| {
            if kept <= 0 {
                return amount;
            }
            let returned = i128::from(all.saturating_sub(kept));
            let share = returned.saturating_mul(i128::from(amount));
            Rounding::Down
                .divide(share, i128::from(all))
                .unwrap_or_default()
        };
        let Self(rule, change, used, part) = self;
        let kept_units = used.saturating_sub(came_back(used));
        let kept_part = part.saturating_sub(came_back(part));
        let left = Self(
            rule.clone(),
            kept_units.saturating_neg(),
            kept_units,
            kept_part,
        );
        let undone = UndoneRemainder {
            rule,
            change: change.saturating_add(kept_units),
            part: came_back(part),
        };
        (undone, (kept_units != 0 || kept_part != 0).then_some(left))
    }
}

/// A part of a grant that goes back to the account that paid it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    /// The lot of the grant.
    pub lot: LotNumber,
    /// How much goes back, in minor units.
    pub amount: i64,
    /// Whether that is all that was granted.
    pub is_all: bool,
}

/// What is undone with a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What it added to the sums of its day.
    pub sums: Vec<(Summed, i64)>,
    /// What it added to what rules carry.
    pub remainders: Vec<UndoneRemainder>,
}

/// What is undone of what a rule carries for the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneRemainder {
    /// The rule.
    pub rule: Slug,
    /// Of the remainder, in minor units of the purchase.
    pub change: i64,
    /// Of the part of a minor unit, in [parts](super::CARRIED_PARTS) of one.
    pub part: i64,
}

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
            day: 0,
            allocations: Vec::new(),
            limits: Vec::new(),
            carried: Vec::new(),
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

    /// A part of what was granted goes back to the account that paid it. Gives what that releases of limits; besides, it was
    /// not earned on the [day](Self::day) of the purchase. `program` is the revision that decided.
    pub fn give_back(&mut self, part: &GivenBack, program: &CompiledProgram) -> Vec<UsedLimit> {
        let Some(grant) = self.allocations.iter_mut().find(|own| own.lot == part.lot) else {
            return Vec::new();
        };
        grant.returned = grant.returned.saturating_add(part.amount);
        grant.is_returned = part.is_all;
        let rule = grant.rule.clone();
        let is_under = |rule: &Slug, number: u32| {
            let rule = program.rules().iter().find(|known| known.id == *rule);
            rule.is_some_and(|rule| rule.caps.contains(&number))
        };
        let own = self.limits.iter().filter(|used| is_under(&rule, used.0));
        own.filter_map(|used| {
            let UsedLimit(number, bucket, uses, value) = used.clone();
            if !program.cap(number)?.counts_uses {
                return Some(UsedLimit(number, bucket, part.amount, value));
            }
            let mut under = self.allocations.iter();
            let is_left = under.any(|one| !one.is_returned && is_under(&one.rule, number));
            (!is_left).then_some(UsedLimit(number, bucket, uses, value))
        })
        .collect()
    }

    /// What it holds of limits: what it used, less what was [given back](Self::give_back). `program` is the revision that
    /// decided.
    #[must_use]
    pub fn held(&self, program: &CompiledProgram) -> Vec<UsedLimit> {
        let is_under = |rule: &Slug, number: u32| {
            let rule = program.rules().iter().find(|known| known.id == *rule);
            rule.is_some_and(|rule| rule.caps.contains(&number))
        };
        let limits = self.limits.iter();
        let held = limits.filter_map(|used| {
            let UsedLimit(number, bucket, uses, value) = used.clone();
            let own = self.allocations.iter();
            let mut own = own.filter(|one| is_under(&one.rule, number));
            let left = if program.cap(number)?.counts_uses {
                if own.any(|one| !one.is_returned) {
                    uses
                } else {
                    0
                }
            } else {
                own.fold(uses, |left, one| left.saturating_sub(one.returned))
            };
            Some(UsedLimit(number, bucket, left, value))
        });
        held.filter(|held| held.2 != 0).collect()
    }

    /// It is undone, after what could be taken back [went back](Self::give_back); `granted` says what was granted as a lot.
    /// Gives what is released by that.
    ///
    /// # Errors
    /// [`WrongState`] when it is cancelled already.
    pub fn cancel(
        mut self,
        granted: impl Fn(LotNumber) -> Option<Money>,
    ) -> Result<(Self, Undone), WrongState> {
        match self.state {
            PurchaseState::Recorded | PurchaseState::Confirmed => {
                self.state = PurchaseState::Cancelled;
                let mut undone = Undone {
                    sums: self.purchase.sums().into_iter().collect(),
                    remainders: Vec::new(),
                };
                for grant in &self.allocations {
                    if let Some(all) = granted(grant.lot) {
                        let kept = all.minor().saturating_sub(grant.returned);
                        undone.sums.push((Summed::Earned(all.asset()), kept));
                    }
                }
                for carried in std::mem::take(&mut self.carried) {
                    let share = self.granted_and_kept(&carried.0, &granted);
                    let (change, left) = carried.undone(share);
                    undone.remainders.push(change);
                    self.carried.extend(left);
                }
                Ok((self, undone))
            }
            state => Err(WrongState(state)),
        }
    }

    /// What was granted by a rule, and what of it did not come back, in minor units.
    fn granted_and_kept(
        &self,
        rule: &Slug,
        granted: impl Fn(LotNumber) -> Option<Money>,
    ) -> (i64, i64) {
        let own = self.allocations.iter().filter(|grant| grant.rule == *rule);
        own.fold((0, 0), |(all, kept): (i64, i64), grant| {
            let amount = granted(grant.lot).map_or(0, Money::minor);
            let left = amount.saturating_sub(grant.returned).max(0);
            (all.saturating_add(amount), kept.saturating_add(left))
        })
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

    fn is_named(&self, id: &str) -> bool {
        self.purchase.id.as_str() == id
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
        let (cancelled, _) = recorded.clone().cancel(|_| None).unwrap();
        use PurchaseState::{Cancelled, Confirmed, Recorded};
        for (from, confirm, cancel) in [
            (recorded, Ok(Confirmed), Ok(Cancelled)),
            (confirmed, Err(Confirmed), Ok(Cancelled)),
            (cancelled, Err(Cancelled), Err(Cancelled)),
        ] {
            assert!(matches!(from.state(), Recorded | Confirmed | Cancelled));
            let found = from.clone().confirm().map(|to| to.state());
            assert_eq!(found, confirm.map_err(WrongState), "{:?}", from.state());
            let found = from.clone().cancel(|_| None).map(|(to, _)| to.state());
            assert_eq!(found, cancel.map_err(WrongState), "{:?}", from.state());
        }
    }
}
