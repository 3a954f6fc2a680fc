//! What follows from a command: a reply, and the changes that make it true, as one value.

use std::collections::BTreeMap;

use crate::counter::CounterKey;
use crate::entity::{Entity, EntityKey, EntityRemoval, EntityWrite, Expected};
use crate::event::EventRecord;
use crate::ids::TenantId;
use crate::ledger::{JournalEntry, Lot, Purpose};
use crate::member::MemberRow;
use crate::money::Asset;
use crate::program::Program;
use crate::rejection::Rejection;
use crate::snapshot::{MemberKey, ProgramKey};
use crate::time::Timestamp;

/// A reply and the changes that make it true. Nothing has happened until a store has committed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<R> {
    /// What the caller is told.
    pub reply: R,
    /// What must become durable, in one step.
    pub changes: Changes,
}

impl<R> Decision<R> {
    /// A decision that changes nothing: the answer to a query.
    #[must_use]
    pub fn answer(reply: R) -> Self {
        Self {
            reply,
            changes: Changes::default(),
        }
    }
}

/// A member row as it must be afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberWrite {
    /// The row.
    pub key: MemberKey,
    /// The version the decision saw; 0 when there was no row.
    pub expected: u64,
    /// The row afterwards; its version is `expected + 1`.
    pub row: MemberRow,
}

/// A new revision of a program. Revisions are never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramWrite {
    /// The program.
    pub key: ProgramKey,
    /// Its new revision number: one more than the newest, from 1.
    pub revision: u32,
    /// From when purchases are decided by it.
    pub active_from: Timestamp,
    /// When it was published.
    pub published_at: Timestamp,
    /// The document.
    pub document: Program,
}

/// A lot as it must be afterwards. Lots move only under their member's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotWrite {
    /// The member.
    pub member: MemberKey,
    /// Whether the lot is new.
    pub is_new: bool,
    /// The lot afterwards.
    pub lot: Lot,
}

/// A bounded delta on a counter that has a row of its own. Deltas commute, so shared counters never serialise members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterChange {
    /// The counter.
    pub key: CounterKey,
    /// What is added; negative when something is released.
    pub delta: i64,
    /// The value the counter must not exceed afterwards. Releases are never refused.
    pub bound: Option<i64>,
}

/// Everything a decision makes durable, all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// Member rows.
    pub members: Vec<MemberWrite>,
    /// Entities.
    pub entities: Vec<EntityWrite>,
    /// Entities that are gone afterwards.
    pub removals: Vec<EntityRemoval>,
    /// New program revisions.
    pub programs: Vec<ProgramWrite>,
    /// Journal entries, each a balanced transfer, with the member they belong to.
    pub journal: Vec<(TenantId, JournalEntry)>,
    /// Lots.
    pub lots: Vec<LotWrite>,
    /// Counter deltas.
    pub counters: Vec<CounterChange>,
    /// Members in whose journals the reasons that people gave are dropped. Nothing else of an entry ever changes.
    pub erased_reasons: Vec<MemberKey>,
    /// Events for the outbox.
    pub events: Vec<(TenantId, EventRecord)>,
}

