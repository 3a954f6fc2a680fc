//! A page of refunds: of one purchase in their order, or of one member or of all, newest first.
//!
//! Refusals, in order: a purchase and a member, a page size of zero or above the bound, a place in another list; unknown member,
//! unknown purchase.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::EntityList;
use crate::cashback::PurchaseEntity;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{By, EntityKey};
use crate::ids::{MemberId, PurchaseId, RefundId, Slug};
use crate::money::Money;
use crate::refunds::{RECORDED, RefundEntity, RefundKind, RefundedPieces};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of refunds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListRefunds {
    /// Only those of this purchase, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purchase: Option<PurchaseId>,
    /// Only those of this member; not together with a purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many refunds, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of refunds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundList {
    /// The refunds: those of a purchase in their order, others newest first.
    pub refunds: Vec<ListedRefund>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A refund in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedRefund {
    /// The refund.
    pub refund: RefundId,
    /// Who bought.
    pub member: MemberId,
    /// The purchase.
    pub purchase: PurchaseId,
    /// Which of the refunds of the purchase it is, from 1.
    pub number: u32,
    /// Why it came back.
    pub kind: RefundKind,
    /// The host's name of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
    /// What came back of what was paid.
    pub amount: Money,
    /// The pieces that came back; empty when an amount or everything did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub lines: Vec<RefundedPieces>,
    /// What was taken back of the rewards, one amount per asset.
    pub taken_back: Vec<Money>,
    /// What was to be taken back and was not there any more, one amount per asset.
    pub shortfall: Vec<Money>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Operation for ListRefunds {
    const NAME: &'static str = "list_refunds";
    const KIND: Kind = Kind::Query;
    type Reply = RefundList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        let Some(purchase) = &self.purchase else {
            return EntityList::newest::<RefundEntity>(
                context, "refunds", member, after, self.limit,
            );
        };
        if member.is_some() {
            let detail = "expected a purchase or a member, got both";
            return Err(Problem::new("filter_ambiguous", "member", detail).into());
        }
        let name = format!("refunds of purchase {purchase}");
        let by = By::Group {
            group: SmolStr::new(purchase.as_str()),
            state: SmolStr::new_static(RECORDED),
            from_rank: 0,
            to_rank: i64::MAX,
        };
        let (mut plan, list) =
            EntityList::named::<RefundEntity>(context, &name, by, after, self.limit)?;
        let key = EntityKey::of::<PurchaseEntity>(&context.tenant, purchase);
        plan.entities.push(key);
        Ok((plan, list))
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RefundList>, Undecided> {
        if let Some(purchase) = &self.purchase {
            let found = snapshot.get::<PurchaseEntity>(&context.tenant, purchase)?;
            found.ok_or_else(|| Rejection::PurchaseUnknown(purchase.clone()))?;
        }
        let (refunds, next) = list.read(snapshot, context, listed)?;
        Ok(Decision::answer(RefundList { refunds, next }))
    }
}

fn listed(refund: RefundEntity) -> ListedRefund {
    ListedRefund {
        refund: refund.id,
        member: refund.member,
        purchase: refund.purchase,
        number: refund.number,
        kind: refund.kind,
        reason: refund.reason,
        amount: refund.amount,
        lines: refund.lines,
        taken_back: refund.taken_back,
        shortfall: refund.shortfall,
        recorded_at: refund.recorded_at,
    }
}
