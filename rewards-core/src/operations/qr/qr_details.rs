//! A code that was given out, as it is told.

use serde::{Deserialize, Serialize};

use super::reveal;
use crate::context::{Context, HostKeys};
use crate::ids::{MemberId, QrId, Slug, TenantId};
use crate::money::Money;
use crate::qr::{IssuedQr, QrScan, QrScans, QrState, SignedQr};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// A code that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrDetails {
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
    /// How often it can be scanned.
    pub scans: QrScans,
    /// Where it is in its life.
    pub state: QrState,
    /// When it was given out.
    pub created_at: Timestamp,
    /// From when on it cannot be scanned any more; absent when it never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
    /// How often it was scanned.
    pub scanned: u64,
    /// The last scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub last_scan: Option<QrScan>,
    /// When it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub cancelled_at: Option<Timestamp>,
}

impl QrDetails {
    /// A code as it is at the time of the command.
    pub(super) fn of(qr: IssuedQr, context: &Context) -> Self {
        Self {
            state: qr.state(context.now),
            scanned: qr.scanned(),
            last_scan: qr.last_scan().cloned(),
            cancelled_at: qr.cancelled_at(),
            qr: qr.qr,
            member: qr.member,
            kind: qr.kind,
            text: qr.text,
            signed: qr.signed,
            amount: qr.amount,
            scans: qr.scans,
            created_at: qr.created_at,
            expires_at: qr.expires_at,
        }
    }

    /// Makes the text of one that is signed.
    ///
    /// # Errors
    /// As [`reveal`].
    pub(super) fn reveal(
        &mut self,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        reveal(self.signed.as_ref(), &mut self.text, tenant, keys)
    }
}
