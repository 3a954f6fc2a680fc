//! A program revision, ready to evaluate: sorted, indexed, in minor units.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};
use thiserror::Error;

use super::activity::{ActivityCounter, ActivityCounters};
use super::check::{Check, CheckCompiler, Fact, Symbols};
use super::compiled_effect::CompiledEffect;
use super::compiled_ladder::{CompiledLadder, LadderError};
use super::compiled_offer::{CompiledOffers, OfferCompiler, offer_order, offers_of};
use super::compiled_redemption::CompiledRedemptions;
use super::deposits::CompiledDeposits;
use super::expiry::SlidingRule;
use super::index::{Candidates, FactSymbols, Residual, RuleIndex};
use super::member_facts::MemberFacts;
use super::validate::validate;
use super::{
    Budget, Cap, CapPer, Lifecycle, Limit, Program, Refunds, Rule, RunningBase, Scope, Stacking,
    StackingGroup,
};
use crate::counter::{CounterKind, CounterName};
use crate::fx::CompiledFx;
use crate::ids::{MemberId, ProgramId, Slug, TenantId};
use crate::money::{Asset, MoneyError, Rounding};
use crate::qr::CompiledQr;
use crate::rejection::Problem;
use crate::risk::CompiledRisk;
use crate::time::{Calendar, Period, Timestamp, Window};
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

/// Why a checked document still does not compile: an amount beyond the range of minor units.
#[derive(Debug, Error)]
enum CompileError {
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error(transparent)]
    Ladder(#[from] LadderError),
}

struct Compiler<'a> {
    document: &'a Program,
    symbols: Symbols,
    activity_counters: ActivityCounters,
    index: RuleIndex,
    tags: FxHashMap<&'a Slug, u32>,
    caps: FxHashMap<&'a Slug, u32>,
    budgets: FxHashMap<&'a Slug, u32>,
    offers: FxHashMap<&'a Slug, u32>,
    /// Who pays for rules that name nobody.
    funding: Slug,
}

struct Parts {
    stacking_groups: Vec<CompiledStackingGroup>,
    rules: Vec<CompiledRule>,
    caps: Vec<CompiledCap>,
    activity_counters: Vec<ActivityCounter>,
    ladders: Vec<CompiledLadder>,
    redemptions: Option<CompiledRedemptions>,
    offers: Option<CompiledOffers>,
    symbols: Symbols,
    index: RuleIndex,
    deposits: Option<CompiledDeposits>,
    transfers: Vec<CompiledTransferRule>,
    fx: Option<CompiledFx>,
    qr: Option<CompiledQr>,
}

impl Parts {
    fn assemble(self, document: Program, number: u32, active_from: Timestamp) -> CompiledProgram {
        let mut member_facts = MemberFacts::default();
        let rules = self.rules.iter().filter_map(|rule| rule.condition.as_ref());
        let offers = self.offers.iter().flat_map(CompiledOffers::list);
        let offers = offers.filter_map(|offer| offer.when.as_ref());
        rules
            .chain(offers)
            .for_each(|check| member_facts.add(check));
        let mut program = CompiledProgram {
            number,
            active_from,
            calendar: Calendar::new(document.zone, document.week_start),
            currency: document.currency.into(),
            stacking_groups: self.stacking_groups,
            rules: self.rules,
            caps: self.caps,
            activity_counters: self.activity_counters,
            ladders: self.ladders,
            redemptions: self.redemptions,
            offers: self.offers,
            symbols: self.symbols,
            index: self.index,
            member_facts,
            deposits: self.deposits,
            transfers: self.transfers,
            fx: self.fx,
            qr: self.qr,
            risk: document.risk.as_ref().map(CompiledRisk::of),
            sliding: Vec::new(),
            document,
        };
        program.sliding = SlidingRule::all_of(&program);
        program
    }
}

/// The place of a rule in rule order; the fields are compared one after the other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    stacking_group: usize,
    priority: Reverse<i32>,
    /// The id's first letters as a number. It mostly decides, and the id itself is not looked at.
    id_start: u128,
    id: &'a str,
    position: usize,
}

impl<'a> Place<'a> {
    fn new(stacking_group: usize, rule: &'a Rule, position: usize) -> Self {
        let id = rule.id.as_str();
        // What a short id lacks counts as zero, which is less than any letter, just as its end is.
        let mut start = [0_u8; 16];
        for (slot, letter) in start.iter_mut().zip(id.bytes()) {
            *slot = letter;
        }
        Self {
            stacking_group,
            priority: Reverse(rule.priority),
            id_start: u128::from_be_bytes(start),
            id,
            position,
        }
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Program) -> Self {
        let caps = document
            .caps
            .iter()
            .enumerate()
            .map(|(at, cap)| (&cap.id, number(at)));
        let first_budget = document.caps.len();
        let budgets = document.budgets.iter().enumerate();
        let budgets = budgets.map(|(at, b)| (&b.id, number(first_budget.saturating_add(at))));
        let offers = document.offers.iter().flat_map(offer_order);
        let offers = (0..).zip(offers).map(|(at, (_, offer))| (&offer.id, at));
        Self {
            document,
            symbols: Symbols::default(),
            activity_counters: ActivityCounters::default(),
            index: RuleIndex::default(),
            tags: FxHashMap::default(),
            caps: caps.collect(),
            budgets: budgets.collect(),
            offers: offers.collect(),
            funding: Slug::rewards(),
        }
    }

