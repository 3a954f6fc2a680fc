//! Batches as data: short builders for everything a law writes or asks for.
//!
//! A builder takes the tenant, so that many suites can share a database. Names are checked; a name that is no id
//! panics, as everything in this suite does when it meets something it did not expect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rewards_core::counter::{MemberCounters, Summed};
use rewards_core::decision::{Changes, CounterChange, LotWrite, MemberWrite, ProgramWrite};
use rewards_core::entity::{EntityKey, EntityRow, EntityWrite, Expected, Index};
use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::fingerprint::Fingerprint;
use rewards_core::ids::{
    IdempotencyKey, MemberId, ProgramId, PurchaseId, RedemptionId, SharedWalletId, Slug, TenantId,
    TokenId,
};
use rewards_core::ledger::{
    Account, Balances, ChainHash, JournalEntry, JournalHead, Lot, LotState, Purpose, Transfer,
    TransferKind,
};
use rewards_core::member::{MemberProfile, MemberRow, MemberStatus, OpenToken, PurchaseHistory};
use rewards_core::money::Asset;
use rewards_core::program::Program;
use rewards_core::snapshot::{
    CounterKey, CounterName, KeyOrigin, LotFilter, LotQuery, MemberKey, ProgramKey, ReplyKey,
    StatementQuery, StoredReply,
};
use rewards_core::tiers::{TierMove, TierReason, TierStatus};
use rewards_core::time::Timestamp;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::batch::{CommandKey, CommitBatch};

/// Bytes of the fingerprints of drafts: a digest, and the marks of two fields.
pub const FINGERPRINT_BYTES: usize = 40;

/// The operation of a [`Draft`] that names none.
pub const OPERATION: &str = "contract.write";

/// The kind of the suite's own entities. A store knows nothing of kinds.
pub const PROBE: &str = "probe";

/// Texts that are ids and go wrong where ids are quoted, folded, trimmed or ordered by a locale; in bytewise order.
pub const AWKWARD_IDS: [&str; 20] = [
    " a",
    "%",
    "' or '1'='1",
    "100%",
    "A",
    "Z",
    "\\",
    "_",
    "a",
    "a ",
    "a\"b",
    "a'b",
    "a/b",
    "b",
    "e\u{301}",
    "m:a",
    "{a,b}",
    "ä",
    "\u{ff5e}",
    "😀",
];

/// The instant `seconds` after the beginning of 2026.
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00Z")
        .and_then(|start| start.checked_add_micros(seconds.saturating_mul(1_000_000)))
        .expect("an instant of the suite is in range")
}

/// A tenant.
#[must_use]
pub fn tenant(text: &str) -> TenantId {
    TenantId::new(text).expect("a tenant of the suite is an id")
}

/// A member.
#[must_use]
pub fn member(text: &str) -> MemberId {
    MemberId::new(text).expect("a member of the suite is an id")
}

/// A purchase.
#[must_use]
pub fn purchase(text: &str) -> PurchaseId {
    PurchaseId::new(text).expect("a purchase of the suite is an id")
}

/// A program.
#[must_use]
pub fn program(text: &str) -> ProgramId {
    ProgramId::new(text).expect("a program of the suite is an id")
}

/// The name of a part of a program.
#[must_use]
pub fn slug(text: &str) -> Slug {
    Slug::new(text).expect("a name of the suite is a slug")
}

/// An asset.
#[must_use]
pub fn asset(text: &str) -> Asset {
    Asset::parse(text).expect("an asset of the suite is known")
}

/// Key of a member's row.
#[must_use]
pub fn member_key(tenant: &TenantId, text: &str) -> MemberKey {
    MemberKey {
        tenant: tenant.clone(),
        member: member(text),
    }
}

/// Key of a probe: an entity of the suite's own kind.
#[must_use]
pub fn probe_key(tenant: &TenantId, text: &str) -> EntityKey {
    EntityKey {
        tenant: tenant.clone(),
        kind: PROBE,
        id: SmolStr::new(text),
    }
}

/// Key of a program.
#[must_use]
pub fn program_key(tenant: &TenantId, text: &str) -> ProgramKey {
    ProgramKey {
        tenant: tenant.clone(),
        program: program(text),
    }
}

/// A counter of a program.
#[must_use]
pub fn counter(tenant: &TenantId, name: &str) -> CounterName {
    CounterName::of_program(tenant, &program("contract"), name)
}

/// A member's euros that can be spent.
#[must_use]
pub fn cashback(text: &str) -> Account {
    Account::member(&member(text), Purpose::Cashback, asset("EUR"))
}

