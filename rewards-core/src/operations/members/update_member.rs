//! Update a member: segments, attributes, and whether the member takes part.
//!
//! What is absent stays as it is; a set or a map that is given replaces the one before. A suspended member earns nothing, and
//! every decision says so; what was earned goes on maturing and expiring. A closed member has left: nothing is recorded any
//! more, and the member does not come back. The tiers stay as they were. Purchases can still be cancelled, which releases what
//! they used of shared limits, and not confirmed. Closing with value left is refused unless the caller says `forfeit`; then it goes
//! back to the accounts that paid it. Somebody who was merged into another member can be closed and nothing else.
//!
//! Refusals, in order: too many or too long segments or attributes, nothing to update, the status `merged`; unknown member;
//! closed or merged before; value reserved; value left; more open lots than one command may touch.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::ChangeBuilder;
use super::super::merged::hand_on_due;
use super::super::presence::check_present;
use super::super::review::{Reviewed, TierReview};
use super::super::unless_wrong;
use super::check_facts;
use super::forfeit::{forfeit, see_lots};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::event::Event;
use crate::ids::MemberId;
use crate::member::MemberStatus;
use crate::money::Money;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};

/// Updates a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UpdateMember {
    /// The member.
    pub member: MemberId,
    /// The segments the member is in from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub segments: Option<BTreeSet<String>>,
    /// The facts about the member from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Whether the member takes part from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub status: Option<MemberStatus>,
    /// Whether a member who is closed loses what is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub forfeit: bool,
}

/// The member as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UpdatedMember {
    /// The member.
    pub member: MemberId,
    /// Whether the member takes part.
    pub status: MemberStatus,
    /// What was forfeited, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub forfeited: Vec<Money>,
}

impl UpdateMember {
    /// Updates nothing yet.
    #[must_use]
    pub fn new(member: MemberId) -> Self {
        Self {
            member,
            segments: None,
            attributes: None,
            status: None,
            forfeit: false,
        }
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let (segments, attributes) = (BTreeSet::new(), BTreeMap::new());
        check_facts(
            self.segments.as_ref().unwrap_or(&segments),
            self.attributes.as_ref().unwrap_or(&attributes),
            &mut problems,
        );
        if self.segments.is_none() && self.attributes.is_none() && self.status.is_none() {
            let detail = "expected `segments`, `attributes` or `status`";
            problems.push(Problem::new("update_empty", "", detail));
        }
        if self.status == Some(MemberStatus::Merged) {
            let detail = "a member is merged by `merge_members`, which says into whom";
            problems.push(Problem::new("status_invalid", "status", detail));
        }
        problems
    }

    fn closes_only(&self) -> bool {
        let is_told = self.segments.is_some() || self.attributes.is_some();
        self.status == Some(MemberStatus::Closed) && !is_told
    }
}

impl Operation for UpdateMember {
    const NAME: &'static str = "update_member";
    const KIND: Kind = Kind::Command;
    type Reply = UpdatedMember;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let problems = self.problems();
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
    ) -> Result<Decision<UpdatedMember>, Undecided> {
        let ids = context.id_allocator();
        let leaves = self.status == Some(MemberStatus::Closed);
        let open = if leaves {
            ChangeBuilder::open
        } else {
            ChangeBuilder::open_as_is
        };
        let mut builder = open(snapshot, context, &ids, &self.member)?;
        // Who was merged can still leave, with what is pending there.
        if builder.row.profile.status != MemberStatus::Merged || !self.closes_only() {
            check_present(&builder.row.profile, &self.member)?;
        }
        let mut forfeited = Vec::new();
        let mut handed_on = Changes::default();
        if leaves {
            handed_on = hand_on_due(&mut builder, snapshot, context)?;
            see_lots(&builder, snapshot, &self.member)?;
            forfeited = forfeit(&mut builder, snapshot, context, &self.member, self.forfeit)?;
            // The tiers stay as they are from now on: what was due by now happens first.
            let review = TierReview::now(Reviewed::All, snapshot, context, &self.member);
            review.make_due(&mut builder, context.now)?;
        }
        let profile = &mut builder.row.profile;
        if let Some(segments) = &self.segments {
            profile.segments.clone_from(segments);
        }
        if let Some(attributes) = &self.attributes {
            profile.attributes.clone_from(attributes);
        }
        let status = self.status.unwrap_or(profile.status);
        profile.status = status;
        builder.emit(Event::MemberUpdated { status });
        let mut changes = builder.finish()?;
        changes.merge(handed_on);
        Ok(Decision {
            reply: UpdatedMember {
                member: self.member.clone(),
                status,
                forfeited,
            },
            changes,
        })
    }
}
