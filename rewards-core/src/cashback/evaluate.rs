//! Match, stack, cap: what a purchase is granted.

use smallvec::SmallVec;
use thiserror::Error;

use super::limits::{clip, use_up};
use super::matching::View;
use super::reward::{Desired, Earlier, Kept, carrying_base, desired, desired_together};
use super::trace::{Outcome, Step, Trace};
use super::{Facts, Standing, Values};
use crate::money::{MoneyError, allocate};
use crate::program::{
    CompiledEffect, CompiledProgram, CompiledRule, CompiledStackingGroup, RULES_MAX, RunningBase,
    Scope, Stacking,
};

/// The most grants of one purchase: one for each rule that pays, and for rules that pay by line one for each line. A purchase
/// with more is refused, so that whatever happens to a purchase later happens to all its rewards in one step.
pub const GRANTS_MAX: u32 = 10_000;

/// What a purchase is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// The grants, in stacking group and rule order. Every granted amount is positive.
    pub grants: SmallVec<[Grant; 4]>,
    /// What each cap and budget is used by, in minor units or uses.
    pub used: Values,
    /// How carried remainders change, by rule number.
    pub carried: Values,
    /// What of carried remainders is turned into units, in minor units of the purchase, by rule number.
    pub carried_used: Values,
    /// How carried parts of a minor unit change, by rule number.
    pub carried_parts: Values,
}

/// One grant of one rule, for the purchase or for one of its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Number of the rule.
    pub rule: u32,
    /// The line, for rules that pay by line.
    pub line: Option<u32>,
    /// What the rule would have granted without caps, in minor units.
    pub desired: i64,
    /// What it granted, in minor units.
    pub granted: i64,
    /// The cap or budget that clipped it.
    pub clipped_by: Option<u32>,
}

/// How many proposals of rules are looked at for one purchase: as many as a program may have rules, so that only rules that pay by
/// line can come to more.
pub const PROPOSALS_MAX: usize = RULES_MAX;

/// Why a purchase cannot be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EvaluationError {
    /// An amount leaves its range.
    #[error("an amount exceeds the range of 64-bit minor units")]
    Overflow,
    /// More than [`PROPOSALS_MAX`] rules and lines come together.
    #[error("more than {PROPOSALS_MAX} proposals")]
    TooManyProposals,
}

impl From<MoneyError> for EvaluationError {
    fn from(_: MoneyError) -> Self {
        Self::Overflow
    }
}

/// Evaluates a purchase: the same purchase and standing always give the same grants.
///
/// # Errors
/// [`EvaluationError`] when an amount leaves its range, or more proposals come together than are looked at.
pub fn evaluate<T: Trace>(
    program: &CompiledProgram,
    facts: &Facts<'_>,
    standing: &Standing<'_>,
    trace: &mut T,
) -> Result<Evaluation, EvaluationError> {
    let lines = facts.purchase.lines.iter();
    let lines = lines.map(|line| (line.sku.as_deref(), line.category.as_deref()));
    let candidates = program.candidates(&facts.symbols, lines);
    let mut result = Evaluation::default();
    let mut evaluator = Evaluator {
        program,
        facts,
        standing,
        trace,
        tags: SmallVec::new(),
        proposals: Proposals::new(),
        proposals_left: PROPOSALS_MAX,
        result: &mut result,
    };
    let mut rest = candidates.as_slice();
    for stacking_group in program.stacking_groups() {
        let later = rest
            .iter()
            .position(|number| *number >= stacking_group.rules_end);
        let own = later.unwrap_or(rest.len());
        let (own, later) = rest.split_at_checked(own).unwrap_or((rest, &[]));
        evaluator.stacking_group(*stacking_group, own)?;
        rest = later;
    }
    Ok(result)
}

#[derive(Debug, Clone, Copy)]
struct Proposal {
    rule: u32,
    line: Option<u32>,
    desired: Desired,
    /// For a carrying rule, the amount that it is for.
    base: i64,
}

type Proposals = SmallVec<[Proposal; 8]>;

