//! A few small operations.

use std::fmt::Display;

use rewards_core::command::{Kind, Members, NaturalKey, Operation, Undecided};
use rewards_core::context::Context;
use rewards_core::decision::{
    Changes, CounterChange, Decision, LotWrite, MemberWrite, ProgramWrite,
};
use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::ids::{IdempotencyKey, MemberId, ProgramId, Slug, TenantId};
use rewards_core::ledger::{
    Account, JournalEntry, JournalHead, Lot, LotState, Purpose, Transfer, TransferKind, consume,
};
use rewards_core::member::{MemberProfile, MemberRow};
use rewards_core::money::Asset;
use rewards_core::program::Program;
use rewards_core::rejection::Rejection;
use rewards_core::snapshot::{
    CounterName, CounterRange, LotFilter, LotQuery, MemberKey, ProgramKey, ReadPlan, Snapshot,
};
use rewards_core::time::Timestamp;
use rewards_storage::engine::CommandOptions;
use serde::{Deserialize, Serialize};
use smallvec::smallvec;
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

thread_local! {
    /// How often [`Earn`] was prepared on this thread.
    pub static PREPARED: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
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
    /// Takes what is left of the budget when it is less than the amount.
    pub partly: bool,
    /// When it expires.
    pub until: Option<Timestamp>,
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
            partly: false,
            until: None,
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

    pub fn until(self, until: Timestamp) -> Self {
        Self {
            until: Some(until),
            ..self
        }
    }

    pub fn what_is_left_of(self, budget: i64) -> Self {
        Self {
            partly: true,
            ..self.within(budget)
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

pub fn row_of(snapshot: &Snapshot, context: &Context, member: &MemberId) -> MemberRow {
    let row = snapshot.members.get(&context.member_key(member)).cloned();
    row.unwrap_or_else(|| MemberRow::new(MemberProfile::new(context.now), context.now))
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
    let mut row = row_of(snapshot, context, member);
    let expected = row.version;
    let (journal, lots) = moves(&mut row.journal);
    for entry in &journal {
        let (from, to, minor) = (
            entry.transfer.from(),
            entry.transfer.to(),
            entry.transfer.minor(),
        );
        for (account, delta) in [(from, -minor), (to, minor)] {
            if account.holder_text() == member.as_str() {
                row.balances
                    .add(&account.purpose, account.asset, delta)
                    .unwrap();
            }
        }
    }
    row.version += 1;
    row.event_seq += 1;
    // Clocks of several threads differ; within a stream time never runs backwards.
    row.recorded_at = row.recorded_at.max(context.now);
    let event = EventRecord {
        id: context.ids.nth(1),
        stream: Stream::Member(member.clone()),
        seq: row.event_seq,
        recorded_at: row.recorded_at,
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
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        self.natural.clone().map(NaturalKey::Text)
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        PREPARED.with(|prepared| prepared.set(prepared.get() + 1));
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
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            counters: vec![budget_range()],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Told>, Undecided> {
        match self.mode {
            Mode::RefusedRead => return Err(Rejection::Overflow.into()),
            Mode::PanicsDeciding => panic!("decide"),
            _ => {}
        }
        let spent = snapshot.count(&budget_range(), None);
        let left = self.budget.map_or(i64::MAX, |budget| budget - spent);
        let amount = if self.partly {
            self.amount.min(left)
        } else {
            self.amount
        };
        if amount > left || amount <= 0 {
            return Err(Undecided::from(Rejection::Insufficient {
                needed: self.amount.to_string(),
                available: left.to_string(),
            }));
        }
        let account = Account::member(&self.member, Purpose::Cashback, eur());
        let funding = Purpose::Funding(Slug::new("rewards").unwrap());
        let (mut changes, row) = moved(snapshot, context, &self.member, |head| {
            let from = Account::system(funding.clone(), eur());
            let (kind, now) = (TransferKind::Grant, context.now);
            let transfer = Transfer::new(from, account.clone(), amount, kind, now).unwrap();
            let id = context.ids.nth(0);
            let entry = head.append(&context.tenant, &self.member, id, transfer, now);
            let lot = Lot {
                number: entry.seq,
                asset: eur(),
                source: funding.clone(),
                amount,
                remaining: amount,
                state: LotState::Available,
                earned_at: now,
                available_at: None,
                void_at: None,
                expires_at: self.until,
                purchase: None,
                rule: None,
            };
            (vec![entry], vec![lot])
        });
        changes.counters.push(CounterChange {
            key: budget_range().name.at(0),
            delta: amount,
            bound: self.budget,
        });
        let program = self.program.as_ref();
        let reply = Told {
            id: context.ids.nth(0),
            seq: row.journal.seq,
            balance: row.balances.get(&account.purpose, account.asset),
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
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let key = context.member_key(&self.member);
        let plan = ReadPlan {
            members: vec![key.clone()],
            lots: vec![LotQuery {
                member: key,
                filter: LotFilter::Open { asset: eur() },
                limit: self.lots_max,
            }],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<u64>, Undecided> {
        let key = context.member_key(&self.member);
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
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            programs: vec![ProgramKey {
                tenant: context.tenant.clone(),
                program: self.program.clone(),
            }],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<u32>, Undecided> {
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
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut earn = Earn::new(self.member.clone(), 1);
        earn.program.clone_from(&self.program);
        earn.prepare(context)
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<(i64, u32)>, Undecided> {
        let program = self.program.as_ref();
        let version = program
            .and_then(|program| context.revisions(program))
            .map_or(0, |revisions| revisions.newest());
        let row = row_of(snapshot, context, &self.member);
        let balance = row.balances.get(&Purpose::Cashback, eur());
        Ok(Decision::answer((balance, version)))
    }
}