impl Changes {
    /// Whether there is nothing to make durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
            && self.entities.is_empty()
            && self.removals.is_empty()
            && self.programs.is_empty()
            && self.journal.is_empty()
            && self.lots.is_empty()
            && self.counters.is_empty()
            && self.erased_reasons.is_empty()
            && self.events.is_empty()
    }

    /// Writes an entity.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when the entity cannot be written as JSON.
    pub fn put<E: Entity>(
        &mut self,
        tenant: &TenantId,
        id: &E::Id,
        expected: Expected,
        entity: &E,
    ) -> Result<(), Rejection> {
        self.entities
            .push(EntityWrite::of(tenant, id, expected, entity)?);
        Ok(())
    }

    /// Removes an entity.
    pub fn remove<E: Entity>(&mut self, tenant: &TenantId, id: &E::Id, version: u64) {
        let key = EntityKey::of::<E>(tenant, id);
        self.removals.push(EntityRemoval { key, version });
    }

    /// Adds the changes of another part of the same command, such as those of a second member. They follow these.
    pub fn merge(&mut self, other: Self) {
        self.members.extend(other.members);
        self.entities.extend(other.entities);
        self.removals.extend(other.removals);
        self.programs.extend(other.programs);
        self.journal.extend(other.journal);
        self.lots.extend(other.lots);
        self.counters.extend(other.counters);
        self.erased_reasons.extend(other.erased_reasons);
        self.events.extend(other.events);
    }

    /// Adds the changes that a second decision of the same command makes of what these leave, so that both are one commit.
    ///
    /// The second was decided on the view of the first with these changes [applied](crate::snapshot::Snapshot::apply). Of a row
    /// that both write there is one write: it expects what the first saw and leaves what the second made of it, at one version
    /// more, as a commit raises a version once. A lot that the first made stays a new one. Journal entries and events follow in
    /// order. So do deltas of counters, each under its own bound: of their sum no bound would hold, when the first releases more
    /// than the second adds.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when the second does not follow the first: it saw another version of a row, makes a lot that there
    /// is, or one of them removes what the other writes.
    pub fn then(mut self, next: Self) -> Result<Self, Rejection> {
        self.check_removals(&next)?;
        join(
            &mut self.members,
            next.members,
            |write| write.key.clone(),
            |first, second| {
                check_follows(first.row.version, second.expected)?;
                first.row = second.row;
                first.row.version = first.expected.saturating_add(1);
                Ok(())
            },
        )?;
        join(
            &mut self.entities,
            next.entities,
            |write| write.key.clone(),
            |first, second| {
                check_follows(first.row.version, second.expected.version())?;
                first.row = second.row;
                first.row.version = first.expected.version().saturating_add(1);
                Ok(())
            },
        )?;
        join(
            &mut self.lots,
            next.lots,
            |write| (write.member.clone(), write.lot.number),
            |first, second| {
                if second.is_new {
                    return Err(Rejection::Internal("a lot is made twice"));
                }
                first.lot = second.lot;
                Ok(())
            },
        )?;
        self.removals.extend(next.removals);
        self.programs.extend(next.programs);
        self.journal.extend(next.journal);
        self.counters.extend(next.counters);
        self.erased_reasons.extend(next.erased_reasons);
        self.events.extend(next.events);
        Ok(self)
    }

    /// Checks that nothing is written by one decision and removed by the other: in one commit, nobody could tell which came
    /// first.
    fn check_removals(&self, next: &Self) -> Result<(), Rejection> {
        let removed = |removals: &[EntityRemoval], writes: &[EntityWrite]| {
            let mut removals = removals.iter();
            removals.any(|removal| writes.iter().any(|write| write.key == removal.key))
        };
        if removed(&self.removals, &next.entities) || removed(&next.removals, &self.entities) {
            return Err(Rejection::Internal("a row is written and removed"));
        }
        Ok(())
    }

    /// What the journal entries do to each control account, in minor units, in account order. Sums to zero per asset.
    ///
    /// A control account is the sum of all accounts of a tenant with one purpose and asset, whoever holds them. Sums of many
    /// entries may exceed what it can hold; a store refuses such a batch.
    #[must_use]
    pub fn control_deltas(&self) -> BTreeMap<(&TenantId, &Purpose, Asset), i128> {
        let mut deltas: BTreeMap<(&TenantId, &Purpose, Asset), i128> = BTreeMap::new();
        for (tenant, entry) in &self.journal {
            let transfer = &entry.transfer;
            let amount = i128::from(transfer.minor());
            let sides = [
                (&transfer.from().purpose, amount.saturating_neg()),
                (&transfer.to().purpose, amount),
            ];
            for (purpose, delta) in sides {
                let value = deltas
                    .entry((tenant, purpose, transfer.asset()))
                    .or_default();
                *value = value.saturating_add(delta);
            }
        }
        deltas
    }
}

/// Adds writes to those of an earlier decision; two of one row become one.
fn join<W, K: Ord>(
    first: &mut Vec<W>,
    next: Vec<W>,
    key: impl Fn(&W) -> K,
    both: impl Fn(&mut W, W) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    let written = first.iter().enumerate();
    let places: BTreeMap<K, usize> = written.map(|(place, write)| (key(write), place)).collect();
    for write in next {
        let place = places.get(&key(&write));
        match place.and_then(|place| first.get_mut(*place)) {
            Some(known) => both(known, write)?,
            None => first.push(write),
        }
    }
    Ok(())
}

