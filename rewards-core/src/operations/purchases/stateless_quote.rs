//! Quote purchases without any state: what [`QuotePurchase`](super::QuotePurchase) answers for a member who has just
//! registered.
//!
//! Made for tables: rows are evaluated one after another without making a purchase of each, with texts as the program's
//! symbols, and rows with the same facts share a [plan](Plans). Nothing that one row is granted counts for the next; caps
//! and budgets are unused, activity_counters are zero, and tiers are the lowest. Lines are not part of a row.
//!
//! What a row does not hold cannot be refused: texts behind symbols that are longer than a purchase's may be or hold NUL, a time in the
//! future, and rewards whose life leaves the range of times.

use std::collections::BTreeMap;

use super::super::standing::new_member;
use super::decide_purchase::not_evaluated;
use super::{is_too_many, too_many_grants};
use crate::cashback::{
    Amounts, EvaluationError, Facts, Found, Grant, NoTrace, Plan, Plans, Purchase, Standing,
    evaluate, follow_mixed, follow_plain,
};
use crate::ids::{MemberId, PurchaseId};
use crate::money::Money;
use crate::program::{CapScope, CompiledProgram, Fact, FactSymbols};
use crate::rejection::{Problem, Rejection};
use crate::time::Timestamp;

/// One purchase as a row: amounts in minor units of the program's currency, facts as the program's symbols.
#[derive(Debug, Clone, Copy)]
pub struct StatelessRow {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What was paid, with everything in it; positive.
    pub total: i64,
    /// Discounts in the total.
    pub discounts: i64,
    /// Fees in the total.
    pub fee: i64,
    /// Taxes in the total.
    pub tax: i64,
    /// Shipping in the total.
    pub shipping: i64,
    /// The facts, as [`CompiledProgram::symbol`] numbers them; 0 where there is none or no rule names it.
    pub symbols: FactSymbols,
}

/// Many rows, by column; all columns are as long as [`total`](Self::total).
#[derive(Debug, Clone, Copy)]
pub struct StatelessRows<'a> {
    /// When they happened.
    pub occurred_at: &'a [Timestamp],
    /// What was paid.
    pub total: &'a [i64],
    /// Discounts, fees, taxes and shipping in the totals; zero where there is no column.
    pub parts: [Option<&'a [i64]>; 4],
    /// The symbols of facts; 0 where there is no column. Of a fact with several columns the last counts.
    pub symbols: &'a [(Fact, Vec<u32>)],
}

impl StatelessRows<'_> {
    /// One of them; of a column that is too short nothing.
    #[must_use]
    #[inline]
    pub fn get(&self, at: usize) -> Option<StatelessRow> {
        let part = |column: Option<&[i64]>| column.map_or(Some(0), |c| c.get(at).copied());
        let [discounts, fee, tax, shipping] = self.parts;
        Some(StatelessRow {
            occurred_at: *self.occurred_at.get(at)?,
            total: *self.total.get(at)?,
            discounts: part(discounts)?,
            fee: part(fee)?,
            tax: part(tax)?,
            shipping: part(shipping)?,
            symbols: self.symbols_of(at),
        })
    }

    #[inline]
    fn symbols_of(&self, at: usize) -> FactSymbols {
        let mut symbols = FactSymbols::default();
        for (fact, column) in self.symbols {
            if let Some(slot) = symbols.get_mut(*fact as usize) {
                *slot = column.get(at).copied().unwrap_or(0);
            }
        }
        symbols
    }
}

/// Evaluates rows under one revision of a program.
#[derive(Debug)]
pub struct StatelessQuote<'p> {
    program: &'p CompiledProgram,
    standing: Standing<'static>,
    plans: Plans,
    /// The row at hand, as conditions look at it.
    purchase: Purchase,
    /// Whether the facts of the row that are no symbols may be a purchase's.
    has_valid_facts: bool,
    has_keyed_caps: bool,
    grants: Vec<Grant>,
    /// The plans of the rows at hand.
    found: Vec<Found>,
}

