//! A whole engine in memory: it answers a plan with exactly the rows that the plan names, so that a row which an
//! operation forgets to read shows up as a wrong result, and it checks every decision before it takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rewards_core::cashback::PurchaseEntity;
use rewards_core::command::{
    Kind, NaturalKey, Operation, ROUNDS_MAX, Undecided, fingerprint, prepare,
};
use rewards_core::context::{Context, Revisions};
use rewards_core::counter::Summed;
use rewards_core::decision::{Changes, Decision, MemberWrite};
use rewards_core::entity::{
    By, ENTITIES, Entity as _, EntityKey, EntityPage, EntityQuery, EntityRow,
};
use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{IdSeed, IdempotencyKey, MemberId, ProgramId, PurchaseId, TenantId};
use rewards_core::ledger::{Account, Holder, JournalEntry, Lot, Purpose, Transfer, TransferKind};
use rewards_core::member::{HistoryPage, MemberRow};
use rewards_core::money::Asset;
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Rejection;
use rewards_core::snapshot::{
    BalancesAt, CounterKey, CounterName, DueLotsQuery, KeyOrigin, LotFilter, LotQuery, MemberKey,
    MemberQuery, ProgramKey, ReadPlan, ReplyKey, Snapshot, StatementQuery, StoredReply,
};
use rewards_core::time::Timestamp;
use smol_str::SmolStr;

use super::keys::TestKeys;

type Programs = BTreeMap<ProgramId, Vec<Arc<CompiledProgram>>>;

/// Everything that is stored, for all tenants.
#[derive(Debug, Clone)]
pub struct World {
    /// Whose commands are run.
    pub tenant: TenantId,
    /// What the clock says.
    pub now: Timestamp,
    /// How many commands have run; makes ids differ.
    pub commands: u128,
    pub replies: BTreeMap<ReplyKey, StoredReply>,
    pub members: BTreeMap<MemberKey, MemberRow>,
    pub entities: BTreeMap<EntityKey, EntityRow>,
    /// Replies that are kept with entities.
    pub receipts: BTreeMap<EntityKey, StoredReply>,
    pub programs: BTreeMap<TenantId, Programs>,
    pub counters: BTreeMap<CounterKey, i64>,
    pub controls: BTreeMap<(TenantId, Purpose, Asset), i128>,
    pub lots: BTreeMap<(MemberKey, u64), Lot>,
    pub journal: BTreeMap<MemberKey, Vec<JournalEntry>>,
    pub events: BTreeMap<(TenantId, Stream), Vec<EventRecord>>,
}

/// Reads an instant; a date alone is its noon in UTC.
pub fn at(text: &str) -> Timestamp {
    if text.contains('T') {
        Timestamp::parse(text).unwrap()
    } else {
        Timestamp::parse(&format!("{text}T12:00:00Z")).unwrap()
    }
}

pub fn member(id: &str) -> MemberId {
    MemberId::new(id).unwrap()
}

/// Reads a program; what its first lines leave out is program `main`, in euros, in UTC.
pub fn program(text: &str) -> Program {
    let is_table = |line: &&str| line.trim_start().starts_with('[');
    let top: Vec<&str> = text.lines().take_while(|line| !is_table(line)).collect();
    let mut document = String::new();
    for (key, default) in [("id", "main"), ("currency", "EUR"), ("zone", "UTC")] {
        let given = top
            .iter()
            .any(|line| line.trim_start().starts_with(&format!("{key} = ")));
        if !given {
            document.push_str(&format!("{key} = \"{default}\"\n"));
        }
    }
    document.push_str(text);
    toml::from_str(&document).unwrap_or_else(|error| panic!("{error}\n{document}"))
}

