//! A recorded purchase: what was told of it, what it was granted and by which rules, and where it is in its life.
//!
//! Everything comes from what was kept when it was recorded, but for when its rewards expire by now; nothing is decided again, so
//! later revisions change nothing. With
//! `explain` it also says for every rule why it did or did not apply, by the revision that decided and by what was seen of the
//! member then: the use of limits, counts, tiers, and the segments and attributes that conditions look at. A quote cannot
//! say this, as it answers for now.
//!
//! Refusals: unknown purchase.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decide_purchase::explain_recorded;
use super::{PurchaseDecision, RecordedPurchase, ReplacedPurchase, TierChange, plan_purchase};
use crate::cashback::{Allocation, Explanation, Purchase, PurchaseEntity, PurchaseState};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{Entity, EntityKey};
use crate::ids::{PurchaseId, Slug};
use crate::ledger::{Lot, LotNumber};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ProgramKey, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a recorded purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetPurchase {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Whether to say for every rule why it did or did not apply.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub explain: bool,
}

impl GetPurchase {
    /// Asks for a recorded purchase without an explanation.
    #[must_use]
    pub fn new(purchase: PurchaseId) -> Self {
        Self {
            purchase,
            explain: false,
        }
    }
}

/// A recorded purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PurchaseDetails {
    /// What was told of it.
    pub purchase: Purchase,
    /// Where it is in its life.
    pub state: PurchaseState,
    /// What of what was paid was refunded; absent when nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub refunded: Option<Money>,
    /// The purchase in whose place it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub replaces: Option<PurchaseId>,
    /// The purchase that was recorded in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub replaced_by: Option<PurchaseId>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What it was granted when it was recorded, by which rules and what clipped them.
    pub decision: PurchaseDecision,
    /// The moves on tier ladders that it brought about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tier_changes: Vec<TierChange>,
    /// Which lot each grant became, and which part of it is for which line; in the order of the grants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub allocations: Vec<AllocatedReward>,
    /// For every rule of the program why it did or did not apply, in document order; only when asked for. Absent when
    /// facts of the purchase or of the member were erased, and for purchases recorded before what was seen of the member was
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub explanation: Option<Vec<Explanation>>,
}

/// What became of one grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct AllocatedReward {
    /// The rule.
    pub rule: Slug,
    /// Number of the lot in the member's journal.
    pub lot: LotNumber,
    /// Which part of it is for which line; empty for a purchase without lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lines: Vec<LineReward>,
    /// When it expires by now, where that is not what `decision` says. Told where a program of the tenant has rewards that last
    /// longer by what their member does; absent elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

/// What was granted for one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LineReward {
    /// The line, counted from 0.
    pub line: u32,
    /// How much.
    pub amount: Money,
}

impl Operation for GetPurchase {
    const NAME: &'static str = "get_purchase";
    const KIND: Kind = Kind::Query;
    type Reply = PurchaseDetails;
    type Prepared = EntityKey;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityKey), Rejection> {
        let key = EntityKey::of::<PurchaseEntity>(&context.tenant, &self.purchase);
        let plan = ReadPlan {
            entities: vec![key.clone()],
            receipts: vec![key.clone()],
            ..ReadPlan::default()
        };
        Ok((plan, key))
    }

    fn decide(
        &self,
        key: &EntityKey,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<PurchaseDetails>, Undecided> {
        let stored = snapshot.get::<PurchaseEntity>(&context.tenant, &self.purchase)?;
        let stored = stored.ok_or_else(|| Rejection::PurchaseUnknown(self.purchase.clone()))?;
        let corrupt = || Rejection::Corrupt {
            what: PurchaseEntity::KIND,
        };
        let receipt = snapshot.receipts.get(key).map(|receipt| &*receipt.body);
        let reply = stored.entity.told.as_deref().or(receipt);
        let told = told(&stored.entity, reply.ok_or_else(corrupt)?).map_err(|_| corrupt())?;
        let explanation = if self.explain {
            explanation(&stored.entity, &told.decision, snapshot, context)?
        } else {
            None
        };
        let lots = present_lots(&stored.entity, snapshot, context)?;
        let allocations = stored.entity.allocations.iter().zip(&told.decision.grants);
        let allocations = allocations.map(|(kept, grant)| AllocatedReward {
            expires_at: lots.get(&kept.lot).and_then(|lot| {
                let moved = lot.expires_at != grant.expires_at;
                lot.expires_at.filter(|_| moved)
            }),
            ..allocated(kept, grant.granted)
        });
        Ok(Decision::answer(PurchaseDetails {
            state: stored.entity.state(),
            refunded: refunded(&stored.entity),
            replaces: stored.entity.replaces,
            replaced_by: stored.entity.replaced_by,
            recorded_at: stored.entity.recorded_at,
            allocations: allocations.collect(),
            purchase: stored.entity.purchase,
            decision: told.decision,
            tier_changes: told.tier_changes,
            explanation,
        }))
    }
}

