//! Quote purchases without any state: what [`QuotePurchase`](super::QuotePurchase) answers for a member who has just
//! registered.
//!
//! Made for tables: rows are evaluated one after another without making a purchase of each, with texts as the program's
//! symbols. Nothing that one row is granted counts for the next; caps and budgets are unused, tallies are zero, and
//! tiers are the lowest. Lines are not part of a row.

use std::collections::{BTreeMap, BTreeSet};

use crate::cashback::{Evaluation, Facts, NoTrace, Purchase, Standing, Values, evaluate};
use crate::ids::{MemberId, PurchaseId};
use crate::money::Money;
use crate::program::{CompiledProgram, FactSymbols, Share};
use crate::rejection::{Problem, Rejection};
use crate::tiers::benefits;
use crate::time::Timestamp;

static NO_SEGMENTS: BTreeSet<String> = BTreeSet::new();
static NO_ATTRIBUTES: BTreeMap<String, String> = BTreeMap::new();

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

/// Evaluates rows under one revision of a program.
#[derive(Debug)]
pub struct StatelessQuote<'p> {
    program: &'p CompiledProgram,
    standing: Standing<'static>,
    /// The row at hand, as conditions look at it.
    purchase: Purchase,
    has_keyed_caps: bool,
}

impl<'p> StatelessQuote<'p> {
    /// Prepares to evaluate rows.
    ///
    /// # Errors
    /// [`Rejection::Overflow`] never in practice: the names of a row of nobody are fixed and valid.
    pub fn new(program: &'p CompiledProgram) -> Result<Self, Rejection> {
        let name = |_| Rejection::Overflow;
        let purchase = Purchase::new(
            PurchaseId::new("row").map_err(name)?,
            MemberId::new("newcomer").map_err(name)?,
            program.id().clone(),
            Timestamp::MIN,
            Money::new(0, program.currency()),
        );
        let boost = benefits(program.ladders().iter().map(|ladder| (ladder, 0)));
        let has_keyed_caps = program
            .caps()
            .iter()
            .any(|cap| matches!(cap.share, Share::Attribute(_)));
        let mut quote = Self {
            program,
            standing: Standing {
                segments: &NO_SEGMENTS,
                attributes: &NO_ATTRIBUTES,
                ranks: program.ladders().iter().map(|_| 0).collect(),
                boost,
                used: Values::default(),
                tallies: Values::default(),
                carried: Values::default(),
            },
            purchase,
            has_keyed_caps,
        };
        quote.open_caps();
        Ok(quote)
    }

    /// The facts that are no symbols, for the rows that follow: tags and attributes of the purchase.
    pub fn set_facts(&mut self, tags: Vec<String>, attributes: BTreeMap<String, String>) {
        self.purchase.tags = tags;
        self.purchase.attributes = attributes;
        if self.has_keyed_caps {
            self.open_caps();
        }
    }

    /// Evaluates one row.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the problems of the row, the same as those of a purchase; [`Rejection::Overflow`] when
    /// an amount leaves its range.
    pub fn evaluate(&mut self, row: &StatelessRow) -> Result<Evaluation, Rejection> {
        let currency = self.program.currency();
        let part = |minor: i64| (minor != 0).then(|| Money::new(minor, currency));
        self.purchase.occurred_at = row.occurred_at;
        self.purchase.total = Money::new(row.total, currency);
        self.purchase.discounts = part(row.discounts);
        self.purchase.fee = part(row.fee);
        self.purchase.tax = part(row.tax);
        self.purchase.shipping = part(row.shipping);
        let problems: Vec<Problem> = self.purchase.problems(currency, row.occurred_at);
        if !problems.is_empty() {
            return Err(Rejection::Invalid(problems));
        }
        let facts = Facts::with_symbols(&self.purchase, row.symbols);
        evaluate(self.program, &facts, &self.standing, &mut NoTrace)
            .map_err(|_| Rejection::Overflow)
    }

    /// Every cap is unused, but a cap by a key that the purchase does not have cannot be counted.
    fn open_caps(&mut self) {
        let attributes = &self.purchase.attributes;
        let mut used = Values::default();
        for (number, cap) in (0_u32..).zip(self.program.caps()) {
            let is_counted = match &cap.share {
                Share::Purchase => false,
                Share::Member | Share::Program => true,
                Share::Attribute(name) => attributes.contains_key(name),
            };
            if is_counted {
                used.set(number, 0);
            }
        }
        self.standing.used = used;
    }
}