struct Evaluator<'a, T> {
    program: &'a CompiledProgram,
    facts: &'a Facts<'a>,
    standing: &'a Standing<'a>,
    trace: &'a mut T,
    /// Exclusive tags taken, each with the rule that took it.
    tags: SmallVec<[(u32, u32); 4]>,
    /// What the rules of the stacking group propose, in rule order; of the rule at hand alone where all rules apply.
    proposals: Proposals,
    /// How many more are looked at.
    proposals_left: usize,
    result: &'a mut Evaluation,
}

impl<'a, T: Trace> Evaluator<'a, T> {
    fn stacking_group(
        &mut self,
        stacking_group: CompiledStackingGroup,
        numbers: &[u32],
    ) -> Result<(), EvaluationError> {
        for number in numbers {
            self.collect(*number, stacking_group.base)?;
            if stacking_group.stacking == Stacking::All {
                self.put_together(*number, |_| true)?;
                self.apply_all();
            } else if stacking_group.scope == Scope::Basket {
                // A rule is chosen for all its lines or for none.
                self.put_together(*number, |_| true)?;
            }
        }
        if stacking_group.stacking != Stacking::All {
            self.apply_chosen(stacking_group, numbers)?;
        }
        Ok(())
    }

    /// Collects what a rule proposes: nothing when it does not match, one proposal for the basket or one for every matching
    /// line.
    fn collect(&mut self, number: u32, base: RunningBase) -> Result<(), EvaluationError> {
        let Some(rule) = self.program.rule(number) else {
            return Ok(());
        };
        if !rule.active.contains(self.facts.purchase.occurred_at) {
            self.note(number, None, Outcome::Inactive, 0);
            return Ok(());
        }
        if self.is_excluded(rule, number) {
            self.note(number, None, Outcome::Excluded, 0);
            return Ok(());
        }
        if rule.scope == Scope::Basket {
            return self.propose(rule, number, None, base);
        }
        for line in 0..self.facts.purchase.lines.len() {
            self.propose(rule, number, Some(line), base)?;
        }
        Ok(())
    }

    #[inline]
    fn propose(
        &mut self,
        rule: &CompiledRule,
        number: u32,
        line: Option<usize>,
        running: RunningBase,
    ) -> Result<(), EvaluationError> {
        let line_number = line.and_then(|line| u32::try_from(line).ok());
        let view = View {
            program: self.program,
            facts: self.facts,
            standing: self.standing,
            line,
        };
        if !rule.residual.iter().all(|check| view.holds(check)) {
            // A line that a rule does not select is no news; a rule that selects none is.
            if line.is_none() {
                self.note(number, None, Outcome::Unmatched, 0);
            }
            return Ok(());
        }
        let mut earlier = self.earlier(rule, line_number, running);
        let mut base = 0;
        if rule.carry.is_some() {
            earlier.kept = self.kept(number);
            base = carrying_base(rule, self.facts, line, earlier);
        }
        let desired = desired(rule, self.facts, self.standing, line, earlier)?;
        if desired == Desired::default() {
            self.note(number, line_number, Outcome::Nothing, 0);
        } else {
            let left = self.proposals_left.checked_sub(1);
            self.proposals_left = left.ok_or(EvaluationError::TooManyProposals)?;
            self.proposals.push(Proposal {
                rule: number,
                line: line_number,
                desired,
                base,
            });
        }
        Ok(())
    }

    /// What a carrying rule has kept for the member.
    fn kept(&self, number: u32) -> Kept {
        Kept {
            remainder: self.standing.carried.get(number).unwrap_or(0),
            part: self.standing.carried_parts.get(number).unwrap_or(0),
        }
    }

