//! Import rates: a file of the European Central Bank as it is published, or rates one by one.
//!
//! Everything is checked before anything is written. At most [`IMPORTED_RATES_MAX`] rates are taken at a time, in their order; the
//! reply says where to go on, and whoever goes on sends the same content again. A rate that is there already and the same is left
//! as it is, so that importing again changes nothing. Another one for the same source, pair and day is refused, or corrects the
//! first, which is kept beside it, when the request says why.
//!
//! Refusals, in order: content that cannot be read, rates that cannot be, days that are not over yet by two days, a currency priced
//! in itself, the same pair and day twice, a reason that is empty or too long, a place behind the end; a rate that is there and
//! differs; a rate that was corrected as often as one can be.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::super::rewards::REASON_BYTES_MAX;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Expected};
use crate::fx::{CORRECTIONS_MAX, FxPair, FxPrice, FxRate, FxRateKind, RateProblem, read_ecb};
use crate::ids::Slug;
use crate::money::Currency;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{LocalDate, MICROS_PER_DAY};

/// The most rates that one request imports.
pub const IMPORTED_RATES_MAX: u32 = 5_000;

/// How many days ahead of now a day may be: it begins earlier in the east, and a rate may be told the day before.
const DAYS_AHEAD: i32 = 1;
const PROBLEMS_MAX: usize = 100;

/// A rate of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxRateLine {
    /// The day it is of.
    pub day: LocalDate,
    /// Of what one unit is priced.
    pub base: Currency,
    /// What it is priced in.
    pub quote: Currency,
    /// The price.
    pub price: FxPrice,
}

/// What rates are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum RateContent {
    /// The text of a file of the European Central Bank, of one day or of its history: prices of one euro.
    EcbCsv(String),
    /// Rates one by one.
    Rates(Vec<FxRateLine>),
}

/// Imports rates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ImportRates {
    /// Who says so: programs name it among their sources.
    pub source: Slug,
    /// What kind of rates they are; `reference` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub kind: Option<FxRateKind>,
    /// The rates.
    pub content: RateContent,
    /// How many rates of the content are passed over: the `next` of the request before; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<u32>,
    /// Why rates that are there and differ are corrected, in words, at most 500 bytes; they are refused when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub correct: Option<String>,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ImportedRates {
    /// The source.
    pub source: Slug,
    /// How many rates were new.
    pub imported: u32,
    /// How many were there already, and the same.
    pub unchanged: u32,
    /// How many were corrected.
    pub corrected: u32,
    /// Columns of currencies that no longer exist, which were passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub skipped: Vec<String>,
    /// Where to go on with the same content: give it as `after`. Absent when all of it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<u32>,
}

/// The rates of one request.
#[derive(Debug)]
pub struct PreparedImport {
    rates: Vec<(FxPair, LocalDate, FxPrice)>,
    skipped: Vec<String>,
    next: Option<u32>,
}

type Read = (Vec<(FxPair, LocalDate, FxPrice)>, Vec<String>);

impl ImportRates {
    fn read(&self, context: &Context) -> Result<Read, Vec<Problem>> {
        let last = last_day(context);
        let pair = |base, quote| FxPair {
            source: self.source.clone(),
            base,
            quote,
        };
        match &self.content {
            RateContent::EcbCsv(text) => {
                let read = read_ecb(text, last).map_err(|troubles| {
                    let problems = troubles.into_iter().map(|trouble| {
                        let (line, column) = (trouble.line, trouble.column);
                        let path = format!("content.ecb_csv[{line}][{column}]");
                        let detail = format!("line {line}, column {column}: {}", trouble.detail);
                        Problem::new(trouble.code, path, detail)
                    });
                    problems.collect::<Vec<_>>()
                })?;
                let euro = Currency::parse("EUR").map_err(|error| {
                    vec![Problem::new(error.code(), "content", error.to_string())]
                })?;
                let rates = read.rates.into_iter();
                let rates = rates.map(|(day, quote, price)| (pair(euro, quote), day, price));
                Ok((rates.collect(), read.skipped))
            }
            RateContent::Rates(lines) => {
                let problems = line_problems(lines, last);
                if !problems.is_empty() {
                    return Err(problems);
                }
                let rates = lines.iter();
                let rates = rates.map(|line| (pair(line.base, line.quote), line.day, line.price));
                Ok((rates.collect(), Vec::new()))
            }
        }
    }

    fn check_reason(&self, problems: &mut Vec<Problem>) {
        let Some(reason) = &self.correct else { return };
        if reason.trim().is_empty() {
            let detail = "expected a reason in words, or none";
            problems.push(Problem::new("text_invalid", "correct", detail));
        }
        if reason.len() > REASON_BYTES_MAX {
            let detail = format!("at most {REASON_BYTES_MAX} bytes, got {}", reason.len());
            problems.push(Problem::new("text_too_long", "correct", detail));
        }
    }

