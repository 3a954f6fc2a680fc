//! Where a member stands on a ladder.

use serde::{Deserialize, Serialize};

use crate::ids::Slug;
use crate::time::Timestamp;

/// How many moves a status remembers; older ones remain in the event stream.
pub const HISTORY_MAX: usize = 32;

/// Why a member moved on a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum TierReason {
    /// The measure reached a higher threshold.
    Qualified,
    /// The measure fell short at the end of a window and its grace.
    FellShort,
    /// Somebody who stood higher was merged into the member.
    Merged,
}

/// One move on a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TierMove {
    /// When it counts from, exclusive.
    pub at: Timestamp,
    /// The tier before.
    pub from: Slug,
    /// The tier after.
    pub to: Slug,
    /// What the member had reached, in the ladder's measure (minor units or a count).
    pub measure: i64,
    /// Why.
    pub reason: TierReason,
}

/// Where a member stands on a ladder, and how the member got there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TierStatus {
    /// The tier.
    pub tier: Slug,
    /// Since when.
    pub since: Timestamp,
    /// When the ladder must be looked at again; `None` when nothing can be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_at: Option<Timestamp>,
    /// Since when the measure is below the tier's threshold, while grace runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_since: Option<Timestamp>,
    /// The latest moves, oldest first; at most [`HISTORY_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<TierMove>,
}

impl TierStatus {
    /// The status as purchases right after an instant see it: without moves that lie ahead of it, which a purchase dated a
    /// little ahead can bring about.
    #[must_use]
    pub fn seen_at(mut self, at: Timestamp) -> Self {
        while let Some(ahead) = self.history.pop_if(|last| last.at > at) {
            self.tier = ahead.from;
            self.since = self.history.last().map_or(at, |last| last.at);
        }
        self
    }
}
