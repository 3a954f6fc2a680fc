//! The tables of the memory backend and the view a plan gets of them.

use std::collections::BTreeMap;

use rewards_core::decision::ProgramWrite;
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Holder, JournalEntry, Lot, LotNumber, Purpose};
use rewards_core::records::{MemberRow, PurchaseRow};
use rewards_core::snapshot::{
    BalancesAt, CounterKey, LotFilter, LotQuery, MemberKey, ProgramKey, PurchaseKey, ReadPlan,
    ReplyKey, Snapshot, StatementQuery, StoredReply,
};
use rewards_core::time::Timestamp;
use uuid::Uuid;

/// Where an account stands in the order of balances: holder, purpose and asset as texts, compared bytewise.
pub(super) type Place = (String, String, String);

/// Where an event stands in the queue: oldest first, then by stream and number.
pub(super) type QueuePlace = (TenantId, Timestamp, Stream, u64);

/// The place of an account.
pub(super) fn place(account: &Account) -> Place {
    (
        account.holder_text().to_owned(),
        account.purpose.text(),
        account.asset.to_string(),
    )
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

/// All rows. The same type holds what a group has staged.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub replies: BTreeMap<ReplyKey, StoredReply>,
    pub members: BTreeMap<MemberKey, MemberRow>,
    pub purchases: BTreeMap<PurchaseKey, PurchaseRow>,
    pub programs: BTreeMap<(ProgramKey, u32), ProgramWrite>,
    pub counters: BTreeMap<CounterKey, i64>,
    pub balances: BTreeMap<(TenantId, Place), (Account, i64)>,
    pub lots: BTreeMap<(MemberKey, LotNumber), Lot>,
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
        self.members.extend(staged.members);
        self.purchases.extend(staged.purchases);
        self.programs.extend(staged.programs);
        self.counters.extend(staged.counters);
        self.balances.extend(staged.balances);
        self.lots.extend(staged.lots);
        self.journal.extend(staged.journal);
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
        for key in &plan.purchases {
            if let Some(row) = self.purchases.get(key) {
                view.purchases.insert(key.clone(), row.clone());
            }
        }
        for key in &plan.programs {
            if let Some(version) = self.newest(key) {
                view.programs.insert(key.clone(), version);
            }
        }
        for range in plan.counters.iter().filter(|r| r.from <= r.until) {
            let found = self
                .counters
                .range(range.name.at(range.from)..=range.name.at(range.until));
            view.counters
                .extend(found.map(|(key, value)| (key.clone(), *value)));
        }
        for (tenant, holder) in &plan.balances {
            let found = self.balances_of(tenant, holder);
            view.balances
                .extend(found.map(|(account, value)| ((tenant.clone(), account.clone()), *value)));
        }
        for query in &plan.lots {
            let found = self.lots_for(query).into_iter();
            view.lots
                .extend(found.map(|lot| ((query.member.clone(), lot.number), lot.clone())));
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

    fn balances_of<'a>(
        &'a self,
        tenant: &'a TenantId,
        holder: &'a Holder,
    ) -> impl Iterator<Item = &'a (Account, i64)> {
        let text = match holder {
            Holder::Member(member) => member.as_str().to_owned(),
            Holder::System => String::new(),
        };
        self.balances
            .range((tenant.clone(), (text, String::new(), String::new()))..)
            .take_while(move |((at, _), (account, _))| at == tenant && account.holder == *holder)
            .map(|(_, balance)| balance)
    }

    fn lots_for(&self, query: &LotQuery) -> Vec<&Lot> {
        let first = (query.member.clone(), LotNumber::MIN);
        let last = (query.member.clone(), LotNumber::MAX);
        let all = self.lots.range(first..=last).map(|(_, lot)| lot);
        // The range is in the order of numbers and sorting is stable, so ties stay in that order.
        let mut found: Vec<&Lot> = match &query.filter {
            LotFilter::Due { at } => {
                let mut due: Vec<_> = all
                    .filter_map(|lot| Some((lot.due_at()?, lot)))
                    .filter(|(due, _)| due <= at)
                    .collect();
                due.sort_by_key(|(due, _)| *due);
                due.into_iter().map(|(_, lot)| lot).collect()
            }
            LotFilter::Open { asset } => {
                let mut open: Vec<_> = all
                    .filter(|lot| lot.state.is_open() && lot.asset == *asset)
                    .collect();
                open.sort_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at));
                open
            }
            LotFilter::OfPurchase { purchase } => all
                .filter(|lot| lot.purchase.as_ref() == Some(purchase))
                .collect(),
        };
        found.truncate(page(query.limit));
        found
    }

    fn journal_of(&self, member: &MemberKey) -> impl DoubleEndedIterator<Item = &JournalEntry> {
        let first = (member.clone(), u64::MIN);
        let last = (member.clone(), u64::MAX);
        self.journal.range(first..=last).map(|(_, entry)| entry)
    }

    fn statement(&self, query: &StatementQuery) -> Vec<JournalEntry> {
        self.journal_of(&query.member)
            .rev()
            .filter(|entry| is_asked_for(query, entry))
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

fn is_asked_for(query: &StatementQuery, entry: &JournalEntry) -> bool {
    let transfer = &entry.transfer;
    let touches = |purpose: &Purpose| {
        [transfer.from(), transfer.to()].iter().any(|account| {
            account.holder_text() == query.member.member.as_str() && account.purpose == *purpose
        })
    };
    query.before.is_none_or(|before| entry.seq < before)
        && query.kind.is_none_or(|kind| transfer.kind == kind)
        && query.purpose.as_ref().is_none_or(touches)
        && query.asset.is_none_or(|asset| transfer.asset() == asset)
        && (query.purchase.is_none() || transfer.purchase == query.purchase)
        && query.from.is_none_or(|from| transfer.effective_at >= from)
        && query
            .until
            .is_none_or(|until| transfer.effective_at < until)
}
