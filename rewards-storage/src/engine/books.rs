//! Reads the books for an audit: several lists side by side, each in pages, so that what belongs together comes together.

mod pages;

use std::collections::BTreeMap;

use rewards_core::audit::{
    BookAudit, CounterPlace, EventAudit, MemberAudit, ProgramAudit, SharedCounters,
};
use rewards_core::cashback::PurchaseEntity;
use rewards_core::command::Operation as _;
use rewards_core::counter::Subject;
use rewards_core::entity::{ENTITIES, EntityKey, EntityPage};
use rewards_core::event::Stream;
use rewards_core::ids::{MemberId, PurchaseId, SharedWalletId, TenantId};
use rewards_core::ledger::{JournalEntry, TransferKind};
use rewards_core::member::HistoryPage;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::payments::DepositEntity;
use rewards_core::snapshot::{ReadPlan, Snapshot};
use rewards_core::time::Timestamp;
use rewards_core::wallet::{Redemption, SharedWallet};
use smol_str::SmolStr;

use self::pages::{OwnedPages, Pages};
use super::builder::Events;
use super::verify::BookReport;
use crate::error::StoreError;
use crate::store::{BookView, StoredLot, StoredMember};

/// Rows of one page.
pub(super) const PAGE: u32 = 1_000;
/// How many streams are held against the waiting events at a time; for more, the events are read again.
const STREAMS_MAX: usize = 100_000;
/// How many shared counters are recounted at a time; for more, the purchases and coupons are read again.
const COUNTERS_MAX: usize = 100_000;

/// A tenant's books, as they are read.
#[derive(Debug)]
pub(super) struct Books<'v> {
    view: Box<dyn BookView + 'v>,
    tenant: TenantId,
    /// Whether events that are numbered are written, so that a gap is a fault.
    keeps_events: bool,
    audit: BookAudit,
    members: Pages<MemberId, StoredMember>,
    journal: Pages<(MemberId, u64), JournalEntry>,
    /// The purchases that the entries at hand take something back from.
    named: BTreeMap<PurchaseId, PurchaseEntity>,
    lots: Pages<(MemberId, u64), StoredLot>,
    purchases: OwnedPages<PurchaseEntity>,
    history: OwnedPages<HistoryPage>,
    deposits: OwnedPages<DepositEntity>,
    redemptions: OwnedPages<Redemption>,
    counters: Pages<CounterPlace, (CounterPlace, i64)>,
}

impl<'v> Books<'v> {
    pub fn new(view: Box<dyn BookView + 'v>, tenant: TenantId, events: Events) -> Self {
        // No member's id is the empty text, so this is before the counters of the first one.
        let own_counters = (SmolStr::new("m:"), SmolStr::default(), i64::MIN);
        Self {
            view,
            audit: BookAudit::new(tenant.clone()),
            tenant,
            keeps_events: events == Events::Kept,
            members: Pages::behind(None),
            journal: Pages::behind(None),
            named: BTreeMap::new(),
            lots: Pages::behind(None),
            purchases: Pages::behind(None),
            history: Pages::behind(None),
            deposits: Pages::behind(None),
            redemptions: Pages::behind(None),
            counters: Pages::behind(Some(own_counters)),
        }
    }

    /// Reads everything.
    pub async fn read(mut self) -> Result<BookReport, StoreError> {
        let programs = self.read_programs().await?;
        let members = self.read_members(programs).await?;
        self.read_entities().await?;
        let mut accounts = 0_u64;
        for (purpose, asset, balance) in self.view.control_accounts().await? {
            self.audit.control(&purpose, asset, balance);
            accounts = accounts.saturating_add(1);
        }
        for detail in self.view.unreadable() {
            self.audit.unreadable(detail);
        }
        let audited = self.audit.finish();
        Ok(BookReport {
            members,
            entries: audited.entries,
            accounts,
            problems: audited.problems,
            unlisted: audited.unlisted,
        })
    }

    /// Checks all revisions; returns where the streams of the programs end.
    async fn read_programs(&mut self) -> Result<BTreeMap<Stream, u64>, StoreError> {
        let mut programs = ProgramAudit::default();
        let mut after = None;
        loop {
            let page = self.view.replies(PublishProgram::NAME, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (_, reply) in &page {
                programs.published(reply.fingerprint.clone(), &reply.body);
            }
        }
        let (mut after, mut counted) = (None, 0_u64);
        loop {
            let page = self.view.revisions(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.program.clone(), last.revision));
            for stored in &page {
                counted = counted.saturating_add(1);
                programs.revision(&mut self.audit, stored);
            }
        }
        self.count_revisions(counted).await?;
        let ends = programs.into_heads().into_iter();
        Ok(ends
            .map(|(program, head)| (Stream::Program(program), head.seq))
            .collect())
    }

