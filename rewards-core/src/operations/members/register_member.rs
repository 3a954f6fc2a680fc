//! Register a member: from now on purchases of this member are rewarded.
//!
//! Refusals, in order: too many or too long segments or attributes; registered in the future; the member exists.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::change_builder::ChangeBuilder;
use crate::cashback::{AHEAD_MICROS_MAX, FACT_BYTES_MAX, FACTS_MAX};
use crate::command::{Kind, Operation};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId};
use crate::ledger::JournalHead;
use crate::records::{MemberRecord, MemberRow};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{MemberKey, ReadPlan, Snapshot};
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

    fn key(&self, context: &Context) -> MemberKey {
        MemberKey {
            tenant: context.tenant.clone(),
            member: self.member.clone(),
        }
    }

    fn problems(&self, context: &Context) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (path, count) in [
            ("segments", self.segments.len()),
            ("attributes", self.attributes.len()),
        ] {
            if count > FACTS_MAX {
                let detail = format!("at most {FACTS_MAX}, got {count}");
                problems.push(Problem::new("too_many_facts", path, detail));
            }
        }
        let attributes = self
            .attributes
            .iter()
            .flat_map(|(name, value)| [name, value]);
        let texts = self.segments.iter().map(|text| ("segments", text));
        for (path, text) in texts.chain(attributes.map(|text| ("attributes", text))) {
            if text.len() > FACT_BYTES_MAX {
                let detail = format!("at most {FACT_BYTES_MAX} bytes, got {}", text.len());
                problems.push(Problem::new("text_too_long", path, detail));
            }
        }
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

    fn natural_key(&self) -> Option<IdempotencyKey> {
        IdempotencyKey::new(self.member.as_str()).ok()
    }

    fn member(&self) -> Option<&MemberId> {
        Some(&self.member)
    }

    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection> {
        let problems = self.problems(context);
        if !problems.is_empty() {
            return Err(Rejection::Invalid(problems));
        }
        Ok(ReadPlan {
            members: vec![self.key(context)],
            ..ReadPlan::default()
        })
    }

    fn decide(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Rejection> {
        let key = self.key(context);
        if snapshot.members.contains_key(&key) {
            return Err(Rejection::MemberExists(self.member.clone()));
        }
        let registered_at = self.registered_at.unwrap_or(context.now);
        let row = MemberRow {
            version: 0,
            journal: JournalHead::default(),
            event_seq: 0,
            recorded_at: context.now,
            due_at: None,
            record: MemberRecord {
                registered_at,
                segments: self.segments.clone(),
                attributes: self.attributes.clone(),
                tiers: BTreeMap::new(),
            },
        };
        let mut builder = ChangeBuilder::from_row(context, key, 0, row);
        builder.emit(Event::MemberRegistered {});
        let reply = RegisteredMember {
            member: self.member.clone(),
            registered_at,
        };
        Ok(Decision {
            reply,
            changes: builder.finish(),
        })
    }
}
