//! What a decision must know: the plan of rows to read, and the one consistent view that answers it.
//!
//! A [`ReadPlan`] names rows by their keys; a [`Snapshot`] holds what was found. A row that was asked for and does not
//! exist is simply absent. A snapshot can [`apply`](Snapshot::apply) the changes of a decision, so that many commands
//! are decided one after another against the evolving view and committed together.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use smol_str::{SmolStr, format_smolstr};

use crate::decision::Changes;
use crate::ids::{IdempotencyKey, MemberId, ProgramId, PurchaseId, TenantId};
use crate::ledger::{Account, Holder, JournalEntry, Lot, LotNumber, Purpose, TransferKind};
use crate::money::Asset;
use crate::records::{MemberRow, PurchaseRow};
use crate::time::Timestamp;

/// Key of a member's row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The member.
    pub member: MemberId,
}

/// Key of a purchase's row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurchaseKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The purchase.
    pub purchase: PurchaseId,
}

/// Key of a program's head: the number of its newest revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProgramKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The program.
    pub program: ProgramId,
}

/// Key of a stored reply. Idempotency keys are scoped by tenant and operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyKey {
    /// The tenant.
    pub tenant: TenantId,
    /// Name of the operation.
    pub operation: &'static str,
    /// The caller's key.
    pub key: IdempotencyKey,
}

/// A counter without its bucket: what is counted, and for whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterName {
    /// The tenant.
    pub tenant: TenantId,
    /// For whom: see [`CounterName::of_member`], [`CounterName::of_program`] and [`CounterName::of_value`].
    pub subject: SmolStr,
    /// What is counted.
    pub name: SmolStr,
}

impl CounterName {
    /// A counter of one member. It moves only under the member's version.
    #[must_use]
    pub fn of_member(tenant: &TenantId, member: &MemberId, name: &str) -> Self {
        Self::new(tenant, format_smolstr!("m:{member}"), name)
    }

    /// A counter of a whole program, shared by all members.
    #[must_use]
    pub fn of_program(tenant: &TenantId, program: &ProgramId, name: &str) -> Self {
        Self::new(tenant, format_smolstr!("p:{program}"), name)
    }

    /// A counter of one value of an attribute that the caller chose, such as a device or a household.
    #[must_use]
    pub fn of_value(tenant: &TenantId, attribute: &str, value: &str, name: &str) -> Self {
        Self::new(tenant, format_smolstr!("k:{attribute}={value}"), name)
    }

    /// Whether it is a counter of one member, which nobody else moves.
    #[must_use]
    pub fn is_of_member(&self) -> bool {
        self.subject.starts_with("m:")
    }

    fn new(tenant: &TenantId, subject: SmolStr, name: &str) -> Self {
        Self {
            tenant: tenant.clone(),
            subject,
            name: name.into(),
        }
    }

    /// The counter in one bucket.
    #[must_use]
    pub fn at(&self, bucket: i64) -> CounterKey {
        CounterKey {
            name: self.clone(),
            bucket,
        }
    }
}

/// Key of one counter value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    /// What is counted, and for whom.
    pub name: CounterName,
    /// The calendar bucket it is counted in; 0 for lifetime counters.
    pub bucket: i64,
}

/// The buckets `from..=until` of one counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterRange {
    /// The counter.
    pub name: CounterName,
    /// First bucket.
    pub from: i64,
    /// Last bucket, inclusive.
    pub until: i64,
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

/// The balances of a member as they were: the sum of the entries effective at or before an instant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BalancesAt {
    /// The member.
    pub member: MemberKey,
    /// The instant, inclusive.
    pub at: Timestamp,
}

/// Every row that a decision wants to see. Rows may be named twice; a store reads them once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadPlan {
    /// Stored replies.
    pub replies: Vec<ReplyKey>,
    /// Member rows.
    pub members: Vec<MemberKey>,
    /// Purchase rows.
    pub purchases: Vec<PurchaseKey>,
    /// Program heads.
    pub programs: Vec<ProgramKey>,
    /// Counter buckets.
    pub counters: Vec<CounterRange>,
    /// All balances of a holder.
    pub balances: Vec<(TenantId, Holder)>,
    /// Lots.
    pub lots: Vec<LotQuery>,
    /// Pages of journals.
    pub statements: Vec<StatementQuery>,
    /// Balances at a point in time.
    pub balances_at: Vec<BalancesAt>,
}