    fn run(mut self) -> Result<Parts, CompileError> {
        let mut order: Vec<Place<'_>> = self
            .document
            .rules
            .iter()
            .enumerate()
            .map(|(position, rule)| Place::new(self.stacking_group_of(rule), rule, position))
            .collect();
        order.sort_unstable();
        let mut rules = Vec::with_capacity(order.len());
        for (at, place) in order.iter().enumerate() {
            if let Some(rule) = self.document.rules.get(place.position) {
                rules.push(self.rule(number(at), place.stacking_group, rule, place.position)?);
            }
        }
        let ladders = self.ladders()?;
        let caps = self.compile_caps()?;
        let transfers = self.transfers()?;
        let offers = self.compile_offers()?;
        let redemptions = self.document.redemptions.as_ref();
        let redemptions = redemptions
            .map(|section| CompiledRedemptions::compile(section, self.document))
            .transpose()?;
        let qr = self.qr()?;
        Ok(Parts {
            stacking_groups: self.stacking_groups(&rules),
            rules,
            caps,
            ladders,
            redemptions,
            offers,
            activity_counters: self.activity_counters.into_vec(),
            symbols: self.symbols,
            index: self.index,
            deposits: CompiledDeposits::of(self.document)?,
            transfers,
            fx: self
                .document
                .fx
                .as_ref()
                .map(CompiledFx::compile)
                .transpose()?,
            qr,
        })
    }