impl<'p> StatelessQuote<'p> {
    /// Prepares to evaluate rows.
    #[must_use]
    pub fn new(program: &'p CompiledProgram) -> Self {
        let purchase = Purchase::new(
            PurchaseId::row(),
            MemberId::new_member(),
            program.id().clone(),
            Timestamp::MIN,
            Money::new(1, program.currency()),
        );
        let caps = program.caps().iter();
        let mut keyed = caps.filter(|cap| matches!(cap.scope, CapScope::Attribute(_)));
        Self {
            program,
            standing: new_member(program, &purchase),
            plans: Plans::new(program),
            purchase,
            has_valid_facts: true,
            has_keyed_caps: keyed.next().is_some(),
            grants: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The facts that are no symbols, for the rows that follow: tags and attributes of the purchase.
    pub fn set_facts(&mut self, tags: Vec<String>, attributes: BTreeMap<String, String>) {
        self.purchase.tags = tags;
        self.purchase.attributes = attributes;
        self.has_valid_facts = self.purchase.has_valid_facts();
        if self.has_keyed_caps {
            self.standing = new_member(self.program, &self.purchase);
        }
    }

    /// Evaluates one row: its grants, in stacking group and rule order.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the problems of the row, the same as those of a purchase; [`Rejection::Overflow`] when
    /// an amount leaves its range; [`Rejection::TooMany`] for more grants than a purchase may have.
    pub fn evaluate(&mut self, row: &StatelessRow) -> Result<&[Grant], Rejection> {
        let found = self.plans.find(self.program, &self.standing, &row.symbols);
        self.grants.clear();
        let amounts = row.amounts();
        // No rule is active at the end of time, however plain it is.
        let is_valid = amounts.are_valid() && self.has_valid_facts;
        let followed = if is_valid && row.occurred_at < Timestamp::MAX {
            self.follow(row, &amounts, found)
        } else {
            self.check(row)?;
            self.decide(row)
        };
        followed.map_err(not_evaluated)?;
        if is_too_many(self.grants.len()) {
            return Err(too_many_grants());
        }
        Ok(&self.grants)
    }

    /// Evaluates many rows, each as [`evaluate`](Self::evaluate) does: gives every grant with the place of its row to
    /// `take`, and what is wrong with a row to `refuse`, which says whether to go on.
    ///
    /// Plans are looked up for all rows first: a processor waits for many of them at once, but not across the long way
    /// that an evaluation takes.
    ///
    /// # Errors
    /// [`Rejection::Overflow`] when an amount of a row leaves its range; [`Rejection::TooMany`] for more grants than a
    /// purchase may have.
    #[inline]
    pub fn evaluate_all(
        &mut self,
        rows: &StatelessRows<'_>,
        mut take: impl FnMut(usize, &Grant),
        mut refuse: impl FnMut(usize, Vec<Problem>) -> bool,
    ) -> Result<(), Rejection> {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        found.resize(rows.total.len(), Found::default());
        let (program, standing) = (self.program, &self.standing);
        let symbols_of = |at: usize| rows.symbols_of(at);
        self.plans
            .find_all(program, standing, rows.symbols, symbols_of, &mut found);
        let has_parts = rows.parts.iter().any(Option::is_some);
        let times = rows.occurred_at.iter();
        for (at, ((found, time), total)) in found.iter().zip(times).zip(rows.total).enumerate() {
            if !has_parts
                && self.has_valid_facts
                && *total > 0
                && *time < Timestamp::MAX
                && let Plan::Plain(rules) = self.plans.plan(*found)
                && !is_too_many(rules.len())
            {
                let amounts = Amounts::new(*total, [0; 4]);
                follow_plain(rules, &amounts, |grant| take(at, grant))
                    .map_err(|_| Rejection::Overflow)?;
                continue;
            }
            let Some(row) = rows.get(at) else { break };
            match self.evaluate(&row) {
                Ok(grants) => grants.iter().for_each(|grant| take(at, grant)),
                Err(Rejection::Invalid(problems)) => {
                    if !refuse(at, problems) {
                        break;
                    }
                }
                Err(rejection) => return Err(rejection),
            }
        }
        self.found = found;
        Ok(())
    }

    /// Evaluates a row that has no problems by the plan for its facts.
    fn follow(
        &mut self,
        row: &StatelessRow,
        amounts: &Amounts,
        found: Found,
    ) -> Result<(), EvaluationError> {
        let (program, standing) = (self.program, &self.standing);
        match self.plans.plan(found) {
            Plan::Plain(rules) => {
                follow_plain(rules, amounts, |grant| self.grants.push(*grant))?;
                Ok(())
            }
            Plan::Mixed(rules) => {
                row.put(&mut self.purchase);
                let facts = Facts::with_symbols(&self.purchase, row.symbols);
                follow_mixed(rules, program, standing, &facts, &mut self.grants)?;
                Ok(())
            }
            Plan::Open => self.decide(row),
        }
    }

    /// Evaluates a row that has no problems from scratch.
    fn decide(&mut self, row: &StatelessRow) -> Result<(), EvaluationError> {
        row.put(&mut self.purchase);
        let facts = Facts::with_symbols(&self.purchase, row.symbols);
        let evaluation = evaluate(self.program, &facts, &self.standing, &mut NoTrace)?;
        self.grants.extend(evaluation.grants);
        Ok(())
    }

    fn check(&mut self, row: &StatelessRow) -> Result<(), Rejection> {
        row.put(&mut self.purchase);
        let currency = self.program.currency();
        let problems = self.purchase.problems(currency, row.occurred_at);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Rejection::Invalid(problems))
        }
    }
}

impl StatelessRow {
    #[inline]
    fn amounts(&self) -> Amounts {
        let parts = [self.discounts, self.fee, self.tax, self.shipping];
        Amounts::new(self.total, parts)
    }

    /// Makes a purchase look like the row, but for its facts.
    fn put(&self, purchase: &mut Purchase) {
        let currency = purchase.total.asset();
        let part = |minor: i64| (minor != 0).then(|| Money::new(minor, currency));
        purchase.occurred_at = self.occurred_at;
        purchase.total = Money::new(self.total, currency);
        purchase.discounts = part(self.discounts);
        purchase.fee = part(self.fee);
        purchase.tax = part(self.tax);
        purchase.shipping = part(self.shipping);
    }
}
