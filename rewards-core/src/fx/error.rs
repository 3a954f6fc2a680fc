//! Why something cannot be converted.

use thiserror::Error;

use super::RateProblem;
use crate::fees::FeeError;
use crate::money::Currency;
use crate::time::LocalDate;

/// Why a conversion cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FxError {
    /// A rate cannot be one.
    #[error(transparent)]
    Rate(#[from] RateProblem),
    /// No source has a rate for the pair on the day or before, not over a pivot either.
    #[error("no rate from {from} to {to} on {day} or before")]
    Missing {
        /// What is given.
        from: Currency,
        /// What is wanted.
        to: Currency,
        /// The day.
        day: LocalDate,
    },
    /// The newest rates of all sources are too old.
    #[error(
        "the rate from {from} to {to} is of {day}, {age} days old: at most {limit} are allowed"
    )]
    Stale {
        /// What is given.
        from: Currency,
        /// What is wanted.
        to: Currency,
        /// The day of the newest one.
        day: LocalDate,
        /// How many days old it is.
        age: u32,
        /// How many days old a rate may be.
        limit: u32,
    },
    /// Nothing would arrive.
    #[error("nothing would arrive")]
    TooSmall,
    /// The fee cannot be charged; amounts are minor units of its currency.
    #[error(transparent)]
    Fee(#[from] FeeError),
    /// A number left its range.
    #[error("a number exceeds its range")]
    Overflow,
}
