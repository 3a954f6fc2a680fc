//! A recorded purchase: what was told of it, what it was granted and by which rules, and where it is in its life.
//!
//! Everything comes from what was kept when it was recorded; nothing is decided again, so later revisions change nothing.
//!
//! Refusals: unknown purchase.

use serde::{Deserialize, Serialize};

use super::{PurchaseDecision, RecordedPurchase, TierChange};
use crate::cashback::{Allocation, Purchase, PurchaseEntity, PurchaseState};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{Entity, EntityKey};
use crate::ids::{PurchaseId, Slug};
use crate::ledger::LotNumber;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a recorded purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetPurchase {
    /// The purchase.
    pub purchase: PurchaseId,
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
        let receipt = snapshot.receipts.get(key).ok_or_else(corrupt)?;
        let told: RecordedPurchase = serde_json::from_str(&receipt.body).map_err(|_| corrupt())?;
        let granted = told.decision.grants.iter().map(|grant| grant.granted);
        let allocations = stored.entity.allocations.iter().zip(granted);
        Ok(Decision::answer(PurchaseDetails {
            state: stored.entity.state(),
            recorded_at: stored.entity.recorded_at,
            allocations: allocations
                .map(|(kept, granted)| allocated(kept, granted))
                .collect(),
            purchase: stored.entity.purchase,
            decision: told.decision,
            tier_changes: told.tier_changes,
        }))
    }
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
    }
}
