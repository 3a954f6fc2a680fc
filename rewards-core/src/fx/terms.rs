//! What becomes of an amount: converted, dearer by a markup, less a fee, and rounded once.
//!
//! A member gets `amount × rate ÷ (1 + markup)`, cut off to the minor unit, with the rate of the member's side of every step. What
//! the same amount is worth in the middle, cut off too, less what the member gets is the spread, which the tenant keeps. Both are
//! worked out from one exact ratio each, so nothing is rounded twice, and the spread is never below zero.

use serde::{Deserialize, Serialize};

use super::{ExactRatio, FxChain, FxError, FxExpiry, FxLeg, FxLookup, FxRule, FxSection};
use super::{FX_AGE_DAYS_DEFAULT, FX_QUOTE_SECONDS_DEFAULT};
use crate::fees::{Charge, CompiledFee, FeeError};
use crate::ids::Slug;
use crate::ledger::Purpose;
use crate::money::{Asset, Currency, DecimalText, Money, MoneyError, Rate, Ratio, Rounding};
use crate::time::{LocalDate, MICROS_PER_SECOND, Timestamp};

/// What amounts of one currency become in another one, ready to be applied to any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FxRatios {
    /// In the middle.
    mid: ExactRatio,
    /// For the member, with the markup.
    for_member: ExactRatio,
}

/// An amount that was converted, in minor units of the other currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// What the member gets.
    pub got: i64,
    /// What the tenant keeps.
    pub spread: i64,
}

impl FxRatios {
    /// Those of a chain, with a markup.
    ///
    /// # Errors
    /// [`FxError::Overflow`].
    pub fn new(chain: &FxChain, markup: Rate) -> Result<Self, FxError> {
        Ok(Self {
            mid: chain.mid,
            for_member: chain.for_member.times(dearer(markup)?)?,
        })
    }

    /// Converts an amount in minor units that is not negative.
    ///
    /// # Errors
    /// [`FxError::Overflow`].
    #[inline]
    pub fn convert(&self, minor: i64) -> Result<Converted, FxError> {
        let got = self.for_member.floor(minor)?;
        let worth = self.mid.floor(minor)?;
        Ok(Converted {
            got,
            spread: worth.saturating_sub(got),
        })
    }
}

/// `1 ÷ (1 + markup)`.
fn dearer(markup: Rate) -> Result<ExactRatio, FxError> {
    let part = |part: i64| u128::try_from(part).map_err(|_| FxError::Overflow);
    let ratio: Ratio = markup.ratio();
    let (num, den) = (part(ratio.num())?, part(ratio.den())?);
    ExactRatio::new(den, den.saturating_add(num))
}

/// The rate that was used, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxRateUsed {
    /// How many units of the other currency one unit is, in the middle between both directions; cut off after twelve digits, where
    /// the chain is exact.
    pub mid: DecimalText,
    /// The same for the member, with the markup.
    pub for_member: DecimalText,
    /// The markup.
    pub markup: Rate,
    /// How what the member gets was rounded to the minor unit: always for the tenant, once, at the end of the chain.
    pub rounding: Rounding,
    /// Whose rates they are.
    pub source: Slug,
    /// The day of the oldest one.
    pub day: LocalDate,
    /// How many days old that was.
    pub age_days: u32,
    /// The rates, in the order of the steps.
    pub chain: Vec<FxLeg>,
}

/// What becomes of an amount. What is given is what is converted and a fee in its currency; what is had for it is what arrives and
/// a fee in that currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ConversionTerms {
    /// What the member gives.
    pub given: Money,
    /// How much of it is converted.
    pub converted: Money,
    /// The fee, if there is one, in its own currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub fee: Option<Money>,
    /// What the member gets.
    pub arrived: Money,
    /// What the tenant keeps: what the converted amount is worth in the middle, less what was had for it.
    pub spread: Money,
    /// The rate that was used.
    pub rate: FxRateUsed,
}

impl ConversionTerms {
    /// What was had for the converted amount: what arrives, and a fee in the same currency.
    #[must_use]
    pub fn had(&self) -> i64 {
        let arrived = self.arrived.minor();
        match self.fee {
            Some(fee) if fee.asset() == self.arrived.asset() => arrived.saturating_add(fee.minor()),
            _ => arrived,
        }
    }
}

/// A rule, ready to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledFxRule {
    /// Its name.
    pub id: Slug,
    /// Which accounts of the member it is about.
    pub purpose: Purpose,
    /// When what arrives expires.
    pub expiry: FxExpiry,
    from: Vec<Currency>,
    to: Vec<Currency>,
    markup: Rate,
    fee: Option<(Currency, CompiledFee)>,
}

impl CompiledFxRule {
    fn compile(rule: &FxRule) -> Result<Self, MoneyError> {
        let fee = rule.fee.as_ref().map(|fee| {
            let charge = CompiledFee::compile(&fee.charge, fee.currency.scale())?;
            Ok::<_, MoneyError>((fee.currency, charge))
        });
        Ok(Self {
            id: rule.id.clone(),
            purpose: rule.purpose.into(),
            expiry: rule.expiry,
            from: rule.from.clone(),
            to: rule.to.clone(),
            markup: rule.markup.unwrap_or(no_markup()?),
            fee: fee.transpose()?,
        })
    }

