//! A page of payments: of one member or of all, newest first, by when they were created, and those of one instant by id from the last
//! in the order of bytes; or those of a program that were left in one state, the oldest first, such as all whose outcome is unknown.
//!
//! Time alone moves nothing from one of these lists to another: what is held is listed as held, and its details say that it is
//! expired.
//!
//! Refusals, in order: a state without a program or the other way round, a member beside them; a page size of zero or above the bound,
//! a place in another list; unknown member.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::EntityList;
use super::PaymentDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::By;
use crate::ids::{MemberId, ProgramId};
use crate::payments::{Payment, PaymentState};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a page of payments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListPayments {
    /// Only those of this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Only those of this program that were left in a state: name that, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub program: Option<ProgramId>,
    /// The state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub state: Option<PaymentState>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many payments, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PaymentList {
    /// The payments.
    pub payments: Vec<PaymentDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListPayments {
    const NAME: &'static str = "list_payments";
    const KIND: Kind = Kind::Query;
    type Reply = PaymentList;
    type Prepared = EntityList;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        match (&self.program, self.state) {
            (None, None) => {
                EntityList::newest::<Payment>(context, "payments", member, after, self.limit)
            }
            (Some(program), Some(state)) if member.is_none() => {
                let name = format!("{} payments of {program}", state.text());
                let by = By::Group {
                    group: SmolStr::new(program.as_str()),
                    state: SmolStr::new_static(state.text()),
                    from_rank: 0,
                    to_rank: i64::MAX,
                };
                EntityList::named::<Payment>(context, &name, by, after, self.limit)
            }
            (Some(_), Some(_)) => {
                let detail = "expected a member, or a program and a state, got both";
                Err(Problem::new("filter_ambiguous", "member", detail).into())
            }
            (program, _) => {
                let missing = if program.is_some() {
                    "state"
                } else {
                    "program"
                };
                let detail = "expected a program and a state, or neither";
                Err(Problem::new("filter_incomplete", missing, detail).into())
            }
        }
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<PaymentList>, Undecided> {
        let (payments, next) = list.read(snapshot, context, |payment: Payment| {
            PaymentDetails::of(&payment, context.now)
        })?;
        Ok(Decision::answer(PaymentList { payments, next }))
    }
}
