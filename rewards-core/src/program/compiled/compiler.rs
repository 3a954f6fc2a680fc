//! From a checked document to a program that is ready to evaluate.

use std::cmp::Reverse;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};
use thiserror::Error;

use super::super::activity::{ActivityCounter, ActivityCounters};
use super::super::check::{Check, CheckCompiler, Symbols};
use super::super::compiled_effect::CompiledEffect;
use super::super::compiled_ladder::{CompiledLadder, LadderError};
use super::super::compiled_offer::{CompiledOffers, OfferCompiler, offer_order, offers_of};
use super::super::compiled_redemption::CompiledRedemptions;
use super::super::deposits::CompiledDeposits;
use super::super::expiry::SlidingRule;
use super::super::index::RuleIndex;
use super::super::member_facts::MemberFacts;
use super::super::{
    Budget, Cap, CapPer, Limit, Program, Rule, RunningBase, Scope, Stacking, StackingGroup,
};
use super::{CapScope, CompiledCap, CompiledProgram, CompiledRule, CompiledStackingGroup};
use crate::counter::CounterKind;
use crate::fx::CompiledFx;
use crate::ids::Slug;
use crate::money::{Asset, MoneyError};
use crate::payments::CompiledPayments;
use crate::pipeline::CompiledPipeline;
use crate::qr::CompiledQr;
use crate::risk::CompiledRisk;
use crate::time::{Calendar, Period, Timestamp, Window};
use crate::tokens::CompiledTokens;
use crate::transfers::CompiledTransferRule;

/// Why a checked document still does not compile: an amount beyond the range of minor units.
#[derive(Debug, Error)]
pub(super) enum CompileError {
    #[error(transparent)]
    Money(#[from] MoneyError),
    #[error(transparent)]
    Ladder(#[from] LadderError),
}

pub(super) struct Compiler<'a> {
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

pub(super) struct Parts {
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
    payments: Option<CompiledPayments>,
    tokens: Option<CompiledTokens>,
}

impl Parts {
    pub fn assemble(
        self,
        document: Program,
        number: u32,
        active_from: Timestamp,
    ) -> CompiledProgram {
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
            payments: self.payments,
            tokens: self.tokens,
            risk: document.risk.as_ref().map(CompiledRisk::of),
            pipeline: document
                .pipeline
                .as_ref()
                .map(CompiledPipeline::of)
                .unwrap_or_default(),
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
    pub fn new(document: &'a Program) -> Self {
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

    pub fn run(mut self) -> Result<Parts, CompileError> {
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
        let (payments, tokens) = (self.payments()?, self.tokens()?);
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
            payments,
            tokens,
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

    fn payments(&self) -> Result<Option<CompiledPayments>, MoneyError> {
        let currency = self.document.currency.into();
        let section = self.document.payments.as_ref();
        let compile = |section| CompiledPayments::compile(section, currency);
        section.map(compile).transpose()
    }

    fn tokens(&self) -> Result<Option<CompiledTokens>, MoneyError> {
        let currency = self.document.currency.into();
        let section = self.document.tokens.as_ref();
        let compile = |section| CompiledTokens::compile(section, currency);
        section.map(compile).transpose()
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
