//! What a decision must know: the plan of rows to read, and the one consistent view that answers it.
//!
//! A [`ReadPlan`] names rows by their keys; a [`Snapshot`] holds what was found. A row that was asked for and does not
//! exist is simply absent. A snapshot can [`apply`](Snapshot::apply) the changes of a decision, so that many commands
//! are decided one after another against the evolving view and committed together.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

pub use crate::counter::{CounterKey, CounterName, CounterRange, Subject};
use crate::decision::Changes;
use crate::entity::{Cursor, Entity, EntityKey, EntityPage, EntityQuery, EntityRow, Stored};
use crate::fingerprint::Fingerprint;
use crate::ids::{IdempotencyKey, MemberId, ProgramId, PurchaseId, TenantId};
use crate::ledger::{Account, JournalEntry, Lot, LotNumber, LotState, Purpose, TransferKind};
use crate::member::MemberRow;
use crate::money::Asset;
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Key of a member's row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The member.
    pub member: MemberId,
}

/// Key of a program's head: the number of its newest revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The program.
    pub program: ProgramId,
}

/// Where an idempotency key comes from. Given and implied keys have name spaces of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyOrigin {
    /// The caller gave it.
    Given,
    /// The request implies it.
    Natural,
}

impl KeyOrigin {
    /// The stable text, as stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Natural => "natural",
        }
    }

    /// How a fault names it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Natural => "implied",
        }
    }
}

/// Key of a stored reply. Idempotency keys are scoped by tenant, operation and origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyKey {
    /// The tenant.
    pub tenant: TenantId,
    /// Name of the operation.
    pub operation: &'static str,
    /// Where the key comes from.
    pub origin: KeyOrigin,
    /// The key.
    pub key: IdempotencyKey,
}

/// Which lots of a member are needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LotFilter {
    /// Lots for which something is due at or before the instant, earliest due first.
    Due {
        /// The instant, inclusive.
        at: Timestamp,
    },
    /// Pending and available lots of an asset, soonest expiry first, lots without expiry last, then by number.
    Open {
        /// The asset.
        asset: Asset,
    },
    /// All lots of a purchase, by number.
    OfPurchase {
        /// The purchase.
        purchase: PurchaseId,
    },
    /// The one lot of this number, whatever its state.
    Numbered {
        /// The number.
        number: LotNumber,
    },
}

/// A bounded selection of a member's lots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LotQuery {
    /// The member.
    pub member: MemberKey,
    /// Which lots.
    pub filter: LotFilter,
    /// How many at most.
    pub limit: u32,
}

impl LotQuery {
    /// The lots of a member that a purchase earned.
    #[must_use]
    pub fn of_purchase(member: &MemberKey, purchase: &PurchaseId, limit: u32) -> Self {
        Self {
            member: member.clone(),
            filter: LotFilter::OfPurchase {
                purchase: purchase.clone(),
            },
            limit,
        }
    }
}

/// A page of the open lots of all members of a tenant for which something is due in a range of time, earliest due first, then
/// by member and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DueLotsQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// Only lots in this state.
    pub state: LotState,
    /// Only what is due at or after this instant.
    pub from: Timestamp,
    /// Only what is due at or before this instant.
    pub until: Timestamp,
    /// Only what comes after this place: when it is due, whose it is, and its number.
    pub after: Option<(Timestamp, MemberId, LotNumber)>,
    /// How many at most.
    pub limit: u32,
}

/// A page of the members of a tenant, newest first: by when they joined, then by id, both falling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberQuery {
    /// The tenant.
    pub tenant: TenantId,
    /// Only what comes after this place.
    pub after: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

