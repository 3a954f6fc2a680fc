//! A redemption that several members pay together: one of each payer, and the one that the caller named ties them together.
//!
//! Taken together they are one redemption, and every step is worked out on that **whole**, as if one member had everything: what is
//! rounded is rounded once an order, and not once a payer. What the step takes or gives back is then shared out along the paying
//! order. Of each bucket the first payers are captured first, and the last ones get back first.
//!
//! Each payer's own redemption holds lots of that payer alone, so that its time, the journal and what becomes of its lots are
//! the payer's own business. Of units it can be worth nothing by itself, where only together they are worth a coin.

use serde::{Deserialize, Serialize};

use super::redemption::{
    Captured, NumberedStep, Redemption, RedemptionPart, ReturnedPart, WrongStep,
};
use super::{Bucket, RedemptionState};
use crate::ids::{MemberId, RedemptionId, SharedWalletId};
use crate::money::MoneyError;
use crate::time::Timestamp;

/// One who pays, and the redemption that says what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payer(
    /// The member.
    pub MemberId,
    /// The redemption of this member alone.
    pub RedemptionId,
);

/// What ties the redemptions of several payers together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedPayment {
    /// The wallet that is paid from.
    pub wallet: SharedWalletId,
    /// The redemption that the caller named: that of the first payer.
    pub redemption: RedemptionId,
    /// All payers in paying order; only in the redemption that the caller named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payers: Vec<Payer>,
    /// The buckets that pay, in their order; only in the redemption that the caller named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<Bucket>,
}

/// The redemptions of all who pay together, in paying order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRedemption {
    buckets: Vec<Bucket>,
    first: Redemption,
    others: Vec<Redemption>,
}

/// What a step makes of the redemption of one payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareStep {
    /// As it is then.
    pub redemption: Redemption,
    /// What is captured of it.
    pub captured: Vec<Captured>,
    /// What goes back to its payer.
    pub returned: Vec<ReturnedPart>,
}

/// A step of the whole, and what it makes of those payers whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedStep {
    /// The whole as it is then.
    pub whole: Redemption,
    /// What is captured of the whole.
    pub captured: Vec<Captured>,
    /// By payer, in paying order.
    pub shares: Vec<ShareStep>,
}

impl SharedRedemption {
    /// The redemptions of all payers, in paying order, the one that the caller named first; nothing when they do not belong
    /// together.
    #[must_use]
    pub fn new(first: Redemption, others: Vec<Redemption>) -> Option<Self> {
        let tie = first.shared.clone()?;
        let all = std::iter::once(&first).chain(&others);
        let found = all.map(|share| Payer(share.member.clone(), share.id.clone()));
        let is_named = |share: &Redemption| share.named() == &first.id;
        let belongs = found.eq(tie.payers) && others.iter().all(is_named);
        belongs.then_some(Self {
            buckets: tie.buckets,
            others,
            first,
        })
    }

    /// The redemption of each payer, in paying order.
    pub fn shares(&self) -> impl Iterator<Item = &Redemption> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The same with every state as it is at an instant: whoever opens the changes of a payer writes down first what is over.
    fn seen_at(&self, at: Timestamp) -> Self {
        let seen = |share: &Redemption| share.with(share.seen_at(at), share.parts.clone());
        Self {
            buckets: self.buckets.clone(),
            first: seen(&self.first),
            others: self.others.iter().map(seen).collect(),
        }
    }

    /// All of them as one redemption as it is at an instant, without lots.
    #[must_use]
    pub fn whole(&self, at: Timestamp) -> Redemption {
        self.seen_at(at).together()
    }

    fn together(&self) -> Redemption {
        let parts = self.buckets.iter().map(|bucket| {
            let mut whole = RedemptionPart::none(*bucket);
            for part in self.shares().filter_map(|share| share.part(*bucket)) {
                whole.add(part);
            }
            whole
        });
        let parts: Vec<RedemptionPart> = parts.collect();
        let state = self.state(&parts);
        self.first.with(state, parts)
    }

    /// Where the whole is: as one redemption would be in which the same was captured, released and undone.
    fn state(&self, parts: &[RedemptionPart]) -> RedemptionState {
        let is_any = |state| self.shares().any(|share| share.state() == state);
        let captured = sum(parts, |part| part.captured_value);
        let is_undone = captured > 0 && captured == sum(parts, |part| part.returned_value);
        // They have one time: written down as over for one payer, it is over for all, though the clock of another engine be behind.
        let is_over = is_any(RedemptionState::Expired);
        if is_any(RedemptionState::Authorized) && !is_over {
            RedemptionState::Authorized
        } else if is_undone {
            RedemptionState::Cancelled
        } else if is_any(RedemptionState::Released) {
            RedemptionState::Released
        } else if is_any(RedemptionState::Expired) {
            RedemptionState::Expired
        } else {
            RedemptionState::Captured
        }
    }

