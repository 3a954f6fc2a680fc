//! What a purchase is granted, the same for a quote and for the record.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::change_builder::ChangeBuilder;
use super::super::counter_lookups::{CounterLookup, CounterLookups};
use super::super::coupons::{check_given, plan_given};
use super::super::due::{any_ladder_by_lots, due_lots, due_query};
use super::super::history::plan_pages;
use super::super::presence::check_present;
use super::super::standing::{Ladders, MemberView, Moves, plan_ladders, standing};
use super::super::unless_wrong;
use super::price_purchase::{Priced, price};
use super::{is_too_many, too_many_grants};
use crate::cashback::{
    Earned, Evaluation, EvaluationError, Explanation, Facts, Grant, NoTrace, PROPOSALS_MAX,
    Purchase, Schedule, SeenStanding, Standing, Steps, evaluate, explain,
};
use crate::command::Undecided;
use crate::context::Context;
use crate::discounts::{BasketDiscount, OfferExplanation};
use crate::ids::{CouponId, ProgramId, Slug};
use crate::ledger::Lot;
use crate::member::{MemberProfile, MemberRow, MemberStatus};
use crate::money::{Money, Ratio};
use crate::program::{CompiledProgram, FactSymbols, Measure};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ProgramKey, ReadPlan, Snapshot};
use crate::tiers::benefits;
use crate::time::Timestamp;

/// What a purchase is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct PurchaseDecision {
    /// The program that decides.
    pub program: ProgramId,
    /// The revision that decides.
    pub revision: u32,
    /// Digest of the purchase and of what it is granted. A recorded purchase may pin it, and is then refused rather than
    /// granted anything else.
    pub digest: String,
    /// The grants, in stacking group and rule order.
    pub grants: Vec<GrantedReward>,
    /// What is granted in total, one amount per asset.
    pub totals: Vec<Money>,
    /// What the coupons given with the purchase take off it; absent when none were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub discount: Option<BasketDiscount>,
    /// Why nothing is granted whatever the rules say: the member's status, when it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub withheld: Option<MemberStatus>,
}

/// What one rule grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GrantedReward {
    /// The rule.
    pub rule: Slug,
    /// The line it is for, counted from 0, for rules that pay by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub line: Option<u32>,
    /// What the rule would have granted without caps.
    pub desired: Money,
    /// What it grants.
    pub granted: Money,
    /// The cap or budget that clipped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub clipped_by: Option<Slug>,
    /// Whether it is pending at first.
    pub pending: bool,
    /// When it becomes available; absent when it waits for a confirmation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub available_at: Option<Timestamp>,
    /// When it expires; absent when it never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expires_at: Option<Timestamp>,
}

/// What a purchase and the programs say before anything stored is looked at: the revision that decides, the symbols of the
/// facts, and the counters that its rules look at.
#[derive(Debug)]
pub struct PreparedPurchase {
    program: Arc<CompiledProgram>,
    symbols: FactSymbols,
    lookups: Vec<CounterLookup>,
}

/// A purchase with the revision that decides it, and the coupons given with it.
#[derive(Debug)]
pub(super) struct PurchaseContext<'a> {
    pub context: &'a Context,
    pub program: &'a CompiledProgram,
    pub purchase: &'a Purchase,
    pub coupons: &'a [CouponId],
    pub facts: Facts<'a>,
    lookups: &'a [CounterLookup],
}

/// Evaluates a purchase, and says for every rule why it does or does not apply to a member with this status.
fn evaluate_explained(
    program: &CompiledProgram,
    facts: &Facts<'_>,
    standing: &Standing<'_>,
    status: MemberStatus,
) -> Result<(Evaluation, Vec<Explanation>), Rejection> {
    let mut steps = Steps::new();
    let evaluation = evaluate(program, facts, standing, &mut steps).map_err(not_evaluated)?;
    let mut explained = explain(program, facts, standing, &steps);
    if status != MemberStatus::Active {
        explained = explained.into_iter().map(Explanation::withheld).collect();
    }
    Ok((evaluation, explained))
}

/// Says why a recorded purchase was granted what it was, by the revision that decided it and what was seen then.
pub(super) fn explain_recorded(
    program: &CompiledProgram,
    purchase: &Purchase,
    seen: &SeenStanding,
    decision: &PurchaseDecision,
) -> Result<Vec<Explanation>, Rejection> {
    let facts = Facts::new(program, purchase);
    let standing = seen_standing(program, seen);
    let status = decision.withheld.unwrap_or_default();
    let (_, explained) = evaluate_explained(program, &facts, &standing, status)?;
    Ok(match decision.discount {
        Some(_) => without_missing(explained),
        None => explained,
    })
}