impl World {
    /// Nothing is stored yet; it is Monday noon, 2026-03-02.
    pub fn empty() -> Self {
        Self {
            tenant: TenantId::new("acme").unwrap(),
            now: at("2026-03-02"),
            commands: 0,
            replies: BTreeMap::new(),
            members: BTreeMap::new(),
            entities: BTreeMap::new(),
            receipts: BTreeMap::new(),
            programs: BTreeMap::new(),
            counters: BTreeMap::new(),
            controls: BTreeMap::new(),
            lots: BTreeMap::new(),
            journal: BTreeMap::new(),
            events: BTreeMap::new(),
        }
    }

    /// Sets the clock.
    pub fn at(&mut self, text: &str) -> &mut Self {
        self.now = at(text);
        self
    }

    pub fn context(&self) -> Context {
        let none = BTreeMap::new();
        let own = self.programs.get(&self.tenant).unwrap_or(&none);
        let programs = own
            .iter()
            .map(|(id, revisions)| (id.clone(), Revisions::new(revisions.clone())));
        Context {
            tenant: self.tenant.clone(),
            now: self.now,
            ids: IdSeed::new(self.now, self.commands << 24),
            programs: Arc::new(programs.collect()),
            keys: Some(Arc::new(TestKeys)),
        }
    }

    pub fn member_key(&self, id: &str) -> MemberKey {
        MemberKey {
            tenant: self.tenant.clone(),
            member: member(id),
        }
    }

    /// Runs an operation under the key that it implies.
    pub fn run<O: Operation>(&mut self, operation: &O) -> Result<O::Reply, Rejection> {
        self.run_keyed(operation, None)
    }

    /// Runs an operation under a key of the caller.
    pub fn run_as<O: Operation>(
        &mut self,
        key: &str,
        operation: &O,
    ) -> Result<O::Reply, Rejection> {
        self.run_keyed(operation, Some(IdempotencyKey::new(key).unwrap()))
    }

    fn run_keyed<O: Operation>(
        &mut self,
        operation: &O,
        given: Option<IdempotencyKey>,
    ) -> Result<O::Reply, Rejection> {
        let natural = operation
            .natural_key(&self.tenant)
            .filter(|_| O::KIND == Kind::Command);
        let made = match &natural {
            Some(NaturalKey::Entity(key)) => Some(key.clone()),
            _ => None,
        };
        let reply_key = |origin, key| ReplyKey {
            tenant: self.tenant.clone(),
            operation: O::NAME,
            origin,
            key,
        };
        let key = match (given, natural) {
            (Some(key), _) => Some(reply_key(KeyOrigin::Given, key)),
            (None, Some(NaturalKey::Text(key))) => Some(reply_key(KeyOrigin::Natural, key)),
            (None, _) => None,
        };
        let digest = fingerprint(operation).unwrap();
        let stored = match (&key, &made) {
            (Some(key), _) => {
                let stored = self.replies.get(key);
                stored.map(|stored| (key.key.to_string(), key.origin, stored))
            }
            (None, Some(made)) => {
                let stored = self.receipts.get(made);
                stored.map(|stored| (made.id.to_string(), KeyOrigin::Natural, stored))
            }
            (None, None) => None,
        };
        if let Some((key, origin, stored)) = stored {
            if stored.fingerprint != digest {
                return Err(Rejection::KeyReused {
                    key,
                    origin: origin.word(),
                    differs: digest.difference(operation, &stored.fingerprint)?,
                });
            }
            return Ok(serde_json::from_str(&stored.body).unwrap());
        }
        self.commands += 1;
        let decision = self.decide(operation)?;
        let body = serde_json::to_string(&decision.reply).unwrap();
        let reply: O::Reply = serde_json::from_str(&body).expect("a reply reads back");
        assert_eq!(serde_json::to_string(&reply).unwrap(), body);
        if O::KIND == Kind::Query {
            assert!(decision.changes.is_empty(), "a query changes nothing");
            return Ok(decision.reply);
        }
        self.apply(&decision.changes);
        let stored = StoredReply {
            fingerprint: digest,
            body: body.into(),
        };
        if let Some(made) = made {
            assert!(
                self.entities.contains_key(&made),
                "the command makes {made:?}"
            );
            self.receipts.insert(made, stored.clone());
        }
        if let Some(key) = key {
            self.replies.insert(key, stored);
        }
        Ok(decision.reply)
    }

