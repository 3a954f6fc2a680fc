//! The rates that a program uses, and what an amount becomes by them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::amounts::{check_positive, fee_refused, in_words};
use super::super::unless_wrong;
use crate::context::Context;
use crate::entity::{Entity as _, EntityQuery, EntityRow};
use crate::fx::{
    AllowedBy, CompiledFx, CompiledFxRule, ConversionTerms, FxChain, FxError, FxLookup, FxPair,
    FxRate,
};
use crate::ids::ProgramId;
use crate::money::{Asset, Currency, Money};
use crate::program::CompiledProgram;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::{LocalDate, Period};

/// The day it is now in the zone of a program.
pub(super) fn today(program: &CompiledProgram, context: &Context) -> Result<LocalDate, Rejection> {
    let (day, _) = program.calendar().buckets(Period::Day, context.now);
    let day = i32::try_from(day).ok();
    let day = day.and_then(|day| LocalDate::from_day(day).ok());
    day.ok_or(Rejection::Internal("an instant without a date"))
}

/// The section of a program.
///
/// # Errors
/// [`Rejection::FxNotOffered`] when it has none.
pub(super) fn section_of(program: &CompiledProgram) -> Result<&CompiledFx, Rejection> {
    let section = program.fx();
    section.ok_or_else(|| Rejection::FxNotOffered(program.id().clone()))
}

/// The newest rate of each pair that may be looked at.
pub(super) fn queries(lookup: &FxLookup<'_>, context: &Context) -> Vec<EntityQuery> {
    let pairs = lookup.pairs();
    let queries = pairs.iter().map(|pair| query(pair, lookup.day, context));
    queries.collect()
}

fn query(pair: &FxPair, day: LocalDate, context: &Context) -> EntityQuery {
    EntityQuery {
        tenant: context.tenant.clone(),
        kind: FxRate::KIND,
        by: pair.until(day),
        after: None,
        limit: 1,
    }
}

/// The rates that lead from one currency to another, as a view has them.
///
/// # Errors
/// [`Rejection::RateMissing`], [`Rejection::RateStale`]; what is wrong with a body.
pub(super) fn chain_of(
    lookup: &FxLookup<'_>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<FxChain, Rejection> {
    let mut found: BTreeMap<FxPair, FxRate> = BTreeMap::new();
    for pair in lookup.pairs() {
        let page = snapshot
            .entity_pages
            .get(&query(&pair, lookup.day, context));
        let row: Option<&EntityRow> = page.and_then(|page| page.first()).map(|(_, row)| row);
        if let Some(row) = row {
            found.insert(pair, row.read::<FxRate>()?.entity);
        }
    }
    let chain = lookup.resolve(|pair| found.get(pair).cloned());
    chain.map_err(|error| refused(error, Money::zero(lookup.from.into()), lookup.to.into()))
}

/// The refusal of a conversion that cannot be made.
pub(super) fn refused(error: FxError, amount: Money, to: Asset) -> Rejection {
    match error {
        FxError::Missing { from, to, day } => Rejection::RateMissing { from, to, day },
        FxError::Stale {
            from,
            to,
            day,
            age,
            limit,
        } => Rejection::RateStale {
            from,
            to,
            day,
            age,
            limit,
        },
        FxError::TooSmall => Rejection::ConversionTooSmall {
            amount: in_words(amount.minor(), amount.asset()),
            to,
        },
        FxError::Fee(error) => fee_refused(error, to),
        FxError::Overflow => Rejection::Overflow,
        FxError::Rate(_) => Rejection::Internal("a rate that cannot be one is kept"),
    }
}

/// A conversion that a rule of a program allows.
#[derive(Debug)]
pub struct PreparedConversion {
    program: Arc<CompiledProgram>,
    rule: CompiledFxRule,
    amount: Money,
    pair: (Currency, Currency),
    day: LocalDate,
}

impl PreparedConversion {
    /// Finds the rule for an amount, and names the rates.
    ///
    /// # Errors
    /// An amount that is not positive; unknown program, none that is active; [`Rejection::FxNotOffered`],
    /// [`Rejection::PairNotAllowed`].
    pub(super) fn prepare(
        context: &Context,
        program: &ProgramId,
        (amount, to): (Money, Currency),
    ) -> Result<(ReadPlan, Self), Rejection> {
        let mut problems = Vec::new();
        check_positive("amount", amount, &mut problems);
        unless_wrong(problems)?;
        let program = context.program_at(program, context.now)?;
        let section = section_of(program)?;
        let from = amount.asset();
        let pair = from.as_currency().map(|from| (from, to));
        let rule = pair.and_then(|(from, to)| section.rule(from, to));
        let (Some((from, to)), Some(rule)) = (pair, rule) else {
            let to = to.into();
            return Err(Rejection::PairNotAllowed { from, to });
        };
        let day = today(program, context)?;
        let plan = ReadPlan {
            entity_pages: queries(&section.lookup(from, to, day), context),
            ..ReadPlan::default()
        };
        let prepared = Self {
            program: Arc::clone(program),
            rule: rule.clone(),
            amount,
            pair: (from, to),
            day,
        };
        Ok((plan, prepared))
    }

    /// What becomes of the amount.
    ///
    /// # Errors
    /// [`Rejection::RateMissing`], [`Rejection::RateStale`]; [`Rejection::ConversionTooSmall`],
    /// [`Rejection::FeeExceedsAmount`], [`Rejection::Overflow`].
    pub(super) fn terms(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<ConversionTerms, Rejection> {
        let section = section_of(&self.program)?;
        let (from, to) = self.pair;
        let chain = chain_of(&section.lookup(from, to, self.day), snapshot, context)?;
        let terms = self.rule.terms(&chain, self.amount.minor(), self.day);
        terms.map_err(|error| match error {
            FxError::Fee(error) => fee_refused(error, self.rule.fee_asset(to)),
            error => refused(error, self.amount, to.into()),
        })
    }

    /// The program.
    pub(super) fn program(&self) -> &CompiledProgram {
        &self.program
    }

    /// What allows it.
    pub(super) fn allowed_by(&self) -> AllowedBy {
        AllowedBy {
            program: self.program.id().clone(),
            revision: self.program.number(),
            rule: self.rule.id.clone(),
            purpose: self.rule.purpose.clone(),
            expiry: self.rule.expiry,
        }
    }
}
