//! The tables of the memory backend and the view a plan gets of them.

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::decision::ProgramWrite;
use rewards_core::entity::{EntityKey, EntityPage, EntityQuery, EntityRow};
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::ledger::{Account, JournalEntry, Lot, LotNumber, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::money::Asset;
use rewards_core::snapshot::{
    BalancesAt, CounterKey, DueLotsQuery, LotFilter, LotQuery, MemberKey, MemberQuery, ProgramKey,
    ReadPlan, ReplyKey, Snapshot, StatementQuery, StoredReply,
};
use rewards_core::time::Timestamp;
use smol_str::SmolStr;
use uuid::Uuid;

use super::lists::EntityLists;

/// Where a control account stands in its order: purpose and asset as texts, compared bytewise.
pub(super) type Place = (String, String);

/// Where an event stands in the queue: oldest first, then by stream and number. The instant is the one at which the event was
/// recorded, but never before that of the event before it in its stream.
pub(super) type QueuePlace = (TenantId, Timestamp, Stream, u64);

/// The place of a control account.
pub(super) fn place(purpose: &Purpose, asset: Asset) -> Place {
    (purpose.text(), asset.to_string())
}

/// An event that waits for delivery.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// The event.
    pub event: EventRecord,
    /// Who holds it, until when.
    pub lease: Option<(Uuid, Timestamp)>,
    /// How often it was claimed.
    pub attempts: u32,
}

/// All rows. The same type holds what a group has staged, and the copy that a view of the books reads.
#[derive(Debug, Default, Clone)]
pub(super) struct Tables {
    pub replies: BTreeMap<ReplyKey, StoredReply>,
    pub members: BTreeMap<MemberKey, MemberRow>,
    pub entities: BTreeMap<EntityKey, EntityRow>,
    /// Where they are found; of those that are staged, nowhere yet.
    lists: EntityLists,
    /// Entities that a group has removed; empty but while it is staged.
    pub removed: BTreeSet<EntityKey>,
    /// Members in whose journals a group drops the reasons; empty but while it is staged.
    pub erased_reasons: BTreeSet<MemberKey>,
    /// Replies that are kept with entities.
    pub receipts: BTreeMap<EntityKey, StoredReply>,
    pub programs: BTreeMap<(ProgramKey, u32), ProgramWrite>,
    /// How many revisions each tenant has published; of a group, how many it adds.
    pub revision_counts: BTreeMap<TenantId, u64>,
    pub counters: BTreeMap<CounterKey, i64>,
    pub controls: BTreeMap<(TenantId, Place), (Purpose, Asset, i64)>,
    pub lots: BTreeMap<(MemberKey, LotNumber), Lot>,
    /// The lots of each member for which something becomes due, by when.
    pub lots_due: BTreeSet<(MemberKey, Timestamp, LotNumber)>,
    /// For whom something becomes due at an instant, and how many things.
    pub due: BTreeMap<(TenantId, Timestamp), BTreeMap<MemberId, usize>>,
    pub journal: BTreeMap<(MemberKey, u64), JournalEntry>,
    /// The outbox in the order of delivery.
    pub queue: BTreeMap<QueuePlace, Waiting>,
    /// Where the events of the queue are, by stream and number.
    pub queued: BTreeMap<(TenantId, Stream, u64), Timestamp>,
}

impl Tables {
    /// Moves everything that was staged in.
    pub fn take_in(&mut self, staged: Self) {
        self.replies.extend(staged.replies);
        for (key, row) in staged.members {
            let due = row.due_at;
            let before = self.members.insert(key.clone(), row);
            self.end_due(&key, before.and_then(|row| row.due_at));
            self.note_due(&key, due);
        }
        for key in staged.removed {
            let before = self.entities.remove(&key);
            self.lists
                .moved(&key, before.as_ref().map(|row| &row.index), None);
            self.receipts.remove(&key);
        }
        for (key, row) in staged.entities {
            let before = self.entities.get(&key);
            let before = before.map(|row| &row.index);
            self.lists.moved(&key, before, Some(&row.index));
            self.entities.insert(key, row);
        }
        self.receipts.extend(staged.receipts);
        self.programs.extend(staged.programs);
        for (tenant, added) in staged.revision_counts {
            let count = self.revision_counts.entry(tenant).or_default();
            *count = count.saturating_add(added);
        }
        self.counters.extend(staged.counters);
        self.controls.extend(staged.controls);
        for ((key, number), lot) in staged.lots {
            let due = lot.due_at();
            let before = self.lots.insert((key.clone(), number), lot);
            let before = before.and_then(|lot| lot.due_at());
            if let Some(at) = before {
                self.lots_due.remove(&(key.clone(), at, number));
            }
            if let Some(at) = due {
                self.lots_due.insert((key.clone(), at, number));
            }
            self.end_due(&key, before);
            self.note_due(&key, due);
        }
        self.journal.extend(staged.journal);
        for member in staged.erased_reasons {
            let keys = (member.clone(), u64::MIN)..=(member, u64::MAX);
            for (_, entry) in self.journal.range_mut(keys) {
                entry.transfer.reason = None;
            }
        }
        self.queue.extend(staged.queue);
        self.queued.extend(staged.queued);
    }

