//! A few small operations.

use std::fmt::Display;

use rewards_core::command::{Kind, Operation};
use rewards_core::context::Context;
use rewards_core::decision::{
    Changes, CounterChange, Decision, LotWrite, MemberWrite, ProgramWrite,
};
use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::ids::{IdempotencyKey, MemberId, ProgramId, Slug, TenantId};
use rewards_core::ledger::{
    Account, Holder, JournalEntry, JournalHead, Lot, LotState, Purpose, Transfer, TransferKind,
    consume,
};
use rewards_core::money::Asset;
use rewards_core::program::Program;
use rewards_core::records::{MemberRecord, MemberRow};
use rewards_core::rejection::Rejection;
use rewards_core::snapshot::{
    CounterName, CounterRange, LotFilter, LotQuery, MemberKey, ProgramKey, ReadPlan, Snapshot,
};
use rewards_core::time::Timestamp;
use rewards_storage::engine::CommandOptions;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

pub fn member(name: impl Display) -> MemberId {
    MemberId::new(&name.to_string()).unwrap()
}

pub fn program(name: &str) -> ProgramId {
    ProgramId::new(name).unwrap()
}

pub fn keyed(key: impl Display) -> CommandOptions {
    CommandOptions {
        key: Some(IdempotencyKey::new(&key.to_string()).unwrap()),
        now: None,
    }
}

pub fn eur() -> Asset {
    Asset::parse("EUR").unwrap()
}

/// What a test operation does beside its work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    #[default]
    Plain,
    RefusedUnread,
    RefusedRead,
    PanicsReading,
    PanicsDeciding,
}

/// Grants a member so much, as one lot, within an optional shared budget and by an optional program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Earn {
    pub member: MemberId,
    pub amount: i64,
    pub budget: Option<i64>,
    pub program: Option<ProgramId>,
    pub natural: Option<IdempotencyKey>,
    pub mode: Mode,
}

impl Earn {
    pub fn new(member: MemberId, amount: i64) -> Self {
        Self {
            member,
            amount,
            budget: None,
            program: None,
            natural: None,
            mode: Mode::Plain,
        }
    }

    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    pub fn within(self, budget: i64) -> Self {
        Self {
            budget: Some(budget),
            ..self
        }
    }

    pub fn by(self, program: ProgramId) -> Self {
        Self {
            program: Some(program),
            ..self
        }
    }
}

/// What a member is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub id: Uuid,
    pub seq: u64,
    pub balance: i64,
    pub version: u32,
}

fn budget_range() -> CounterRange {
    CounterRange {
        name: CounterName::of_program(&tenant(), &program("p"), "budget"),
        from: 0,
        until: 0,
    }
}

fn moved(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
    moves: impl FnOnce(&mut JournalHead) -> (Vec<JournalEntry>, Vec<Lot>),
) -> (Changes, MemberRow) {
    let key = MemberKey {
        tenant: context.tenant.clone(),
        member: member.clone(),
    };
    let mut row = snapshot.members.get(&key).cloned().unwrap_or(MemberRow {
        version: 0,
        journal: JournalHead::default(),
        event_seq: 0,
        recorded_at: context.now,
        due_at: None,
        record: MemberRecord {
            registered_at: context.now,
            segments: Default::default(),
            attributes: Default::default(),
            tiers: Default::default(),
        },
    });
    let expected = row.version;
    let (journal, lots) = moves(&mut row.journal);
    row.version += 1;
    row.event_seq += 1;
    let event = EventRecord {
        id: context.ids.nth(1),
        stream: Stream::Member(member.clone()),
        seq: row.event_seq,
        recorded_at: context.now,
        event: Event::MemberRegistered {},
    };
    let changes = Changes {
        members: vec![MemberWrite {
            key: key.clone(),
            expected,
            row: row.clone(),
        }],
        journal: journal
            .into_iter()
            .map(|entry| (context.tenant.clone(), entry))
            .collect(),
        lots: lots
            .into_iter()
            .map(|lot| LotWrite {
                member: key.clone(),
                is_new: !snapshot.lots.contains_key(&(key.clone(), lot.number)),
                lot,
            })
            .collect(),
        events: vec![(context.tenant.clone(), event)],
        ..Changes::default()
    };
    (changes, row)
}

impl Operation for Earn {
    const NAME: &'static str = "earn";
    const KIND: Kind = Kind::Command;
    type Reply = Told;

    fn natural_key(&self) -> Option<IdempotencyKey> {
        self.natural.clone()
    }

