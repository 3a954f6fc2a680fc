//! A page of deposits, of one member or of all, newest first: by when they were initiated, and those of one instant by id,
//! from the last in the order of bytes.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use super::DepositDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::MemberId;
use crate::payments::DepositEntity;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a page of deposits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListDeposits {
    /// Only those of this member; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many deposits, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of deposits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DepositList {
    /// The deposits, newest first.
    pub deposits: Vec<DepositDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListDeposits {
    const NAME: &'static str = "list_deposits";
    const KIND: Kind = Kind::Query;
    type Reply = DepositList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<DepositEntity>(context, "deposits", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<DepositList>, Undecided> {
        let (deposits, next) = list.read(snapshot, context, |deposit: DepositEntity| {
            DepositDetails::of(deposit, context.now)
        })?;
        Ok(Decision::answer(DepositList { deposits, next }))
    }
}
