//! A program revision, ready to evaluate: sorted, indexed, in minor units.

mod compiler;

use smallvec::SmallVec;
use smol_str::SmolStr;

use self::compiler::Compiler;
use super::activity::ActivityCounter;
use super::check::{Check, Fact, Symbols};
use super::compiled_effect::CompiledEffect;
use super::compiled_ladder::CompiledLadder;
use super::compiled_offer::CompiledOffers;
use super::compiled_redemption::CompiledRedemptions;
use super::deposits::CompiledDeposits;
use super::expiry::SlidingRule;
use super::index::{Candidates, FactSymbols, Residual, RuleIndex};
use super::member_facts::MemberFacts;
use super::validate::validate;
use super::{Lifecycle, Program, Refunds, RunningBase, Scope, Stacking};
use crate::counter::CounterName;
use crate::fx::CompiledFx;
use crate::ids::{MemberId, ProgramId, Slug, TenantId};
use crate::money::{Asset, Rounding};
use crate::payments::CompiledPayments;
use crate::pipeline::CompiledPipeline;
use crate::qr::CompiledQr;
use crate::rejection::Problem;
use crate::risk::CompiledRisk;
use crate::time::{Calendar, Period, Timestamp, Window};
use crate::tokens::CompiledTokens;
use crate::transfers::CompiledTransferRule;

/// One numbered revision of a program, checked and indexed. Immutable.
#[derive(Debug)]
pub struct CompiledProgram {
    document: Program,
    number: u32,
    active_from: Timestamp,
    calendar: Calendar,
    currency: Asset,
    stacking_groups: Vec<CompiledStackingGroup>,
    rules: Vec<CompiledRule>,
    caps: Vec<CompiledCap>,
    activity_counters: Vec<ActivityCounter>,
    ladders: Vec<CompiledLadder>,
    redemptions: Option<CompiledRedemptions>,
    offers: Option<CompiledOffers>,
    symbols: Symbols,
    index: RuleIndex,
    member_facts: MemberFacts,
    deposits: Option<CompiledDeposits>,
    transfers: Vec<CompiledTransferRule>,
    fx: Option<CompiledFx>,
    qr: Option<CompiledQr>,
    payments: Option<CompiledPayments>,
    pipeline: CompiledPipeline,
    tokens: Option<CompiledTokens>,
    risk: Option<CompiledRisk>,
    sliding: Vec<SlidingRule>,
}

/// A stacking group, in evaluation order.
#[derive(Debug, Clone, Copy)]
pub struct CompiledStackingGroup {
    /// Which of its matching rules apply.
    pub stacking: Stacking,
    /// Whether the choice is made once or for every line.
    pub scope: Scope,
    /// What percentages are taken of.
    pub base: RunningBase,
    /// The number of the first rule after those of the stacking group, in rule order.
    pub rules_end: u32,
}

/// Whose use of a limit counts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapScope {
    /// One purchase.
    Purchase,
    /// One member.
    Member,
    /// One value of an attribute.
    Attribute(String),
    /// The whole program.
    Program,
}

/// A cap or a budget.
#[derive(Debug, Clone)]
pub struct CompiledCap {
    /// Its name.
    pub id: Slug,
    /// Whose use counts together.
    pub scope: CapScope,
    /// The window of use.
    pub window: Period,
    /// How much: minor units, or uses.
    pub limit: i64,
    /// Whether uses are counted instead of value.
    pub counts_uses: bool,
    /// The name of its counter, stable across revisions of the program that count the same by it.
    pub counter: SmolStr,
}

impl CompiledCap {
    /// The counter of its use by a member or, for a cap per value of an attribute, by a value. `None` for caps per purchase
    /// and without the value that it is counted by.
    #[must_use]
    pub fn counter_of(
        &self,
        tenant: &TenantId,
        member: &MemberId,
        program: &ProgramId,
        value: Option<&str>,
    ) -> Option<CounterName> {
        match &self.scope {
            CapScope::Purchase => None,
            CapScope::Member => Some(CounterName::of_member(tenant, member, &self.counter)),
            CapScope::Program => Some(CounterName::of_program(tenant, program, &self.counter)),
            CapScope::Attribute(attribute) => {
                value.map(|value| CounterName::of_value(tenant, attribute, value, &self.counter))
            }
        }
    }
}

