//! A page of purchases, of one member or of all, newest first: by when they were recorded, not by when they happened, and those
//! recorded at one instant by id, from the last in the order of bytes.
//!
//! A purchase that does not change appears exactly once while others come. Refusals, in order: a page size of zero or above the
//! bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use crate::cashback::{PurchaseEntity, PurchaseState};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, ProgramId, PurchaseId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of purchases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListPurchases {
    /// Only those of this member; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many purchases, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of purchases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PurchaseList {
    /// The purchases, newest first: by when they were recorded, which is not when they happened, then by id.
    pub purchases: Vec<ListedPurchase>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A purchase in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedPurchase {
    /// The purchase.
    pub purchase: PurchaseId,
    /// Who bought.
    pub member: MemberId,
    /// The program that decided.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// Where it is in its life.
    pub state: PurchaseState,
    /// What was paid.
    pub total: Money,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Operation for ListPurchases {
    const NAME: &'static str = "list_purchases";
    const KIND: Kind = Kind::Query;
    type Reply = PurchaseList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<PurchaseEntity>(context, "purchases", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<PurchaseList>, Undecided> {
        let (purchases, next) = list.read(snapshot, context, listed)?;
        Ok(Decision::answer(PurchaseList { purchases, next }))
    }
}

fn listed(entity: PurchaseEntity) -> ListedPurchase {
    let state = entity.state();
    let PurchaseEntity {
        purchase,
        revision,
        recorded_at,
        ..
    } = entity;
    ListedPurchase {
        purchase: purchase.id,
        member: purchase.member,
        program: purchase.program,
        revision,
        state,
        total: purchase.total,
        occurred_at: purchase.occurred_at,
        recorded_at,
    }
}