/// The tenant's euros that pay grants.
#[must_use]
pub fn funding() -> Account {
    Account::system(Purpose::Funding(slug("main")), asset("EUR"))
}

/// A grant of one account to another, effective at the beginning of 2026.
#[must_use]
pub fn transfer(from: Account, to: Account, minor: i64) -> Transfer {
    Transfer::new(from, to, minor, TransferKind::Grant, at(0))
        .expect("a transfer of the suite is balanced")
}

/// Entry `seq` of a member's journal, recorded `seq` seconds into 2026 after an entry whose hash is arbitrary.
#[must_use]
pub fn entry(tenant: &TenantId, text: &str, seq: u64, transfer: Transfer) -> JournalEntry {
    let mut head = JournalHead {
        seq: seq.saturating_sub(1),
        hash: ChainHash([0xA5; 32]),
    };
    let seconds = i64::try_from(seq).expect("an entry of the suite has a small number");
    let id = Uuid::from_u128(u128::from(seq) << 64 | 0x8000_0000_0000_0001);
    head.append(tenant, &member(text), id, transfer, at(seconds))
}

/// An available lot of 1.00 in euros, without expiry.
#[must_use]
pub fn lot(number: u64) -> Lot {
    Lot {
        number,
        asset: asset("EUR"),
        source: Purpose::Funding(slug("main")),
        amount: 100,
        remaining: 100,
        state: LotState::Available,
        earned_at: at(0),
        available_at: None,
        void_at: None,
        expires_at: None,
        purchase: None,
        rule: None,
    }
}

/// A selection of up to 100 lots.
#[must_use]
pub fn lots(tenant: &TenantId, text: &str, filter: LotFilter) -> LotQuery {
    LotQuery {
        member: member_key(tenant, text),
        filter,
        limit: 100,
    }
}

/// The newest 100 entries of a member, unfiltered.
#[must_use]
pub fn statement(tenant: &TenantId, text: &str) -> StatementQuery {
    StatementQuery {
        member: member_key(tenant, text),
        before: None,
        kind: None,
        purpose: None,
        asset: None,
        purchase: None,
        from: None,
        until: None,
        limit: 100,
    }
}

/// A member row with every field in use.
#[must_use]
pub fn member_row(version: u64) -> MemberRow {
    let status = TierStatus {
        tier: slug("gold"),
        since: at(1),
        review_at: Some(at(9)),
        below_since: Some(at(5)),
        history: vec![TierMove {
            at: at(1),
            from: slug("base"),
            to: slug("gold"),
            measure: i64::MAX,
            reason: TierReason::Qualified,
        }],
    };
    MemberRow {
        version,
        journal: JournalHead {
            seq: version,
            hash: ChainHash([0x5A; 32]),
        },
        event_seq: version,
        recorded_at: at(1),
        due_at: None,
        balances: balances(&[
            (Purpose::Cashback, "EUR", i64::MAX),
            (Purpose::Main, "x/2", 0),
        ]),
        counters: counters(&[("cap/'x'", -3, i64::MIN), ("ä\n", 20_260_101, i64::MAX)]),
        history: BTreeMap::from([(program("contract"), history())]),
        profile: MemberProfile {
            registered_at: at(0),
            status: MemberStatus::Suspended,
            erased_at: Some(at(7)),
            segments: BTreeSet::from(["vip".into(), "\"quoted\" 'text' \\ % 😀".into()]),
            attributes: BTreeMap::from([("city".into(), "Köln\n".into())]),
            tiers: BTreeMap::from([(
                program("contract"),
                BTreeMap::from([(slug("status"), status)]),
            )]),
            reserved: BTreeMap::from([(
                RedemptionId::new("r 'ä' 😀").expect("an id of the suite is valid"),
                at(9),
            )]),
            tokens: BTreeMap::from([(
                TokenId::new("t 'ä' 😀").expect("an id of the suite is valid"),
                OpenToken {
                    expires_at: at(9),
                    minor: i64::MAX,
                    asset: None,
                    device: None,
                },
            )]),
            merged_into: Some(member("eve \" 😀")),
            merged: BTreeSet::from([member("ann"), member("ä\\")]),
            shared_wallet: Some(
                SharedWalletId::new("w 'ä' 😀").expect("an id of the suite is valid"),
            ),
        },
    }
}

/// The same row of somebody who joined so many seconds into 2026.
#[must_use]
pub fn joined(mut row: MemberRow, seconds: i64) -> MemberRow {
    row.profile.registered_at = at(seconds);
    row
}

/// Balances of a member.
#[must_use]
pub fn balances(held: &[(Purpose, &str, i64)]) -> Balances {
    let mut balances = Balances::default();
    for (purpose, code, minor) in held {
        let added = balances.add(purpose, asset(code), *minor);
        added.expect("a balance of the suite is in range");
    }
    balances
}