    /// Decides without effect, from the rows that were asked for. From all rows there are the same follows: other
    /// commands' rows may be in the view as well.
    pub fn decide<O: Operation>(&self, operation: &O) -> Result<Decision<O::Reply>, Rejection> {
        let context = self.context();
        let (mut plan, prepared) = prepare(operation, &context)?;
        let mut asked = self.load(plan.clone());
        let mut decision = operation.decide(&prepared, &asked, &context);
        for _ in 0..ROUNDS_MAX {
            let Err(Undecided::Needs(more)) = decision else {
                break;
            };
            plan.merge(*more);
            asked = self.load(plan.clone());
            decision = operation.decide(&prepared, &asked, &context);
        }
        let decision = decision.map_err(rejected);
        let from_all = operation.decide(&prepared, &self.load_all(&asked), &context);
        let from_all = from_all.map_err(rejected);
        match (&decision, &from_all) {
            (Ok(decision), Ok(other)) => {
                assert_eq!(decision.changes, other.changes, "by asked and by all rows");
                let text = |reply: &O::Reply| serde_json::to_string(reply).unwrap();
                assert_eq!(text(&decision.reply), text(&other.reply));
            }
            (Err(refused), Err(other)) => assert_eq!(refused, other),
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => {
                panic!("refused by asked or by all rows only: {refused}")
            }
        }
        decision
    }

    /// Exactly the rows that a plan names.
    pub fn load(&self, mut plan: ReadPlan) -> Snapshot {
        plan.normalise();
        let mut found = Snapshot::default();
        for key in plan.members {
            let row = self.members.get(&key).cloned();
            found.members.extend(row.map(|row| (key, row)));
        }
        for key in plan.entities {
            let row = self.entities.get(&key).cloned();
            found.entities.extend(row.map(|row| (key, row)));
        }
        for key in plan.receipts {
            let reply = self.receipts.get(&key).cloned();
            found.receipts.extend(reply.map(|reply| (key, reply)));
        }
        for query in plan.entity_pages {
            let page = self.entity_page(&query);
            found.entity_pages.insert(query, page);
        }
        for query in plan.member_pages {
            let page = self.member_page(&query);
            found.member_pages.insert(query, page);
        }
        for key in plan.programs {
            let newest = self.newest(&key);
            found.programs.extend(newest.map(|newest| (key, newest)));
        }
        for tenant in plan.revision_counts {
            if let Some(programs) = self.programs.get(&tenant) {
                let count = programs.values().map(Vec::len).sum::<usize>();
                found.revision_counts.insert(tenant, count as u64);
            }
        }
        for range in plan.counters {
            if range.from <= range.until {
                let keys = range.name.at(range.from)..=range.name.at(range.until);
                let counters = self.counters.range(keys);
                let counters = counters.map(|(key, value)| (key.clone(), *value));
                found.counters.extend(counters);
            }
        }
        for query in plan.lots {
            for lot in self.lots(&query) {
                found.lots.insert((query.member.clone(), lot.number), lot);
            }
        }
        for query in plan.due_lots {
            let page = self.due_lots(&query);
            found.due_lots.insert(query, page);
        }
        for query in plan.statements {
            let page = self.statement(&query);
            found.statements.insert(query, page);
        }
        for query in plan.balances_at {
            let sums = self.balances_at(&query);
            found.balances_at.insert(query, sums);
        }
        found
    }

