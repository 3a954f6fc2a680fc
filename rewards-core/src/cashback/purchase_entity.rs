//! A purchase as it is kept: what was told of it, what it was granted, and what that moved.
//!
//! What was decided is frozen: later changes undo exactly this and never recompute it. What the caller was told is kept with
//! the entity as the reply of the command that made it.
//!
//! | from | [`confirm`](PurchaseEntity::confirm) | [`refund`](PurchaseEntity::refund) of a part | of all that is left | [`cancel`](PurchaseEntity::cancel) |
//! |---|---|---|---|---|
//! | recorded | confirmed | recorded | refunded | cancelled |
//! | confirmed | refused | confirmed | refunded | cancelled |
//! | refunded | refused | refused | refused | refused |
//! | cancelled | refused | refused | refused | refused |
//!
//! # What is released, and when
//!
//! - **Limits** (caps and budgets) hold as long as the value is with the member, spent or expired. They are released by what
//!   [goes back](PurchaseEntity::give_back) to the account that paid it, however that comes about: cancelled, voided or
//!   forfeited. A use is released once nothing that was granted under it is left.
//! - **Measures** (spend, visits, earned) are what the member did: undone with the purchase, spent or not, and in proportion
//!   with a part of it; a purchase stays a visit until all of it has come back. A reward that goes back earlier, because it was
//!   never confirmed, was not earned.
//! - **Remainders** lose what the purchase added, in proportion, and get back the units that it turned into rewards as far as
//!   these came back: who keeps a point has used up the unit it was for.
//! - **Numbers** are not here: the second purchase stays the second, whatever becomes of the first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Carried, GivenBack, Paid, Purchase, Refunded, Released, SeenStanding, SpentValue, Undone,
};
use crate::counter::Summed;
use crate::entity::{Entity, Index};
use crate::ids::{CouponId, PurchaseId, Slug};
use crate::ledger::LotNumber;
use crate::money::Money;
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
    /// All of it was refunded. Final.
    Refunded,
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
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A purchase as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurchaseEntity {
    state: PurchaseState,
    /// What was told of it, with what its coupons take off among its discounts.
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
    /// How it changed the remainders that rules carry, less what of that was undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
    /// What the decision saw of the member. Absent when something that it was explained by was erased, and in what was recorded
    /// before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<SeenStanding>,
    /// How much of it was refunded; absent when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Refunded>,
    /// The coupons that were redeemed with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CouponId>,
    /// What those of them that are worth an amount have spent of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coupon_values: Vec<SpentValue>,
    /// The purchase in whose place it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<PurchaseId>,
    /// The purchase that was recorded in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<PurchaseId>,
    /// What it was granted, as told in JSON, where a command of another kind recorded it: the reply to that says more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
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
    /// line, for one that pays for the basket split by what of each line it counts. Empty for a purchase without lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u32, i64)>,
    /// What of it went back to the account that paid it, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub returned: i64,
    /// Whether that is all of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_returned: bool,
    /// What of it was undone by refunds and the cancellation, whether it came back or had been spent, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub undone: i64,
    /// What of that did not come back and became a debt, in minor units.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub claimed: i64,
}

impl Allocation {
    /// What was granted and is not undone yet.
    #[must_use]
    pub fn new(rule: Slug, lot: LotNumber, lines: Vec<(u32, i64)>) -> Self {
        Self {
            rule,
            lot,
            lines,
            returned: 0,
            is_returned: false,
            undone: 0,
            claimed: 0,
        }
    }

    /// What was to be taken back of it, had been spent, and was left at that, in minor units.
    #[must_use]
    pub fn shortfall(&self) -> i64 {
        let left = self.undone.saturating_sub(self.returned);
        left.saturating_sub(self.claimed).max(0)
    }

    /// What of it does not count as earned any more, in minor units: what was undone, and what came back otherwise.
    #[must_use]
    pub fn unearned(&self) -> i64 {
        self.returned.max(self.undone)
    }
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
            refunded: None,
            coupons: Vec::new(),
            coupon_values: Vec::new(),
            replaces: None,
            replaced_by: None,
            told: None,
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

    /// How much a coupon that was redeemed with it has spent of what it is worth, less what came back.
    #[must_use]
    pub fn spent_of(&self, coupon: &CouponId) -> Option<Money> {
        let mut spent = self.coupon_values.iter();
        let spent = spent.find(|spent| spent.0 == *coupon)?;
        Some(Money::new(spent.left(), self.purchase.total.asset()))
    }

