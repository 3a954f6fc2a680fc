//! Refunds of purchases, as they are kept: what came back, and what that took back.
//!
//! How much of a purchase was refunded in all stands with the [purchase](crate::cashback::PurchaseEntity), and what is taken
//! back follows from that; a refund only remembers its own part of it. It never changes: undoing a refund would be a new
//! purchase.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::entity::{Entity, EntityId, Index};
use crate::ids::{MemberId, PurchaseId, RefundId, Slug};
use crate::money::Money;
use crate::time::Timestamp;

/// The state of every refund.
pub const RECORDED: &str = "recorded";

/// Why something came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum RefundKind {
    /// The merchant gave the money back.
    #[default]
    Refund,
    /// The payer's bank took the money back.
    Chargeback,
}

impl RefundKind {
    /// Whether it is an ordinary refund.
    #[must_use]
    pub fn is_refund(&self) -> bool {
        *self == Self::Refund
    }
}

/// Pieces of a line that come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RefundedPieces {
    /// The line of the purchase, counted from 0.
    pub line: u32,
    /// How many pieces of it.
    pub pieces: u32,
}

/// A refund as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundEntity {
    /// The refund.
    pub id: RefundId,
    /// Who bought.
    pub member: MemberId,
    /// The purchase.
    pub purchase: PurchaseId,
    /// Which of the refunds of the purchase it is, from 1.
    pub number: u32,
    /// Why it came back.
    #[serde(default, skip_serializing_if = "RefundKind::is_refund")]
    pub kind: RefundKind,
    /// The host's name of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Slug>,
    /// What came back of what was paid.
    pub amount: Money,
    /// The pieces that came back; empty when an amount or everything did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<RefundedPieces>,
    /// What was taken back of the rewards, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_back: Vec<Money>,
    /// What was to be taken back and was not there any more, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortfall: Vec<Money>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl EntityId for RefundId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Entity for RefundEntity {
    const KIND: &'static str = "refund";
    const SHAPE: u16 = 1;
    type Id = RefundId;

    fn index(&self) -> Index {
        let mut index = Index::new(RECORDED, self.recorded_at).owned_by(&self.member);
        index.group = Some(SmolStr::new(self.purchase.as_str()));
        index.rank = Some(i64::from(self.number));
        index
    }

    fn is_named(&self, id: &str) -> bool {
        self.id.as_str() == id
    }
}