    /// All rows, with the answers to the queries that were asked.
    fn load_all(&self, asked: &Snapshot) -> Snapshot {
        let heads = self.programs.iter().flat_map(|(tenant, programs)| {
            programs.keys().map(|program| ProgramKey {
                tenant: tenant.clone(),
                program: program.clone(),
            })
        });
        Snapshot {
            replies: self.replies.clone().into_iter().collect(),
            members: self.members.clone().into_iter().collect(),
            entities: self.entities.clone().into_iter().collect(),
            receipts: self.receipts.clone().into_iter().collect(),
            entity_pages: asked.entity_pages.clone(),
            member_pages: asked.member_pages.clone(),
            programs: heads
                .filter_map(|key| Some((key.clone(), self.newest(&key)?)))
                .collect(),
            revision_counts: asked.revision_counts.clone(),
            counters: self.counters.clone(),
            lots: self.lots.clone(),
            due_lots: asked.due_lots.clone(),
            statements: asked.statements.clone(),
            balances_at: asked.balances_at.clone(),
            open_counters: asked.open_counters.clone(),
        }
    }

    fn newest(&self, key: &ProgramKey) -> Option<u32> {
        let revisions = self.programs.get(&key.tenant)?.get(&key.program)?;
        revisions.last().map(|revision| revision.number())
    }

    fn entity_page(&self, query: &EntityQuery) -> EntityPage {
        let own = self.entities.iter();
        let own = own.filter(|(key, _)| key.tenant == query.tenant && key.kind == query.kind);
        let mut found: Vec<(i64, SmolStr, &EntityRow)> = own
            .filter_map(|(key, row)| {
                let index = &row.index;
                let value = match &query.by {
                    By::Newest => Some(index.at.micros()),
                    By::Owner(owner) => {
                        (index.owner.as_ref() == Some(owner)).then(|| index.at.micros())
                    }
                    By::Group {
                        group,
                        state,
                        from_rank,
                        to_rank,
                    } => index.rank.filter(|rank| {
                        index.group.as_ref() == Some(group)
                            && index.state == *state
                            && (from_rank..=to_rank).contains(&rank)
                    }),
                    By::Due(at) => index.due_at.filter(|due| due <= at).map(|due| due.micros()),
                };
                Some((value?, key.id.clone(), row))
            })
            .collect();
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let falls = matches!(query.by, By::Newest | By::Owner(_));
        if falls {
            found.reverse();
        }
        let after = query.after.as_ref().map(|place| (place.value, &place.id));
        let wanted = found.iter().filter(|(value, id, _)| {
            after.is_none_or(|after| ((*value, id) < after) == falls && (*value, id) != after)
        });
        let wanted = wanted.take(usize::try_from(query.limit).unwrap());
        wanted
            .map(|(_, id, row)| (id.clone(), (*row).clone()))
            .collect()
    }

    fn member_page(&self, query: &MemberQuery) -> Vec<(MemberId, MemberRow)> {
        let own = self
            .members
            .iter()
            .filter(|(key, _)| key.tenant == query.tenant);
        let mut found: Vec<(i64, MemberId, MemberRow)> = own
            .map(|(key, row)| {
                let at = row.profile.registered_at.micros();
                (at, key.member.clone(), row.clone())
            })
            .collect();
        found.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
        let after = query.after.as_ref().map(|place| (place.value, &*place.id));
        let wanted = found
            .into_iter()
            .filter(|(at, member, _)| after.is_none_or(|after| (*at, member.as_str()) < after));
        let wanted = wanted.take(usize::try_from(query.limit).unwrap());
        wanted.map(|(_, member, row)| (member, row)).collect()
    }

