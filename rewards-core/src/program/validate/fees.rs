//! Fees.

use super::Checker;
use crate::fees::Fee;
use crate::money::DecimalText;
use crate::parse::At;

/// Checks a fee on an asset with so many decimals.
pub(super) fn check(checker: &mut Checker<'_>, at: &At<'_>, fee: &Fee, scale: u8) {
    if fee.fixed.is_none() && fee.percent.is_none() {
        let words = "expected a `fixed` amount, a `percent` or both";
        checker.report("fee_empty", at, words);
    }
    for (field, amount) in [
        ("fixed", fee.fixed),
        ("minimum", fee.minimum),
        ("maximum", fee.maximum),
    ] {
        if let Some(amount) = amount {
            checker.unsigned_amount(&at.field(field), amount, scale);
        }
    }
    check_bounds(checker, at, fee.minimum, fee.maximum);
}

/// A minimum and a maximum between which nothing is.
pub(super) fn check_bounds(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    minimum: Option<DecimalText>,
    maximum: Option<DecimalText>,
) {
    if let (Some(minimum), Some(maximum)) = (minimum, maximum)
        && minimum > maximum
    {
        let words = format!("expected at least the minimum of `{minimum}`, got `{maximum}`");
        checker.report("bounds_contradiction", &at.field("maximum"), words);
    }
}
