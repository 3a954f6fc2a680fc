//! What decides whether the batches of a group can be applied: everything that they expect, looked up in one set.

use std::collections::BTreeMap;

use rewards_core::entity::EntityKey;
use rewards_core::ids::TenantId;
use rewards_core::ledger::Purpose;
use rewards_core::money::Asset;
use rewards_core::snapshot::{CounterKey, MemberKey, ProgramKey, ReplyKey, StoredReply};

use super::arms::{self, Arm, Catalogue, place};
use super::commit::Means;
use super::decode::Decoded;
use super::dialect::Kind::{Int, Text};
use super::driver::Session;
use super::fault::{At as _, Failure};
#[cfg(feature = "postgres")]
use super::rows::{Param, Rows};
#[cfg(feature = "postgres")]
use super::statements::LOCKS;
use crate::batch::{AbandonedVersions, CommandKey, Commit, CommitBatch};
use crate::error::StoreError;
use crate::judge::{Found, Sums, judge};

/// Where the bytes of an arm begin.
const BYTES: usize = place::INT + 1;

/// Places in [`LOOK`].
mod arm {
    pub(super) const REPLIES: usize = 0;
    pub(super) const RECEIPTS: usize = 1;
    pub(super) const MEMBERS: usize = 2;
    pub(super) const ENTITIES: usize = 3;
    pub(super) const PROGRAMS: usize = 4;
    pub(super) const COUNTERS: usize = 5;
    pub(super) const CONTROLS: usize = 6;
}

pub(super) const ARMS: usize = 7;

pub(super) const LOOK: Catalogue<ARMS> = Catalogue {
    ints: 1,
    texts: 0,
    bytes: 2,
    arms: [
        Arm::REPLY,
        Arm::RECEIPT,
        Arm {
            keys: &[("tenant", Text), ("member", Text)],
            ints: &["t.version"],
            texts: &[],
            bytes: &[],
            from: "{rows} {seek members AS t ON t.tenant = r.tenant AND t.member = r.member}",
        },
        Arm {
            keys: &[("tenant", Text), ("kind", Text), ("id", Text)],
            ints: &["t.version"],
            texts: &[],
            bytes: &[],
            from: "{rows} {seek entities AS t ON t.tenant = r.tenant AND t.kind = r.kind AND t.id = r.id}",
        },
        Arm::NEWEST_REVISION,
        Arm {
            keys: &[
                ("tenant", Text),
                ("subject", Text),
                ("name", Text),
                ("bucket", Int),
            ],
            ints: &["t.value"],
            texts: &[],
            bytes: &[],
            from: "{rows} {seek counters AS t ON t.tenant = r.tenant AND t.subject = r.subject AND t.name = r.name AND t.bucket = r.bucket}",
        },
        Arm {
            keys: &[
                ("tenant", Text),
                ("purpose", Text),
                ("asset", Text),
                ("slot", Int),
            ],
            ints: &["t.amount"],
            texts: &[],
            bytes: &[],
            from: "{rows} {seek control_accounts AS t ON t.tenant = r.tenant AND t.purpose = r.purpose AND t.asset = r.asset AND t.slot = r.slot}",
        },
    ],
};

/// What is stored of everything that some batches name; as it is found, and then as the batches that are applied leave it.
/// A key that is not found has no value.
#[derive(Debug, Default)]
pub(super) struct View<'b> {
    replies: BTreeMap<&'b ReplyKey, Option<StoredReply>>,
    receipts: BTreeMap<&'b EntityKey, Option<StoredReply>>,
    members: BTreeMap<&'b MemberKey, Option<u64>>,
    entities: BTreeMap<&'b EntityKey, Option<u64>>,
    programs: BTreeMap<&'b ProgramKey, Option<u32>>,
    counters: BTreeMap<&'b CounterKey, Option<i64>>,
    controls: BTreeMap<(&'b TenantId, &'b Purpose, Asset), Option<i64>>,
}