    fn lots(&self, query: &LotQuery) -> Vec<Lot> {
        let own = self
            .lots_of(&query.member)
            .filter(|lot| match &query.filter {
                LotFilter::Due { at } => lot.due_at().is_some_and(|due| due <= *at),
                LotFilter::Open { asset } => lot.asset == *asset && lot.state.is_open(),
                LotFilter::OfPurchase { purchase } => lot.purchase.as_ref() == Some(purchase),
                LotFilter::Numbered { number } => lot.number == *number,
            });
        let mut own: Vec<Lot> = own.cloned().collect();
        match &query.filter {
            LotFilter::Due { .. } => own.sort_by_key(|lot| (lot.due_at(), lot.number)),
            LotFilter::Open { .. } => {
                own.sort_by_key(|lot| (lot.expires_at.is_none(), lot.expires_at, lot.number));
            }
            LotFilter::OfPurchase { .. } | LotFilter::Numbered { .. } => {}
        }
        own.truncate(usize::try_from(query.limit).unwrap());
        own
    }

    fn due_lots(&self, query: &DueLotsQuery) -> Vec<(MemberId, Lot)> {
        let own = self.lots.iter();
        let own = own.filter(|((key, _), lot)| {
            let due = lot.due_at();
            key.tenant == query.tenant
                && lot.state == query.state
                && due.is_some_and(|due| (query.from..=query.until).contains(&due))
        });
        let own = own.map(|((key, number), lot)| {
            let place = (lot.due_at().unwrap(), key.member.clone(), *number);
            (place, lot.clone())
        });
        let mut found: Vec<_> = own.collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        let after = query.after.as_ref();
        let found = found.into_iter();
        let found = found.filter(|(place, _)| after.is_none_or(|after| place > after));
        let found = found.take(usize::try_from(query.limit).unwrap());
        found.map(|((_, member, _), lot)| (member, lot)).collect()
    }

    pub fn lots_of(&self, member: &MemberKey) -> impl Iterator<Item = &Lot> + use<'_> {
        let keys = (member.clone(), 0)..=(member.clone(), u64::MAX);
        self.lots.range(keys).map(|(_, lot)| lot)
    }

    pub fn entries_of(&self, member: &MemberKey) -> &[JournalEntry] {
        self.journal.get(member).map_or(&[], Vec::as_slice)
    }

    fn statement(&self, query: &StatementQuery) -> Vec<JournalEntry> {
        let holder = Holder::Member(query.member.member.clone());
        let touches = |entry: &JournalEntry| {
            query.purpose.as_ref().is_none_or(|purpose| {
                [entry.transfer.from(), entry.transfer.to()]
                    .iter()
                    .any(|account| account.holder == holder && account.purpose == *purpose)
            })
        };
        let wanted = self.entries_of(&query.member).iter().rev().filter(|entry| {
            let moved = &entry.transfer;
            query.before.is_none_or(|before| entry.seq < before)
                && query.kind.is_none_or(|kind| moved.kind == kind)
                && query.asset.is_none_or(|asset| moved.asset() == asset)
                && (query.purchase.is_none() || moved.purchase == query.purchase)
                && query.from.is_none_or(|from| moved.effective_at >= from)
                && query.until.is_none_or(|until| moved.effective_at < until)
                && touches(entry)
        });
        let limit = usize::try_from(query.limit).unwrap();
        wanted.take(limit).cloned().collect()
    }

    fn balances_at(&self, query: &BalancesAt) -> Vec<(Account, i64)> {
        let holder = Holder::Member(query.member.member.clone());
        let mut sums: BTreeMap<Account, i64> = BTreeMap::new();
        for entry in self.entries_of(&query.member) {
            let moved = &entry.transfer;
            if moved.effective_at > query.at {
                continue;
            }
            for (account, delta) in [(moved.from(), -moved.minor()), (moved.to(), moved.minor())] {
                if account.holder == holder {
                    *sums.entry(account.clone()).or_default() += delta;
                }
            }
        }
        sums.into_iter().collect()
    }
}

