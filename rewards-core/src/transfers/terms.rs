//! A transfer rule, ready to decide: in minor units.

use std::fmt;

use smol_str::SmolStr;
use thiserror::Error;

use super::{OtherSide, TransferExpiry, TransferRule};
use crate::counter::CounterKind;
use crate::fees::{Charge, CompiledFee, FeeError};
use crate::ids::{ProgramId, Slug};
use crate::ledger::Purpose;
use crate::money::{Asset, MoneyError};
use crate::time::{Calendar, Period, Timestamp, WeekStart};

/// Which limit of a rule a transfer breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferLimit {
    /// It is less than one transfer has to be.
    Minimum,
    /// It is more than one transfer may be.
    Maximum,
    /// The member would send more than allowed on one day.
    Day,
    /// The member would send more than allowed in one month.
    Month,
}

impl fmt::Display for TransferLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::Day => "per_day",
            Self::Month => "per_month",
        })
    }
}

/// Why the terms of a rule do not allow a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A limit would be broken.
    #[error("the limit `{limit}` is {allowed}, got {found} (minor units)")]
    Limit {
        /// Which one.
        limit: TransferLimit,
        /// What is allowed, in minor units.
        allowed: i64,
        /// What it would be, in minor units.
        found: i64,
    },
    /// The fee cannot be charged.
    #[error(transparent)]
    Fee(#[from] FeeError),
}

/// A transfer rule in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledTransferRule {
    /// Its name.
    pub id: Slug,
    /// What is sent.
    pub asset: Asset,
    /// Between which accounts of members.
    pub purpose: Purpose,
    /// When what arrives expires.
    pub expiry: TransferExpiry,
    /// What each member is shown of the other one.
    pub other_side: OtherSide,
    /// The name of the counter of what a member sends a day.
    day_counter: SmolStr,
    /// The name of the counter of what a member sends a month.
    month_counter: SmolStr,
    /// What it costs.
    pub fee: Option<CompiledFee>,
    minimum: i64,
    maximum: i64,
    per_day: i64,
    per_month: i64,
}

impl CompiledTransferRule {
    /// A rule of a program in a currency.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit the asset.
    pub fn compile(
        rule: &TransferRule,
        program: &ProgramId,
        currency: Asset,
    ) -> Result<Self, MoneyError> {
        let asset = rule.asset.unwrap_or(currency);
        let scale = asset.scale();
        let minor = |amount: Option<crate::money::DecimalText>, absent: i64| {
            amount.map_or(Ok(absent), |amount| amount.to_minor(scale))
        };
        let fee = rule.fee.as_ref();
        // Days and months do not know on which day a week begins.
        let counter = |window| {
            let kind = CounterKind::TransferAmount { program, asset };
            kind.name(window, WeekStart::default())
        };
        Ok(Self {
            id: rule.id.clone(),
            asset,
            purpose: rule
                .purpose
                .map_or_else(|| Purpose::available(asset), Purpose::from),
            expiry: rule.expiry.clone(),
            other_side: rule.other_side,
            day_counter: counter(Period::Day),
            month_counter: counter(Period::Month),
            fee: fee
                .map(|fee| CompiledFee::compile(fee, scale))
                .transpose()?,
            minimum: minor(rule.minimum, 0)?,
            maximum: minor(rule.maximum, i64::MAX)?,
            per_day: minor(rule.per_day, i64::MAX)?,
            per_month: minor(rule.per_month, i64::MAX)?,
        })
    }

    /// Whether the value rests in lots.
    #[must_use]
    pub fn moves_lots(&self) -> bool {
        self.purpose != Purpose::Main
    }

    /// Where it counts what is sent at an instant: the counters of the day and of the month, each with its bucket.
    #[must_use]
    pub fn counted(&self, calendar: Calendar, at: Timestamp) -> [(&SmolStr, i64); 2] {
        [
            (&self.day_counter, calendar.bucket(Period::Day, at).0),
            (&self.month_counter, calendar.bucket(Period::Month, at).0),
        ]
    }

    /// What becomes of a positive amount, which one transfer has to be allowed to be.
    ///
    /// # Errors
    /// [`TransferError`] when it is too little, too much, or nothing would arrive.
    pub fn charge(&self, amount: i64) -> Result<Charge, TransferError> {
        if amount < self.minimum {
            return Err(over(TransferLimit::Minimum, self.minimum, amount));
        }
        if amount > self.maximum {
            return Err(over(TransferLimit::Maximum, self.maximum, amount));
        }
        match &self.fee {
            None => Ok(Charge::free(amount)),
            Some(fee) => Ok(fee.charge(amount)?),
        }
    }

    /// Whether a member who has sent so much on the day and in the month may send another amount. Fees do not count.
    ///
    /// # Errors
    /// [`TransferError::Limit`] when not.
    pub fn check_sums(&self, amount: i64, day: i64, month: i64) -> Result<(), TransferError> {
        for (limit, allowed, before) in [
            (TransferLimit::Day, self.per_day, day),
            (TransferLimit::Month, self.per_month, month),
        ] {
            let found = before.saturating_add(amount);
            if found > allowed {
                return Err(over(limit, allowed, found));
            }
        }
        Ok(())
    }
}

fn over(limit: TransferLimit, allowed: i64, found: i64) -> TransferError {
    TransferError::Limit {
        limit,
        allowed,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> CompiledTransferRule {
        let document: TransferRule = toml::from_str(&format!("id = 'send'\n{text}")).unwrap();
        let eur = Asset::parse("EUR").unwrap();
        CompiledTransferRule::compile(&document, &"club".parse().unwrap(), eur).unwrap()
    }

    #[test]
    fn where_value_rests_follows_from_the_asset_unless_it_is_said() {
        for (text, purpose, moves_lots) in [
            ("", Purpose::Cashback, true),
            ("purpose = 'cashback'", Purpose::Cashback, true),
            ("purpose = 'main'", Purpose::Main, false),
            ("asset = 'points'", Purpose::Points, true),
        ] {
            let rule = rule(text);
            assert_eq!((&rule.purpose, rule.moves_lots()), (&purpose, moves_lots));
        }
        assert_eq!(rule("").day_counter, "club/transfer/amount.EUR/day");
        assert_eq!(rule("").month_counter, "club/transfer/amount.EUR/month");
    }

    #[test]
    fn limits_hold_up_to_their_edges() {
        let rule = rule("minimum = '1'\nmaximum = '5'\nper_day = '8'\nper_month = '9'");
        for (amount, day, month, broken) in [
            (99, 0, 0, Some(TransferLimit::Minimum)),
            (100, 0, 0, None),
            (500, 0, 0, None),
            (501, 0, 0, Some(TransferLimit::Maximum)),
            (500, 300, 400, None),
            (500, 301, 301, Some(TransferLimit::Day)),
            (500, 300, 401, Some(TransferLimit::Month)),
            (100, 0, i64::MAX, Some(TransferLimit::Month)),
        ] {
            let charged = rule.charge(amount).map(|_| ());
            let found = charged.and_then(|()| rule.check_sums(amount, day, month));
            let found = found.err().map(|error| match error {
                TransferError::Limit { limit, .. } => limit,
                TransferError::Fee(error) => panic!("{error}"),
            });
            assert_eq!(found, broken, "{amount} after {day} and {month}");
        }
    }
}