    fn allows(&self, from: Currency, to: Currency) -> bool {
        let is_in = |list: &[Currency], currency| list.is_empty() || list.contains(&currency);
        is_in(&self.from, from) && is_in(&self.to, to)
    }

    /// What becomes of a positive amount of the chain's first currency, on a day.
    ///
    /// # Errors
    /// [`FxError::TooSmall`], [`FxError::Fee`], [`FxError::Overflow`].
    pub fn terms(
        &self,
        chain: &FxChain,
        amount: i64,
        day: LocalDate,
    ) -> Result<ConversionTerms, FxError> {
        let of_given = self.fee_in(chain.from);
        let given = of_given.map_or(Ok(Charge::free(amount)), |fee| fee.charge(amount))?;
        let ratios = FxRatios::new(chain, self.markup)?;
        let Converted { got, spread } = ratios.convert(given.arrived)?;
        if got == 0 {
            return Err(FxError::TooSmall);
        }
        let of_got = self.fee_in(chain.to);
        let arrived = of_got.map_or(Ok(Charge::free(got)), |fee| fee.charge(got))?;
        if arrived.given != got {
            // Nothing can come on top of what is had, and a document that says so is not published.
            return Err(FxError::Fee(FeeError::Overflow));
        }
        let (from, to) = (chain.from.into(), chain.to.into());
        let fee = match (given.fee, arrived.fee) {
            (0, 0) => None,
            (fee, 0) => Some(Money::new(fee, from)),
            (_, fee) => Some(Money::new(fee, to)),
        };
        Ok(ConversionTerms {
            given: Money::new(given.given, from),
            converted: Money::new(given.arrived, from),
            fee,
            arrived: Money::new(arrived.arrived, to),
            spread: Money::new(spread, to),
            rate: self.told(chain, ratios, day)?,
        })
    }

    fn told(
        &self,
        chain: &FxChain,
        ratios: FxRatios,
        day: LocalDate,
    ) -> Result<FxRateUsed, FxError> {
        let first = chain.legs.first().ok_or(FxError::Overflow)?;
        Ok(FxRateUsed {
            mid: chain.mid_text()?,
            for_member: chain.told(ratios.for_member)?,
            markup: self.markup,
            rounding: Rounding::TowardProgram,
            source: first.source.clone(),
            day: chain.day,
            age_days: chain.age(day),
            chain: chain.legs.clone(),
        })
    }

    /// What its fee is charged in: the currency that arrives when there is none.
    #[must_use]
    pub fn fee_asset(&self, to: Currency) -> Asset {
        self.fee
            .as_ref()
            .map_or(to, |(currency, _)| *currency)
            .into()
    }

    fn fee_in(&self, currency: Currency) -> Option<&CompiledFee> {
        let fee = self.fee.as_ref();
        fee.and_then(|(own, fee)| (*own == currency).then_some(fee))
    }
}

fn no_markup() -> Result<Rate, MoneyError> {
    Rate::from_percent(rust_decimal::Decimal::ZERO)
}

/// The section `fx`, ready to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledFx {
    sources: Vec<Slug>,
    pivots: Vec<Currency>,
    age_max: u32,
    quote_micros: i64,
    rules: Vec<CompiledFxRule>,
}

impl CompiledFx {
    /// The section of a document.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit its currency.
    pub fn compile(section: &FxSection) -> Result<Self, MoneyError> {
        let rules = section.rules.iter().map(CompiledFxRule::compile);
        let seconds = section.quote_seconds.unwrap_or(FX_QUOTE_SECONDS_DEFAULT);
        Ok(Self {
            sources: section.sources.clone(),
            pivots: section.pivots.clone(),
            age_max: section.age_days.unwrap_or(FX_AGE_DAYS_DEFAULT),
            quote_micros: i64::from(seconds).saturating_mul(MICROS_PER_SECOND),
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// The rule that allows a pair, if one does.
    #[must_use]
    pub fn rule(&self, from: Currency, to: Currency) -> Option<&CompiledFxRule> {
        let mut rules = self.rules.iter();
        rules.find(|rule| from != to && rule.allows(from, to))
    }

    /// Which rates lead from one currency to another on a day.
    #[must_use]
    pub fn lookup(&self, from: Currency, to: Currency, day: LocalDate) -> FxLookup<'_> {
        FxLookup {
            sources: &self.sources,
            pivots: &self.pivots,
            age_max: self.age_max,
            from,
            to,
            day,
        }
    }

    /// Until when a quote holds that is locked at an instant. Times end in 2200, and so does it.
    #[must_use]
    pub fn expires_at(&self, locked_at: Timestamp) -> Timestamp {
        let expires_at = locked_at.checked_add_micros(self.quote_micros);
        expires_at.unwrap_or(Timestamp::MAX)
    }
}
