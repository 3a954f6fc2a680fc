//! A code by its id.
//!
//! Refusals: unknown code, also when it is not of the member that the request names.

use serde::{Deserialize, Serialize};

use super::super::merged::is_of;
use super::{QrDetails, issued};
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::ids::{MemberId, QrId, TenantId};
use crate::qr::IssuedQr;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetQr {
    /// The code.
    pub qr: QrId,
    /// Only when it is of this member; whose ever when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
}

impl Operation for GetQr {
    const NAME: &'static str = "get_qr";
    const KIND: Kind = Kind::Query;
    type Reply = QrDetails;
    type Prepared = ();

    fn reveal(
        reply: &mut QrDetails,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        reply.reveal(tenant, keys)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let named = self.member.iter();
        let plan = ReadPlan {
            members: named.map(|member| context.member_key(member)).collect(),
            entities: vec![EntityKey::of::<IssuedQr>(&context.tenant, &self.qr)],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<QrDetails>, Undecided> {
        let kept = issued(snapshot, context, &self.qr)?.entity;
        if !is_of(
            snapshot,
            context,
            self.member.as_ref(),
            kept.member.as_ref(),
        ) {
            return Err(Rejection::QrUnknown(self.qr.clone()).into());
        }
        Ok(Decision::answer(QrDetails::of(kept, context)))
    }
}
