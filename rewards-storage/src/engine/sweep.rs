//! Carrying out what is due with time: a sweep over the members for whom something is due.

use rewards_core::ids::{IdempotencyKey, MemberId};
use rewards_core::operations::rewards::{SettleMember, SettledMember};
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;

use super::{CommandOptions, TenantEngine};

/// Members of one page of a sweep; they share group commits. Enough to keep all workers at work for several commits.
const PAGE: u32 = 1_024;
/// How often one member is settled again in a sweep because more was due than one command settles.
const ROUNDS_MAX: u32 = 1_000;

/// What a sweep carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sweep {
    /// Members for whom something was due.
    pub members: u64,
    /// Tier moves made.
    pub tier_changes: u64,
    /// What each settled member got and lost, in the order of members.
    pub settled: Vec<(MemberId, SettledMember)>,
}

impl TenantEngine {
    /// Carries out everything that is due by now: pending rewards mature or are voided, available ones expire, tiers
    /// are reviewed. Everything counts from the instant at which it became due, so it does not matter how often this
    /// runs, and balances are right without it. Several processes may sweep at the same time.
    ///
    /// # Errors
    /// The first fault that is no lost race; what was settled before it stays settled.
    pub async fn settle_due(&self) -> Result<Sweep, Fault> {
        self.inner.check_open()?;
        let now = self.inner.clock.now();
        let mut sweep = Sweep::default();
        let mut after = None;
        loop {
            let storage = &self.inner.shared.storage;
            let page = storage
                .ask(|store| store.due_members(self.tenant(), now, after.clone(), PAGE))
                .await?;
            let Some(last) = page.last().cloned() else {
                return Ok(sweep);
            };
            sweep.members = sweep
                .members
                .saturating_add(page.len().try_into().unwrap_or(u64::MAX));
            self.settle(page, now, &mut sweep).await?;
            after = Some(last);
        }
    }

    /// Settles the members of a page together, and those again for whom more is due.
    async fn settle(
        &self,
        mut members: Vec<MemberId>,
        now: Timestamp,
        sweep: &mut Sweep,
    ) -> Result<(), Fault> {
        for round in 0..ROUNDS_MAX {
            if members.is_empty() {
                break;
            }
            let commands = members.iter().map(|member| {
                // The key names the sweep's instant: a sweep that is repeated after a crash does nothing twice.
                let key = format!("{member}@{}#{round}", now.micros());
                let options = CommandOptions {
                    key: IdempotencyKey::new(&key).ok(),
                    now: Some(now),
                };
                (
                    SettleMember {
                        member: member.clone(),
                    },
                    options,
                )
            });
            let replies = self.execute_many(commands.collect()).await;
            let mut again = Vec::new();
            for (member, reply) in members.into_iter().zip(replies) {
                let settled = reply?.reply;
                sweep.tier_changes = sweep
                    .tier_changes
                    .saturating_add(u64::from(settled.tier_changes));
                if settled.more {
                    again.push(member.clone());
                }
                sweep.settled.push((member, settled));
            }
            members = again;
        }
        Ok(())
    }
}
