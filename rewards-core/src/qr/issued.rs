//! A code that was given out: it can be scanned once or many times, until its time is over.
//!
//! | from | method | to |
//! |---|---|---|
//! | – | [`IssuedQr::issue`] | [`Active`](QrState::Active) |
//! | active, for one scan | [`IssuedQr::scan`] | [`Scanned`](QrState::Scanned) |
//! | active, for many scans | [`IssuedQr::scan`] | active |
//! | active | [`IssuedQr::cancel`] | [`Cancelled`](QrState::Cancelled) |
//! | scanned, expired or cancelled | [`IssuedQr::scan`], [`IssuedQr::cancel`] | refused |
//!
//! Active becomes [`Expired`](QrState::Expired) by time alone, and nobody writes that down: it is true of whoever reads it from then
//! on.

use serde::{Deserialize, Serialize};

use crate::entity::{Entity, EntityId, Index};
use crate::ids::{MemberId, QrId, Slug};
use crate::money::Money;
use crate::time::Timestamp;

use super::signed::SignedQr;

impl EntityId for QrId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

/// Where a code is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrState {
    /// It can be scanned.
    Active,
    /// It was scanned, and is for one scan. Final.
    Scanned,
    /// Its time is over. Final.
    Expired,
    /// It was cancelled. Final.
    Cancelled,
}

/// How often a code can be scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum QrScans {
    /// Once.
    #[default]
    Once,
    /// As often as somebody does.
    Many,
}

/// The last scan of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QrScan {
    /// When it was scanned.
    pub scanned_at: Timestamp,
    /// Who did, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<MemberId>,
}

/// What a code is given out with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrTerms {
    /// Its kind, in the host's words: a wallet, or `merchant`.
    pub kind: Slug,
    /// What its picture shows; empty for one that is signed, whose text is made again each time.
    pub text: String,
    /// What it says, when it is signed.
    pub signed: Option<SignedQr>,
    /// How much is to be paid.
    pub amount: Option<Money>,
    /// How often it can be scanned.
    pub scans: QrScans,
    /// From when on it cannot be scanned any more.
    pub expires_at: Option<Timestamp>,
}

/// A code that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedQr {
    /// Its id.
    pub qr: QrId,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// Its kind.
    pub kind: Slug,
    /// What its picture shows; empty for one that is signed, whose text is made again each time.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What it says, when it is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedQr>,
    /// How much is to be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// How often it can be scanned.
    pub scans: QrScans,
    /// When it was given out.
    pub created_at: Timestamp,
    /// From when on it cannot be scanned any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How often it was scanned.
    scanned: u64,
    /// The last scan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_scan: Option<QrScan>,
    /// When it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<Timestamp>,
}