fn check_follows(version: u64, expected: u64) -> Result<(), Rejection> {
    if version == expected {
        Ok(())
    } else {
        Err(Rejection::Internal("a decision does not follow another"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::CounterName;
    use crate::entity::{EntityRow, Index};
    use crate::ledger::LotState;
    use crate::member::MemberProfile;

    fn tenant() -> TenantId {
        "acme".parse().unwrap()
    }

    fn entity(id: &str) -> EntityKey {
        EntityKey {
            tenant: tenant(),
            kind: "probe",
            id: id.into(),
        }
    }

    fn ann() -> MemberKey {
        MemberKey {
            tenant: tenant(),
            member: "ann".parse().unwrap(),
        }
    }

    /// Changes that write a member's row, an entity, a lot and a counter, each told from others by a number.
    fn changes(member: u64, expected: Expected, is_new: bool, number: u64) -> Changes {
        let mut row = MemberRow::new(MemberProfile::new(Timestamp::MIN), Timestamp::MIN);
        (row.version, row.event_seq) = (member + 1, number);
        let euro = Asset::parse("EUR").unwrap();
        let lot = Lot {
            number: 1,
            asset: euro,
            source: Purpose::Adjustments,
            amount: 100,
            remaining: i64::try_from(number).unwrap(),
            state: LotState::Available,
            earned_at: Timestamp::MIN,
            available_at: None,
            void_at: None,
            expires_at: None,
            purchase: None,
            rule: None,
        };
        let key = CounterName::of_member(&tenant(), &ann().member, "used").at(0);
        Changes {
            members: vec![MemberWrite {
                key: ann(),
                expected: member,
                row,
            }],
            entities: vec![EntityWrite {
                key: entity("one"),
                expected,
                row: EntityRow {
                    version: expected.version() + 1,
                    index: Index::new("open", Timestamp::MIN),
                    body: number.to_string().into(),
                },
            }],
            lots: vec![LotWrite {
                member: ann(),
                is_new,
                lot,
            }],
            counters: vec![CounterChange {
                key,
                delta: i64::try_from(number).unwrap(),
                bound: None,
            }],
            ..Changes::default()
        }
    }

    #[test]
    fn what_both_write_is_written_once() {
        for (expected, is_new) in [(Expected::Absent, true), (Expected::Version(4), false)] {
            let first = changes(7, expected, is_new, 1);
            let next = Expected::Version(expected.version() + 1);
            let second = changes(8, next, false, 2);
            let both = first.then(second).unwrap();
            // As if the second alone had come of what the first saw.
            let mut alone = changes(7, expected, is_new, 2);
            alone.counters = both.counters.clone();
            assert_eq!(both, alone);
            let deltas: Vec<i64> = both.counters.iter().map(|change| change.delta).collect();
            assert_eq!(deltas, [1, 2]);
        }
    }

    #[test]
    fn what_one_of_them_writes_stays_as_it_is() {
        let some = changes(7, Expected::Absent, true, 1);
        assert_eq!(some.clone().then(Changes::default()), Ok(some.clone()));
        assert_eq!(Changes::default().then(some.clone()), Ok(some.clone()));
        let mut other = changes(8, Expected::Absent, true, 2);
        other.entities[0].key = entity("two");
        other.lots[0].lot.number = 2;
        let both = some.clone().then(other.clone()).unwrap();
        assert_eq!(both.entities, [some.entities, other.entities].concat());
        assert_eq!(both.lots, [some.lots, other.lots].concat());
    }

    #[test]
    fn what_does_not_follow_is_refused() {
        let first = || changes(7, Expected::Absent, true, 1);
        let seen = Expected::Version(1);
        let removed = |id: &str| Changes {
            removals: vec![EntityRemoval {
                key: entity(id),
                version: 1,
            }],
            ..Changes::default()
        };
        for (what, first, second) in [
            ("a member", first(), changes(7, seen, false, 2)),
            ("an entity", first(), changes(8, Expected::Absent, false, 2)),
            ("a lot", first(), changes(8, seen, true, 2)),
            ("a removal after", first(), removed("one")),
            ("a removal before", removed("one"), first()),
        ] {
            let refused = first.then(second).unwrap_err();
            assert!(matches!(refused, Rejection::Internal(_)), "{what}");
        }
        let both = first().then(removed("two")).unwrap();
        assert_eq!(both.removals, removed("two").removals);
    }
}