/// A page of a member's journal, newest entries first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementQuery {
    /// The member.
    pub member: MemberKey,
    /// Only entries with a number below this.
    pub before: Option<u64>,
    /// Only entries of this kind.
    pub kind: Option<TransferKind>,
    /// Only entries that touch this purpose of the member's accounts.
    pub purpose: Option<Purpose>,
    /// Only entries of this asset.
    pub asset: Option<Asset>,
    /// Only entries of this purchase.
    pub purchase: Option<PurchaseId>,
    /// Only entries effective at or after this instant.
    pub from: Option<Timestamp>,
    /// Only entries effective before this instant.
    pub until: Option<Timestamp>,
    /// How many at most.
    pub limit: u32,
}

impl StatementQuery {
    /// Whether an entry of the member's journal is asked for.
    #[must_use]
    pub fn asks_for(&self, entry: &JournalEntry) -> bool {
        let transfer = &entry.transfer;
        let touches = |purpose: &Purpose| {
            [transfer.from(), transfer.to()].iter().any(|account| {
                account.holder_text() == self.member.member.as_str() && account.purpose == *purpose
            })
        };
        self.before.is_none_or(|before| entry.seq < before)
            && self.kind.is_none_or(|kind| transfer.kind == kind)
            && self.purpose.as_ref().is_none_or(touches)
            && self.asset.is_none_or(|asset| transfer.asset() == asset)
            && (self.purchase.is_none() || transfer.purchase == self.purchase)
            && self.from.is_none_or(|from| transfer.effective_at >= from)
            && self.until.is_none_or(|until| transfer.effective_at < until)
    }
}

/// The balances of a member as they were: the sum of the entries effective at or before an instant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BalancesAt {
    /// The member.
    pub member: MemberKey,
    /// The instant, inclusive.
    pub at: Timestamp,
}

/// Every row that a decision wants to see. Rows may be named twice; a store reads them once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ReadPlan {
    /// Stored replies.
    pub replies: Vec<ReplyKey>,
    /// Member rows.
    pub members: Vec<MemberKey>,
    /// Entities.
    pub entities: Vec<EntityKey>,
    /// The replies of the commands that made entities, kept with them.
    pub receipts: Vec<EntityKey>,
    /// Pages of entities.
    pub entity_pages: Vec<EntityQuery>,
    /// Pages of members.
    pub member_pages: Vec<MemberQuery>,
    /// Program heads.
    pub programs: Vec<ProgramKey>,
    /// Tenants, for how many revisions they have published.
    pub revision_counts: Vec<TenantId>,
    /// Counter buckets, as far as they have rows of their own.
    pub counters: Vec<CounterRange>,
    /// Lots.
    pub lots: Vec<LotQuery>,
    /// Pages of lots of all members.
    pub due_lots: Vec<DueLotsQuery>,
    /// Pages of journals.
    pub statements: Vec<StatementQuery>,
    /// Balances at a point in time.
    pub balances_at: Vec<BalancesAt>,
}

impl ReadPlan {
    /// One entity.
    #[must_use]
    pub fn of_entity<E: Entity>(tenant: &TenantId, id: &E::Id) -> Self {
        Self {
            entities: vec![EntityKey::of::<E>(tenant, id)],
            ..Self::default()
        }
    }

    /// Adds everything the other plan names.
    pub fn merge(&mut self, other: Self) {
        self.replies.extend(other.replies);
        self.members.extend(other.members);
        self.entities.extend(other.entities);
        self.receipts.extend(other.receipts);
        self.entity_pages.extend(other.entity_pages);
        self.member_pages.extend(other.member_pages);
        self.programs.extend(other.programs);
        self.revision_counts.extend(other.revision_counts);
        self.counters.extend(other.counters);
        self.lots.extend(other.lots);
        self.due_lots.extend(other.due_lots);
        self.statements.extend(other.statements);
        self.balances_at.extend(other.balances_at);
    }

