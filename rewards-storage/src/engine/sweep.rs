//! Carrying out what is due with time: a sweep over the members for whom something is due.
//!
//! The commands of a sweep have no keys and leave no replies behind: what a sweep does is done once because the rows say what
//! is still due. A sweep that is repeated, after a crash or a lost acknowledgement, finds nothing left to do.
//!
//! A member who cannot be settled stops nobody: the report names whom, with the fault, and the sweep goes on behind. The
//! member stays due, so the next sweep tries again.

use std::collections::VecDeque;

use rewards_core::ids::MemberId;
use rewards_core::operations::rewards::{SettleMember, SettledMember};
use rewards_core::rejection::{Fault, FaultKind};
use rewards_core::time::Timestamp;
use rustc_hash::FxHashSet;

use super::TenantEngine;
use super::moment::{Moment, When};
use super::submit::{AnswerReceiver, Once, Told, receive};
use crate::store::DuePage;

/// Members of one page of a sweep.
const PAGE: u32 = 256;
/// The next page is read and handed in while fewer members than this are being settled: the workers always have a few commits' worth
/// of them, and others find room in the queue.
const AHEAD: usize = 768;

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
        let (sweep, swept) = self.sweep(None).await;
        swept.map(|()| sweep)
    }

    /// Sweeps at an instant, or now; what was carried out, and whether that is all.
    pub(super) async fn sweep(&self, now: Option<Timestamp>) -> (Sweep, Result<(), Fault>) {
        let mut sweep = Sweep::default();
        let mut handed = HandedIn::default();
        let swept = self.sweep_pages(now, &mut sweep, &mut handed).await;
        // All of them are waited for before a fault is told, so that nothing goes on behind the caller's back.
        while let Some((member, outcome)) = handed.next().await {
            sweep.note(member, outcome);
        }
        let swept = swept.and_then(|()| sweep.nobody().map_or(Ok(()), Err));
        (sweep, swept)
    }

    async fn sweep_pages(
        &self,
        now: Option<Timestamp>,
        sweep: &mut Sweep,
        handed: &mut HandedIn,
    ) -> Result<(), Fault> {
        self.inner.check_open()?;
        let moment = self.moment(now, &[]).await?;
        let (mut after, mut is_last) = (None, false);
        let mut unreachable = 0;
        loop {
            while !is_last && handed.waiting.len() < AHEAD {
                self.inner.check_open()?;
                let storage = &self.inner.shared.storage;
                let DuePage { members, next } = storage
                    .ask(|store| store.due_members(self.tenant(), moment.now, after.clone(), PAGE))
                    .await?;
                for (_, member) in members {
                    // Of whom more is due than one call settles may be found again, further behind.
                    if !handed.members.contains(&member) {
                        sweep.members = sweep.members.saturating_add(1);
                        self.hand_in(member, moment, handed).await;
                    }
                }
                is_last = next.is_none();
                after = next;
            }
            let Some((member, outcome)) = handed.next().await else {
                return Ok(());
            };
            unreachable = match &outcome {
                Err(fault) if fault.kind == FaultKind::Unavailable => unreachable + 1,
                _ => 0,
            };
            if let Err(fault) = &outcome
                && unreachable >= AHEAD
            {
                return Err(fault.clone());
            }
            // Each call settles something of a member who comes again, so this ends.
            if sweep.note(member.clone(), outcome) {
                self.hand_in(member, moment, handed).await;
            }
        }
    }

    async fn hand_in(&self, member: MemberId, moment: Moment, handed: &mut HandedIn) {
        let told = Told {
            key: None,
            when: When::Found(moment),
        };
        let request = SettleMember {
            member: member.clone(),
        };
        let answer = self.submit(request, told, Once::Versions, None).await;
        handed.members.insert(member.clone());
        handed.waiting.push_back((member, answer));
    }
}

/// Commands of a sweep that are not answered yet, in the order in which they were handed in.
#[derive(Default)]
struct HandedIn {
    waiting: VecDeque<(MemberId, Result<AnswerReceiver<SettledMember>, Fault>)>,
    members: FxHashSet<MemberId>,
}

impl HandedIn {
    async fn next(&mut self) -> Option<(MemberId, Result<SettledMember, Fault>)> {
        let (member, answer) = self.waiting.pop_front()?;
        let outcome = match answer {
            Ok(answer) => receive(answer).await.map(|receipt| receipt.reply),
            Err(fault) => Err(fault),
        };
        self.members.remove(&member);
        Some((member, outcome))
    }
}

impl Sweep {
    /// Takes in how a member fared; whether more is due.
    fn note(&mut self, member: MemberId, outcome: Result<SettledMember, Fault>) -> bool {
        match outcome {
            Ok(settled) => {
                let changes = u64::from(settled.tier_changes);
                self.tier_changes = self.tier_changes.saturating_add(changes);
                let more = settled.more && !settled.is_nothing();
                self.settled.push((member, settled));
                more
            }
            Err(fault) => {
                self.failed.push((member, fault));
                false
            }
        }
    }

    /// The fault of all when nobody could be reached.
    fn nobody(&self) -> Option<Fault> {
        let is_away = |(_, fault): &(_, Fault)| fault.kind == FaultKind::Unavailable;
        let (_, first) = self.failed.first()?;
        let is_nobody = self.settled.is_empty() && self.failed.iter().all(is_away);
        is_nobody.then(|| first.clone())
    }
}