/// A rule, in rule order.
#[derive(Debug)]
pub struct CompiledRule {
    /// Its name.
    pub id: Slug,
    /// Its place in the document.
    pub position: usize,
    /// Its stacking group.
    pub stacking_group: usize,
    /// Whether it pays once or for every matching line.
    pub scope: Scope,
    /// When it is active.
    pub active: Window,
    /// What the index has not answered yet.
    pub residual: Residual,
    /// The whole condition, for explanations.
    pub condition: Option<Check>,
    /// What it grants.
    pub effect: CompiledEffect,
    /// The asset it grants.
    pub asset: Asset,
    /// How its grant is rounded.
    pub rounding: Rounding,
    /// The system account that pays.
    pub funding: Slug,
    /// Numbers of its exclusive tags.
    pub exclusive: SmallVec<[u32; 2]>,
    /// Numbers of its caps and budgets.
    pub caps: SmallVec<[u32; 4]>,
    /// Whether tier benefits raise it.
    pub tier_benefits: bool,
    /// Numbers of the activity_counters its condition reads.
    pub activity_counters: SmallVec<[u32; 2]>,
    /// Numbers of the offers that it is granted for.
    pub offers: SmallVec<[u32; 4]>,
    /// The name of its carry counter, if it carries remainders.
    pub carry: Option<SmolStr>,
    /// The name of the counter of parts of a minor unit that it carries, if tiers can leave any.
    pub carry_part: Option<SmolStr>,
}

impl CompiledProgram {
    /// Checks a document and compiles it.
    ///
    /// # Errors
    /// All problems of the document, each with its path.
    pub fn compile(
        document: Program,
        number: u32,
        active_from: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let problems = validate(&document);
        if !problems.is_empty() {
            return Err(problems);
        }
        Compiler::new(&document)
            .run()
            .map(|parts| parts.assemble(document, number, active_from))
            .map_err(|error| vec![Problem::new("program_invalid", "", error.to_string())])
    }

    /// The document as published.
    #[must_use]
    pub fn document(&self) -> &Program {
        &self.document
    }

    /// The program's id.
    #[must_use]
    pub fn id(&self) -> &ProgramId {
        &self.document.id
    }

    /// The revision number, from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// From when it decides.
    #[must_use]
    pub fn active_from(&self) -> Timestamp {
        self.active_from
    }

    /// The calendar of its zone and week start.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// The currency of purchases and money rewards.
    #[must_use]
    pub fn currency(&self) -> Asset {
        self.currency
    }

    /// The stacking groups, in evaluation order.
    #[must_use]
    pub fn stacking_groups(&self) -> &[CompiledStackingGroup] {
        &self.stacking_groups
    }

    /// The rules, in rule order: by stacking group, then higher priority first, then by id.
    #[must_use]
    pub fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    /// A rule by its number in rule order.
    #[must_use]
    #[inline]
    pub fn rule(&self, number: u32) -> Option<&CompiledRule> {
        self.rules.get(usize::try_from(number).ok()?)
    }

    /// A cap or budget by its number.
    #[must_use]
    #[inline]
    pub fn cap(&self, number: u32) -> Option<&CompiledCap> {
        self.caps.get(usize::try_from(number).ok()?)
    }

    /// The caps, then the budgets, by number.
    #[must_use]
    pub fn caps(&self) -> &[CompiledCap] {
        &self.caps
    }

    /// What conditions ask of what members did, by number.
    #[must_use]
    pub fn activity_counters(&self) -> &[ActivityCounter] {
        &self.activity_counters
    }

    /// What refunds of purchases take back.
    #[must_use]
    pub fn refunds(&self) -> Refunds {
        self.document.refunds.unwrap_or_default()
    }

    /// The ladders, in document order.
    #[must_use]
    pub fn ladders(&self) -> &[CompiledLadder] {
        &self.ladders
    }