    /// Gives back what its coupons have spent for what was refunded of it since `before`, and says what that is.
    pub fn return_values(&mut self, before: &Refunded) -> Vec<(CouponId, Money)> {
        let (paid, after) = (Paid::of(&self.purchase), self.refunded());
        let asset = self.purchase.total.asset();
        let spent = self.coupon_values.iter_mut();
        let returned = spent.map(|spent| {
            let minor = spent.refund(&paid, before, &after);
            (spent.0.clone(), Money::new(minor, asset))
        });
        returned.filter(|(_, value)| value.is_positive()).collect()
    }

    /// A part of what was granted goes back to the account that paid it. Gives what that releases; what was earned is less on
    /// the [day](Self::day) of the purchase. `program` is the revision that decided.
    pub fn give_back(&mut self, part: &GivenBack, program: &CompiledProgram) -> Released {
        let Some(grant) = self.allocations.iter_mut().find(|own| own.lot == part.lot) else {
            return Released::default();
        };
        let before = grant.unearned();
        grant.returned = grant.returned.saturating_add(part.amount);
        grant.is_returned = grant.returned >= part.granted;
        let unearned = grant.unearned().saturating_sub(before);
        let rule = grant.rule.clone();
        let is_under = |rule: &Slug, number: u32| {
            let rule = program.rules().iter().find(|known| known.id == *rule);
            rule.is_some_and(|rule| rule.caps.contains(&number))
        };
        let own = self.limits.iter().filter(|used| is_under(&rule, used.0));
        let limits = own.filter_map(|used| {
            let UsedLimit(number, bucket, uses, value) = used.clone();
            if !program.cap(number)?.counts_uses {
                return Some(UsedLimit(number, bucket, part.amount, value));
            }
            let mut under = self.allocations.iter();
            let is_left = under.any(|one| !one.is_returned && is_under(&one.rule, number));
            (!is_left).then_some(UsedLimit(number, bucket, uses, value))
        });
        Released {
            limits: limits.collect(),
            unearned,
        }
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

    /// What was refunded of it so far.
    #[must_use]
    pub fn refunded(&self) -> Refunded {
        self.refunded.clone().unwrap_or_default()
    }

    /// Checks that something of it can still be undone.
    ///
    /// # Errors
    /// [`WrongState`] when all of it was refunded, or it is cancelled.
    pub fn check_open(&self) -> Result<(), WrongState> {
        match self.state {
            PurchaseState::Recorded | PurchaseState::Confirmed => Ok(()),
            state => Err(WrongState(state)),
        }
    }

    /// A part of it is undone, or all that is left, after what could be taken back [went back](Self::give_back). `refunded` is
    /// how much of it is refunded now; `granted` says what was granted as a lot, and what of that is undone now. Gives what is
    /// released by that.
    ///
    /// # Errors
    /// [`WrongState`] when all of it was refunded before, or it is cancelled.
    pub fn refund(
        mut self,
        refunded: Refunded,
        granted: impl Fn(LotNumber) -> Option<(Money, i64)>,
    ) -> Result<(Self, Undone), WrongState> {
        self.check_open()?;
        let paid = Paid::of(&self.purchase);
        let before = self.refunded();
        let sums = refunded.sums(&paid, &self.purchase).into_iter();
        let sums = sums.zip(before.sums(&paid, &self.purchase));
        let sums = sums.map(|((summed, now), (_, before))| (summed, now.saturating_sub(before)));
        let mut undone = Undone {
            sums: sums.filter(|(_, minor)| *minor != 0).collect(),
            remainders: Vec::new(),
        };
        for grant in &mut self.allocations {
            if let Some((all, undone_now)) = granted(grant.lot) {
                let before = grant.unearned();
                grant.undone = grant.undone.max(undone_now);
                let unearned = grant.unearned().saturating_sub(before);
                undone.sums.push((Summed::Earned(all.asset()), unearned));
            }
        }
        let mut carried = std::mem::take(&mut self.carried);
        for carried in &mut carried {
            let share = self.granted_and_kept(&carried.0, &granted);
            let change = carried.undo(|added| refunded.share(&paid, added), share);
            undone.remainders.push(change);
        }
        self.carried = carried;
        if refunded.is_whole {
            self.state = PurchaseState::Refunded;
        }
        self.refunded = Some(refunded);
        Ok((self, undone))
    }

    /// All that is left of it is undone because it never came about, after what could be taken back
    /// [went back](Self::give_back); `granted` says what was granted as a lot. Gives what is released by that.
    ///
    /// # Errors
    /// [`WrongState`] when all of it was refunded, or it is cancelled already.
    pub fn cancel(
        self,
        granted: impl Fn(LotNumber) -> Option<Money>,
    ) -> Result<(Self, Undone), WrongState> {
        let before = self.refunded.clone();
        let mut refunded = self.refunded();
        refunded.add_rest(&Paid::of(&self.purchase));
        let all = |lot| granted(lot).map(|amount| (amount, amount.minor()));
        let (mut cancelled, undone) = self.refund(refunded, all)?;
        cancelled.state = PurchaseState::Cancelled;
        cancelled.refunded = before;
        Ok((cancelled, undone))
    }

    /// What could not be taken back of its grants, by lot in minor units, is owed.
    pub fn claim(&mut self, short: &BTreeMap<LotNumber, i64>) {
        for grant in &mut self.allocations {
            let minor = short.get(&grant.lot).copied().unwrap_or(0);
            grant.claimed = grant.claimed.saturating_add(minor);
        }
    }

    /// What it still adds to the sums of its day, besides what it earned.
    #[must_use]
    pub fn sums(&self) -> Vec<(Summed, i64)> {
        if self.state == PurchaseState::Cancelled {
            return Vec::new();
        }
        let Some(refunded) = &self.refunded else {
            return self.purchase.sums().into_vec();
        };
        let undone = refunded.sums(&Paid::of(&self.purchase), &self.purchase);
        let sums = self.purchase.sums().into_iter().zip(undone);
        let left = sums.map(|((summed, all), (_, undone))| (summed, all.saturating_sub(undone)));
        left.collect()
    }

    /// What was granted by a rule, and what of it did not come back, in minor units.
    fn granted_and_kept(
        &self,
        rule: &Slug,
        granted: impl Fn(LotNumber) -> Option<(Money, i64)>,
    ) -> (i64, i64) {
        let own = self.allocations.iter().filter(|grant| grant.rule == *rule);
        own.fold((0, 0), |(all, kept): (i64, i64), grant| {
            let amount = granted(grant.lot).map_or(0, |(all, _)| all.minor());
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
    /// Shape 2 knows refunds, and purchases in the place of others.
    const SHAPE: u16 = 2;
    type Id = PurchaseId;

    fn index(&self) -> Index {
        Index::new(self.state.text(), self.recorded_at).owned_by(&self.purchase.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.purchase.id.as_str() == id
    }

    fn from_older(shape: u16, body: &str) -> Option<Result<Self, serde_json::Error>> {
        // Nothing of shape 1 means anything else in shape 2.
        (shape == 1).then(|| serde_json::from_str(body).map(|(_, entity): (u16, Self)| entity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::{Asset, Money};

    #[test]
    fn every_step_from_every_state() {
        let at = Timestamp::MIN;
        let total = Money::new(2, Asset::parse("EUR").unwrap());
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
        let refund = |from: PurchaseEntity, minor| {
            let mut refunded = from.refunded();
            let paid = Paid::of(&from.purchase);
            refunded.add_amount(&paid, minor).unwrap();
            from.refund(refunded, |_| None).map(|(to, _)| to)
        };
        let (cancelled, _) = recorded.clone().cancel(|_| None).unwrap();
        let refunded = refund(confirmed.clone(), 2).unwrap();
        use PurchaseState::{Cancelled, Confirmed, Recorded, Refunded};
        for (from, confirm, part, rest, cancel) in [
            (
                recorded,
                Ok(Confirmed),
                Ok(Recorded),
                Ok(Refunded),
                Ok(Cancelled),
            ),
            (
                confirmed,
                Err(Confirmed),
                Ok(Confirmed),
                Ok(Refunded),
                Ok(Cancelled),
            ),
            (
                refunded,
                Err(Refunded),
                Err(Refunded),
                Err(Refunded),
                Err(Refunded),
            ),
            (
                cancelled,
                Err(Cancelled),
                Err(Cancelled),
                Err(Cancelled),
                Err(Cancelled),
            ),
        ] {
            assert!(matches!(
                from.state(),
                Recorded | Confirmed | Refunded | Cancelled
            ));
            let found = from.clone().confirm().map(|to| to.state());
            assert_eq!(found, confirm.map_err(WrongState), "{:?}", from.state());
            let is_open = from.check_open().is_ok();
            for (minor, expected) in [(1, part), (2, rest)] {
                let found = if is_open {
                    refund(from.clone(), minor)
                } else {
                    from.clone()
                        .refund(from.refunded(), |_| None)
                        .map(|(to, _)| to)
                };
                let found = found.map(|to| to.state());
                assert_eq!(found, expected.map_err(WrongState), "{:?}", from.state());
            }
            let found = from.clone().cancel(|_| None).map(|(to, _)| to.state());
            assert_eq!(found, cancel.map_err(WrongState), "{:?}", from.state());
        }
    }
}