    fn checks(&mut self) -> CheckCompiler<'_> {
        CheckCompiler {
            scale: self.document.currency.scale(),
            ladders: &self.document.ladders,
            offers: &self.offers,
            symbols: &mut self.symbols,
            activity_counters: &mut self.activity_counters,
        }
    }

    fn compile_offers(&mut self) -> Result<Option<CompiledOffers>, MoneyError> {
        let program = self.document;
        let compile = |offers| {
            let compiler = OfferCompiler {
                program,
                offers,
                checks: self.checks(),
            };
            compiler.compile()
        };
        program.offers.as_ref().map(compile).transpose()
    }

    fn qr(&self) -> Result<Option<CompiledQr>, MoneyError> {
        let currency = self.document.currency.into();
        let section = self.document.qr.as_ref();
        let compile = |section| CompiledQr::compile(section, currency);
        section.map(compile).transpose()
    }

    fn transfers(&self) -> Result<Vec<CompiledTransferRule>, MoneyError> {
        let (program, currency) = (&self.document.id, self.document.currency.into());
        let rules = self.document.transfers.iter();
        rules
            .map(|rule| CompiledTransferRule::compile(rule, program, currency))
            .collect()
    }

    fn stacking_group_of(&self, rule: &Rule) -> usize {
        let wanted = rule.stacking_group.as_ref();
        wanted
            .and_then(|id| {
                self.document
                    .stacking_groups
                    .iter()
                    .position(|stacking_group| stacking_group.id == *id)
            })
            .unwrap_or_default()
    }

    fn stacking_groups(&self, rules: &[CompiledRule]) -> Vec<CompiledStackingGroup> {
        let compile = |(at, stacking_group): (usize, &StackingGroup)| CompiledStackingGroup {
            stacking: stacking_group.stacking,
            scope: stacking_group.scope,
            base: stacking_group.base,
            rules_end: number(rules.partition_point(|rule| rule.stacking_group <= at)),
        };
        if self.document.stacking_groups.is_empty() {
            return vec![CompiledStackingGroup {
                stacking: Stacking::default(),
                scope: Scope::default(),
                base: RunningBase::default(),
                rules_end: number(rules.len()),
            }];
        }
        self.document
            .stacking_groups
            .iter()
            .enumerate()
            .map(compile)
            .collect()
    }

    fn rule(
        &mut self,
        at: u32,
        stacking_group: usize,
        rule: &'a Rule,
        position: usize,
    ) -> Result<CompiledRule, MoneyError> {
        let condition = rule.when.as_ref();
        let condition = condition.map(|when| self.checks().compile(when));
        let condition = condition.transpose()?;
        let by_line = rule.scope == Scope::Line;
        let residual = self.index.add(at, condition.as_ref(), by_line);
        let currency = Asset::from(self.document.currency);
        let stacking_groups = &self.document.stacking_groups;
        let effect = CompiledEffect::compile(&rule.effect, currency, |id| {
            stacking_groups
                .iter()
                .position(|stacking_group| stacking_group.id == *id)
        })?;
        let exclusive = rule.exclusive.iter().map(|tag| self.tag(tag)).collect();
        let caps = rule.caps.iter().filter_map(|id| self.caps.get(id));
        let budgets = rule.budgets.iter().filter_map(|id| self.budgets.get(id));
        let (mut activity_counters, mut offers) = (SmallVec::new(), SmallVec::new());
        if let Some(check) = &condition {
            activities_of(check, &mut activity_counters);
            offers_of(check, &mut offers);
        }
        let tier_benefits = rule
            .tier_benefits
            .unwrap_or_else(|| effect.is_proportional());
        let carry = self.carry(&rule.id, &effect);
        Ok(CompiledRule {
            id: rule.id.clone(),
            position,
            stacking_group,
            scope: rule.scope,
            active: rule.active.map_or(Window::LIFETIME, |range| {
                range
                    .resolve(self.document.zone)
                    .unwrap_or(Window::LIFETIME)
            }),
            residual,
            condition,
            asset: effect.asset(currency),
            rounding: rule.rounding.unwrap_or(self.document.rounding),
            funding: rule.funded_by.as_ref().unwrap_or(&self.funding).clone(),
            exclusive,
            caps: caps.chain(budgets).copied().collect(),
            tier_benefits,
            activity_counters,
            offers,
            carry_part: carry
                .as_ref()
                .filter(|_| tier_benefits && !self.document.ladders.is_empty())
                .map(|carry| format_smolstr!("{carry}/part")),
            carry,
            effect,
        })
    }

    fn tag(&mut self, tag: &'a Slug) -> u32 {
        let next = number(self.tags.len());
        *self.tags.entry(tag).or_insert(next)
    }

    fn carry(&self, rule: &Slug, effect: &CompiledEffect) -> Option<SmolStr> {
        let (asset, every) = effect.carries()?;
        let kind = CounterKind::Carry {
            program: &self.document.id,
            rule,
            asset,
            every,
            currency: self.document.currency.into(),
        };
        Some(kind.name(Period::Lifetime, self.document.week_start))
    }

    fn compile_caps(&self) -> Result<Vec<CompiledCap>, MoneyError> {
        let caps = self.document.caps.iter().map(|cap| self.cap(cap));
        let budgets = self
            .document
            .budgets
            .iter()
            .map(|budget| self.budget(budget));
        caps.chain(budgets).collect()
    }

    fn cap(&self, cap: &Cap) -> Result<CompiledCap, MoneyError> {
        let program = &self.document.id;
        let (limit, kind) = match &cap.limit {
            Limit::Amount { amount, asset } => {
                let asset = asset.unwrap_or(self.document.currency.into());
                let cap = &cap.id;
                let kind = CounterKind::CapAmount {
                    program,
                    cap,
                    asset,
                };
                (amount.to_minor(asset.scale())?, kind)
            }
            Limit::Uses(uses) => {
                let kind = CounterKind::CapUses {
                    program,
                    cap: &cap.id,
                };
                (i64::from(*uses), kind)
            }
        };
        let scope = match &cap.per {
            CapPer::Purchase => CapScope::Purchase,
            CapPer::Member => CapScope::Member,
            CapPer::Attribute(name) => CapScope::Attribute(name.clone()),
        };
        let window = cap.every.unwrap_or(Period::Lifetime);
        Ok(CompiledCap {
            id: cap.id.clone(),
            scope,
            window,
            limit,
            counts_uses: matches!(cap.limit, Limit::Uses(_)),
            counter: kind.name(window, self.document.week_start),
        })
    }

    fn budget(&self, budget: &Budget) -> Result<CompiledCap, MoneyError> {
        let asset = budget.asset.unwrap_or(self.document.currency.into());
        let kind = CounterKind::Budget {
            budget: &budget.id,
            asset,
        };
        let window = budget.every.unwrap_or(Period::Lifetime);
        Ok(CompiledCap {
            id: budget.id.clone(),
            scope: CapScope::Program,
            window,
            limit: budget.amount.to_minor(asset.scale())?,
            counts_uses: false,
            counter: kind.name(window, self.document.week_start),
        })
    }

    fn ladders(&self) -> Result<Vec<CompiledLadder>, LadderError> {
        let currency = self.document.currency;
        let ladders = self.document.ladders.iter();
        ladders
            .map(|ladder| CompiledLadder::compile(ladder, currency))
            .collect()
    }
}

fn activities_of(check: &Check, found: &mut SmallVec<[u32; 2]>) {
    match check {
        Check::All(parts) | Check::Any(parts) | Check::None(parts) => {
            parts.iter().for_each(|part| activities_of(part, found));
        }
        Check::Activity(test) | Check::EveryNth(test, _) => {
            found.push(number(test.activity_counter))
        }
        _ => {}
    }
}
