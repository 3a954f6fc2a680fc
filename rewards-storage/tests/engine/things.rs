//! Operations on several members, on things that members own, and on what is found out only while deciding.

use rewards_core::command::{Kind, Members, NaturalKey, Operation, Undecided};
use rewards_core::context::Context;
use rewards_core::decision::{Changes, CounterChange, Decision, MemberWrite};
use rewards_core::entity::{Entity, EntityId, EntityKey, Expected, Index, Stored};
use rewards_core::ids::{MemberId, TenantId};
use rewards_core::rejection::Rejection;
use rewards_core::secret::{KeyPurpose, KeyedDigest, Secret};
use rewards_core::snapshot::{CounterName, CounterRange, ReadPlan, Snapshot};
use rewards_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use crate::operations::row_of;

/// Raises the rows of some members, and replies their versions.
fn raised(snapshot: &Snapshot, context: &Context, members: &[&MemberId]) -> (Changes, Vec<u64>) {
    let mut changes = Changes::default();
    let mut versions = Vec::new();
    for member in members {
        let mut row = row_of(snapshot, context, member);
        let expected = row.version;
        row.version += 1;
        versions.push(row.version);
        let key = context.member_key(member);
        changes.members.push(MemberWrite { key, expected, row });
    }
    (changes, versions)
}

/// Raises the rows of two members.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pair(pub MemberId, pub MemberId);

impl Operation for Pair {
    const NAME: &'static str = "pair";
    const KIND: Kind = Kind::Command;
    type Reply = Vec<u64>;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.0, &self.1]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let members = vec![context.member_key(&self.0), context.member_key(&self.1)];
        let plan = ReadPlan {
            members,
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Vec<u64>>, Undecided> {
        let both = [&self.0, &self.1];
        let members = if self.0 == self.1 { &both[..1] } else { &both };
        let (changes, reply) = raised(snapshot, context, members);
        Ok(Decision { reply, changes })
    }
}

/// Raises the row of a member as long as a shared budget lasts; as little work as a command can be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tick {
    pub member: MemberId,
    pub budget: i64,
    pub is_bad: bool,
}

fn ticks(context: &Context) -> CounterRange {
    CounterRange {
        name: CounterName::of_value(&context.tenant, "all", "ticks", "n"),
        from: 0,
        until: 0,
    }
}

impl Operation for Tick {
    const NAME: &'static str = "tick";
    const KIND: Kind = Kind::Command;
    type Reply = i64;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            counters: vec![ticks(context)],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<i64>, Undecided> {
        let ticked = snapshot.count(&ticks(context), None);
        if self.is_bad || ticked >= self.budget {
            return Err(Rejection::Overflow.into());
        }
        let (mut changes, _) = raised(snapshot, context, &[&self.member]);
        changes.counters.push(CounterChange {
            key: ticks(context).name.at(0),
            delta: 1,
            bound: Some(self.budget),
        });
        Ok(Decision {
            reply: ticked + 1,
            changes,
        })
    }
}

/// Looks at one member after another, each time finding out only then that the next is needed, and raises the first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chain(pub Vec<MemberId>);

impl Operation for Chain {
    const NAME: &'static str = "chain";
    const KIND: Kind = Kind::Command;
    type Reply = u64;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        self.0.first().into_iter().collect()
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            members: vec![context.member_key(&self.0[0])],
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
        for member in &self.0 {
            let key = context.member_key(member);
            if !snapshot.members.contains_key(&key) {
                return Err(Undecided::Needs(Box::new(ReadPlan {
                    members: vec![key],
                    ..ReadPlan::default()
                })));
            }
        }
        let (changes, versions) = raised(snapshot, context, &[&self.0[0]]);
        Ok(Decision {
            reply: versions[0],
            changes,
        })
    }
}

/// Raises the row of a member that it does not name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unnamed(pub MemberId);

impl Operation for Unnamed {
    const NAME: &'static str = "unnamed";
    const KIND: Kind = Kind::Command;
    type Reply = u64;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan {
            members: vec![context.member_key(&self.0)],
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
        let (changes, versions) = raised(snapshot, context, &[&self.0]);
        Ok(Decision {
            reply: versions[0],
            changes,
        })
    }
}

/// Looks as [`Chain`] does, and changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Peek(pub Chain);

impl Operation for Peek {
    const NAME: &'static str = "peek";
    const KIND: Kind = Kind::Query;
    type Reply = u64;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        self.0.prepare(context)
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<u64>, Undecided> {
        let decision = self.0.decide(&(), snapshot, context)?;
        Ok(Decision::answer(decision.reply))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThingId(pub String);

impl EntityId for ThingId {
    fn text(&self) -> &str {
        &self.0
    }
}

/// A thing that a member owns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thing {
    pub owner: MemberId,
    pub made_at: Timestamp,
}

impl Entity for Thing {
    const KIND: &'static str = "thing";
    const SHAPE: u16 = 1;
    type Id = ThingId;

