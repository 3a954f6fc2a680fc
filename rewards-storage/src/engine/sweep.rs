//! Carrying out what is due with time: a sweep over the members for whom something is due.
//!
//! The commands of a sweep have no keys and leave no replies behind: what a sweep does is done once because the rows say what
//! is still due. A sweep that is repeated, after a crash or a lost acknowledgement, finds nothing left to do.
//!
//! A member who cannot be settled stops nobody: the report names whom, with the fault, and the sweep goes on behind. The
//! member stays due, so the next sweep tries again.

use rewards_core::ids::MemberId;
use rewards_core::operations::rewards::{SettleMember, SettledMember};
use rewards_core::rejection::{Fault, FaultKind};
use rewards_core::time::Timestamp;

use super::TenantEngine;
use super::moment::{Moment, When};
use super::ordered::{Handed, OrderedRun};
use super::submit::{Once, Told, receive};
use crate::store::DuePage;

/// Members of one page of a sweep; they share group commits. Enough to keep all workers at work for several commits.
const PAGE: u32 = 1_024;
/// What a sweep carried out. When the acknowledgement of a commit was lost, what it did is done and not in here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Members for whom something was due.
    pub members: u64,
    /// Tier moves made.
    pub tier_changes: u64,
    /// What each settled member got and lost, in the order in which they were settled.
    pub settled: Vec<(MemberId, SettledMember)>,
    /// Who could not be settled, and why. They are still due.
    pub failed: Vec<(MemberId, Fault)>,
}

impl TenantEngine {
    /// Carries out everything that is due by now: pending rewards mature or are voided, available ones expire, tiers
    /// are reviewed. Everything counts from the instant at which it became due, so it does not matter how often this
    /// runs, and balances are right without it. Several processes may sweep at the same time.
    ///
    /// A member who cannot be settled, because a row of theirs is not readable for example, is named in [`Sweep::failed`] and
    /// holds up nobody.
    ///
    /// # Errors
    /// A fault of the store when nobody can be settled, and `clock_ahead` or `clock_behind` when the clock cannot be right;
    /// `engine_closed`. What was settled before it stays settled.
    pub async fn settle_due(&self) -> Result<Sweep, Fault> {
        self.sweep(None, None).await
    }

    /// Sweeps at an instant, or now; in a run when there is one.
    pub(super) async fn sweep(
        &self,
        now: Option<Timestamp>,
        mut run: Option<&mut OrderedRun>,
    ) -> Result<Sweep, Fault> {
        self.inner.check_open()?;
        let moment = self.moment(now, &[]).await?;
        let mut sweep = Sweep::default();
        let mut after = None;
        loop {
            self.inner.check_open()?;
            let storage = &self.inner.shared.storage;
            let DuePage { members, next } = storage
                .ask(|store| store.due_members(self.tenant(), moment.now, after.clone(), PAGE))
                .await?;
            let count = u64::try_from(members.len()).unwrap_or(u64::MAX);
            sweep.members = sweep.members.saturating_add(count);
            let members = members.into_iter().map(|(_, member)| member).collect();
            self.settle(members, moment, run.as_deref_mut(), &mut sweep)
                .await?;
            if next.is_none() {
                return Ok(sweep);
            }
            after = next;
        }
    }

    /// Settles the members of a page together, and those again for whom more is due.
    async fn settle(
        &self,
        mut members: Vec<MemberId>,
        moment: Moment,
        mut run: Option<&mut OrderedRun>,
        sweep: &mut Sweep,
    ) -> Result<(), Fault> {
        // Each round settles something of every member who is left, so this ends.
        while !members.is_empty() {
            let mut answers = Vec::with_capacity(members.len());
            for member in members {
                let answer = self.settle_member(member.clone(), moment, run.as_deref_mut());
                answers.push((member, answer.await));
            }
            // All of them are waited for before the first fault is told, so that nothing goes on behind the caller's back.
            let mut outcomes = Vec::with_capacity(answers.len());
            for (member, answer) in answers {
                let outcome = match answer {
                    Handed::Waiting(answer) => receive(answer).await,
                    Handed::Known(outcome) => outcome,
                };
                outcomes.push((member, outcome.map(|receipt| receipt.reply)));
            }
            members = sweep.note(outcomes)?;
            if let Some(run) = run.as_deref_mut() {
                run.barrier().await?;
            }
        }
        Ok(())
    }

    async fn settle_member(
        &self,
        member: MemberId,
        moment: Moment,
        run: Option<&mut OrderedRun>,
    ) -> Handed<SettledMember> {
        let told = Told {
            key: None,
            when: When::Found(moment),
        };
        let request = SettleMember { member };
        match run {
            Some(run) => run.hand_in(request, told, Once::Versions).await,
            None => match self.submit(request, told, Once::Versions, None).await {
                Ok(answer) => Handed::Waiting(answer),
                Err(fault) => Handed::Known(Err(fault)),
            },
        }
    }
}

impl Sweep {
    /// Takes in how the members of a round fared; those for whom more is due. The fault of all when nobody could be reached.
    fn note(
        &mut self,
        outcomes: Vec<(MemberId, Result<SettledMember, Fault>)>,
    ) -> Result<Vec<MemberId>, Fault> {
        let is_away = |outcome: &Result<SettledMember, Fault>| {
            let fault = outcome.as_ref().err();
            fault.is_some_and(|fault| fault.kind == FaultKind::Unavailable)
        };
        if outcomes.iter().all(|(_, outcome)| is_away(outcome))
            && let Some((_, Err(fault))) = outcomes.first()
        {
            return Err(fault.clone());
        }
        let mut again = Vec::new();
        for (member, outcome) in outcomes {
            match outcome {
                Ok(settled) => {
                    let changes = u64::from(settled.tier_changes);
                    self.tier_changes = self.tier_changes.saturating_add(changes);
                    if settled.more && !settled.is_nothing() {
                        again.push(member.clone());
                    }
                    self.settled.push((member, settled));
                }
                Err(fault) => self.failed.push((member, fault)),
            }
        }
        Ok(again)
    }
}
