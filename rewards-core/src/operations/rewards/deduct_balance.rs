//! Take value from a member's balance manually, with a reason: a correction.
//!
//! Lots pay soonest-expiry first, after everything that is due has happened. A correction in the member's favour is a
//! [`grant`](super::GrantReward). Ladders that are climbed by the balance are reviewed at once.
//!
//! With a `reference` it is kept as an adjustment, which has that id for ever.
//!
//! Refusals, in order: an amount that is not positive, an empty or too long reason; the reference is of something else; unknown
//! member; an asset that no program
//! of the tenant declares and the member never had; more due or open lots than one command may touch; the available lots
//! hold less.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::amounts::check_positive;
use super::super::assets::check_known;
use super::super::change_builder::ChangeBuilder;
use super::super::review::{Reviewed, TierReview, due_for_review};
use super::super::unless_wrong;
use super::adjusting::Adjusting;
use super::{REASON_BYTES_MAX, check_reason, open_lots, settle_open, too_little};
use crate::adjustments::AdjustmentKind;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{AdjustmentId, MemberId, Slug, TenantId};
use crate::ledger::{Account, Lot, LotNumber, Purpose, Transfer, TransferKind, consume};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Takes value from a member's available balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DeductBalance {
    /// From whom.
    pub member: MemberId,
    /// How much is taken; positive.
    pub take: Money,
    /// Why, in the words of the person who takes it; at most 500 bytes.
    pub reason: String,
    /// Where it comes from, such as `service_recovery`, `import` or `game`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub source: Option<Slug>,
    /// The host's id of this adjustment, unique in its tenant: the same one again has no second effect, whatever the key. With it
    /// the adjustment is kept, to be looked up and listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reference: Option<AdjustmentId>,
}

impl DeductBalance {
    /// The adjustment that is made.
    fn adjusting(&self) -> Adjusting<'_> {
        Adjusting {
            reference: self.reference.as_ref(),
            source: self.source.as_ref(),
            kind: AdjustmentKind::Deduct,
            amount: self.take,
        }
    }
}

/// What was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DeductedBalance {
    /// How much was taken.
    pub taken: Money,
    /// Which lots paid, and how much each.
    pub lots: BTreeMap<LotNumber, Money>,
}

impl Operation for DeductBalance {
    const NAME: &'static str = "deduct_balance";
    const KIND: Kind = Kind::Command;
    type Reply = DeductedBalance;
    type Prepared = ();

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        self.adjusting().natural_key(tenant)
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut problems = Vec::new();
        check_positive("take", self.take, &mut problems);
        check_reason(&self.reason, REASON_BYTES_MAX, &mut problems);
        unless_wrong(problems)?;
        let key = context.member_key(&self.member);
        let mut plan = ReadPlan {
            lots: vec![open_lots(&key, self.take.asset())],
            members: vec![key],
            ..ReadPlan::default()
        };
        let reviewed = Reviewed::ByBalance(self.take.asset());
        reviewed.plan(context, &self.member, context.now, &mut plan);
        self.adjusting().plan(context, &mut plan);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        if let Some(made) = self.adjusting().made_before(self, snapshot, context)? {
            return Ok(made);
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let asset = self.take.asset();
        check_known(context, &builder.row, "take.asset", asset)?;
        let reviewed = Reviewed::ByBalance(asset);
        let due = due_for_review(snapshot, context, &self.member, context.now)?;
        let is_other = |lot: &&Lot| lot.asset != asset;
        builder.settle_all(due.into_iter().filter(is_other), context.now)?;
        let lots = settle_open(&mut builder, snapshot, asset, context.now)?;
        let paid = consume(&lots, asset, self.take.minor())
            .map_err(|error| too_little(error, asset, lots.len()))?;
        let at = builder.pay_with(&paid);
        let parts = paid.iter();
        let parts = parts.map(|part| (part.lot.number, Money::new(part.amount, asset)));
        let from = Account::member(&self.member, Purpose::available(asset), asset);
        let to = Account::system(Purpose::Adjustments, asset);
        let transfer = Transfer::new(from, to, self.take.minor(), TransferKind::Deduct, at)?;
        builder.post(transfer.because(&self.reason))?;
        let paying = paid.iter().map(|part| part.lot.number);
        let paying: BTreeSet<LotNumber> = paying.collect();
        self.adjusting()
            .keep(&mut builder, Vec::from_iter(paying))?;
        builder.emit_due();
        builder.emit(Event::BalanceDeducted {
            amount: self.take,
            source: self.source.clone(),
            adjustment: self.reference.clone(),
        });
        let review = TierReview {
            reviewed,
            snapshot,
            context,
            member: &self.member,
            at,
        };
        review.make(&mut builder)?;
        builder.move_days(snapshot, context)?;
        let reply = DeductedBalance {
            taken: self.take,
            lots: parts.collect(),
        };
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}
