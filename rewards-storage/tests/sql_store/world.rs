//! Stores to test with, and batches to put into them.

use std::sync::Arc;
use std::time::Duration;

use rewards_core::decision::{Changes, CounterChange, LotWrite, MemberWrite, ProgramWrite};
use rewards_core::entity::{EntityKey, EntityRow, EntityWrite, Expected, Index};
use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::ids::{IdempotencyKey, MemberId, ProgramId, PurchaseId, Slug, TenantId};
use rewards_core::ledger::{
    Account, JournalHead, Lot, LotState, Origin, Purpose, Transfer, TransferKind,
};
use rewards_core::member::{MemberProfile, MemberRow};
use rewards_core::money::{Asset, Money};
use rewards_core::snapshot::{
    CounterName, KeyOrigin, MemberKey, ProgramKey, ReplyKey, StoredReply,
};
use rewards_core::time::Timestamp;
use rewards_storage::batch::{CommandKey, Commit, CommitBatch};
#[cfg(feature = "memory")]
use rewards_storage::memory::MemoryStore;
use rewards_storage::sql::{SqlOptions, SqlStore};
use rewards_storage::store::{Backend as AnyStore, Store};
use smol_str::SmolStr;
use uuid::Uuid;

/// A store of its own for one test.
pub struct Backend {
    pub name: &'static str,
    pub url: String,
    pub store: SqlStore,
    _files: Option<tempfile::TempDir>,
}

/// Options with limits that a busy machine keeps, too: what happens is tested, and not how soon.
pub fn patient() -> SqlOptions {
    SqlOptions::default().for_patience(Duration::from_secs(120))
}

impl Backend {
    pub async fn reopened(&self) -> SqlStore {
        SqlStore::open(&self.url, patient()).await.unwrap()
    }
}

/// Addresses of an empty database on every server there is.
pub async fn addresses(test: &str) -> Vec<(&'static str, String, Option<tempfile::TempDir>)> {
    let mut addresses = Vec::new();
    #[cfg(feature = "sqlite")]
    {
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join(format!("{test}.db"));
        addresses.push((
            "sqlite",
            format!("sqlite:///{}", path.display()),
            Some(files),
        ));
    }
    #[cfg(feature = "postgres")]
    match std::env::var("DATABASE_URL") {
        Ok(server) => addresses.push(("postgres", fresh_schema(&server, test).await, None)),
        Err(_) => eprintln!("{test}: not run on PostgreSQL, because DATABASE_URL is not set"),
    }
    addresses
}

#[cfg(feature = "postgres")]
async fn fresh_schema(server: &str, test: &str) -> String {
    use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

    let mut connection = sqlx::PgConnection::connect(server).await.unwrap();
    let schema = format!("test_{test}");
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options=-c%20search_path%3D{schema}")
}

/// An empty store on every server there is.
pub async fn backends(test: &str) -> Vec<Backend> {
    let mut backends = Vec::new();
    for (name, url, files) in addresses(test).await {
        let store = SqlStore::open(&url, patient()).await.unwrap();
        backends.push(Backend {
            name,
            url,
            store,
            _files: files,
        });
    }
    backends
}

/// Every store there is, empty, for those who look at no tables.
pub async fn stores(test: &str) -> Vec<(&'static str, Arc<dyn AnyStore>)> {
    let mut stores: Vec<(_, Arc<dyn AnyStore>)> = Vec::new();
    #[cfg(feature = "memory")]
    stores.push(("memory", Arc::new(MemoryStore::new())));
    for backend in backends(test).await {
        // The files go with the backend.
        let backend = Box::leak(Box::new(backend));
        stores.push((backend.name, Arc::new(backend.store.clone())));
    }
    stores
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000).unwrap()
}

pub fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub fn member(id: &str) -> MemberId {
    MemberId::new(id).unwrap()
}

pub fn program(id: &str) -> ProgramId {
    ProgramId::new(id).unwrap()
}

pub fn purchase(id: &str) -> PurchaseId {
    PurchaseId::new(id).unwrap()
}

pub fn eur() -> Asset {
    Asset::parse("EUR").unwrap()
}

pub fn member_key(id: &str) -> MemberKey {
    MemberKey {
        tenant: tenant(),
        member: member(id),
    }
}

pub fn entity_key(id: &str) -> EntityKey {
    EntityKey {
        tenant: tenant(),
        kind: "thing",
        id: SmolStr::new(id),
    }
}

pub fn program_key(id: &str) -> ProgramKey {
    ProgramKey {
        tenant: tenant(),
        program: program(id),
    }
}

pub fn reply_key(key: &str) -> ReplyKey {
    ReplyKey {
        tenant: tenant(),
        operation: "test",
        origin: KeyOrigin::Given,
        key: IdempotencyKey::new(key).unwrap(),
    }
}

pub fn cashback(id: &str) -> Account {
    Account::member(&member(id), Purpose::Cashback, eur())
}

pub fn funding() -> Account {
    Account::system(Purpose::Funding(Slug::new("rewards").unwrap()), eur())
}

pub fn budget() -> CounterName {
    CounterName::of_program(&tenant(), &program("p"), "budget")
}

pub fn lot(number: u64) -> Lot {
    Lot {
        number,
        asset: eur(),
        source: Purpose::Funding(Slug::new("rewards").unwrap()),
        amount: 100,
        remaining: 100,
        state: LotState::Available,
        earned_at: at(0),
        available_at: None,
        void_at: None,
        expires_at: None,
        purchase: None,
        rule: Some(Slug::new("base").unwrap()),
    }
}