impl<'b> View<'b> {
    /// The keys that batches name, in the order in which every writer locks their rows.
    pub fn of(batches: impl IntoIterator<Item = &'b CommitBatch>) -> Self {
        let mut view = Self::default();
        for batch in batches {
            match &batch.key {
                CommandKey::Reply(key) => drop(view.replies.insert(key, None)),
                CommandKey::Entity(key) => drop(view.receipts.insert(key, None)),
                CommandKey::None => {}
            }
            let changes = &*batch.changes;
            let members = changes.members.iter().map(|write| (&write.key, None));
            view.members.extend(members);
            let entities = changes.entities.iter().map(|write| (&write.key, None));
            view.entities.extend(entities);
            let removals = changes.removals.iter().map(|removal| (&removal.key, None));
            view.entities.extend(removals);
            let programs = changes.programs.iter().map(|write| (&write.key, None));
            view.programs.extend(programs);
            let counters = changes.counters.iter().map(|change| (&change.key, None));
            view.counters.extend(counters);
            let controls = changes.control_deltas().into_keys();
            view.controls.extend(controls.map(|key| (key, None)));
        }
        view
    }

    /// Locks the rows that are there, in the order in which every writer locks them: members and then entities, by their
    /// keys. What is not there cannot be locked, and what members share is not: it is written last, in one statement.
    #[cfg(feature = "postgres")]
    pub async fn lock(&self, session: &mut Session<'_>, means: Means<'_>) -> Result<(), Failure> {
        let mut locks = LOCKS
            .each_ref()
            .map(|lock| Rows::new(means.dialect, lock.rows));
        let [members, entities] = &mut locks;
        for key in self.members.keys() {
            members.push(arms::member_key(key));
        }
        for key in self.entities.keys() {
            entities.push(arms::entity_key(key));
        }
        for (sql, rows) in means.statements.locks.iter().zip(locks) {
            if !rows.is_empty() {
                session.fetch(sql, vec![Param::Rows(rows)]).await?;
            }
        }
        Ok(())
    }

    /// Looks everything up.
    pub async fn fill(
        &mut self,
        session: &mut Session<'_>,
        means: Means<'_>,
        slot: u32,
    ) -> Result<(), Failure> {
        let mut keys = LOOK.keys(means.dialect);
        let [
            replies,
            receipts,
            members,
            entities,
            programs,
            counters,
            controls,
        ] = &mut keys;
        for key in self.replies.keys() {
            replies.push(arms::reply_key(key));
        }
        for key in self.receipts.keys() {
            receipts.push(arms::entity_key(key));
        }
        for key in self.members.keys() {
            members.push(arms::member_key(key));
        }
        for key in self.entities.keys() {
            entities.push(arms::entity_key(key));
        }
        for key in self.programs.keys() {
            programs.push(arms::program_key(key));
        }
        for key in self.counters.keys() {
            counters.push(arms::counter_key(key));
        }
        for (tenant, purpose, asset) in self.controls.keys() {
            controls.push([
                tenant.as_str().into(),
                purpose.text().into(),
                asset.to_string().into(),
                slot.into(),
            ]);
        }
        let statements = &means.statements.looks;
        let found = LOOK.look_up(session, means.dialect, statements, keys);
        if let Some(found) = found.await? {
            self.take(found.iter().map(Decoded))?;
        }
        Ok(())
    }