fn without_missing(explained: Vec<Explanation>) -> Vec<Explanation> {
    let explained = explained.into_iter();
    explained.map(Explanation::without_missing).collect()
}

/// What a purchase would be granted by the revision that decided it and what was seen then, one amount per asset.
pub(super) fn reevaluate(
    program: &CompiledProgram,
    purchase: &Purchase,
    seen: &SeenStanding,
) -> Result<Vec<Money>, Rejection> {
    let facts = Facts::new(program, purchase);
    let standing = seen_standing(program, seen);
    let evaluation = evaluate(program, &facts, &standing, &mut NoTrace).map_err(not_evaluated)?;
    Ok(evaluation.totals(program))
}

/// Where a member stood when a purchase was recorded.
fn seen_standing<'s>(program: &CompiledProgram, seen: &'s SeenStanding) -> Standing<'s> {
    let ranks = seen.ranks().chain(std::iter::repeat(0));
    seen.standing(benefits(program.ladders().iter().zip(ranks)))
}

/// Why a purchase that cannot be evaluated is refused.
pub(super) fn not_evaluated(error: EvaluationError) -> Rejection {
    match error {
        EvaluationError::Overflow => Rejection::Overflow,
        EvaluationError::TooManyProposals => Rejection::TooMany {
            what: "proposals of rules and lines",
            limit: u32::try_from(PROPOSALS_MAX).unwrap_or(u32::MAX),
        },
    }
}

/// What was decided, before anything is written.
#[derive(Debug)]
pub(super) struct PurchaseOutcome<'a> {
    pub evaluation: Evaluation,
    pub schedules: Vec<Schedule>,
    pub reply: PurchaseDecision,
    pub ladders: Ladders,
    pub moves: Moves,
    pub explanation: Option<Vec<Explanation>>,
    /// Why the offers do not apply that do not; only with an explanation.
    pub offers: Vec<OfferExplanation>,
    /// What was seen of the member.
    pub seen: SeenStanding,
    /// By how much the member's tiers raise caps.
    pub cap_multiplier: Ratio,
    /// The purchase as its coupons leave it; absent when none were given.
    pub priced: Option<Priced<'a>>,
}

/// Whether what is due for lots comes before a purchase: where it can move the member on a ladder, of this program or of
/// another, and where a void can release limits.
fn looks_at_due(context: &Context) -> bool {
    context.voids() || any_ladder_by_lots(context)
}

impl PreparedPurchase {
    /// Finds the revision that decides the purchase, checks the purchase and the list of its coupons against it, and names the
    /// rows to look at.
    ///
    /// # Errors
    /// Unknown program, no revision active when the purchase happened, all problems of the purchase and of the list.
    pub(super) fn new(
        context: &Context,
        purchase: &Purchase,
        coupons: &[CouponId],
    ) -> Result<(ReadPlan, Self), Rejection> {
        let program = context.program_at(&purchase.program, purchase.occurred_at)?;
        let problems = purchase.problems(program.currency(), context.now);
        let problems = problems.into_iter();
        let problems = problems.map(|problem| problem.below("purchase"));
        let problems: Vec<Problem> = problems.chain(check_given(coupons)).collect();
        unless_wrong(problems)?;
        let facts = Facts::new(program, purchase);
        let lookups = CounterLookups::new(&context.tenant, program, purchase);
        let mut wanted = lookups.wanted(&facts);
        if !coupons.is_empty() {
            lookups.add_offers(&mut wanted);
        }
        let symbols = facts.symbols;
        let prepared = Self {
            program: Arc::clone(program),
            symbols,
            lookups: wanted,
        };
        let mut plan = prepared.plan(context, purchase);
        plan_given(context, coupons, &mut plan);
        Ok((plan, prepared))
    }

    fn plan(&self, context: &Context, purchase: &Purchase) -> ReadPlan {
        let (program, member) = (&self.program, &purchase.member);
        let ranges = self.lookups.iter().filter_map(CounterLookup::range);
        let key = context.member_key(member);
        let due = looks_at_due(context).then(|| due_query(&key, context.now));
        let mut plan = ReadPlan {
            members: vec![key],
            programs: vec![ProgramKey {
                tenant: context.tenant.clone(),
                program: purchase.program.clone(),
            }],
            counters: ranges.cloned().collect(),
            lots: due.into_iter().collect(),
            ..ReadPlan::default()
        };
        plan_ladders(&mut plan, program, context, member, purchase.occurred_at);
        for span in self.lookups.iter().filter_map(CounterLookup::span) {
            plan_pages(&mut plan, context, member, program, span);
        }
        plan
    }