/// A member's history with sums of all kinds, at the edges of their range, and with a page.
#[must_use]
pub fn history() -> PurchaseHistory {
    let mut history = PurchaseHistory::default();
    for day in 0..40 {
        history.count();
        history.add(day, Summed::Visits, 1);
    }
    history.take_overflow();
    history.add(-719_162, Summed::Gross(asset("EUR")), i64::MIN);
    history.add(99, Summed::Earned(asset("x/2")), i64::MAX);
    history
}

/// Counters in a member's row, as name, bucket and value.
#[must_use]
pub fn counters(counted: &[(&str, i64, i64)]) -> MemberCounters {
    let mut counters = MemberCounters::default();
    for (name, bucket, value) in counted {
        counters.add(&SmolStr::new(*name), *bucket, *value);
    }
    counters
}

/// A probe with every column in use; `owner` also names its group.
#[must_use]
pub fn probe_row(owner: &str, version: u64) -> EntityRow {
    EntityRow {
        version,
        index: Index {
            owner: Some(member(owner)),
            group: Some(SmolStr::new(owner)),
            state: SmolStr::new("open"),
            rank: Some(i64::MIN),
            at: at(2),
            due_at: Some(at(3)),
        },
        body: format!("[1,{{\"of\":\"ä\\n\\\"😀'%$1\",\"version\":{version}}}]").into(),
    }
}

/// A probe that nobody owns, that is in no group and for which nothing is due.
#[must_use]
pub fn bare_probe(version: u64, seconds: i64) -> EntityRow {
    EntityRow {
        version,
        index: Index::new("bare", at(seconds)),
        body: "[1,null]".into(),
    }
}

/// The smallest program document.
#[must_use]
pub fn document(text: &str) -> Program {
    let fields = serde_json::json!({"id": text, "currency": "EUR", "zone": "Europe/Berlin"});
    serde_json::from_value(fields).expect("the smallest program is readable")
}

/// An event of a member, recorded `seconds` into 2026.
#[must_use]
pub fn event(text: &str, seq: u64, seconds: i64) -> EventRecord {
    EventRecord {
        id: Uuid::from_u128(u128::from(seq) << 96 | 0x8000_0000_0000_0002),
        stream: Stream::Member(member(text)),
        seq,
        recorded_at: at(seconds),
        event: Event::MemberRegistered {},
    }
}

/// A batch in the making.
#[derive(Debug, Clone)]
pub struct Draft {
    tenant: TenantId,
    operation: &'static str,
    origin: KeyOrigin,
    key: String,
    /// The probe with which the reply is kept, and whether it is also the key.
    made: Option<(EntityKey, bool)>,
    is_keyless: bool,
    follows: bool,
    fingerprint: [u8; FINGERPRINT_BYTES],
    body: String,
    changes: Changes,
}

impl Draft {
    /// A batch that changes nothing yet, under an idempotency key.
    #[must_use]
    pub fn new(tenant: &TenantId, key: &str) -> Self {
        Self {
            tenant: tenant.clone(),
            operation: OPERATION,
            origin: KeyOrigin::Given,
            key: key.to_owned(),
            made: None,
            is_keyless: false,
            follows: false,
            fingerprint: [1; FINGERPRINT_BYTES],
            body: format!("{{\"of\":{key:?}}}"),
            changes: Changes::default(),
        }
    }

    /// Of this operation.
    #[must_use]
    pub fn operation(mut self, operation: &'static str) -> Self {
        self.operation = operation;
        self
    }

    /// Under a key that the request implies.
    #[must_use]
    pub fn natural(mut self) -> Self {
        self.origin = KeyOrigin::Natural;
        self
    }

    /// Under a given key, with a receipt in a probe that it makes.
    #[must_use]
    pub fn receipt(mut self, text: &str) -> Self {
        self.made = Some((probe_key(&self.tenant, text), false));
        self
    }

    /// Under the key of a probe that it makes, which keeps the receipt.
    #[must_use]
    pub fn keyed_by(mut self, text: &str) -> Self {
        self.made = Some((probe_key(&self.tenant, text), true));
        self
    }

    /// Without any key.
    #[must_use]
    pub fn keyless(mut self) -> Self {
        self.is_keyless = true;
        self
    }

    /// Resting on all that stand before it in the same commit.
    #[must_use]
    pub fn follows(mut self) -> Self {
        self.follows = true;
        self
    }

    /// With a fingerprint of such bytes.
    #[must_use]
    pub fn fingerprint(mut self, byte: u8) -> Self {
        self.fingerprint = [byte; FINGERPRINT_BYTES];
        self
    }

