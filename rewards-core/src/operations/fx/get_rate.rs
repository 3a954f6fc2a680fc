//! The rate from one currency to another on a day, as a program looks it up: the latest on the day or before, directly, the other
//! way round or over a pivot, with its steps and its age.
//!
//! Refusals, in order: unknown program, none that is active; the program converts nothing; the same currency twice; no rate, a
//! rate that is too old.

use serde::{Deserialize, Serialize};

use super::rates::{chain_of, queries, refused, section_of, today};
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::fx::{CompiledFx, FxLeg, FxLookup};
use crate::ids::{ProgramId, Slug};
use crate::money::{Currency, DecimalText, Money};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::LocalDate;

/// Asks for the rate from one currency to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetRate {
    /// The program whose sources and pivots count: those of its revision that is active now.
    pub program: ProgramId,
    /// What is given.
    pub from: Currency,
    /// What is wanted.
    pub to: Currency,
    /// The day; today, where the program is, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub day: Option<LocalDate>,
}

/// The rate from one currency to another on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct FxRateFound {
    /// What is given.
    pub from: Currency,
    /// What is wanted.
    pub to: Currency,
    /// The day that was asked for.
    pub on: LocalDate,
    /// How many units of the other currency one unit is, in the middle between both directions; cut off after twelve digits, where
    /// the chain is exact.
    pub mid: DecimalText,
    /// Whose rates they are.
    pub source: Slug,
    /// The day of the oldest one.
    pub day: LocalDate,
    /// How many days old that was.
    pub age_days: u32,
    /// The rates, in the order of the steps.
    pub chain: Vec<FxLeg>,
}

impl GetRate {
    fn lookup<'s>(
        &self,
        section: &'s CompiledFx,
        today: LocalDate,
    ) -> Result<FxLookup<'s>, Rejection> {
        if self.from == self.to {
            let (from, to) = (self.from.into(), self.to.into());
            return Err(Rejection::PairNotAllowed { from, to });
        }
        Ok(section.lookup(self.from, self.to, self.day.unwrap_or(today)))
    }
}

impl Operation for GetRate {
    const NAME: &'static str = "get_rate";
    const KIND: Kind = Kind::Query;
    type Reply = FxRateFound;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let program = context.program_at(&self.program, context.now)?;
        let lookup = self.lookup(section_of(program)?, today(program, context)?)?;
        let plan = ReadPlan {
            entity_pages: queries(&lookup, context),
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<FxRateFound>, Undecided> {
        let program = context.program_at(&self.program, context.now)?;
        let lookup = self.lookup(section_of(program)?, today(program, context)?)?;
        let chain = chain_of(&lookup, snapshot, context)?;
        let to = self.to.into();
        let mid = chain.mid_text();
        let mid = mid.map_err(|error| refused(error, Money::zero(self.from.into()), to))?;
        let first = chain.legs.first();
        let first = first.ok_or(Rejection::Internal("a chain without a rate"))?;
        Ok(Decision::answer(FxRateFound {
            from: self.from,
            to: self.to,
            on: lookup.day,
            mid,
            source: first.source.clone(),
            day: chain.day,
            age_days: chain.age(lookup.day),
            chain: chain.legs,
        }))
    }
}