    /// The number of a program's newest revision.
    pub fn newest(&self, program: &ProgramKey) -> Option<u32> {
        let first = (program.clone(), u32::MIN);
        let last = (program.clone(), u32::MAX);
        self.programs
            .range(first..=last)
            .next_back()
            .map(|((_, version), _)| *version)
    }

    fn note_due(&mut self, member: &MemberKey, at: Option<Timestamp>) {
        if let Some(at) = at {
            let members = self.due.entry((member.tenant.clone(), at)).or_default();
            let count = members.entry(member.member.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn end_due(&mut self, member: &MemberKey, at: Option<Timestamp>) {
        let Some(at) = at else { return };
        let place = (member.tenant.clone(), at);
        let Some(members) = self.due.get_mut(&place) else {
            return;
        };
        if let Some(count) = members.get_mut(&member.member) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                members.remove(&member.member);
            }
        }
        if members.is_empty() {
            self.due.remove(&place);
        }
    }

    /// When the first thing becomes due for a member.
    pub fn first_due(&self, member: &MemberKey) -> Option<Timestamp> {
        let first = (member.clone(), Timestamp::MIN, LotNumber::MIN);
        let last = (member.clone(), Timestamp::MAX, LotNumber::MAX);
        let lot = self.lots_due.range(first..=last).next();
        let review = self.members.get(member).and_then(|row| row.due_at);
        lot.map(|(_, at, _)| *at).into_iter().chain(review).min()
    }

    /// The instant at which the last event of a stream is queued, while one waits.
    pub fn last_queued(&self, tenant: &TenantId, stream: &Stream) -> Option<Timestamp> {
        let first = (tenant.clone(), stream.clone(), u64::MIN);
        let last = (tenant.clone(), stream.clone(), u64::MAX);
        self.queued
            .range(first..=last)
            .next_back()
            .map(|(_, at)| *at)
    }

    /// What a plan names, as far as it exists.
    pub fn snapshot(&self, plan: &ReadPlan) -> Snapshot {
        let mut view = Snapshot::default();
        for key in &plan.replies {
            if let Some(reply) = self.replies.get(key) {
                view.replies.insert(key.clone(), reply.clone());
            }
        }
        for key in &plan.members {
            if let Some(row) = self.members.get(key) {
                view.members.insert(key.clone(), row.clone());
            }
        }
        for key in &plan.entities {
            if let Some(row) = self.entities.get(key) {
                view.entities.insert(key.clone(), row.clone());
            }
        }
        for key in &plan.receipts {
            if let Some(reply) = self.receipts.get(key) {
                view.receipts.insert(key.clone(), reply.clone());
            }
        }
        for query in &plan.entity_pages {
            let page = self.entity_page(query);
            view.entity_pages.insert(query.clone(), page);
        }
        for query in &plan.member_pages {
            let page = self.member_page(query);
            view.member_pages.insert(query.clone(), page);
        }
        for key in &plan.programs {
            if let Some(version) = self.newest(key) {
                view.programs.insert(key.clone(), version);
            }
        }
        for tenant in &plan.revision_counts {
            if let Some(count) = self.revision_counts.get(tenant) {
                view.revision_counts.insert(tenant.clone(), *count);
            }
        }
        for range in plan.counters.iter().filter(|r| r.from <= r.until) {
            let found = self
                .counters
                .range(range.name.at(range.from)..=range.name.at(range.until));
            view.counters
                .extend(found.map(|(key, value)| (key.clone(), *value)));
        }
        for query in &plan.lots {
            let found = self.lots_for(query).into_iter();
            view.lots
                .extend(found.map(|lot| ((query.member.clone(), lot.number), lot.clone())));
        }
        for query in &plan.due_lots {
            view.due_lots.insert(query.clone(), self.due_lots(query));
        }
        for query in &plan.statements {
            view.statements.insert(query.clone(), self.statement(query));
        }
        for query in &plan.balances_at {
            view.balances_at
                .insert(query.clone(), self.balances_at(query));
        }
        view
    }

    /// The control accounts of a tenant, in the order of purposes and assets as texts.
    pub fn controls_of(&self, tenant: &TenantId) -> Vec<(Purpose, Asset, i128)> {
        self.controls
            .iter()
            .filter(|((owner, _), _)| owner == tenant)
            .map(|(_, (purpose, asset, value))| (purpose.clone(), *asset, i128::from(*value)))
            .collect()
    }

    /// The entities of a kind, by id.
    pub fn entities_of<'a>(
        &'a self,
        tenant: &'a TenantId,
        kind: &'static str,
    ) -> impl Iterator<Item = (&'a EntityKey, &'a EntityRow)> {
        let first = EntityKey {
            tenant: tenant.clone(),
            kind,
            id: SmolStr::default(),
        };
        self.entities
            .range(first..)
            .take_while(move |(key, _)| key.tenant == *tenant && key.kind == kind)
    }