    /// How members pay money in, if they can.
    #[must_use]
    pub fn deposits(&self) -> Option<&CompiledDeposits> {
        self.deposits.as_ref()
    }

    /// How payments are assessed, if they are.
    #[must_use]
    pub fn risk(&self) -> Option<&CompiledRisk> {
        self.risk.as_ref()
    }

    /// What members may send to each other, in document order.
    #[must_use]
    pub fn transfers(&self) -> &[CompiledTransferRule] {
        &self.transfers
    }

    /// How members convert, if they can.
    #[must_use]
    pub fn fx(&self) -> Option<&CompiledFx> {
        self.fx.as_ref()
    }

    /// How codes are given out and paid, if anything is said of that.
    #[must_use]
    pub fn qr(&self) -> Option<&CompiledQr> {
        self.qr.as_ref()
    }

    /// How members pay others, if they can.
    #[must_use]
    pub fn payments(&self) -> Option<&CompiledPayments> {
        self.payments.as_ref()
    }

    /// What runs around the steps of a payment.
    #[must_use]
    pub fn pipeline(&self) -> &CompiledPipeline {
        &self.pipeline
    }

    /// The terms of offline tokens, if there are any.
    #[must_use]
    pub fn tokens(&self) -> Option<&CompiledTokens> {
        self.tokens.as_ref()
    }

    /// How members pay orders with what they have, if they can.
    #[must_use]
    pub fn redemptions(&self) -> Option<&CompiledRedemptions> {
        self.redemptions.as_ref()
    }

    /// What coupons take off a basket, if they do.
    #[must_use]
    pub fn offers(&self) -> Option<&CompiledOffers> {
        self.offers.as_ref()
    }

    /// What of a member its conditions look at.
    #[must_use]
    pub fn member_facts(&self) -> &MemberFacts {
        &self.member_facts
    }

    /// The index over the rules.
    #[must_use]
    pub fn index(&self) -> &RuleIndex {
        &self.index
    }

    /// The life of what a rule grants.
    #[must_use]
    pub fn lifecycle(&self, rule: &CompiledRule) -> &Lifecycle {
        let own = self
            .document
            .rules
            .get(rule.position)
            .and_then(|rule| rule.lifecycle.as_ref());
        own.unwrap_or(&self.document.lifecycle)
    }

    /// The rules whose rewards last longer by what their member does, in rule order.
    #[must_use]
    pub fn sliding_rules(&self) -> &[SlidingRule] {
        &self.sliding
    }

    /// Whether a reward is voided by time alone, because no confirmation came.
    #[must_use]
    pub fn voids(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| self.lifecycle(rule).voids())
    }

    /// The symbols of a purchase's facts.
    #[inline]
    pub fn fact_symbols<'a>(&self, text_of: impl Fn(Fact) -> Option<&'a str>) -> FactSymbols {
        let mut found = FactSymbols::default();
        for fact in self.symbols.used() {
            if let Some(text) = text_of(*fact)
                && let Some(slot) = found.get_mut(*fact as usize)
            {
                *slot = self.symbols.get(*fact, text);
            }
        }
        found
    }

    /// The symbol of one text as a fact; 0 when no rule names it.
    #[must_use]
    #[inline]
    pub fn symbol(&self, fact: Fact, text: &str) -> u32 {
        self.symbols.get(fact, text)
    }

    /// The facts that any rule names a value of, each with how many values there are: its symbols run from 1 up to it.
    pub fn symbol_counts(&self) -> impl Iterator<Item = (Fact, usize)> + '_ {
        let facts = self.symbols.used().iter();
        facts.map(|fact| (*fact, self.symbols.count(*fact)))
    }

    /// The rules that can match a purchase, in rule order, each once.
    #[inline]
    pub fn candidates<'a>(
        &self,
        symbols: &FactSymbols,
        lines: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
    ) -> Candidates {
        let mut found = Candidates::new();
        self.index.by_facts(symbols, &mut found);
        if self.index.looks_at_lines() {
            for (sku, category) in lines {
                self.index.by_line(sku, category, &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
