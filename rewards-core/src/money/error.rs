//! What can be wrong with an amount, an asset or a rate.

use thiserror::Error;

use super::{AMOUNT_BYTES_MAX, Asset};
use crate::coded::Coded;

/// A refused amount, asset, rate, factor or split.
///
/// Every variant has a stable [`code`](MoneyError::code); the message is for people and may change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// The text is not the code of a currency that has a minor unit.
    #[error(
        "unknown currency `{text}`: expected three upper-case letters of an ISO 4217 currency with minor units, such as `EUR`"
    )]
    UnknownCurrency {
        /// The refused text, shortened when long.
        text: String,
    },
    /// The text names neither a currency nor a reward unit.
    #[error("invalid asset `{text}`: {reason}")]
    UnknownAsset {
        /// The refused text, shortened when long.
        text: String,
        /// What was expected instead.
        reason: &'static str,
    },
    /// The text is not a plain decimal number.
    #[error("invalid amount `{text}`: {reason}")]
    BadAmount {
        /// The refused text, shortened when long.
        text: String,
        /// What was expected instead.
        reason: &'static str,
    },
    /// The amount is written with more decimals than its asset has; it is not rounded.
    #[error("amount `{amount}` has too many decimals: expected at most {asset_scale}")]
    TooManyDecimals {
        /// The refused amount.
        amount: String,
        /// How many decimals the asset has.
        asset_scale: u8,
    },
    /// The result does not fit in 64-bit minor units.
    #[error("amount does not fit in 64-bit minor units")]
    Overflow,
    /// Two amounts of different assets met in one operation.
    #[error("cannot combine assets: expected `{left}`, got `{right}`")]
    AssetMismatch {
        /// The asset of the left side, the one expected.
        left: Asset,
        /// The asset of the right side, the one found.
        right: Asset,
    },
    /// The text is not a percentage in range.
    #[error("invalid rate `{text}`: {reason}")]
    BadRate {
        /// The refused text, shortened when long.
        text: String,
        /// What was expected instead.
        reason: &'static str,
    },
    /// The text is not a multiplier in range.
    #[error("invalid factor `{text}`: {reason}")]
    BadFactor {
        /// The refused text, shortened when long.
        text: String,
        /// What was expected instead.
        reason: &'static str,
    },
    /// A denominator is zero or negative.
    #[error("denominator must be greater than zero")]
    ZeroDenominator,
    /// The weights of a split are empty or all zero.
    #[error("invalid weights: {reason}")]
    BadWeights {
        /// What was expected instead.
        reason: &'static str,
    },
}

impl MoneyError {
    /// The stable code of this error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownCurrency { .. } => "currency_unknown",
            Self::UnknownAsset { .. } => "asset_invalid",
            Self::BadAmount { .. } => "amount_invalid",
            Self::TooManyDecimals { .. } => "amount_scale",
            Self::Overflow => "amount_overflow",
            Self::AssetMismatch { .. } => "asset_mismatch",
            Self::BadRate { .. } => "rate_invalid",
            Self::BadFactor { .. } => "factor_invalid",
            Self::ZeroDenominator => "denominator_invalid",
            Self::BadWeights { .. } => "allocation_weights",
        }
    }

    pub(super) fn unknown_currency(text: &str) -> Self {
        Self::UnknownCurrency {
            text: excerpt(text),
        }
    }

    pub(super) fn unknown_asset(text: &str, reason: &'static str) -> Self {
        Self::UnknownAsset {
            text: excerpt(text),
            reason,
        }
    }

    pub(super) fn bad_amount(text: &str, reason: &'static str) -> Self {
        Self::BadAmount {
            text: excerpt(text),
            reason,
        }
    }

    pub(super) fn bad_rate(text: &str, reason: &'static str) -> Self {
        Self::BadRate {
            text: excerpt(text),
            reason,
        }
    }

    pub(super) fn bad_factor(text: &str, reason: &'static str) -> Self {
        Self::BadFactor {
            text: excerpt(text),
            reason,
        }
    }
}

impl From<MoneyError> for Coded {
    fn from(error: MoneyError) -> Self {
        Self::new(error.code(), error)
    }
}

/// The start of hostile input, so that a refused megabyte does not travel on inside its error.
fn excerpt(text: &str) -> String {
    if text.len() <= AMOUNT_BYTES_MAX {
        return text.to_owned();
    }
    let mut start: String = text.chars().take(AMOUNT_BYTES_MAX).collect();
    start.push('…');
    start
}
