//! A code that was given out, as it is told.

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::ids::{MemberId, QrId, Slug};
use crate::money::Money;
use crate::qr::{IssuedQr, QrScan, QrScans, QrState};
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
    pub text: String,
    /// How much is to be paid; absent when the code does not say so.
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
            amount: qr.amount,
            scans: qr.scans,
            created_at: qr.created_at,
            expires_at: qr.expires_at,
        }
    }
}