    /// Takes in what was found. Rows name the keys that they answer by their places, which are their places in the maps.
    fn take<'r>(&mut self, rows: impl Iterator<Item = Decoded<'r>>) -> Result<(), StoreError> {
        let mut replies: Vec<_> = self.replies.values_mut().collect();
        let mut receipts: Vec<_> = self.receipts.values_mut().collect();
        let mut members: Vec<_> = self.members.values_mut().collect();
        let mut entities: Vec<_> = self.entities.values_mut().collect();
        let mut programs: Vec<_> = self.programs.values_mut().collect();
        let mut counters: Vec<_> = self.counters.values_mut().collect();
        let mut controls: Vec<_> = self.controls.values_mut().collect();
        for row in rows {
            let arm = row.usize(place::ARM).at("of looks", "?")?;
            let key = row.usize(place::KEY).at("of keys", arm)?.saturating_sub(1);
            match arm {
                arm::REPLIES => set(
                    &mut replies,
                    key,
                    row.reply(BYTES, BYTES + 1).at("replies", key)?,
                ),
                arm::RECEIPTS => {
                    let receipt = row.reply(BYTES, BYTES + 1).at("entities", key)?;
                    set(&mut receipts, key, receipt);
                }
                arm::MEMBERS => set(&mut members, key, row.u64(place::INT).at("members", key)?),
                arm::ENTITIES => set(&mut entities, key, row.u64(place::INT).at("entities", key)?),
                arm::PROGRAMS => {
                    if let Some(newest) = row.revision(place::INT).at("programs", key)? {
                        set(&mut programs, key, newest);
                    }
                }
                arm::COUNTERS => set(&mut counters, key, row.int(place::INT).at("counters", key)?),
                arm::CONTROLS => {
                    let amount = row.int(place::INT).at("control_accounts", key)?;
                    set(&mut controls, key, amount);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Moves the view to where it is after a batch.
    fn apply(&mut self, batch: &'b CommitBatch, sums: &Sums<'b>) {
        match &batch.key {
            CommandKey::Reply(key) => {
                self.replies.insert(key, Some(batch.reply.clone()));
            }
            CommandKey::Entity(_) | CommandKey::None => {}
        }
        if let Some(made) = &batch.receipt {
            self.receipts.insert(made, Some(batch.reply.clone()));
        }
        let changes = &*batch.changes;
        for write in &changes.members {
            self.members.insert(&write.key, Some(write.row.version));
        }
        for write in &changes.entities {
            self.entities.insert(&write.key, Some(write.row.version));
        }
        for removal in &changes.removals {
            self.entities.insert(&removal.key, None);
            self.receipts.insert(&removal.key, None);
        }
        for write in &changes.programs {
            self.programs.insert(&write.key, Some(write.revision));
        }
        for (key, (_, after)) in &sums.counters {
            self.counters.insert(key, Some(*after));
        }
        for (key, after) in &sums.controls {
            self.controls.insert(*key, Some(*after));
        }
    }
}

fn set<T>(places: &mut [&mut Option<T>], at: usize, value: T) {
    if let Some(place) = places.get_mut(at) {
        **place = Some(value);
    }
}

impl Found for View<'_> {
    fn reply(&self, key: &CommandKey) -> Option<&StoredReply> {
        match key {
            CommandKey::Reply(key) => self.replies.get(key)?.as_ref(),
            CommandKey::Entity(key) => self.receipts.get(key)?.as_ref(),
            CommandKey::None => None,
        }
    }

    fn member(&self, key: &MemberKey) -> u64 {
        self.members.get(key).copied().flatten().unwrap_or(0)
    }

    fn entity(&self, key: &EntityKey) -> u64 {
        self.entities.get(key).copied().flatten().unwrap_or(0)
    }

    fn program(&self, key: &ProgramKey) -> u32 {
        self.programs.get(key).copied().flatten().unwrap_or(0)
    }

    fn counter(&self, key: &CounterKey) -> i64 {
        self.counters.get(key).copied().flatten().unwrap_or(0)
    }

    fn control(&self, tenant: &TenantId, purpose: &Purpose, asset: Asset) -> i64 {
        let account = self.controls.get(&(tenant, purpose, asset));
        account.copied().flatten().unwrap_or(0)
    }
}

/// How the batches of a group end, one after another.
#[derive(Debug, Default)]
pub(super) struct Verdict<'b> {
    /// How each ends when the writes of those that are applied are made.
    pub ends: Vec<Commit>,
    /// Those that are applied.
    pub applied: Vec<&'b CommitBatch>,
    /// Values of counters, before and after those that are applied.
    pub counters: BTreeMap<&'b CounterKey, (i64, i64)>,
}

impl<'b> Verdict<'b> {
    /// Judges batches in their order on what was found.
    pub fn on(
        batches: impl IntoIterator<Item = &'b CommitBatch>,
        view: &mut View<'b>,
        abandoned: &mut AbandonedVersions,
    ) -> Self {
        let mut verdict = Self::default();
        for batch in batches {
            match judge(batch, view, abandoned) {
                Ok(sums) => {
                    view.apply(batch, &sums);
                    for (key, (before, after)) in sums.counters {
                        verdict.counters.entry(key).or_insert((before, after)).1 = after;
                    }
                    verdict.applied.push(batch);
                    verdict.ends.push(Commit::Applied);
                }
                Err(end) => {
                    abandoned.note(&batch.changes);
                    verdict.ends.push(end);
                }
            }
        }
        verdict
    }
}