    /// The purchase as it is decided.
    pub(super) fn purchase<'a>(
        &'a self,
        context: &'a Context,
        purchase: &'a Purchase,
        coupons: &'a [CouponId],
    ) -> PurchaseContext<'a> {
        PurchaseContext {
            context,
            program: &self.program,
            purchase,
            coupons,
            facts: Facts::with_symbols(purchase, self.symbols),
            lookups: &self.lookups,
        }
    }
}

impl<'a> PurchaseContext<'a> {
    /// Carries out what is due for the member's lots, as far as it can make a difference, then decides the purchase. The
    /// grants are not written; a query throws the changes away.
    ///
    /// # Errors
    /// [`Rejection::MemberClosed`]; [`Rejection::TooMany`] when more is due than one command may touch, or more proposals of
    /// rules and lines come together than are looked at; [`Rejection::Overflow`] when an amount leaves its range, and
    /// [`Rejection::TimeOutOfRange`] when a time of a reward does; [`Undecided::Needs`] pages of the member's history, and
    /// purchases of what is voided.
    pub fn decide(
        &self,
        builder: &mut ChangeBuilder<'_>,
        snapshot: &Snapshot,
        wants_explanation: bool,
    ) -> Result<PurchaseOutcome<'a>, Undecided> {
        let context = self.context;
        let row = self.member(snapshot)?;
        builder.settle_all(self.due_lots(snapshot)?.into_iter(), context.now)?;
        let (tenant, member) = (&context.tenant, &self.purchase.member);
        let view = MemberView::new(snapshot, row, tenant, member, builder.due_changes());
        let known = row.profile.tiers.get(self.program.id());
        // All reviews that are due are made before the purchase is counted, also those between a purchase that was told late
        // and now: a sweep would have made them.
        let latest = context.now.max(self.purchase.occurred_at);
        let revisions = context.revisions(self.program.id());
        let revisions = revisions.ok_or(Rejection::Internal("a program without revisions"))?;
        let (ladders, moves) =
            view.catch_up_due(revisions, known, latest, |ladder| match ladder.measure() {
                Measure::Balance(_) => Some(context.now),
                Measure::Earned(_) | Measure::Spend(_) | Measure::Visits => Some(latest),
            });
        view.history.check_seen()?;
        let mut standing = standing(
            builder,
            snapshot,
            context,
            self.program,
            &ladders,
            &self.facts,
            self.lookups,
        )?;
        let priced = price(self, snapshot, &row.profile, &standing)?;
        let outcome = match priced {
            None => self.judge(&standing, &row.profile, wants_explanation)?,
            Some(priced) => {
                self.judge_priced(priced, &mut standing, &row.profile, wants_explanation)?
            }
        };
        Ok(PurchaseOutcome {
            ladders,
            moves,
            ..outcome
        })
    }

    /// Decides the purchase as its coupons leave it. Offers for which rules were to grant something and did not are dropped, and
    /// then it is decided anew, as rules may have looked at them.
    fn judge_priced(
        &self,
        mut priced: Priced<'a>,
        standing: &mut Standing<'_>,
        profile: &MemberProfile,
        wants_explanation: bool,
    ) -> Result<PurchaseOutcome<'a>, Rejection> {
        let purchase = priced.purchase().clone();
        let context = PurchaseContext {
            purchase: &purchase,
            facts: Facts::with_symbols(&purchase, self.facts.symbols),
            ..*self
        };
        loop {
            standing.offers = priced.numbers();
            let mut outcome = context.judge(standing, profile, wants_explanation)?;
            if !priced.drop_idle(&outcome.evaluation.grants) {
                let discount = priced.told();
                let grants = &outcome.reply.grants;
                outcome.reply.digest = context.digest(&(grants, &discount))?;
                outcome.reply.discount = Some(discount);
                let offers = match wants_explanation {
                    true => priced.explain(&self.facts, standing),
                    false => Vec::new(),
                };
                return Ok(PurchaseOutcome {
                    priced: Some(priced),
                    offers,
                    ..outcome
                });
            }
        }
    }

    /// The lots of the member for which something is due that makes a difference.
    ///
    /// # Errors
    /// [`Rejection::TooMany`] when more are due than one command may touch.
    pub fn due_lots<'s>(&self, snapshot: &'s Snapshot) -> Result<Vec<&'s Lot>, Rejection> {
        if !looks_at_due(self.context) {
            return Ok(Vec::new());
        }
        let member = self.context.member_key(&self.purchase.member);
        due_lots(snapshot, &member, self.context.now)
    }

    /// Decides the purchase of somebody of whom this is known, who stands so, and whose ladders have nothing to catch up with.
    ///
    /// # Errors
    /// [`Rejection::Overflow`] when an amount leaves its range, [`Rejection::TooMany`] for too many grants, and
    /// [`Rejection::TimeOutOfRange`] when a time of a reward leaves its range.
    pub fn judge(
        &self,
        standing: &Standing<'_>,
        profile: &MemberProfile,
        wants_explanation: bool,
    ) -> Result<PurchaseOutcome<'static>, Rejection> {
        let status = profile.status;
        let mut explanation = None;
        let mut evaluation = if wants_explanation {
            let (evaluation, explained) =
                evaluate_explained(self.program, &self.facts, standing, status)?;
            explanation = Some(match self.coupons {
                [] => explained,
                _ => without_missing(explained),
            });
            evaluation
        } else {
            evaluate(self.program, &self.facts, standing, &mut NoTrace).map_err(not_evaluated)?
        };
        if is_too_many(evaluation.grants.len()) {
            return Err(too_many_grants());
        }
        if status != MemberStatus::Active {
            evaluation = Evaluation::default();
        }
        let mut grants = Vec::with_capacity(evaluation.grants.len());
        let mut schedules = Vec::with_capacity(evaluation.grants.len());
        for grant in &evaluation.grants {
            let (reward, schedule) = self.reward(grant, profile.registered_at)?;
            grants.push(reward);
            schedules.push(schedule);
        }
        let totals = evaluation.totals(self.program);
        let digest = self.digest(&grants)?;
        let reply = PurchaseDecision {
            program: self.program.id().clone(),
            revision: self.program.number(),
            digest,
            grants,
            totals,
            discount: None,
            withheld: (status != MemberStatus::Active).then_some(status),
        };
        let cap_multiplier = standing.boost.cap_multiplier;
        Ok(PurchaseOutcome {
            evaluation,
            schedules,
            reply,
            ladders: Ladders::default(),
            moves: Moves::default(),
            explanation,
            offers: Vec::new(),
            seen: SeenStanding::of(self.program, standing),
            cap_multiplier,
            priced: None,
        })
    }

    fn member<'s>(&self, snapshot: &'s Snapshot) -> Result<&'s MemberRow, Rejection> {
        let member = &self.purchase.member;
        let row = snapshot.members.get(&self.context.member_key(member));
        let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
        check_present(&row.profile, member)?;
        Ok(row)
    }

    fn reward(
        &self,
        grant: &Grant,
        registered_at: Timestamp,
    ) -> Result<(GrantedReward, Schedule), Rejection> {
        let rule = self
            .program
            .rule(grant.rule)
            .ok_or(Rejection::Internal("a grant of a rule that is not there"))?;
        let lifecycle = self.program.lifecycle(rule);
        let earned = Earned {
            at: self.purchase.occurred_at,
            registered_at,
        };
        let schedule = Schedule::of(lifecycle, self.program.calendar(), earned).map_err(|_| {
            Rejection::TimeOutOfRange {
                rule: rule.id.clone(),
            }
        })?;
        let cap = grant.clipped_by.and_then(|number| self.program.cap(number));
        let reward = GrantedReward {
            rule: rule.id.clone(),
            line: grant.line,
            desired: Money::new(grant.desired, rule.asset),
            granted: Money::new(grant.granted, rule.asset),
            clipped_by: cap.map(|cap| cap.id.clone()),
            pending: schedule.is_pending,
            available_at: schedule.available_at,
            expires_at: schedule.expires_at,
        };
        Ok((reward, schedule))
    }

    /// SHA-256 over the tenant, the revision, the purchase and what it comes to.
    fn digest(&self, result: &impl Serialize) -> Result<String, Rejection> {
        let content = (
            &self.context.tenant,
            self.program.number(),
            self.purchase,
            result,
        );
        let bytes = serde_json::to_vec(&content)
            .map_err(|_| Rejection::Internal("a decision cannot be encoded"))?;
        Ok(hex::encode(Sha256::digest(&bytes)))
    }
}
