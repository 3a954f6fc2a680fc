//! What a purchase lacks for a rule or an offer, as it is told to staff, and the reason that a member may be told.

use serde::{Deserialize, Serialize};

use super::Line;
use crate::money::Money;

/// What would make one condition hold that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The path of the condition, in the program document.
    pub failed: String,
    /// The least that has to be added, beyond what the entries before this one add.
    pub change: SmallestChange,
}

/// The least that has to be added for a condition to hold. One minor unit, piece or purchase less is not enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SmallestChange {
    /// One more line, such as this one. What it costs is part of the total: zero where the condition asks for no amount, so
    /// that the line may cost anything.
    AddLine {
        /// The line. Of several articles or categories that would do, the first one.
        line: Line,
    },
    /// More of a line that is there, or that an entry before this one adds. At least one of the two is given.
    RaiseLine {
        /// The line, counted from 0, with those that are added after the others.
        line: u32,
        /// So many pieces more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pieces: Option<u32>,
        /// It costs so much more, which is part of the total.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        amount: Option<Money>,
    },
    /// The purchase costs so much more in total, and none of its parts does: discounts, fee, tax and shipping stay as they are.
    RaiseTotal {
        /// How much more.
        amount: Money,
    },
    /// So much more is spent in the window of the condition: by a purchase before this one, or because this one costs more.
    SpendInWindow {
        /// How much more.
        amount: Money,
    },
    /// So many purchases more are made just before this one.
    MorePurchases {
        /// How many more.
        count: u32,
    },
}

/// What a member may be told who asks why there is nothing for a purchase. It says nothing of segments, lists, dates, budgets
/// and other members; and of conditions only what this member can still do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum MemberReason {
    /// Buying more of something, or something else as well, would be enough.
    BuyMore,
    /// Spending more would be enough.
    SpendMore,
    /// It comes with one of the next purchases.
    ComeAgain,
    /// There is something else instead.
    OtherApplies,
    /// Whatever else it is.
    NotAvailable,
}

impl MemberReason {
    /// For what a purchase lacks: by the first entry, as all that can be bought comes before all that takes time.
    #[must_use]
    pub fn of_missing(missing: &[Missing]) -> Self {
        match missing.first().map(|first| &first.change) {
            Some(SmallestChange::AddLine { .. }) => Self::BuyMore,
            Some(SmallestChange::RaiseLine { pieces, .. }) => match pieces {
                Some(_) => Self::BuyMore,
                None => Self::SpendMore,
            },
            Some(SmallestChange::RaiseTotal { .. } | SmallestChange::SpendInWindow { .. }) => {
                Self::SpendMore
            }
            Some(SmallestChange::MorePurchases { .. }) => Self::ComeAgain,
            None => Self::NotAvailable,
        }
    }
}
