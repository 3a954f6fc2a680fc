//! A page of the members of a tenant, newest first: by when they joined, then by id.
//!
//! A member who does not change appears exactly once while others come and go. Refusals: a page size of zero or above the
//! bound, a place in another list.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::Page;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::Cursor;
use crate::ids::MemberId;
use crate::member::{MemberRow, MemberStatus};
use crate::rejection::Rejection;
use crate::snapshot::{MemberQuery, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Asks for a page of the members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListMembers {
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many members, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of the members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct MemberList {
    /// The members, newest first: by when they joined, which is `registered_at` and may be long before they were registered
    /// here, then by id.
    pub members: Vec<ListedMember>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A member in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedMember {
    /// The member.
    pub member: MemberId,
    /// When the member joined.
    pub registered_at: Timestamp,
    /// Whether the member takes part.
    pub status: MemberStatus,
    /// Segments the host put the member in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub segments: BTreeSet<String>,
    /// Into whom the member was merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merged_into: Option<MemberId>,
    /// Who was merged into the member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub merged: Vec<MemberId>,
}

/// A page of the members, ready to be looked up.
#[derive(Debug)]
pub struct PreparedMembers {
    page: Page,
    query: MemberQuery,
}

impl Operation for ListMembers {
    const NAME: &'static str = "list_members";
    const KIND: Kind = Kind::Query;
    type Reply = MemberList;
    type Prepared = PreparedMembers;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedMembers), Rejection> {
        let page = Page::new(context, "members", self.after.as_deref(), self.limit)?;
        let query = MemberQuery {
            tenant: context.tenant.clone(),
            after: page.after.clone(),
            limit: page.rows(),
        };
        let plan = ReadPlan {
            member_pages: vec![query.clone()],
            ..ReadPlan::default()
        };
        Ok((plan, PreparedMembers { page, query }))
    }

    fn decide(
        &self,
        prepared: &PreparedMembers,
        snapshot: &Snapshot,
        _: &Context,
    ) -> Result<Decision<MemberList>, Undecided> {
        let found = snapshot.member_pages.get(&prepared.query);
        let found = found.into_iter().flatten().map(listed).collect();
        let (members, next) = prepared.page.cut(found, |member: &ListedMember| Cursor {
            value: member.registered_at.micros(),
            id: SmolStr::new(member.member.as_str()),
        });
        Ok(Decision::answer(MemberList { members, next }))
    }
}

fn listed((member, row): &(MemberId, MemberRow)) -> ListedMember {
    ListedMember {
        member: member.clone(),
        registered_at: row.profile.registered_at,
        status: row.profile.status,
        segments: row.profile.segments.clone(),
        merged_into: row.profile.merged_into.clone(),
        merged: row.profile.merged.iter().cloned().collect(),
    }
}
