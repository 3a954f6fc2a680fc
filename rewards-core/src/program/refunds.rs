//! What a refund takes back of what a purchase was granted.

use serde::{Deserialize, Serialize};

/// What refunds of purchases take back. The revision that decided a purchase decides its refunds, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Refunds {
    /// How much of the rewards is taken back.
    #[serde(default)]
    pub rewards: RefundedRewards,
    /// What becomes of a reward that is to be taken back and was spent.
    #[serde(default)]
    pub shortfall: Shortfall,
    /// The same for chargebacks; as for refunds when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chargebacks: Option<RefundPolicy>,
}

/// What is taken back, and what becomes of what was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RefundPolicy {
    /// How much of the rewards is taken back.
    #[serde(default)]
    pub rewards: RefundedRewards,
    /// What becomes of a reward that is to be taken back and was spent.
    #[serde(default)]
    pub shortfall: Shortfall,
}

/// How much of a purchase's rewards a refund takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefundedRewards {
    /// What was granted for what comes back: by line where it was granted for lines, in proportion to the amount otherwise.
    #[default]
    Proportional,
    /// The same, and whatever the rest of the purchase would not have been granted: its conditions, thresholds and bands are
    /// looked at again, by the revision that decided and by what it saw of the member. Never less than the proportional part.
    Recheck,
    /// Nothing: the member keeps the rewards.
    Keep,
}

/// What becomes of a reward that is to be taken back and was spent or has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Shortfall {
    /// It is left at that: only what the purchase's own rewards still hold is taken back.
    #[default]
    StopAtZero,
    /// The member owes what was spent. What becomes available to the member later pays it first. What has expired is not owed.
    Debt,
}

impl Refunds {
    /// The policy for refunds.
    #[must_use]
    pub fn policy(&self) -> RefundPolicy {
        RefundPolicy {
            rewards: self.rewards,
            shortfall: self.shortfall,
        }
    }

    /// The policy for chargebacks.
    #[must_use]
    pub fn chargeback_policy(&self) -> RefundPolicy {
        self.chargebacks.unwrap_or_else(|| self.policy())
    }
}
