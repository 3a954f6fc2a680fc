//! Amounts of requests, and amounts as a caller is told them.

use crate::fees::FeeError;
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};

/// Notes an amount that is not positive.
pub(super) fn check_positive(path: &str, amount: Money, problems: &mut Vec<Problem>) {
    if !amount.is_positive() {
        let detail = format!("expected a positive amount, got `{amount}`");
        problems.push(Problem::new("amount_not_positive", path, detail));
    }
}

/// An amount with its asset, such as `12.30 EUR`.
pub(super) fn in_words(minor: i64, asset: Asset) -> String {
    format!("{} {asset}", Money::new(minor, asset))
}

/// The refusal of a fee on an amount of an asset.
pub(super) fn fee_refused(error: FeeError, asset: Asset) -> Rejection {
    match error {
        FeeError::NothingLeft { fee, amount } => Rejection::FeeExceedsAmount {
            fee: in_words(fee, asset),
            amount: in_words(amount, asset),
        },
        FeeError::Overflow => Rejection::Overflow,
    }
}