impl IssuedQr {
    /// A code that is given out now.
    #[must_use]
    pub fn issue(qr: &QrId, member: Option<&MemberId>, terms: QrTerms, now: Timestamp) -> Self {
        Self {
            qr: qr.clone(),
            member: member.cloned(),
            kind: terms.kind,
            text: terms.text,
            signed: terms.signed,
            amount: terms.amount,
            scans: terms.scans,
            created_at: now,
            expires_at: terms.expires_at,
            scanned: 0,
            last_scan: None,
            cancelled_at: None,
        }
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> QrState {
        if self.cancelled_at.is_some() {
            QrState::Cancelled
        } else if self.is_used() {
            QrState::Scanned
        } else if self.expires_at.is_some_and(|end| end <= now) {
            QrState::Expired
        } else {
            QrState::Active
        }
    }

    fn is_used(&self) -> bool {
        self.scans == QrScans::Once && self.scanned > 0
    }

    /// How often it was scanned.
    #[must_use]
    pub fn scanned(&self) -> u64 {
        self.scanned
    }

    /// The last scan.
    #[must_use]
    pub fn last_scan(&self) -> Option<&QrScan> {
        self.last_scan.as_ref()
    }

    /// When it was cancelled.
    #[must_use]
    pub fn cancelled_at(&self) -> Option<Timestamp> {
        self.cancelled_at
    }

    /// Without what it shows; where it is in its life stays.
    #[must_use]
    pub fn erased(self) -> Self {
        Self {
            text: String::new(),
            signed: None,
            ..self
        }
    }

    /// Somebody scans it.
    ///
    /// # Errors
    /// Its state, when it is not active.
    pub fn scan(mut self, by: Option<&MemberId>, now: Timestamp) -> Result<Self, QrState> {
        self.check_active(now)?;
        self.scanned = self.scanned.saturating_add(1);
        self.last_scan = Some(QrScan {
            scanned_at: now,
            by: by.cloned(),
        });
        Ok(self)
    }

    /// It is not to be scanned any more.
    ///
    /// # Errors
    /// Its state, when it is not active.
    pub fn cancel(mut self, now: Timestamp) -> Result<Self, QrState> {
        self.check_active(now)?;
        self.cancelled_at = Some(now);
        Ok(self)
    }

    fn check_active(&self, now: Timestamp) -> Result<(), QrState> {
        match self.state(now) {
            QrState::Active => Ok(()),
            state => Err(state),
        }
    }
}

impl Entity for IssuedQr {
    const KIND: &'static str = "qr";
    const SHAPE: u16 = 1;
    type Id = QrId;

    fn index(&self) -> Index {
        let state = match (self.cancelled_at, self.is_used()) {
            (Some(_), _) => "cancelled",
            (None, true) => "scanned",
            (None, false) => "active",
        };
        let index = Index::new(state, self.created_at);
        match &self.member {
            Some(member) => index.owned_by(member),
            None => index,
        }
    }

    fn is_named(&self, id: &str) -> bool {
        self.qr.as_str() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn issued(scans: QrScans, expires_at: Option<Timestamp>) -> IssuedQr {
        let terms = QrTerms {
            kind: "merchant".parse().unwrap(),
            text: "x".to_owned(),
            signed: None,
            amount: None,
            scans,
            expires_at,
        };
        IssuedQr::issue(&"q1".parse().unwrap(), None, terms, at(0))
    }

    #[test]
    fn every_step_from_every_state() {
        use QrScans::{Many, Once};
        use QrState::{Active, Cancelled, Expired, Scanned};
        let once = || issued(Once, Some(at(100)));
        let many = || issued(Many, Some(at(100)));
        let scanned = || once().scan(None, at(1)).unwrap();
        let cancelled = || once().cancel(at(1)).unwrap();
        // The code, when the step is made, and where it is after a scan and after being cancelled.
        let table: [(IssuedQr, i64, _, _); 10] = [
            (once(), 0, Ok(Scanned), Ok(Cancelled)),
            (once(), 99, Ok(Scanned), Ok(Cancelled)),
            (once(), 100, Err(Expired), Err(Expired)),
            (many(), 0, Ok(Active), Ok(Cancelled)),
            (
                many().scan(None, at(5)).unwrap(),
                6,
                Ok(Active),
                Ok(Cancelled),
            ),
            (many(), 100, Err(Expired), Err(Expired)),
            (scanned(), 2, Err(Scanned), Err(Scanned)),
            // What was scanned in time stays scanned.
            (scanned(), 200, Err(Scanned), Err(Scanned)),
            (cancelled(), 2, Err(Cancelled), Err(Cancelled)),
            (issued(Once, None), 1_000_000, Ok(Scanned), Ok(Cancelled)),
        ];
        for (number, (qr, now, after_scan, after_cancel)) in table.into_iter().enumerate() {
            let now = at(now);
            let state = |qr: IssuedQr| qr.state(now);
            assert_eq!(
                qr.clone().scan(None, now).map(state),
                after_scan,
                "scan {number}"
            );
            assert_eq!(qr.cancel(now).map(state), after_cancel, "cancel {number}");
        }
    }
}
