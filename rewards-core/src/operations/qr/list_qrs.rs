//! A page of codes, of one member or of all, newest first: by when they were created, and those of one instant by id, from the last
//! in the order of bytes.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::EntityList;
use super::QrDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::decision::Decision;
use crate::ids::{MemberId, TenantId};
use crate::qr::IssuedQr;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a page of codes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListQrs {
    /// Only those of this member; those of all members and of nobody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many codes, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrList {
    /// The codes, newest first.
    pub qrs: Vec<QrDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

impl Operation for ListQrs {
    const NAME: &'static str = "list_qrs";
    const KIND: Kind = Kind::Query;
    type Reply = QrList;
    type Prepared = EntityList;

    fn reveal(reply: &mut QrList, tenant: &TenantId, keys: &dyn HostKeys) -> Result<(), Rejection> {
        let mut qrs = reply.qrs.iter_mut();
        qrs.try_for_each(|qr| qr.reveal(tenant, keys))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, EntityList), Rejection> {
        let (member, after) = (self.member.as_ref(), self.after.as_deref());
        EntityList::newest::<IssuedQr>(context, "qrs", member, after, self.limit)
    }

    fn decide(
        &self,
        list: &EntityList,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<QrList>, Undecided> {
        let (qrs, next) =
            list.read(snapshot, context, |qr: IssuedQr| QrDetails::of(qr, context))?;
        Ok(Decision::answer(QrList { qrs, next }))
    }
}