/// A batch in the making.
#[derive(Default)]
pub struct Draft {
    key: String,
    print: u8,
    changes: Changes,
}

pub fn draft(key: &str) -> Draft {
    Draft {
        key: key.to_owned(),
        ..Draft::default()
    }
}

impl Draft {
    /// Another request under the same key.
    pub fn otherwise(mut self) -> Self {
        self.print = 1;
        self
    }

    pub fn member(self, id: &str, expected: u64) -> Self {
        self.member_due(id, expected, None)
    }

    pub fn member_due(mut self, id: &str, expected: u64, due_at: Option<Timestamp>) -> Self {
        let row = MemberRow {
            version: expected + 1,
            journal: JournalHead::default(),
            event_seq: expected,
            recorded_at: at(1),
            due_at,
            balances: Default::default(),
            counters: Default::default(),
            history: Default::default(),
            profile: MemberProfile {
                segments: ["vip \"gold\" \\ ☃".to_owned()].into(),
                ..MemberProfile::new(at(0))
            },
        };
        self.changes.members.push(MemberWrite {
            key: member_key(id),
            expected,
            row,
        });
        self
    }

    pub fn entity(mut self, id: &str, owner: &str, expected: u64) -> Self {
        let row = EntityRow {
            version: expected + 1,
            index: Index::new("open", at(2)).owned_by(&member(owner)),
            body: "[1,\"☃\"]".into(),
        };
        self.changes.entities.push(EntityWrite {
            key: entity_key(id),
            expected: match expected {
                0 => Expected::Absent,
                version => Expected::Version(version),
            },
            row,
        });
        self
    }

    pub fn program(mut self, id: &str, version: u32) -> Self {
        let document = serde_json::json!({"id": id, "currency": "EUR", "zone": "UTC"});
        self.changes.programs.push(ProgramWrite {
            key: program_key(id),
            revision: version,
            active_from: at(i64::from(version)),
            published_at: at(0),
            document: serde_json::from_value(document).unwrap(),
        });
        self
    }

    pub fn counter(
        mut self,
        name: &CounterName,
        bucket: i64,
        delta: i64,
        bound: Option<i64>,
    ) -> Self {
        self.changes.counters.push(CounterChange {
            key: name.at(bucket),
            delta,
            bound,
        });
        self
    }

    /// A transfer as entry `seq`, from the funding account to the member's cashback; the other way when negative.
    pub fn transfer(self, id: &str, seq: u64, amount: i64) -> Self {
        self.transfer_for(id, seq, amount, None, at(i64::try_from(seq).unwrap()))
    }

    pub fn transfer_for(
        mut self,
        id: &str,
        seq: u64,
        amount: i64,
        bought: Option<&str>,
        effective_at: Timestamp,
    ) -> Self {
        let kind = if amount > 0 {
            TransferKind::Grant
        } else {
            TransferKind::Clawback
        };
        let (from, to) = if amount > 0 {
            (funding(), cashback(id))
        } else {
            (cashback(id), funding())
        };
        let transfer = Transfer::new(from, to, amount.abs(), kind, effective_at)
            .unwrap()
            .for_purchase(bought.map(purchase))
            .by_rule(Origin {
                program: program("p"),
                revision: 1,
                rule: Slug::new("base").unwrap(),
            })
            .because("because\tof \"this\"");
        let mut head = JournalHead {
            seq: seq - 1,
            ..JournalHead::default()
        };
        let uuid = Uuid::from_u128(u128::from(seq));
        let entry = head.append(&tenant(), &member(id), uuid, transfer, at(3));
        self.changes.journal.push((tenant(), entry));
        self
    }

    pub fn lot(self, id: &str, lot: Lot) -> Self {
        self.lot_write(id, lot, true)
    }

    pub fn changed_lot(self, id: &str, lot: Lot) -> Self {
        self.lot_write(id, lot, false)
    }

    fn lot_write(mut self, id: &str, lot: Lot, is_new: bool) -> Self {
        self.changes.lots.push(LotWrite {
            member: member_key(id),
            is_new,
            lot,
        });
        self
    }

    pub fn event(mut self, id: &str, seq: u64, recorded_at: Timestamp) -> Self {
        let event = EventRecord {
            id: Uuid::from_u128(u128::from(seq)),
            stream: Stream::Member(member(id)),
            seq,
            recorded_at,
            event: Event::RewardGranted {
                source: None,
                adjustment: None,
                amount: Money::new(5, eur()),
            },
        };
        self.changes.events.push((tenant(), event));
        self
    }

    pub fn done(self) -> CommitBatch {
        let body = format!("{{\"reply\":\"{} \\u2603\"}}", self.key);
        CommitBatch {
            key: CommandKey::Reply(reply_key(&self.key)),
            receipt: None,
            follows: false,
            reply: StoredReply {
                fingerprint: [self.print; 32].into(),
                body: Arc::from(body),
            },
            changes: Arc::new(self.changes),
        }
    }
}

/// Commits drafts as one group.
pub async fn commit(store: &SqlStore, drafts: impl IntoIterator<Item = Draft>) -> Vec<Commit> {
    let batches: Vec<CommitBatch> = drafts.into_iter().map(Draft::done).collect();
    store.commit(&batches).await.unwrap()
}

/// Commits one draft that must be applied.
pub async fn apply(store: &SqlStore, draft: Draft) {
    assert_eq!(commit(store, [draft]).await, [Commit::Applied]);
}