    fn index(&self) -> Index {
        Index::new("there", self.made_at).owned_by(&self.owner)
    }

    /// A thing does not say its id.
    fn is_named(&self, _: &str) -> bool {
        true
    }
}

fn plan_of(context: &Context, thing: &ThingId) -> ReadPlan {
    ReadPlan {
        entities: vec![EntityKey::of::<Thing>(&context.tenant, thing)],
        ..ReadPlan::default()
    }
}

/// Makes a thing; given to a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Make {
    pub thing: ThingId,
    pub owner: MemberId,
}

impl Operation for Make {
    const NAME: &'static str = "make";
    const KIND: Kind = Kind::Command;
    type Reply = String;
    type Prepared = ();

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<Thing>(tenant, &self.thing);
        Some(NaturalKey::Entity(key))
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        Ok((plan_of(context, &self.thing), ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<String>, Undecided> {
        if snapshot
            .get::<Thing>(&context.tenant, &self.thing)?
            .is_some()
        {
            return Err(Rejection::MemberExists(self.owner.clone()).into());
        }
        let thing = Thing {
            owner: self.owner.clone(),
            made_at: context.now,
        };
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.thing, Expected::Absent, &thing)?;
        Ok(Decision {
            reply: self.owner.to_string(),
            changes,
        })
    }
}

/// Uses a thing, which raises the row of whoever owns it then; `to` gives it away at the same time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Use {
    pub thing: ThingId,
    pub to: Option<MemberId>,
}

impl Operation for Use {
    const NAME: &'static str = "use";
    const KIND: Kind = Kind::Command;
    type Reply = (MemberId, u64);
    type Prepared = ();

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        vec![EntityKey::of::<Thing>(tenant, &self.thing)]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        Ok((plan_of(context, &self.thing), ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<(MemberId, u64)>, Undecided> {
        let Some(Stored { version, entity }) =
            snapshot.get::<Thing>(&context.tenant, &self.thing)?
        else {
            return Err(Rejection::Corrupt { what: "thing" }.into());
        };
        let owner = entity.owner.clone();
        let key = context.member_key(&owner);
        if !snapshot.members.contains_key(&key) {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                members: vec![key],
                ..ReadPlan::default()
            })));
        }
        let (mut changes, versions) = raised(snapshot, context, &[&owner]);
        if let Some(to) = &self.to {
            let owner = to.clone();
            let given = Thing { owner, ..entity };
            let expected = Expected::Version(version);
            changes.put(&context.tenant, &self.thing, expected, &given)?;
        }
        Ok(Decision {
            reply: (owner, versions[0]),
            changes,
        })
    }
}

/// Tells the engine something in confidence, and replies what it has made of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tell {
    pub member: MemberId,
    pub said: Vec<Secret>,
}

impl Tell {
    pub fn new(text: &str) -> Self {
        Self {
            member: MemberId::new("a").unwrap(),
            said: vec![text.into()],
        }
    }
}

pub fn digests(secrets: &[Secret]) -> Vec<KeyedDigest> {
    let sealed = secrets.iter().flat_map(|secret| match secret {
        Secret::Clear(_) => panic!("a secret in the clear"),
        Secret::Sealed(digests) | Secret::Kept { digests, .. } => digests.clone(),
    });
    sealed.collect()
}

impl Operation for Tell {
    const NAME: &'static str = "tell";
    const KIND: Kind = Kind::Command;
    type Reply = Vec<KeyedDigest>;
    type Prepared = Vec<KeyedDigest>;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        let said = self.said.iter_mut();
        said.map(|secret| (KeyPurpose::Alias, secret)).collect()
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Vec<KeyedDigest>), Rejection> {
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            ..ReadPlan::default()
        };
        Ok((plan, digests(&self.said)))
    }

    fn decide(
        &self,
        prepared: &Vec<KeyedDigest>,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Vec<KeyedDigest>>, Undecided> {
        let (changes, _) = raised(snapshot, context, &[&self.member]);
        Ok(Decision {
            reply: prepared.clone(),
            changes,
        })
    }
}

/// Asks with a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask(pub Secret);

impl Operation for Ask {
    const NAME: &'static str = "ask";
    const KIND: Kind = Kind::Query;
    type Reply = Vec<KeyedDigest>;
    type Prepared = ();

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        vec![(KeyPurpose::Alias, &mut self.0)]
    }

    fn prepare(&self, _: &Context) -> Result<(ReadPlan, ()), Rejection> {
        Ok((ReadPlan::default(), ()))
    }

    fn decide(
        &self,
        (): &(),
        _: &Snapshot,
        _: &Context,
    ) -> Result<Decision<Vec<KeyedDigest>>, Undecided> {
        Ok(Decision::answer(digests(std::slice::from_ref(&self.0))))
    }
}