    async fn count_revisions(&mut self, counted: u64) -> Result<(), StoreError> {
        let plan = ReadPlan {
            revision_counts: vec![self.tenant.clone()],
            ..ReadPlan::default()
        };
        match self.view.load(&plan).await {
            Ok(found) => {
                let stored = found.revision_counts.get(&self.tenant);
                self.audit
                    .revision_count(counted, stored.copied().unwrap_or_default());
            }
            Err(StoreError::Corrupt { detail }) => self.audit.unreadable(detail),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what belongs to members, and the events of all streams; returns how many members there are.
    async fn read_members(&mut self, programs: BTreeMap<Stream, u64>) -> Result<u64, StoreError> {
        let mut members = 0_u64;
        let mut ends: BTreeMap<Stream, u64> = BTreeMap::new();
        let mut after: Option<Stream> = None;
        while let Some(member) = self.next_member().await? {
            let stored = self.members.pop_if(|stored| stored.member == member);
            if let Some(stored) = &stored {
                members = members.saturating_add(1);
                if ends.len() >= STREAMS_MAX {
                    let chunk = std::mem::take(&mut ends);
                    let last = chunk.last_key_value().map(|(stream, _)| stream.clone());
                    let events = EventAudit::new(after.take(), chunk, false);
                    self.read_events(events).await?;
                    after = last;
                }
                ends.insert(Stream::Member(member.clone()), stored.row.event_seq);
            }
            self.read_member(&member, stored.as_ref()).await?;
        }
        ends.extend(programs);
        self.read_events(EventAudit::new(after, ends, true)).await?;
        Ok(members)
    }

    /// Reads pages where the next row is not known, and says whose turn it is.
    async fn next_member(&mut self) -> Result<Option<MemberId>, StoreError> {
        if self.members.is_hungry() {
            let page = self.view.members(self.members.after.clone(), PAGE).await?;
            self.members.fill(page, |stored| stored.member.clone());
        }
        self.feed_journal().await?;
        self.feed_lots().await?;
        self.purchases.feed(self.view.as_mut()).await?;
        self.history.feed(self.view.as_mut()).await?;
        self.deposits.feed(self.view.as_mut()).await?;
        self.redemptions.feed(self.view.as_mut()).await?;
        self.feed_counters().await?;
        let counter = self
            .counters
            .rows
            .front()
            .and_then(|(place, _)| owner(place));
        let heads = [
            self.members.rows.front().map(|stored| &stored.member),
            self.journal.rows.front().map(|entry| &entry.member),
            self.lots.rows.front().map(|stored| &stored.member),
            self.purchases.owner(),
            self.history.owner(),
            self.deposits.owner(),
            self.redemptions.owner(),
            counter.as_ref(),
        ];
        Ok(heads.into_iter().flatten().min().cloned())
    }

    /// Reads what belongs to one member, as it was recorded: each grant beside its lot and its purchase.
    async fn read_member(
        &mut self,
        member: &MemberId,
        stored: Option<&StoredMember>,
    ) -> Result<(), StoreError> {
        // The audit of the books is lent to that of the member, while the lists go on.
        let mut books = std::mem::replace(&mut self.audit, BookAudit::new(self.tenant.clone()));
        let mut audit = books.member(member, stored.map(|stored| &stored.row));
        let mut read = self.tell_member(member, &mut audit).await;
        let wallet = stored.and_then(|stored| stored.row.profile.shared_wallet.as_ref());
        if let (Ok(()), Some(wallet)) = (&read, wallet) {
            read = self.tell_wallet(wallet, &mut audit).await;
        }
        if let Some(stored) = stored {
            audit.listed_at(stored.at);
        }
        audit.finish();
        self.audit = books;
        read
    }

    async fn tell_member(
        &mut self,
        member: &MemberId,
        audit: &mut MemberAudit<'_>,
    ) -> Result<(), StoreError> {
        loop {
            self.feed_journal().await?;
            let entry = self.journal.pop_if(|entry| entry.member == *member);
            let Some(entry) = entry else { break };
            let purchase = entry.transfer.purchase.as_ref();
            audit.entry(&entry, purchase.and_then(|id| self.named.get(id)));
            self.tell_lots(member, entry.seq, audit).await?;
            self.tell_purchases(member, entry.recorded_at, audit)
                .await?;
        }
        self.tell_lots(member, u64::MAX, audit).await?;
        self.tell_purchases(member, Timestamp::MAX, audit).await?;
        let (view, ever) = (self.view.as_mut(), Timestamp::MAX);
        while let Some(owned) = self.deposits.next_of(view, member, ever).await? {
            owned.entity.iter().for_each(|found| audit.deposit(found));
        }
        while let Some(owned) = self.history.next_of(view, member, ever).await? {
            owned.entity.iter().for_each(|found| audit.page(found));
        }
        while let Some(owned) = self.redemptions.next_of(view, member, ever).await? {
            owned
                .entity
                .iter()
                .for_each(|found| audit.redemption(found));
        }
        loop {
            self.feed_counters().await?;
            let is_own = |(place, _): &(CounterPlace, i64)| owner(place).as_ref() == Some(member);
            let Some(((_, name, bucket), value)) = self.counters.pop_if(is_own) else {
                return Ok(());
            };
            audit.counter(&name, bucket, value);
        }
    }

    /// Reads the wallet that a member's row names.
    async fn tell_wallet(
        &mut self,
        wallet: &SharedWalletId,
        audit: &mut MemberAudit<'_>,
    ) -> Result<(), StoreError> {
        let plan = ReadPlan {
            entities: vec![EntityKey::of::<SharedWallet>(&self.tenant, wallet)],
            ..ReadPlan::default()
        };
        match self.view.load(&plan).await {
            Ok(found) => {
                let found = found.get::<SharedWallet>(&self.tenant, wallet);
                let found = found.ok().flatten().map(|stored| stored.entity);
                audit.shared_wallet(found.as_ref());
            }
            // It is put down where all entities are read.
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn tell_lots(
        &mut self,
        member: &MemberId,
        until: u64,
        audit: &mut MemberAudit<'_>,
    ) -> Result<(), StoreError> {
        loop {
            self.feed_lots().await?;
            let is_next =
                |stored: &StoredLot| stored.member == *member && stored.lot.number <= until;
            let Some(stored) = self.lots.pop_if(is_next) else {
                return Ok(());
            };
            audit.lot(&stored.lot, stored.due_at);
        }
    }

    async fn tell_purchases(
        &mut self,
        member: &MemberId,
        until: Timestamp,
        audit: &mut MemberAudit<'_>,
    ) -> Result<(), StoreError> {
        let view = self.view.as_mut();
        while let Some(owned) = self.purchases.next_of(view, member, until).await? {
            owned.entity.iter().for_each(|found| audit.purchase(found));
        }
        Ok(())
    }

    async fn feed_journal(&mut self) -> Result<(), StoreError> {
        if self.journal.is_hungry() {
            let page = self.view.journal(self.journal.after.clone(), PAGE).await?;
            self.name_purchases(&page).await?;
            self.journal
                .fill(page, |entry| (entry.member.clone(), entry.seq));
        }
        Ok(())
    }

    /// Reads the purchases from which entries take something back, or give it free.
    async fn name_purchases(&mut self, page: &[JournalEntry]) -> Result<(), StoreError> {
        let moves = page
            .iter()
            .filter(|entry| entry.transfer.kind != TransferKind::Grant);
        let named = moves.filter_map(|entry| entry.transfer.purchase.as_ref());
        let mut plan = ReadPlan {
            entities: named
                .map(|id| EntityKey::of::<PurchaseEntity>(&self.tenant, id))
                .collect(),
            ..ReadPlan::default()
        };
        plan.normalise();
        self.named.clear();
        if plan.entities.is_empty() {
            return Ok(());
        }
        match self.view.load(&plan).await {
            Ok(found) => self.take_named(found),
            // One row that cannot be read hides no other. It is put down where all entities are read.
            Err(StoreError::Corrupt { .. }) => {
                for key in plan.entities {
                    let plan = ReadPlan {
                        entities: vec![key],
                        ..ReadPlan::default()
                    };
                    match self.view.load(&plan).await {
                        Ok(found) => self.take_named(found),
                        Err(StoreError::Corrupt { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take_named(&mut self, found: Snapshot) {
        let rows = found.entities.into_values();
        let found = rows.filter_map(|row| row.read::<PurchaseEntity>().ok());
        let found = found.map(|stored| (stored.entity.purchase.id.clone(), stored.entity));
        self.named.extend(found);
    }

    async fn feed_lots(&mut self) -> Result<(), StoreError> {
        if self.lots.is_hungry() {
            let page = self.view.lots(self.lots.after.clone(), PAGE).await?;
            self.lots
                .fill(page, |stored| (stored.member.clone(), stored.lot.number));
        }
        Ok(())
    }

    /// Reads the counters of members: others come after them, and are recounted for all members together.
    async fn feed_counters(&mut self) -> Result<(), StoreError> {
        while self.counters.is_hungry() {
            let after = self.counters.after.clone();
            let page = self.view.counters(after, PAGE).await?;
            let is_over = page.iter().any(|(place, _)| !place.0.starts_with("m:"));
            let own = page.into_iter().filter(|(place, _)| owner(place).is_some());
            self.counters
                .fill(own.collect(), |(place, _)| place.clone());
            self.counters.is_over |= is_over;
        }
        Ok(())
    }

    async fn read_events(&mut self, mut events: EventAudit) -> Result<(), StoreError> {
        if !self.keeps_events {
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = self.view.events(after, PAGE).await?;
            let Some(last) = page.last().map(|stored| &stored.event) else {
                events.finish(&mut self.audit);
                return Ok(());
            };
            after = Some((last.stream.clone(), last.seq));
            for stored in &page {
                let event = &stored.event;
                let was_handed = stored.attempts > 0;
                events.event(&mut self.audit, &event.stream, event.seq, was_handed);
            }
        }
    }

    /// Checks all entities, and recounts the counters that members share.
    async fn read_entities(&mut self) -> Result<(), StoreError> {
        let (mut after, mut is_first) = (None, true);
        loop {
            let (stored, is_last) = self.shared_counters(after.clone()).await?;
            let last = stored.last().map(|(place, _)| place.clone());
            let mut counters = SharedCounters::new(after, stored, is_last);
            for entry in ENTITIES {
                if is_first || SharedCounters::counts(entry.kind) {
                    self.read_kind(entry.kind, is_first, &mut counters).await?;
                }
            }
            counters.finish(&mut self.audit);
            if is_last {
                return Ok(());
            }
            (after, is_first) = (last, false);
        }
    }

    /// The next counters that members share, and whether they are the last.
    async fn shared_counters(
        &mut self,
        mut after: Option<CounterPlace>,
    ) -> Result<(Vec<(CounterPlace, i64)>, bool), StoreError> {
        let mut stored: Vec<(CounterPlace, i64)> = Vec::new();
        while stored.len() < COUNTERS_MAX {
            let page = self.view.counters(after, PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok((stored, true));
            };
            // Those of members were looked at with them: what comes after them is before `n`.
            after = if last.0.starts_with("m:") {
                Some((SmolStr::new("m;"), SmolStr::default(), i64::MIN))
            } else {
                Some(last.clone())
            };
            let shared = page.into_iter();
            stored.extend(shared.filter(|(place, _)| !place.0.starts_with("m:")));
        }
        Ok((stored, false))
    }

    async fn read_kind(
        &mut self,
        kind: &'static str,
        is_first: bool,
        counters: &mut SharedCounters,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.view.entities(kind, after, PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            if is_first {
                self.check_together(kind, &page).await?;
            }
            for (id, row) in &page {
                if is_first {
                    self.audit.entity(kind, id, row);
                }
                counters.entity(&self.audit, kind, row);
            }
        }
    }

    /// Holds what members share against their rows and against each other.
    async fn check_together(
        &mut self,
        kind: &'static str,
        page: &EntityPage,
    ) -> Result<(), StoreError> {
        let plan = self.audit.seen_with(kind, page);
        if plan == ReadPlan::default() {
            return Ok(());
        }
        match self.view.load(&plan).await {
            Ok(seen) => self.audit.together(kind, page, &seen),
            // A row that cannot be read is put down where it is read by itself.
            Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whose a counter is.
fn owner((subject, ..): &CounterPlace) -> Option<MemberId> {
    match Subject::parse(subject)? {
        Subject::Member(member) => Some(member),
        _ => None,
    }
}