    /// Lets the proposals of a carrying rule for which it is chosen count together, once: what all their lines earn with what
    /// was kept is split over them by what each is for, largest remainders first, ties to the earliest line.
    fn put_together(
        &mut self,
        number: u32,
        is_chosen: impl Fn(&Proposal) -> bool,
    ) -> Result<(), MoneyError> {
        let Some(rule) = self.program.rule(number).filter(|r| r.carry.is_some()) else {
            return Ok(());
        };
        let is_own = |proposal: &Proposal| proposal.rule == number && is_chosen(proposal);
        let own = self.proposals.iter().filter(|proposal| is_own(proposal));
        let weights: SmallVec<[u64; 8]> =
            own.map(|proposal| proposal.base.unsigned_abs()).collect();
        if weights.len() < 2 {
            return Ok(());
        }
        let own = self.proposals.iter().filter(|proposal| is_own(proposal));
        let base = own
            .map(|proposal| proposal.base)
            .try_fold(0_i64, i64::checked_add)
            .ok_or(MoneyError::Overflow)?;
        let together = desired_together(rule, self.standing, base, self.kept(number))?;
        let shares = if base == 0 {
            vec![together.amount]
        } else {
            allocate(together.amount, &weights)?
        };
        let mut shares = shares.into_iter();
        let mut carried = Some((together.carried, together.used));
        for proposal in self
            .proposals
            .iter_mut()
            .filter(|proposal| is_own(proposal))
        {
            let (carried, used) = carried.take().unwrap_or_default();
            proposal.desired = Desired {
                amount: shares.next().unwrap_or(0),
                carried,
                used,
            };
        }
        Ok(())
    }

    #[inline]
    fn earlier(&self, rule: &CompiledRule, line: Option<u32>, base: RunningBase) -> Earlier {
        let mut earlier = Earlier::default();
        if let CompiledEffect::Multiplier {
            asset,
            stacking_group,
            ..
        } = &rule.effect
        {
            let counts = |granted: &CompiledRule| {
                granted.asset == *asset
                    && granted.stacking_group < rule.stacking_group
                    && stacking_group.is_none_or(|l| l == granted.stacking_group)
            };
            earlier.multiplied = self.sum(|_, granted| counts(granted));
        }
        if base == RunningBase::Running {
            let currency = self.program.currency();
            earlier.taken_off = self.sum(|grant, granted| {
                granted.asset == currency && (line.is_none() || grant.line == line)
            });
        }
        earlier
    }

    fn sum(&self, counts: impl Fn(&Grant, &CompiledRule) -> bool) -> i64 {
        self.result
            .grants
            .iter()
            .fold(0_i64, |sum, grant| match self.program.rule(grant.rule) {
                Some(rule) if counts(grant, rule) => sum.saturating_add(grant.granted),
                _ => sum,
            })
    }

    /// Applies everything that was collected.
    fn apply_all(&mut self) {
        self.apply_where(|_| true);
    }

    /// Applies what the stacking group chooses of what was collected, for the basket or for every line. The choice is made before
    /// caps.
    fn apply_chosen(
        &mut self,
        stacking_group: CompiledStackingGroup,
        numbers: &[u32],
    ) -> Result<(), MoneyError> {
        if self.proposals.len() < 2 {
            self.apply_all();
            return Ok(());
        }
        match stacking_group.scope {
            Scope::Basket => {
                let winner = winner(stacking_group.stacking, &self.proposals);
                self.apply_where(|proposal| winner == Some(proposal.rule));
            }
            Scope::Line => {
                let winners = winners_by_line(stacking_group.stacking, &self.proposals);
                let is_chosen = |proposal: &Proposal| {
                    winners.get(line_slot(proposal)) == Some(&Some(proposal.rule))
                };
                for number in numbers {
                    self.put_together(*number, is_chosen)?;
                }
                self.apply_where(is_chosen);
            }
        }
        Ok(())
    }

    fn apply_where(&mut self, is_chosen: impl Fn(&Proposal) -> bool) {
        for at in 0..self.proposals.len() {
            let Some(proposal) = self.proposals.get(at).copied() else {
                continue;
            };
            if is_chosen(&proposal) {
                self.apply(proposal);
            } else {
                let Proposal { rule, line, .. } = proposal;
                self.note(rule, line, Outcome::Outranked, proposal.desired.amount);
            }
        }
        self.proposals.clear();
    }

