//! Adjustments: what was granted or taken manually under an id of the host's, as it is kept.
//!
//! An adjustment is made and never changes: it has one state. It holds ids and amounts and no words: the reason is in the journal,
//! until its member is erased.

use serde::{Deserialize, Serialize};

use crate::entity::{Entity, EntityId, Index};
use crate::ids::{AdjustmentId, MemberId, Slug};
use crate::ledger::LotNumber;
use crate::money::Money;
use crate::time::Timestamp;

impl EntityId for AdjustmentId {
    fn text(&self) -> &str {
        self.as_str()
    }
}

/// What an adjustment did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    /// The member got something.
    Grant,
    /// Something was taken from the member.
    Deduct,
}

impl AdjustmentKind {
    /// The stable text of the kind.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Deduct => "deduct",
        }
    }
}

/// Something that was granted or taken manually, found by its member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjustment {
    /// Its id.
    pub adjustment: AdjustmentId,
    /// Whose balance it moved.
    pub member: MemberId,
    /// What it did.
    pub kind: AdjustmentKind,
    /// How much, always positive.
    pub amount: Money,
    /// Where it comes from, when that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Slug>,
    /// The lot that was made, or those that paid, in the order of their numbers.
    pub lots: Vec<LotNumber>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Entity for Adjustment {
    const KIND: &'static str = "adjustment";
    const SHAPE: u16 = 1;
    type Id = AdjustmentId;

    fn index(&self) -> Index {
        Index::new(self.kind.text(), self.recorded_at).owned_by(&self.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.adjustment.as_str() == id
    }
}