    /// With this reply.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    /// Moves a member from version `expected` to the next; 0 inserts.
    #[must_use]
    pub fn member(self, text: &str, expected: u64) -> Self {
        let row = member_row(expected.saturating_add(1));
        self.member_row(text, expected, row)
    }

    /// Moves a member from version `expected` to this row.
    #[must_use]
    pub fn member_row(mut self, text: &str, expected: u64, row: MemberRow) -> Self {
        self.changes.members.push(MemberWrite {
            key: member_key(&self.tenant, text),
            expected,
            row,
        });
        self
    }

    /// Moves a probe from version `expected` to the next; 0 means that it must be absent.
    #[must_use]
    pub fn probe(self, text: &str, owner: &str, expected: u64) -> Self {
        let row = probe_row(owner, expected.saturating_add(1));
        self.probe_row(text, expected, row)
    }

    /// Moves a probe from version `expected` to this row.
    #[must_use]
    pub fn probe_row(mut self, text: &str, expected: u64, row: EntityRow) -> Self {
        self.changes.entities.push(EntityWrite {
            key: probe_key(&self.tenant, text),
            expected: match expected {
                0 => Expected::Absent,
                version => Expected::Version(version),
            },
            row,
        });
        self
    }

    /// Publishes revision `version` of a program.
    #[must_use]
    pub fn program(mut self, text: &str, version: u32) -> Self {
        self.changes.programs.push(ProgramWrite {
            key: program_key(&self.tenant, text),
            revision: version,
            active_from: at(i64::from(version)),
            published_at: at(0),
            document: document(text),
        });
        self
    }

    /// Adds to a counter.
    #[must_use]
    pub fn count(mut self, key: &CounterKey, delta: i64, bound: Option<i64>) -> Self {
        self.changes.counters.push(CounterChange {
            key: key.clone(),
            delta,
            bound,
        });
        self
    }

    /// Appends entry `seq` to a member's journal.
    #[must_use]
    pub fn transfer(self, text: &str, seq: u64, transfer: Transfer) -> Self {
        let entry = entry(&self.tenant, text, seq, transfer);
        self.entry(entry)
    }

    /// Appends an entry to its member's journal.
    #[must_use]
    pub fn entry(mut self, entry: JournalEntry) -> Self {
        self.changes.journal.push((self.tenant.clone(), entry));
        self
    }

    /// Inserts a lot of a member.
    #[must_use]
    pub fn new_lot(self, text: &str, lot: Lot) -> Self {
        self.lot(text, lot, true)
    }

    /// Writes a lot of a member that exists.
    #[must_use]
    pub fn moved_lot(self, text: &str, lot: Lot) -> Self {
        self.lot(text, lot, false)
    }

    fn lot(mut self, text: &str, lot: Lot, is_new: bool) -> Self {
        self.changes.lots.push(LotWrite {
            member: member_key(&self.tenant, text),
            is_new,
            lot,
        });
        self
    }

    /// Records an event.
    #[must_use]
    pub fn event(mut self, event: EventRecord) -> Self {
        self.changes.events.push((self.tenant.clone(), event));
        self
    }

    /// One row of every kind, all of a member that does not exist yet; `text` also names the probe, the program and
    /// the counter.
    #[must_use]
    pub fn one_of_each(self, text: &str) -> Self {
        let grant = transfer(funding(), cashback(text), 100).for_purchase(Some(purchase(text)));
        let counter = counter(&self.tenant, text).at(1);
        self.member(text, 0)
            .probe(text, text, 0)
            .program(text, 1)
            .count(&counter, 5, Some(5))
            .transfer(text, 1, grant)
            .new_lot(text, lot(1))
            .event(event(text, 1, 1))
    }

    /// The batch.
    #[must_use]
    pub fn build(&self) -> CommitBatch {
        let key = IdempotencyKey::new(&self.key).expect("a key of the suite is printable");
        let key = match &self.made {
            _ if self.is_keyless => CommandKey::None,
            Some((made, true)) => CommandKey::Entity(made.clone()),
            _ => CommandKey::Reply(ReplyKey {
                tenant: self.tenant.clone(),
                operation: self.operation,
                origin: self.origin,
                key,
            }),
        };
        CommitBatch {
            key,
            receipt: self.made.as_ref().map(|(made, _)| made.clone()),
            follows: self.follows,
            reply: StoredReply {
                fingerprint: Fingerprint::from_bytes(&self.fingerprint)
                    .expect("a digest and two marks"),
                body: self.body.as_str().into(),
            },
            changes: Arc::new(self.changes.clone()),
        }
    }
}