    fn entity_page(&self, query: &EntityQuery) -> EntityPage {
        let ids = self.lists.page(query, page(query.limit)).into_iter();
        let rows = ids.filter_map(|id| {
            let key = EntityKey {
                tenant: query.tenant.clone(),
                kind: query.kind,
                id,
            };
            let row = self.entities.get(&key)?.clone();
            Some((key.id, row))
        });
        rows.collect()
    }

    fn member_page(&self, query: &MemberQuery) -> Vec<(MemberId, MemberRow)> {
        let place = |key: &MemberKey, row: &MemberRow| {
            let at = row.profile.registered_at.micros();
            (at, SmolStr::new(key.member.as_str()))
        };
        let own = self
            .members
            .iter()
            .filter(|(key, _)| key.tenant == query.tenant);
        let mut found: Vec<_> = own.map(|(key, row)| (place(key, row), key, row)).collect();
        found.sort_by(|(a, ..), (b, ..)| b.cmp(a));
        let after = query
            .after
            .as_ref()
            .map(|place| (place.value, place.id.clone()));
        found
            .into_iter()
            .filter(|(place, ..)| after.as_ref().is_none_or(|after| place < after))
            .take(page(query.limit))
            .map(|(_, key, row)| (key.member.clone(), row.clone()))
            .collect()
    }

    fn lots_for(&self, query: &LotQuery) -> Vec<&Lot> {
        let first = (query.member.clone(), LotNumber::MIN);
        let last = (query.member.clone(), LotNumber::MAX);
        let all = self.lots.range(first..=last).map(|(_, lot)| lot);
        // The range is in the order of numbers and sorting is stable, so ties stay in that order.
        let mut found: Vec<&Lot> = match &query.filter {
            LotFilter::Due { at } => {
                let first = (query.member.clone(), Timestamp::MIN, LotNumber::MIN);
                let last = (query.member.clone(), *at, LotNumber::MAX);
                let due = self.lots_due.range(first..=last).take(page(query.limit));
                due.filter_map(|(key, _, number)| self.lots.get(&(key.clone(), *number)))
                    .collect()
            }
            LotFilter::Open { asset } => {
                let mut open: Vec<_> = all
                    .filter(|lot| lot.state.is_open() && lot.asset == *asset)
                    .collect();
                open.sort_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at));
                open
            }
            LotFilter::Numbered { number } => {
                let key = (query.member.clone(), *number);
                self.lots.get(&key).into_iter().collect()
            }
            LotFilter::OfPurchase { purchase } => all
                .filter(|lot| lot.purchase.as_ref() == Some(purchase))
                .collect(),
        };
        found.truncate(page(query.limit));
        found
    }

    fn due_lots(&self, query: &DueLotsQuery) -> Vec<(MemberId, Lot)> {
        let open = self.lots_due.iter();
        let open = open.filter(|(key, due, _)| {
            key.tenant == query.tenant && (query.from..=query.until).contains(due)
        });
        let mut places: Vec<(Timestamp, &MemberKey, LotNumber)> = open
            .map(|(key, due, number)| (*due, key, *number))
            .collect();
        places.sort_unstable();
        let is_after = |due: &Timestamp, key: &MemberKey, number: &LotNumber| {
            let after = query.after.as_ref();
            after.is_none_or(|(at, member, lot)| (due, &key.member, number) > (at, member, lot))
        };
        let places = places.into_iter();
        let places = places.filter(|(due, key, number)| is_after(due, key, number));
        let found = places.filter_map(|(_, key, number)| {
            let lot = self.lots.get(&(key.clone(), number))?;
            (lot.state == query.state).then(|| (key.member.clone(), lot.clone()))
        });
        found.take(page(query.limit)).collect()
    }

    fn journal_of(&self, member: &MemberKey) -> impl DoubleEndedIterator<Item = &JournalEntry> {
        let first = (member.clone(), u64::MIN);
        let last = (member.clone(), u64::MAX);
        self.journal.range(first..=last).map(|(_, entry)| entry)
    }

    fn statement(&self, query: &StatementQuery) -> Vec<JournalEntry> {
        self.journal_of(&query.member)
            .rev()
            .filter(|entry| query.asks_for(entry))
            .take(page(query.limit))
            .cloned()
            .collect()
    }

    fn balances_at(&self, query: &BalancesAt) -> Vec<(Account, i64)> {
        let mut sums: BTreeMap<&Account, i64> = BTreeMap::new();
        for entry in self.journal_of(&query.member) {
            let transfer = &entry.transfer;
            if transfer.effective_at > query.at {
                continue;
            }
            let minor = transfer.minor();
            for (account, delta) in [
                (transfer.from(), minor.saturating_neg()),
                (transfer.to(), minor),
            ] {
                if account.holder_text() == query.member.member.as_str() {
                    let sum = sums.entry(account).or_default();
                    *sum = sum.saturating_add(delta);
                }
            }
        }
        sums.into_iter()
            .map(|(account, sum)| (account.clone(), sum))
            .collect()
    }
}

/// A page size as a count of rows.
pub(super) fn page(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
