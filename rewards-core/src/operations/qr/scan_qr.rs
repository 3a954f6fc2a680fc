//! Scan a code: it is active, and after that it is not, unless it is for many scans. Of two who scan it at once, one does.
//!
//! Refusals, in order: unknown code; unknown member; the code is scanned, expired or cancelled.

use serde::{Deserialize, Serialize};

use super::{issued, not_active, reveal};
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::decision::{Changes, Decision};
use crate::entity::EntityKey;
use crate::ids::{MemberId, QrId, Slug, TenantId};
use crate::money::Money;
use crate::qr::{IssuedQr, SignedQr};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Scans a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ScanQr {
    /// The code.
    pub qr: QrId,
    /// Who scans it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<MemberId>,
}

/// A code that was scanned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ScannedQr {
    /// The code.
    pub qr: QrId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Its kind, in the host's words.
    pub kind: Slug,
    /// What its picture shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default = ""))]
    pub text: String,
    /// What it says, when it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub signed: Option<SignedQr>,
    /// How much is to be paid in all, a fee of the code included; absent when the code does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// How often it was scanned, this time among them.
    pub scanned: u64,
    /// When it was scanned.
    pub scanned_at: Timestamp,
}

impl Operation for ScanQr {
    const NAME: &'static str = "scan_qr";
    const KIND: Kind = Kind::Command;
    type Reply = ScannedQr;
    type Prepared = ();

    fn reveal(
        reply: &mut ScannedQr,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        reveal(reply.signed.as_ref(), &mut reply.text, tenant, keys)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let members = self.by.iter();
        let plan = ReadPlan {
            members: members.map(|member| context.member_key(member)).collect(),
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
    ) -> Result<Decision<ScannedQr>, Undecided> {
        let stored = issued(snapshot, context, &self.qr)?;
        if let Some(member) = &self.by
            && !snapshot.members.contains_key(&context.member_key(member))
        {
            return Err(Rejection::MemberUnknown(member.clone()).into());
        }
        let expected = stored.expected();
        let scanned = stored.entity.scan(self.by.as_ref(), context.now);
        let scanned = scanned.map_err(|state| not_active(state, &self.qr))?;
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.qr, expected, &scanned)?;
        Ok(Decision {
            reply: ScannedQr {
                scanned: scanned.scanned(),
                scanned_at: context.now,
                qr: scanned.qr,
                member: scanned.member,
                kind: scanned.kind,
                text: scanned.text,
                signed: scanned.signed,
                amount: scanned.amount,
            },
            changes,
        })
    }
}
