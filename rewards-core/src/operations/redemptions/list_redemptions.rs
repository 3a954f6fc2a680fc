//! A page of redemptions, of one member or of all, newest first: by when they were recorded, and those recorded at one instant by
//! id, from the last in the order of bytes.
//!
//! A redemption that does not change appears exactly once while others come. Refusals, in order: a page size of zero or above the
//! bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, OrderId, RedemptionId, SharedWalletId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{Redemption, RedemptionState};

/// Asks for a page of redemptions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListRedemptions {
    /// Only those of this member; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many redemptions, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of redemptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RedemptionList {
    /// The redemptions, newest first: by when they were recorded, then by id.
    pub redemptions: Vec<ListedRedemption>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A redemption in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedRedemption {
    /// The redemption. From a shared wallet it is in the list once for each payer, with what that member pays of it.
    pub redemption: RedemptionId,
    /// Who pays.
    pub member: MemberId,
    /// The order.
    pub order: OrderId,
    /// Where it is in its life, at the time of the query.
    pub state: RedemptionState,
    /// What is reserved.
    pub reserved: Money,
    /// What was captured; what has gone back since is part of it.
    pub captured: Money,
    /// What of the captured has gone back.
    pub returned: Money,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The shared wallet that it is paid from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub wallet: Option<SharedWalletId>,
}

impl Operation for ListRedemptions {
    const NAME: &'static str = "list_redemptions";
    const KIND: Kind = Kind::Query;
    type Reply = RedemptionList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<Redemption>(context, "redemptions", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<RedemptionList>, Undecided> {
        let (redemptions, next) = list.read(snapshot, context, |redemption| {
            listed(redemption, context.now)
        })?;
        Ok(Decision::answer(RedemptionList { redemptions, next }))
    }
}

fn listed(redemption: Redemption, now: Timestamp) -> ListedRedemption {
    ListedRedemption {
        state: redemption.seen_at(now),
        reserved: redemption.reserved_at(now),
        captured: redemption.captured(),
        returned: redemption.returned(),
        redemption: redemption.named().clone(),
        wallet: redemption.shared.map(|shared| shared.wallet),
        member: redemption.member,
        order: redemption.order,
        recorded_at: redemption.recorded_at,
    }
}