    fn apply(&mut self, proposal: Proposal) {
        let Some(rule) = self.program.rule(proposal.rule) else {
            return;
        };
        let wanted = proposal.desired.amount;
        if self.is_excluded(rule, proposal.rule) {
            self.note(proposal.rule, proposal.line, Outcome::Excluded, wanted);
            return;
        }
        for tag in &rule.exclusive {
            self.tags.push((*tag, proposal.rule));
        }
        let Kept { remainder, part } = proposal.desired.carried;
        let used = proposal.desired.used;
        if remainder != 0 || used != 0 {
            self.result.carried.add(proposal.rule, remainder);
            self.result.carried_used.add(proposal.rule, used);
        }
        if part != 0 {
            self.result.carried_parts.add(proposal.rule, part);
        }
        if wanted == 0 {
            self.note(proposal.rule, proposal.line, Outcome::Nothing, 0);
            return;
        }
        let (granted, clipped_by) =
            clip(self.program, self.standing, &self.result.used, rule, wanted);
        let outcome = if granted > 0 {
            Outcome::Granted
        } else {
            Outcome::Capped
        };
        if T::WANTED {
            self.trace.step(Step {
                rule: proposal.rule,
                line: proposal.line,
                outcome,
                desired: wanted,
                granted,
                clipped_by,
            });
        }
        if granted > 0 {
            use_up(self.program, &mut self.result.used, rule, granted);
            let Proposal { rule, line, .. } = proposal;
            self.result.grants.push(Grant {
                rule,
                line,
                desired: wanted,
                granted,
                clipped_by,
            });
        }
    }

    /// Whether another rule has taken one of the rule's exclusive tags.
    #[inline]
    fn is_excluded(&self, rule: &CompiledRule, number: u32) -> bool {
        let taken = |tag: &u32| {
            self.tags
                .iter()
                .any(|(known, by)| known == tag && *by != number)
        };
        rule.exclusive.iter().any(taken)
    }

    #[inline]
    fn note(&mut self, rule: u32, line: Option<u32>, outcome: Outcome, desired: i64) {
        if T::WANTED {
            self.trace.step(Step {
                rule,
                line,
                outcome,
                desired,
                granted: 0,
                clipped_by: None,
            });
        }
    }
}

/// The rule that wins among proposals in rule order.
fn winner(stacking: Stacking, proposals: &[Proposal]) -> Option<u32> {
    let mut contest = Contest::default();
    for proposal in proposals {
        contest.enter(stacking, proposal);
    }
    contest.winner(stacking)
}

/// The rule that wins on every line, among proposals in rule order; see [`line_slot`].
fn winners_by_line(stacking: Stacking, proposals: &[Proposal]) -> Vec<Option<u32>> {
    let slots = proposals.iter().map(line_slot).max();
    let slots = slots.map_or(0, |last| last.saturating_add(1));
    let mut contests = vec![Contest::default(); slots];
    for proposal in proposals {
        if let Some(contest) = contests.get_mut(line_slot(proposal)) {
            contest.enter(stacking, proposal);
        }
    }
    let winner = |contest: Contest| contest.winner(stacking);
    contests.into_iter().map(winner).collect()
}

/// Whether a proposal takes the lead from the best of those before it.
#[inline]
pub(super) fn leads(stacking: Stacking, total: i64, best: i64) -> bool {
    match stacking {
        Stacking::Best => total > best,
        Stacking::Lowest => total < best,
        Stacking::First | Stacking::All => false,
    }
}

/// Where the proposals of one line compete; those for the whole basket do so in slot 0.
fn line_slot(proposal: &Proposal) -> usize {
    let line = proposal.line.and_then(|line| usize::try_from(line).ok());
    line.map_or(0, |line| line.saturating_add(1))
}

/// Who leads among proposals. Proposals of one rule follow one another and count together; ties go to the first rule.
#[derive(Debug, Clone, Copy, Default)]
struct Contest {
    leader: Option<(u32, i64)>,
    entering: Option<(u32, i64)>,
}

impl Contest {
    #[inline]
    fn enter(&mut self, stacking: Stacking, proposal: &Proposal) {
        let amount = proposal.desired.amount;
        match &mut self.entering {
            Some((rule, total)) if *rule == proposal.rule => *total = total.saturating_add(amount),
            entering => {
                let complete = entering.replace((proposal.rule, amount));
                self.settle(stacking, complete);
            }
        }
    }

    #[inline]
    fn settle(&mut self, stacking: Stacking, complete: Option<(u32, i64)>) {
        let is_leader = match (complete, self.leader) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some((_, total)), Some((_, best))) => leads(stacking, total, best),
        };
        if is_leader {
            self.leader = complete;
        }
    }

    #[inline]
    fn winner(mut self, stacking: Stacking) -> Option<u32> {
        self.settle(stacking, self.entering);
        self.leader.map(|(rule, _)| rule)
    }
}
