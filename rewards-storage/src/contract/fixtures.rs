//! Batches as data: short builders for everything a law writes or asks for.
//!
//! A builder takes the tenant, so that many suites can share a database. Names are checked; a name that is no id
//! panics, as everything in this suite does when it meets something it did not expect.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rewards_core::decision::{
    Changes, CounterChange, LotWrite, MemberWrite, ProgramWrite, PurchaseWrite,
};
use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::ids::{IdempotencyKey, MemberId, ProgramId, PurchaseId, Slug, TenantId};
use rewards_core::ledger::{
    Account, ChainHash, JournalEntry, JournalHead, Lot, LotState, Purpose, Transfer, TransferKind,
};
use rewards_core::money::{Asset, Money};
use rewards_core::program::Program;
use rewards_core::records::{
    Counted, MemberRecord, MemberRow, PurchaseRecord, PurchaseRow, PurchaseState,
};
use rewards_core::snapshot::{
    CounterKey, CounterName, LotFilter, LotQuery, MemberKey, ProgramKey, PurchaseKey, ReplyKey,
    StatementQuery, StoredReply,
};
use rewards_core::tiers::{TierMove, TierReason, TierStatus};
use rewards_core::time::Timestamp;
use uuid::Uuid;

use crate::batch::CommitBatch;

/// The operation of a [`Draft`] that names none.
pub const OPERATION: &str = "contract.write";

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

/// Key of a purchase's row.
#[must_use]
pub fn purchase_key(tenant: &TenantId, text: &str) -> PurchaseKey {
    PurchaseKey {
        tenant: tenant.clone(),
        purchase: purchase(text),
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
        record: MemberRecord {
            registered_at: at(0),
            segments: BTreeSet::from(["vip".into(), "\"quoted\" 'text' \\ % 😀".into()]),
            attributes: BTreeMap::from([("city".into(), "Köln\n".into())]),
            tiers: BTreeMap::from([(
                program("contract"),
                BTreeMap::from([(slug("status"), status)]),
            )]),
        },
    }
}

/// A purchase row with every field in use.
#[must_use]
pub fn purchase_row(owner: &str, version: u64) -> PurchaseRow {
    PurchaseRow {
        version,
        member: member(owner),
        occurred_at: at(2),
        record: PurchaseRecord {
            state: PurchaseState::Recorded,
            program: program("contract"),
            revision: 7,
            total: Money::new(1_999, asset("EUR")),
            grants: Some((1, 2)),
            counted: vec![Counted {
                subject: "p:contract".into(),
                name: "cap/'x'".into(),
                bucket: -3,
                delta: i64::MIN,
            }],
        },
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
    key: String,
    fingerprint: [u8; 32],
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
            key: key.to_owned(),
            fingerprint: [1; 32],
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

    /// With a fingerprint of 32 such bytes.
    #[must_use]
    pub fn fingerprint(mut self, byte: u8) -> Self {
        self.fingerprint = [byte; 32];
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

    /// Moves a purchase from version `expected` to the next; 0 inserts.
    #[must_use]
    pub fn purchase(self, text: &str, owner: &str, expected: u64) -> Self {
        let row = purchase_row(owner, expected.saturating_add(1));
        self.purchase_row(text, expected, row)
    }

    /// Moves a purchase from version `expected` to this row.
    #[must_use]
    pub fn purchase_row(mut self, text: &str, expected: u64, row: PurchaseRow) -> Self {
        self.changes.purchases.push(PurchaseWrite {
            key: purchase_key(&self.tenant, text),
            expected,
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

    /// One row of every kind, all of a member that does not exist yet; `text` also names the purchase, the program
    /// and the counter.
    #[must_use]
    pub fn one_of_each(self, text: &str) -> Self {
        let grant = transfer(funding(), cashback(text), 100).for_purchase(Some(purchase(text)));
        let counter = counter(&self.tenant, text).at(1);
        self.member(text, 0)
            .purchase(text, text, 0)
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
        CommitBatch {
            key: ReplyKey {
                tenant: self.tenant.clone(),
                operation: self.operation,
                key,
            },
            reply: StoredReply {
                fingerprint: self.fingerprint,
                body: self.body.as_str().into(),
            },
            changes: Arc::new(self.changes.clone()),
        }
    }
}