    /// A part of what is reserved pays: so much money, or all that is left. The first payers are captured first.
    ///
    /// # Errors
    /// As [`Redemption::capture`].
    pub fn capture(&self, value: Option<i64>, at: Timestamp) -> Result<SharedStep, WrongStep> {
        let seen = self.seen_at(at);
        let (whole, captured) = seen.together().capture(value, at)?;
        let shares = seen.share_out(&whole, Redemption::captured_as_far)?;
        Ok(SharedStep {
            whole,
            captured,
            shares,
        })
    }

    /// What is reserved goes back, to each payer the payer's own.
    ///
    /// # Errors
    /// As [`Redemption::release`].
    pub fn release(&self, at: Timestamp) -> Result<SharedStep, WrongStep> {
        let (whole, _) = self.whole(at).release(at)?;
        let open = self.shares();
        let open = open.filter(|share| share.state() == RedemptionState::Authorized);
        let shares = open.map(|share| {
            let (redemption, returned) = share.clone().release(at)?;
            Ok(ShareStep {
                redemption,
                captured: Vec::new(),
                returned,
            })
        });
        Ok(SharedStep {
            whole,
            captured: Vec::new(),
            shares: shares.collect::<Result<_, WrongStep>>()?,
        })
    }

    /// Captured value goes back: so much money, or all that has not yet. The last payers get back first.
    ///
    /// # Errors
    /// As [`Redemption::cancel`].
    pub fn cancel(&self, value: Option<i64>, at: Timestamp) -> Result<SharedStep, WrongStep> {
        let seen = self.seen_at(at);
        let (whole, _) = seen.together().cancel(value, at)?;
        let is_undone = whole.state() == RedemptionState::Cancelled;
        // That something was released, or over, shows in the states of the payers until the whole is undone.
        let shares = seen.share_out(&whole, |share| {
            let is_open = share.state() == RedemptionState::Authorized;
            let is_final = is_undone || share.state() == RedemptionState::Captured;
            // What is over and not written down yet holds something still.
            if is_final && !is_open {
                share.returned_as_far()
            } else {
                share
            }
        })?;
        Ok(SharedStep {
            whole,
            captured: Vec::new(),
            shares,
        })
    }

    /// Gives each payer what is the payer's of a whole after a step, and says what that changes.
    fn share_out(
        &self,
        whole: &Redemption,
        step: impl Fn(Redemption) -> Redemption,
    ) -> Result<Vec<ShareStep>, MoneyError> {
        let mut steps: Vec<ShareStep> = self.shares().map(ShareStep::unchanged).collect();
        for whole in &whole.parts {
            let (mut start, mut value_start) = (0_i64, 0_i64);
            for step in &mut steps {
                let share = &mut step.redemption;
                let Some(part) = share.part_mut(whole.bucket) else {
                    continue;
                };
                let end = start.checked_add(part.amount);
                let end = end.ok_or(MoneyError::Overflow)?;
                let value_end = value_start.checked_add(part.value);
                let value_end = value_end.ok_or(MoneyError::Overflow)?;
                let after = RedemptionPart {
                    captured: overlap((0, whole.captured), (start, end)),
                    captured_value: overlap((0, whole.captured_value), (value_start, value_end)),
                    returned: overlap(last(whole.captured, whole.returned), (start, end)),
                    returned_value: overlap(
                        last(whole.captured_value, whole.returned_value),
                        (value_start, value_end),
                    ),
                    ..part.clone()
                };
                (start, value_start) = (end, value_end);
                step.captured.extend(part.captures_until(&after));
                step.returned.extend(part.returns_until(&after));
                *part = after;
            }
        }
        // The bucket that paid last gives back first, as with one payer.
        steps.iter_mut().for_each(|step| step.returned.reverse());
        let changed = steps
            .into_iter()
            .zip(self.shares())
            .filter_map(|(made, before)| {
                (made.redemption != *before).then(|| ShareStep {
                    redemption: step(made.redemption),
                    ..made
                })
            });
        Ok(changed.collect())
    }
}

impl SharedStep {
    /// The same with its number, which every payer keeps whom it concerns.
    #[must_use]
    pub fn numbered(mut self, step: NumberedStep, number: u32) -> Self {
        let numbered = |share: ShareStep| ShareStep {
            redemption: share.redemption.numbered(step, number),
            ..share
        };
        self.shares = self.shares.into_iter().map(numbered).collect();
        self
    }
}

impl ShareStep {
    fn unchanged(share: &Redemption) -> Self {
        Self {
            redemption: share.clone(),
            captured: Vec::new(),
            returned: Vec::new(),
        }
    }
}

fn sum(parts: &[RedemptionPart], of: impl Fn(&RedemptionPart) -> i64) -> i64 {
    let parts = parts.iter().map(of);
    parts.fold(0_i64, |sum, part| sum.saturating_add(part))
}

/// The last so much of the beginning of something.
fn last(until: i64, length: i64) -> (i64, i64) {
    (until.saturating_sub(length), until)
}

/// How much two ranges have in common.
fn overlap(one: (i64, i64), other: (i64, i64)) -> i64 {
    one.1.min(other.1).saturating_sub(one.0.max(other.0)).max(0)
}
