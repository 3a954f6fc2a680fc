//! Register a member: from now on purchases of this member are rewarded.
//!
//! Refusals, in order: too many or too long segments or attributes; registered in the future; the member exists.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::unless_wrong;
use super::check_facts;
use crate::cashback::AHEAD_MICROS_MAX;
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, TenantId};
use crate::member::{MemberProfile, MemberRow};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Registers a member. Only opaque ids and facts belong here, no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RegisterMember {
    /// The host's id of the member.
    pub member: MemberId,
    /// When the member joined; now when absent. Anniversaries count from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub registered_at: Option<Timestamp>,
    /// Segments the host puts the member in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub segments: BTreeSet<String>,
    /// Facts about the member that conditions may look at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub attributes: BTreeMap<String, String>,
}

/// The member that was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct RegisteredMember {
    /// The member.
    pub member: MemberId,
    /// When the member joined.
    pub registered_at: Timestamp,
}

impl RegisterMember {
    /// Registers a member now, with nothing but the id.
    #[must_use]
    pub fn new(member: MemberId) -> Self {
        Self {
            member,
            registered_at: None,
            segments: BTreeSet::new(),
            attributes: BTreeMap::new(),
        }
    }

    fn problems(&self, context: &Context) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_facts(&self.segments, &self.attributes, &mut problems);
        let latest = context
            .now
            .checked_add_micros(AHEAD_MICROS_MAX)
            .unwrap_or(Timestamp::MAX);
        if let Some(at) = self.registered_at.filter(|at| *at > latest) {
            let detail = format!("a member cannot join in the future: got {at}");
            problems.push(Problem::new("time_in_future", "registered_at", detail));
        }
        problems
    }
}

impl Operation for RegisterMember {
    const NAME: &'static str = "register_member";
    const KIND: Kind = Kind::Command;
    type Reply = RegisteredMember;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.member.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let problems = self.problems(context);
        unless_wrong(problems)?;
        let plan = ReadPlan {
            members: vec![context.member_key(&self.member)],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided> {
        let key = context.member_key(&self.member);
        if snapshot.members.contains_key(&key) {
            return Err(Rejection::MemberExists(self.member.clone()).into());
        }
        let ids = context.id_allocator();
        let registered_at = self.registered_at.unwrap_or(context.now);
        let profile = MemberProfile {
            segments: self.segments.clone(),
            attributes: self.attributes.clone(),
            ..MemberProfile::new(registered_at)
        };
        let row = MemberRow::new(profile, context.now);
        let mut builder = ChangeBuilder::from_row(context, &ids, key, row);
        builder.emit(Event::MemberRegistered {});
        let reply = RegisteredMember {
            member: self.member.clone(),
            registered_at,
        };
        Ok(Decision {
            reply,
            changes: builder.finish()?,
        })
    }
}
