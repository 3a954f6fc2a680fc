//! Cancel a code: nobody can scan it from then on.
//!
//! Refusals, in order: unknown code; the code is scanned, expired or cancelled.

use serde::{Deserialize, Serialize};

use super::{issued, not_active};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::EntityKey;
use crate::ids::QrId;
use crate::qr::IssuedQr;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Cancels a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelQr {
    /// The code.
    pub qr: QrId,
}

/// A code that was cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CancelledQr {
    /// The code.
    pub qr: QrId,
    /// When it was cancelled.
    pub cancelled_at: Timestamp,
}

impl Operation for CancelQr {
    const NAME: &'static str = "cancel_qr";
    const KIND: Kind = Kind::Command;
    type Reply = CancelledQr;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
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
    ) -> Result<Decision<CancelledQr>, Undecided> {
        let stored = issued(snapshot, context, &self.qr)?;
        let expected = stored.expected();
        let cancelled = stored.entity.cancel(context.now);
        let cancelled = cancelled.map_err(|state| not_active(state, &self.qr))?;
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.qr, expected, &cancelled)?;
        Ok(Decision {
            reply: CancelledQr {
                qr: cancelled.qr,
                cancelled_at: context.now,
            },
            changes,
        })
    }
}