    /// Sorts every list and drops repetitions, so that stores bind each key once and in a fixed order.
    pub fn normalise(&mut self) {
        fn tidy<T: Ord>(keys: &mut Vec<T>) {
            keys.sort_unstable();
            keys.dedup();
        }
        tidy(&mut self.replies);
        tidy(&mut self.members);
        tidy(&mut self.entities);
        tidy(&mut self.receipts);
        tidy(&mut self.entity_pages);
        tidy(&mut self.member_pages);
        tidy(&mut self.programs);
        tidy(&mut self.revision_counts);
        tidy(&mut self.counters);
        tidy(&mut self.lots);
        tidy(&mut self.due_lots);
        tidy(&mut self.statements);
        tidy(&mut self.balances_at);
    }
}

/// The reply of a command that was applied before, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// What the command was: a digest of its request.
    pub fingerprint: Fingerprint,
    /// The reply as canonical JSON.
    pub body: Arc<str>,
}

/// One consistent view of everything a plan names.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Stored replies found.
    pub replies: FxHashMap<ReplyKey, StoredReply>,
    /// Member rows found.
    pub members: FxHashMap<MemberKey, MemberRow>,
    /// Entities found.
    pub entities: FxHashMap<EntityKey, EntityRow>,
    /// Replies found with the entities that their commands made.
    pub receipts: FxHashMap<EntityKey, StoredReply>,
    /// Pages of entities, by their query.
    pub entity_pages: BTreeMap<EntityQuery, EntityPage>,
    /// Pages of members, by their query.
    pub member_pages: BTreeMap<MemberQuery, Vec<(MemberId, MemberRow)>>,
    /// Newest revision number of the programs found.
    pub programs: FxHashMap<ProgramKey, u32>,
    /// How many revisions a tenant has published, of all its programs together; absent for one that has published none.
    /// Revisions are never taken back, so whoever knows as many knows all.
    pub revision_counts: FxHashMap<TenantId, u64>,
    /// Counter values found in rows of their own, in bucket order. What of a member's counters is in the member's row is not
    /// here: [`buckets`](Self::buckets) knows both.
    pub counters: BTreeMap<CounterKey, i64>,
    /// Bounded counters that commands before this one have moved on this view, which is not durable yet. Less may come of it, and
    /// never more: whoever writes down that a counter has reached its bound must not see it here.
    pub open_counters: FxHashSet<CounterKey>,
    /// Lots found.
    pub lots: BTreeMap<(MemberKey, LotNumber), Lot>,
    /// Pages of lots of all members, by their query, with their members.
    pub due_lots: BTreeMap<DueLotsQuery, Vec<(MemberId, Lot)>>,
    /// Pages of journals, by their query.
    pub statements: BTreeMap<StatementQuery, Vec<JournalEntry>>,
    /// Balances at a point in time, by their query, in account order; an account that was touched is listed at zero too.
    pub balances_at: BTreeMap<BalancesAt, Vec<(Account, i64)>>,
}

impl Snapshot {
    /// Reads an entity.
    ///
    /// # Errors
    /// [`Rejection::ShapeTooNew`] and [`Rejection::Corrupt`] for a body that cannot be read.
    pub fn get<E: Entity>(
        &self,
        tenant: &TenantId,
        id: &E::Id,
    ) -> Result<Option<Stored<E>>, Rejection> {
        let row = self.entities.get(&EntityKey::of::<E>(tenant, id));
        row.map(EntityRow::read).transpose()
    }

    /// The buckets of a range with their values, in bucket order. Of a member's counter, a part may be in the member's row:
    /// in `row` when it is given, as it is while a command changes it, else in the row of this view.
    #[must_use]
    pub fn buckets(&self, range: &CounterRange, row: Option<&MemberRow>) -> Buckets {
        if range.from > range.until {
            return Buckets::new();
        }
        let keys = range.name.at(range.from)..=range.name.at(range.until);
        let stored = self.counters.range(keys);
        let mut found: Buckets = stored.map(|(key, value)| (key.bucket, *value)).collect();
        if let Subject::Member(member) = &range.name.subject {
            let row = row.or_else(|| {
                self.members.get(&MemberKey {
                    tenant: range.name.tenant.clone(),
                    member: member.clone(),
                })
            });
            for (bucket, value) in row.into_iter().flat_map(|row| row.counters.buckets(range)) {
                match found.binary_search_by_key(&bucket, |(known, _)| *known) {
                    Ok(at) => {
                        if let Some((_, known)) = found.get_mut(at) {
                            *known = known.saturating_add(value);
                        }
                    }
                    Err(at) => found.insert(at, (bucket, value)),
                }
            }
        }
        found
    }