/// Taking decisions.
impl World {
    /// Takes changes as a store would, and refuses what a store would refuse.
    fn apply(&mut self, changes: &Changes) {
        for write in &changes.members {
            let found = self.members.get(&write.key).map_or(0, |row| row.version);
            assert_eq!(write.expected, found, "member version");
            assert_eq!(write.row.version, found + 1, "member version");
            self.members.insert(write.key.clone(), write.row.clone());
        }
        for write in &changes.entities {
            let found = self.entities.get(&write.key).map_or(0, |row| row.version);
            assert_eq!(write.expected.version(), found, "entity version");
            assert_eq!(write.row.version, found + 1, "entity version");
            let kind = ENTITIES.iter().find(|entry| entry.kind == write.key.kind);
            (kind.expect("a kind of the list").check)(&write.key.id, &write.row)
                .expect("an entity reads back");
            self.entities.insert(write.key.clone(), write.row.clone());
        }
        for removal in &changes.removals {
            let row = self
                .entities
                .remove(&removal.key)
                .expect("an entity to remove");
            assert_eq!(row.version, removal.version, "entity version");
            self.receipts.remove(&removal.key);
        }
        for write in &changes.programs {
            let document = write.document.clone();
            let compiled = CompiledProgram::compile(document, write.revision, write.active_from);
            let programs = self.programs.entry(write.key.tenant.clone()).or_default();
            let revisions = programs.entry(write.key.program.clone()).or_default();
            assert_eq!(
                usize::try_from(write.revision).unwrap(),
                revisions.len() + 1
            );
            revisions.push(Arc::new(compiled.unwrap()));
        }
        self.apply_counters(changes);
        self.apply_books(changes);
        for (tenant, event) in &changes.events {
            let key = (tenant.clone(), event.stream.clone());
            let stream = self.events.entry(key).or_default();
            let seq = u64::try_from(stream.len()).unwrap() + 1;
            assert_eq!(event.seq, seq, "events are gapless");
            stream.push(event.clone());
        }
    }

    fn apply_counters(&mut self, changes: &Changes) {
        for change in &changes.counters {
            let value = self.counters.entry(change.key.clone()).or_default();
            *value += change.delta;
            if change.delta > 0
                && let Some(bound) = change.bound
            {
                assert!(*value <= bound, "{:?}: {value} of {bound}", change.key);
            }
        }
        self.counters.retain(|_, value| *value != 0);
    }

    fn apply_books(&mut self, changes: &Changes) {
        for (tenant, entry) in &changes.journal {
            let key = MemberKey {
                tenant: tenant.clone(),
                member: entry.member.clone(),
            };
            let journal = self.journal.entry(key).or_default();
            let last = journal.last();
            assert_eq!(entry.seq, last.map_or(0, |last| last.seq) + 1);
            assert!(last.is_none_or(|last| last.recorded_at <= entry.recorded_at));
            journal.push(entry.clone());
        }
        for key in &changes.erased_reasons {
            let journal = self.journal.entry(key.clone()).or_default();
            for entry in journal {
                entry.transfer.reason = None;
            }
        }
        for ((tenant, purpose, asset), delta) in changes.control_deltas() {
            let key = (tenant.clone(), purpose.clone(), asset);
            *self.controls.entry(key).or_default() += delta;
        }
        for write in &changes.lots {
            let key = (write.member.clone(), write.lot.number);
            assert_eq!(write.is_new, !self.lots.contains_key(&key), "{write:?}");
            let lot = &write.lot;
            assert!((0..=lot.amount).contains(&lot.remaining), "{lot:?}");
            self.lots.insert(key, lot.clone());
        }
    }

    /// Gives a member money of their own, in cents.
    pub fn give_main(&mut self, id: &str, minor: i64) {
        let key = self.member_key(id);
        let euro = Asset::parse("EUR").unwrap();
        let mut row = self.members[&key].clone();
        let from = Account::system(Purpose::Adjustments, euro);
        let to = Account::member(&key.member, Purpose::Main, euro);
        let transfer = Transfer::new(from, to, minor, TransferKind::Restore, self.now).unwrap();
        row.balances.add(&Purpose::Main, euro, minor).unwrap();
        self.commands += 1;
        let id = self.context().id_allocator().next();
        let journal = &mut row.journal;
        let entry = journal.append(&self.tenant, &key.member, id, transfer, self.now);
        let mut changes = Changes::default();
        changes.journal.push((self.tenant.clone(), entry));
        let expected = row.version;
        row.version += 1;
        changes.members.push(MemberWrite { key, expected, row });
        self.apply(&changes);
    }