    /// Cuts out the rates of this request.
    fn cut(&self, (rates, skipped): Read) -> Result<PreparedImport, Problem> {
        let after = self.after.unwrap_or_default();
        let end = after.saturating_add(IMPORTED_RATES_MAX);
        let at = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
        let found = rates.len();
        if at(after) >= found {
            let detail = format!("expected the `next` of the request before, below {found}");
            return Err(Problem::new("number_out_of_range", "after", detail));
        }
        let own = rates.into_iter().skip(at(after));
        Ok(PreparedImport {
            rates: own.take(at(IMPORTED_RATES_MAX)).collect(),
            skipped,
            next: (at(end) < found).then_some(end),
        })
    }

    /// Takes in a rate that may be there already.
    fn take(
        &self,
        (pair, day, price): &(FxPair, LocalDate, FxPrice),
        (snapshot, context): (&Snapshot, &Context),
        changes: &mut Changes,
        reply: &mut ImportedRates,
    ) -> Result<(), Rejection> {
        let (tenant, id) = (&context.tenant, pair.on(*day));
        let said = (self.kind.unwrap_or_default(), *price);
        let Some(stored) = snapshot.get::<FxRate>(tenant, &id)? else {
            let rate = FxRate::new(pair, *day, said, context.now);
            changes.put(tenant, &id, Expected::Absent, &rate)?;
            reply.imported = reply.imported.saturating_add(1);
            return Ok(());
        };
        if stored.entity.says(said.0, said.1) {
            reply.unchanged = reply.unchanged.saturating_add(1);
            return Ok(());
        }
        let Some(reason) = &self.correct else {
            let words = |kind: FxRateKind, price: FxPrice| format!("{price} ({})", kind.text());
            return Err(Rejection::RateDiffers {
                pair: pair.to_string(),
                day: *day,
                kept: words(stored.entity.kind, stored.entity.price),
                told: words(said.0, said.1),
            });
        };
        let expected = stored.expected();
        let corrected = stored.entity.correct(said, reason, context.now);
        let corrected = corrected.map_err(|_| Rejection::TooMany {
            what: "corrections of one rate",
            limit: CORRECTIONS_MAX,
        })?;
        changes.put(tenant, &id, expected, &corrected)?;
        reply.corrected = reply.corrected.saturating_add(1);
        Ok(())
    }
}

impl Operation for ImportRates {
    const NAME: &'static str = "import_rates";
    const KIND: Kind = Kind::Command;
    type Reply = ImportedRates;
    type Prepared = PreparedImport;
    const IS_PREPARED_APART: bool = true;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedImport), Rejection> {
        let mut problems = Vec::new();
        let read = self.read(context);
        let read = read.map_err(|more| problems.extend(more)).ok();
        self.check_reason(&mut problems);
        let prepared = read.filter(|_| problems.is_empty());
        let prepared = prepared.map(|read| self.cut(read)).transpose()?;
        let prepared = prepared.ok_or(Rejection::Invalid(problems))?;
        let rates = prepared.rates.iter();
        let keys = rates.map(|(pair, day, _)| {
            let id = pair.on(*day);
            EntityKey::of::<FxRate>(&context.tenant, &id)
        });
        let plan = ReadPlan {
            entities: keys.collect(),
            ..ReadPlan::default()
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedImport,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ImportedRates>, Undecided> {
        let mut changes = Changes::default();
        let mut reply = ImportedRates {
            source: self.source.clone(),
            imported: 0,
            unchanged: 0,
            corrected: 0,
            skipped: prepared.skipped.clone(),
            next: prepared.next,
        };
        for rate in &prepared.rates {
            self.take(rate, (snapshot, context), &mut changes, &mut reply)?;
        }
        Ok(Decision { reply, changes })
    }
}

fn line_problems(lines: &[FxRateLine], last: LocalDate) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, line) in lines.iter().enumerate() {
        if problems.len() >= PROBLEMS_MAX {
            break;
        }
        let mut note = |problem: RateProblem, field: &str| {
            let path = format!("content.rates[{index}]{field}");
            problems.push(Problem::new(problem.code(), path, problem.to_string()));
        };
        if let Err(problem) = line.price.check() {
            note(problem, ".price");
        }
        if line.day > last {
            note(RateProblem::Future, ".day");
        }
        if line.base == line.quote {
            note(RateProblem::SamePair, ".quote");
        }
        if !seen.insert((line.base, line.quote, line.day)) {
            note(RateProblem::Twice, "");
        }
    }
    if lines.is_empty() {
        let none = RateProblem::Empty;
        problems.push(Problem::new(none.code(), "content.rates", none.to_string()));
    }
    problems
}

/// The last day a rate can be of.
fn last_day(context: &Context) -> LocalDate {
    let day = context.now.micros().div_euclid(MICROS_PER_DAY);
    let day = i32::try_from(day).unwrap_or(i32::MAX);
    LocalDate::from_day(day.saturating_add(DAYS_AHEAD)).unwrap_or(LocalDate::MAX)
}