    fn member(&self) -> Option<&MemberId> {
        Some(&self.member)
    }

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        match self.mode {
            Mode::RefusedUnread => return Err(Rejection::Overflow),
            Mode::PanicsReading => panic!("reads"),
            _ => {}
        }
        if let Some(program) = &self.program
            && context.revisions(program).is_none()
        {
            return Err(Rejection::ProgramUnknown(program.clone()));
        }
        Ok(ReadPlan {
            members: vec![MemberKey {
                tenant: context.tenant.clone(),
                member: self.member.clone(),
            }],
            balances: vec![(context.tenant.clone(), Holder::Member(self.member.clone()))],
            counters: vec![budget_range()],
            ..ReadPlan::default()
        })
    }

    fn decide(&self, snapshot: &Snapshot, context: &Context) -> Result<Decision<Told>, Rejection> {
        match self.mode {
            Mode::RefusedRead => return Err(Rejection::Overflow),
            Mode::PanicsDeciding => panic!("decide"),
            _ => {}
        }
        let spent = snapshot.count(&budget_range());
        if self
            .budget
            .is_some_and(|budget| spent + self.amount > budget)
        {
            return Err(Rejection::Insufficient {
                needed: self.amount.to_string(),
                available: spent.to_string(),
            });
        }
        let account = Account::member(&self.member, Purpose::Cashback, eur());
        let funding = Purpose::Funding(Slug::new("rewards").unwrap());
        let (mut changes, row) = moved(snapshot, context, &self.member, |head| {
            let from = Account::system(funding.clone(), eur());
            let (kind, now) = (TransferKind::Grant, context.now);
            let transfer = Transfer::new(from, account.clone(), self.amount, kind, now).unwrap();
            let id = context.ids.nth(0);
            let entry = head.append(&context.tenant, &self.member, id, transfer, now);
            let lot = Lot {
                number: entry.seq,
                asset: eur(),
                source: funding.clone(),
                amount: self.amount,
                remaining: self.amount,
                state: LotState::Available,
                earned_at: now,
                available_at: None,
                void_at: None,
                expires_at: None,
                purchase: None,
                rule: None,
            };
            (vec![entry], vec![lot])
        });
        changes.counters.push(CounterChange {
            key: budget_range().name.at(0),
            delta: self.amount,
            bound: self.budget,
        });
        let program = self.program.as_ref();
        let reply = Told {
            id: context.ids.nth(0),
            seq: row.journal.seq,
            balance: snapshot.balance(&context.tenant, &account) + self.amount,
            version: program
                .and_then(|program| context.revisions(program))
                .map_or(0, |revisions| revisions.newest()),
        };
        Ok(Decision { reply, changes })
    }
}

/// Takes so much from a member, looking at no more lots than it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spend {
    pub member: MemberId,
    pub amount: i64,
    pub lots_max: u32,
}

impl Operation for Spend {
    const NAME: &'static str = "spend";
    const KIND: Kind = Kind::Command;
    type Reply = u64;

    fn member(&self) -> Option<&MemberId> {
        Some(&self.member)
    }

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        let key = MemberKey {
            tenant: context.tenant.clone(),
            member: self.member.clone(),
        };
        Ok(ReadPlan {
            members: vec![key.clone()],
            lots: vec![LotQuery {
                member: key,
                filter: LotFilter::Open { asset: eur() },
                limit: self.lots_max,
            }],
            ..ReadPlan::default()
        })
    }

    fn decide(&self, snapshot: &Snapshot, context: &Context) -> Result<Decision<u64>, Rejection> {
        let key = MemberKey {
            tenant: context.tenant.clone(),
            member: self.member.clone(),
        };
        let parts = consume(snapshot.lots_of(&key), eur(), self.amount)?;
        let (changes, row) = moved(snapshot, context, &self.member, |head| {
            let from = Account::member(&self.member, Purpose::Cashback, eur());
            let to = Account::system(Purpose::Fees, eur());
            let (kind, now) = (TransferKind::Deduct, context.now);
            let transfer = Transfer::new(from, to, self.amount, kind, now).unwrap();
            let id = context.ids.nth(0);
            let entry = head.append(&context.tenant, &self.member, id, transfer, now);
            (
                vec![entry],
                parts.into_iter().map(|part| part.lot).collect(),
            )
        });
        Ok(Decision {
            reply: row.journal.seq,
            changes,
        })
    }
}

/// Publishes the next revision of a program. Implies no key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Publish {
    pub program: ProgramId,
}

impl Operation for Publish {
    const NAME: &'static str = "publish";
    const KIND: Kind = Kind::Command;
    type Reply = u32;

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        Ok(ReadPlan {
            programs: vec![ProgramKey {
                tenant: context.tenant.clone(),
                program: self.program.clone(),
            }],
            ..ReadPlan::default()
        })
    }

    fn decide(&self, snapshot: &Snapshot, context: &Context) -> Result<Decision<u32>, Rejection> {
        let key = ProgramKey {
            tenant: context.tenant.clone(),
            program: self.program.clone(),
        };
        let version = snapshot.programs.get(&key).copied().unwrap_or(0) + 1;
        let document: Program = serde_json::from_value(serde_json::json!({
            "id": self.program, "currency": "EUR", "zone": "UTC",
        }))
        .unwrap();
        let changes = Changes {
            programs: vec![ProgramWrite {
                key,
                revision: version,
                active_from: Timestamp::MIN,
                published_at: context.now,
                document,
            }],
            ..Changes::default()
        };
        Ok(Decision {
            reply: version,
            changes,
        })
    }
}

/// Asks for a member's balance and, when a program is named, its newest revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Look {
    pub member: MemberId,
    pub program: Option<ProgramId>,
}

impl Operation for Look {
    const NAME: &'static str = "look";
    const KIND: Kind = Kind::Query;
    type Reply = (i64, u32);

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        let mut earn = Earn::new(self.member.clone(), 1);
        earn.program.clone_from(&self.program);
        earn.reads(context)
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<(i64, u32)>, Rejection> {
        let account = Account::member(&self.member, Purpose::Cashback, eur());
        let program = self.program.as_ref();
        let version = program
            .and_then(|program| context.revisions(program))
            .map_or(0, |revisions| revisions.newest());
        let balance = snapshot.balance(&context.tenant, &account);
        Ok(Decision::answer((balance, version)))
    }
}