impl ReadPlan {
    /// Adds everything the other plan names.
    pub fn merge(&mut self, other: Self) {
        self.replies.extend(other.replies);
        self.members.extend(other.members);
        self.purchases.extend(other.purchases);
        self.programs.extend(other.programs);
        self.counters.extend(other.counters);
        self.balances.extend(other.balances);
        self.lots.extend(other.lots);
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
        tidy(&mut self.purchases);
        tidy(&mut self.programs);
        tidy(&mut self.counters);
        tidy(&mut self.balances);
        tidy(&mut self.lots);
        tidy(&mut self.statements);
        tidy(&mut self.balances_at);
    }
}

/// The reply of a command that was applied before, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReply {
    /// What the command was: a digest of its request.
    pub fingerprint: [u8; 32],
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
    /// Purchase rows found.
    pub purchases: FxHashMap<PurchaseKey, PurchaseRow>,
    /// Newest revision number of the programs found.
    pub programs: FxHashMap<ProgramKey, u32>,
    /// Counter values found, in bucket order; a counter that is absent is zero.
    pub counters: BTreeMap<CounterKey, i64>,
    /// Balances found, in minor units; a balance that is absent is zero.
    pub balances: FxHashMap<(TenantId, Account), i64>,
    /// Lots found.
    pub lots: BTreeMap<(MemberKey, LotNumber), Lot>,
    /// Pages of journals, by their query.
    pub statements: BTreeMap<StatementQuery, Vec<JournalEntry>>,
    /// Balances at a point in time, by their query, in account order; an account that was touched is listed at zero too.
    pub balances_at: BTreeMap<BalancesAt, Vec<(Account, i64)>>,
}

impl Snapshot {
    /// Sum of a counter over the buckets `from..=until`.
    #[must_use]
    pub fn count(&self, range: &CounterRange) -> i64 {
        let first = range.name.at(range.from);
        let last = range.name.at(range.until);
        if range.from > range.until {
            return 0;
        }
        self.counters
            .range(first..=last)
            .fold(0, |sum, (_, value)| sum.saturating_add(*value))
    }

    /// The largest sum of a counter over `days` consecutive buckets that include `bucket`; the range says which
    /// buckets are looked at.
    ///
    /// A rolling limit must hold for every one of these windows: what is late-arriving lies in windows that end later.
    #[must_use]
    pub fn peak(&self, range: &CounterRange, bucket: i64, days: u16) -> i64 {
        let later = CounterRange {
            name: range.name.clone(),
            from: bucket.saturating_add(1),
            until: range.until,
        };
        if later.from > later.until || self.buckets(&later).next().is_none() {
            return self.count(range);
        }
        let days = i64::from(days.max(1));
        let starts = self.buckets(range).map(|(start, _)| start);
        let first = bucket.saturating_sub(days).saturating_add(1);
        let starts = starts.filter(|start| (first..bucket).contains(start));
        let sums = starts.chain([bucket]).map(|start| {
            let until = start
                .saturating_add(days)
                .saturating_sub(1)
                .min(range.until);
            self.count(&CounterRange {
                name: range.name.clone(),
                from: start.max(range.from),
                until,
            })
        });
        sums.max().unwrap_or_default()
    }

    /// The buckets of a range that are known, with their values.
    fn buckets(&self, range: &CounterRange) -> impl Iterator<Item = (i64, i64)> {
        let keys = range.name.at(range.from)..=range.name.at(range.until.max(range.from));
        let found = self.counters.range(keys);
        found.map(|(key, value)| (key.bucket, *value))
    }

    /// A balance in minor units.
    #[must_use]
    pub fn balance(&self, tenant: &TenantId, account: &Account) -> i64 {
        self.balances
            .get(&(tenant.clone(), account.clone()))
            .copied()
            .unwrap_or_default()
    }

    /// The lots of a member, by number.
    pub fn lots_of<'a>(&'a self, member: &MemberKey) -> impl Iterator<Item = &'a Lot> + 'a {
        let first = (member.clone(), LotNumber::MIN);
        let last = (member.clone(), LotNumber::MAX);
        self.lots.range(first..=last).map(|(_, lot)| lot)
    }

    /// Moves the view to where it is after the changes.
    pub fn apply(&mut self, changes: &Changes) {
        for write in &changes.members {
            self.members.insert(write.key.clone(), write.row.clone());
        }
        for write in &changes.purchases {
            self.purchases.insert(write.key.clone(), write.row.clone());
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
        for ((tenant, account), delta) in changes.balance_deltas() {
            let key = (tenant.clone(), account.clone());
            let value = self.balances.entry(key).or_default();
            let after = i128::from(*value).saturating_add(delta);
            // Out of range, the store refuses the batch; until then the view stays at the edge.
            let edge = if after < 0 { i64::MIN } else { i64::MAX };
            *value = i64::try_from(after).unwrap_or(edge);
        }
    }
}