/// What the caller was told of it when it was recorded, by the command that did so.
fn told(purchase: &PurchaseEntity, reply: &str) -> Result<RecordedPurchase, serde_json::Error> {
    if purchase.replaces.is_some() {
        let replaced: ReplacedPurchase = serde_json::from_str(reply)?;
        return Ok(replaced.recorded);
    }
    serde_json::from_str(reply)
}

/// Why each rule did or did not apply.
///
/// # Errors
/// [`Undecided::Needs`] when the revision was published by somebody else just now; [`Rejection::RevisionUnknown`].
fn explanation(
    stored: &PurchaseEntity,
    decision: &PurchaseDecision,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Option<Vec<Explanation>>, Undecided> {
    let Some(seen) = &stored.seen else {
        return Ok(None);
    };
    let id = &stored.purchase.program;
    let revisions = context.revisions(id);
    let Some(program) = revisions.and_then(|revisions| revisions.numbered(stored.revision)) else {
        let key = ProgramKey {
            tenant: context.tenant.clone(),
            program: id.clone(),
        };
        if snapshot.programs.contains_key(&key) {
            let (program, revision) = (id.clone(), stored.revision);
            return Err(Rejection::RevisionUnknown { program, revision }.into());
        }
        return Err(Undecided::Needs(Box::new(ReadPlan {
            programs: vec![key],
            ..ReadPlan::default()
        })));
    };
    let explained = explain_recorded(program, &stored.purchase, seen, decision)?;
    Ok(Some(explained))
}

/// The lots of a purchase as they are now, where their expiry may have moved.
///
/// # Errors
/// [`Undecided::Needs`] them.
fn present_lots<'s>(
    stored: &PurchaseEntity,
    snapshot: &'s Snapshot,
    context: &Context,
) -> Result<BTreeMap<LotNumber, &'s Lot>, Undecided> {
    let mut lots = BTreeMap::new();
    if !context.slides() {
        return Ok(lots);
    }
    let purchase = &stored.purchase;
    let key = context.member_key(&purchase.member);
    for kept in &stored.allocations {
        let Some(lot) = snapshot.lots.get(&(key.clone(), kept.lot)) else {
            let plan = plan_purchase(context, &purchase.member, &purchase.id);
            return Err(Undecided::Needs(Box::new(plan)));
        };
        lots.insert(kept.lot, lot);
    }
    Ok(lots)
}

/// What of what was paid was refunded, if anything was.
fn refunded(purchase: &PurchaseEntity) -> Option<Money> {
    let refunded = purchase.refunded.as_ref()?;
    Some(Money::new(refunded.amount, purchase.purchase.total.asset()))
}

fn allocated(kept: &Allocation, granted: Money) -> AllocatedReward {
    let lines = kept.lines.iter().map(|(line, minor)| LineReward {
        line: *line,
        amount: Money::new(*minor, granted.asset()),
    });
    AllocatedReward {
        rule: kept.rule.clone(),
        lot: kept.lot,
        lines: lines.collect(),
        expires_at: None,
    }
}