    /// The balances of all members, those at zero included.
    pub fn balances(&self) -> BTreeMap<(TenantId, Account), i64> {
        let rows = self.members.iter().flat_map(|(key, row)| {
            let own = row.balances.iter().map(move |(purpose, asset, minor)| {
                let account = Account::member(&key.member, purpose.clone(), asset);
                ((key.tenant.clone(), account), minor)
            });
            own.collect::<Vec<_>>()
        });
        rows.collect()
    }

    /// All counters that are not zero, wherever their parts are.
    pub fn counted(&self) -> BTreeMap<CounterKey, i64> {
        let mut all = self.counters.clone();
        for (key, row) in &self.members {
            for (name, bucket, value) in row.counters.iter() {
                let name = CounterName::of_member(&key.tenant, &key.member, name);
                *all.entry(name.at(bucket)).or_default() += value;
            }
        }
        all.retain(|_, value| *value != 0);
        all
    }

    /// A purchase as it is kept.
    pub fn kept(&self, id: &PurchaseId) -> PurchaseEntity {
        let key = EntityKey::of::<PurchaseEntity>(&self.tenant, id);
        self.entities[&key].read().unwrap().entity
    }

    /// What every member bought and earned, by program and day, wherever the days are; sums of zero are left out.
    pub fn summed(&self) -> BTreeMap<(MemberKey, ProgramId, i64, Summed), i64> {
        let mut all: BTreeMap<_, i64> = BTreeMap::new();
        for (key, row) in &self.members {
            for (program, history) in &row.history {
                for (day, summed, sum) in history.recent().iter() {
                    let place = (key.clone(), program.clone(), day, summed);
                    *all.entry(place).or_default() += sum;
                }
            }
        }
        for (key, row) in &self.entities {
            if key.kind != HistoryPage::KIND {
                continue;
            }
            let page = row.read::<HistoryPage>().unwrap().entity;
            let member = MemberKey {
                tenant: key.tenant.clone(),
                member: page.member.clone(),
            };
            for (day, summed, sum) in page.sums.iter() {
                let place = (member.clone(), page.program.clone(), day, summed);
                *all.entry(place).or_default() += sum;
            }
        }
        all.retain(|_, sum| *sum != 0);
        all
    }

    /// The sums of all time are those of the days.
    fn assert_summed(&self) {
        let mut ever: BTreeMap<(&MemberKey, &ProgramId, Summed), i64> = BTreeMap::new();
        let days = self.summed();
        for ((key, program, _, summed), sum) in &days {
            *ever.entry((key, program, *summed)).or_default() += sum;
        }
        ever.retain(|_, sum| *sum != 0);
        let kept = self.members.iter().flat_map(|(key, row)| {
            let programs = row.history.iter();
            programs.flat_map(move |(program, history)| {
                let sums = history.all_time();
                sums.map(move |(summed, sum)| ((key, program, summed), sum))
            })
        });
        assert_eq!(kept.collect::<BTreeMap<_, _>>(), ever);
    }

    /// Checks that the books of all tenants are in order.
    pub fn assert_valid(&self) {
        self.assert_summed();
        let tenants: BTreeSet<&TenantId> = self.members.keys().map(|key| &key.tenant).collect();
        for tenant in tenants {
            assert_eq!(self.audit(tenant), []);
        }
    }
}

fn rejected(undecided: Undecided) -> Rejection {
    match undecided {
        Undecided::Rejected(rejection) => rejection,
        Undecided::Needs(plan) => panic!("more rows again and again: {plan:?}"),
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_valid();
        }
    }
}