    /// Sum of a counter over the buckets of a range.
    #[must_use]
    pub fn count(&self, range: &CounterRange, row: Option<&MemberRow>) -> i64 {
        sum(&self.buckets(range, row))
    }

    /// The largest sum of a counter over `days` consecutive buckets that include `bucket`; the range says which
    /// buckets are looked at.
    ///
    /// A rolling limit must hold for every one of these windows: what arrives late lies in windows that end later.
    #[must_use]
    pub fn peak(
        &self,
        range: &CounterRange,
        bucket: i64,
        days: u16,
        row: Option<&MemberRow>,
    ) -> i64 {
        let found = self.buckets(range, row);
        if found.last().is_none_or(|(last, _)| *last <= bucket) {
            return sum(&found);
        }
        let days = i64::from(days.max(1));
        let first = bucket.saturating_sub(days).saturating_add(1);
        let starts = found.iter().map(|(start, _)| *start);
        let starts = starts.filter(|start| (first..bucket).contains(start));
        let sums = starts.chain([bucket]).map(|start| {
            let until = start.saturating_add(days).saturating_sub(1);
            let window = found.iter().filter(|(at, _)| (start..=until).contains(at));
            window.fold(0_i64, |sum, (_, value)| sum.saturating_add(*value))
        });
        sums.max().unwrap_or_default()
    }

    /// The lots of a member, by number.
    pub fn lots_of<'a>(&'a self, member: &MemberKey) -> impl Iterator<Item = &'a Lot> + Clone + 'a {
        let first = (member.clone(), LotNumber::MIN);
        let last = (member.clone(), LotNumber::MAX);
        self.lots.range(first..=last).map(|(_, lot)| lot)
    }

    /// Moves the view to where it is after the changes.
    pub fn apply(&mut self, changes: &Changes) {
        for write in &changes.members {
            self.members.insert(write.key.clone(), write.row.clone());
        }
        for write in &changes.entities {
            self.entities.insert(write.key.clone(), write.row.clone());
        }
        for removal in &changes.removals {
            self.entities.remove(&removal.key);
            self.receipts.remove(&removal.key);
        }
        for write in &changes.programs {
            self.programs.insert(write.key.clone(), write.revision);
        }
        for change in &changes.counters {
            let value = self.counters.entry(change.key.clone()).or_default();
            *value = value.saturating_add(change.delta);
        }
        for write in &changes.lots {
            self.lots
                .insert((write.member.clone(), write.lot.number), write.lot.clone());
        }
        self.note_entries(&changes.journal);
    }

    /// Moves the pages of journals on that ask for new entries.
    pub fn note_entries(&mut self, entries: &[(TenantId, JournalEntry)]) {
        for (query, page) in &mut self.statements {
            let MemberKey { tenant, member } = &query.member;
            let own = entries
                .iter()
                .filter(|(of, entry)| of == tenant && entry.member == *member);
            for (_, entry) in own.filter(|(_, entry)| query.asks_for(entry)) {
                page.insert(0, entry.clone());
            }
            page.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
        }
    }
}

/// Values by bucket, in bucket order.
pub type Buckets = SmallVec<[(i64, i64); 4]>;

fn sum(buckets: &[(i64, i64)]) -> i64 {
    buckets
        .iter()
        .fold(0, |sum, (_, value)| sum.saturating_add(*value))
}
