//! What one unit of a currency costs in another one: a price for both directions, or one for each.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::{ExactRatio, FxError, RateProblem};
use crate::money::DecimalText;

/// The most digits of a rate, leading and trailing zeros not counted.
pub const RATE_DIGITS_MAX: u32 = 15;
/// The most decimals of a rate.
pub const RATE_DECIMALS_MAX: u32 = 12;

/// What kind of rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum FxRateKind {
    /// Published for information, such as those of a central bank: nobody has to deal at it.
    #[default]
    Reference,
    /// What a market or a provider deals at.
    Market,
    /// Agreed upon for a time, such as with a partner.
    Contract,
}

impl FxRateKind {
    /// The stable text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Market => "market",
            Self::Contract => "contract",
        }
    }
}

/// How many units of the quote currency one unit of the base currency is, as the house sees it. Positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum FxPrice {
    /// One price for both directions.
    Mid(DecimalText),
    /// One price for each direction.
    BidAsk {
        /// What the house pays for one unit of the base currency.
        bid: DecimalText,
        /// What the house takes for one unit of the base currency; not below the bid.
        ask: DecimalText,
    },
}

impl FxPrice {
    /// Checks that it can be a price.
    ///
    /// # Errors
    /// [`RateProblem`].
    pub fn check(self) -> Result<(), RateProblem> {
        let checked = |price| match ratio_of(price) {
            Ok(_) => Ok(()),
            Err(FxError::Rate(problem)) => Err(problem),
            Err(_) => Err(RateProblem::TooLong),
        };
        match self {
            Self::Mid(price) => checked(price),
            Self::BidAsk { bid, ask } => {
                checked(bid)?;
                checked(ask)?;
                if bid > ask {
                    return Err(RateProblem::BidAboveAsk);
                }
                Ok(())
            }
        }
    }

    /// In the middle between both directions.
    pub(super) fn mid(self) -> Result<ExactRatio, FxError> {
        match self {
            Self::Mid(price) => ratio_of(price),
            Self::BidAsk { bid, ask } => {
                let sum = bid.as_decimal().checked_add(ask.as_decimal());
                let sum = positive(sum.ok_or(FxError::Overflow)?)?;
                sum.times(ExactRatio::new(1, 2)?)
            }
        }
    }

    /// What a member gets in quote currency for one unit of the base currency.
    pub(super) fn bid(self) -> Result<ExactRatio, FxError> {
        match self {
            Self::Mid(price) | Self::BidAsk { bid: price, .. } => ratio_of(price),
        }
    }

    /// What a member gives in quote currency for one unit of the base currency.
    pub(super) fn ask(self) -> Result<ExactRatio, FxError> {
        match self {
            Self::Mid(price) | Self::BidAsk { ask: price, .. } => ratio_of(price),
        }
    }
}

impl std::fmt::Display for FxPrice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mid(price) => write!(f, "{price}"),
            Self::BidAsk { bid, ask } => write!(f, "{bid} to {ask}"),
        }
    }
}

fn ratio_of(price: DecimalText) -> Result<ExactRatio, FxError> {
    let price = price.as_decimal().normalize();
    if price.is_sign_negative() || price.is_zero() {
        return Err(FxError::Rate(RateProblem::NotPositive));
    }
    let most = 10_i128.checked_pow(RATE_DIGITS_MAX);
    if price.scale() > RATE_DECIMALS_MAX || most.is_none_or(|most| price.mantissa() >= most) {
        return Err(FxError::Rate(RateProblem::TooLong));
    }
    positive(price)
}

fn positive(value: Decimal) -> Result<ExactRatio, FxError> {
    let value = value.normalize();
    let num =
        u128::try_from(value.mantissa()).map_err(|_| FxError::Rate(RateProblem::NotPositive))?;
    let den = 10_u128.checked_pow(value.scale());
    ExactRatio::new(num, den.ok_or(FxError::Overflow)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> DecimalText {
        DecimalText::parse(text).unwrap()
    }

    #[test]
    fn what_can_be_a_price() {
        use RateProblem::{BidAboveAsk, NotPositive, TooLong};
        for (price, error) in [
            ("1", None),
            ("0.000000000001", None),
            ("0.0000000000001", Some(TooLong)),
            ("999999999999999", None),
            ("1000000000000001", Some(TooLong)),
            ("1.0000000000000", None),
            ("0", Some(NotPositive)),
            ("-1.2", Some(NotPositive)),
        ] {
            let price = text(price);
            assert_eq!(FxPrice::Mid(price).check().err(), error, "{price}");
            let ask = text("999999999999999");
            let both = FxPrice::BidAsk { bid: price, ask };
            assert_eq!(both.check().err(), error, "{price} as a bid");
        }
        let crossed = FxPrice::BidAsk {
            bid: text("1.2"),
            ask: text("1.1"),
        };
        assert_eq!(crossed.check().err(), Some(BidAboveAsk));
    }

    #[test]
    fn the_house_pays_the_bid_and_takes_the_ask() {
        let price = FxPrice::BidAsk {
            bid: text("1.1"),
            ask: text("1.3"),
        };
        let ratio = |num, den| ExactRatio::new(num, den).unwrap();
        assert_eq!(price.bid().unwrap(), ratio(11, 10));
        assert_eq!(price.ask().unwrap(), ratio(13, 10));
        assert_eq!(price.mid().unwrap(), ratio(12, 10));
        assert_eq!(price.to_string(), "1.1 to 1.3");
        assert_eq!(FxPrice::Mid(text("2.50")).to_string(), "2.5");
    }
}
