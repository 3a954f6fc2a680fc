//! Rates, and value that goes from one currency into another and back.

use rewards_core::fx::{FxPrice, FxRateKind};
use rewards_core::ids::{ConversionId, FxQuoteId, ProgramId, RefundId, Slug};
use rewards_core::money::{Asset, Currency, Money};
use rewards_core::operations::fx::{
    ConversionSubject, ConvertBalance, FxRateLine, ImportRates, LockConversion, RateContent,
    RefundConversion,
};
use rewards_core::time::{LocalDate, Timestamp};

use super::super::Failed;
use super::super::mix::Kind;
use super::super::random::Random;
use super::super::workload::{Command, HOUR, Script};

/// What one euro is about, in cents of the other currency.
const QUOTED: [(&str, u64); 2] = [("USD", 105), ("GBP", 82)];

/// Pairs that are converted, and how often; nobody has a rate, or a rule, for the last ones.
const PAIRS: [(&str, &str); 10] = [
    ("EUR", "USD"),
    ("EUR", "USD"),
    ("EUR", "USD"),
    ("EUR", "USD"),
    ("USD", "EUR"),
    ("USD", "EUR"),
    ("USD", "GBP"),
    ("EUR", "GBP"),
    ("EUR", "GBP"),
    ("GBP", "EUR"),
];

impl Script {
    /// The rates of a day or two, the same whoever tells them; now and then others, and some of those as a correction.
    pub(in super::super) fn rates(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (last, days) = (day_of(self.instant(index)?)?, random.below(2));
        let shift = match random.chance(150) {
            true => random.below(5).saturating_add(1),
            false => 0,
        };
        let mut lines = Vec::new();
        for ago in 0..=days {
            let day = LocalDate::from_day(last.saturating_sub(i32::try_from(ago)?))?;
            for (quote, about) in QUOTED {
                let mut of_day = Random::of(&[self.seed, 12, u64::try_from(last)? - ago, about]);
                let pips = about * 100 + of_day.below(900) + shift;
                lines.push(FxRateLine {
                    day,
                    base: Currency::parse("EUR")?,
                    quote: Currency::parse(quote)?,
                    price: FxPrice::Mid(format!("{}.{:04}", pips / 10_000, pips % 10_000).parse()?),
                });
            }
        }
        Ok(Command::ImportRates(ImportRates {
            source: Slug::new("ecb")?,
            kind: Some(FxRateKind::Market),
            content: RateContent::Rates(lines),
            after: None,
            correct: (shift > 0 && random.chance(600)).then(|| "it was told wrong".to_owned()),
        }))
    }

    /// An amount whose rate is held.
    pub(in super::super) fn lock_rate(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let (amount, to) = some_pair(random)?;
        Ok(Command::LockRate(LockConversion {
            quote: FxQuoteId::new(&format!("q-{client}-{index}"))?,
            program: some_program(random)?,
            member: self.some_member(random)?,
            amount,
            to,
        }))
    }

    /// A conversion at the rates of the day, or of an amount whose rate was held for the member.
    pub(in super::super) fn convert(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Command, Failed> {
        let (client, index) = place;
        let conversion = ConversionId::new(&format!("c-{client}-{index}"))?;
        let locked = match random.chance(350) {
            true => self.of_kind(random, place, Kind::LockRate)?,
            false => None,
        };
        let (member, of) = match locked {
            Some(Command::LockRate(lock)) => {
                let member = match random.below(20) {
                    0 => self.some_member(random)?,
                    _ => lock.member,
                };
                (member, ConversionSubject::Quote(lock.quote))
            }
            _ => {
                let (amount, to) = some_pair(random)?;
                let program = some_program(random)?;
                let of = ConversionSubject::Amount {
                    program,
                    amount,
                    to,
                };
                (self.some_member(random)?, of)
            }
        };
        Ok(Command::Convert(ConvertBalance {
            conversion,
            member,
            of,
        }))
    }

    /// A conversion that was ordered before goes back, or a part of it.
    pub(in super::super) fn convert_back(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let Some(Command::Convert(made)) = self.of_kind(random, place, Kind::Convert)? else {
            return Ok(None);
        };
        let (client, index) = place;
        let amount = match random.chance(700) {
            true => {
                let minor = i64::try_from(random.below(40))?.saturating_add(1);
                // Of a quote it is not known here what arrived.
                let asset = match made.of {
                    ConversionSubject::Amount { to, .. } => Asset::from(to),
                    ConversionSubject::Quote(_) => Asset::parse("USD")?,
                };
                Some(Money::new(minor, asset))
            }
            false => None,
        };
        Ok(Some(Command::ConvertBack(RefundConversion {
            refund: RefundId::new(&format!("cr-{client}-{index}"))?,
            conversion: made.conversion,
            member: made.member,
            amount,
        })))
    }
}

fn day_of(at: Timestamp) -> Result<i32, Failed> {
    Ok(i32::try_from(at.micros().div_euclid(24 * HOUR))?)
}

fn some_program(random: &mut Random) -> Result<ProgramId, Failed> {
    // The other program converts nothing.
    Ok(ProgramId::new(match random.below(40) {
        0 => "cafe",
        _ => "shop",
    })?)
}

fn some_pair(random: &mut Random) -> Result<(Money, Currency), Failed> {
    let (from, to) = random.pick(&PAIRS).copied().ok_or("no pairs")?;
    let minor = i64::try_from(random.below(120))?.saturating_add(1);
    Ok((Money::new(minor, Asset::parse(from)?), Currency::parse(to)?))
}
