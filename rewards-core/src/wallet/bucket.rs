//! Buckets: value of one kind, such as cashback or points.

use serde::{Deserialize, Serialize};

use crate::ledger::Purpose;
use crate::money::Asset;
use crate::program::CompiledBucket;

/// Value of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// The member's own money.
    Main,
    /// Cashback in the program's currency.
    Cashback,
    /// A unit of the program, such as points.
    Unit(Asset),
}

impl Bucket {
    /// The bucket that a program speaks of.
    #[must_use]
    pub fn of(terms: &CompiledBucket) -> Self {
        match terms {
            CompiledBucket::Main => Self::Main,
            CompiledBucket::Cashback => Self::Cashback,
            CompiledBucket::Unit(unit) => Self::Unit(unit.asset),
        }
    }

    /// What is in it, when money is of this currency.
    #[must_use]
    pub fn asset(self, currency: Asset) -> Asset {
        match self {
            Self::Main | Self::Cashback => currency,
            Self::Unit(asset) => asset,
        }
    }

    /// The account of its member that it rests in.
    #[must_use]
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Main => Purpose::Main,
            Self::Cashback => Purpose::Cashback,
            Self::Unit(_) => Purpose::Points,
        }
    }
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Main => f.write_str("main"),
            Self::Cashback => f.write_str("cashback"),
            Self::Unit(asset) => asset.fmt(f),
        }
    }
}
