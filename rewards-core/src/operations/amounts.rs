//! Amounts of requests, and amounts as a caller is told them.

use crate::money::{Asset, Money};
use crate::rejection::Problem;

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
