//! A page of deposits, of one member or of all, newest first: by when they were initiated, and those of one instant by id,
//! from the last in the order of bytes.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::Page;
use super::DepositDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{By, Cursor, Entity, EntityQuery, Stored};
use crate::ids::MemberId;
use crate::payments::DepositEntity;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks for a page of deposits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListDeposits {
    /// Only those of this member; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many deposits, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of deposits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct DepositList {
    /// The deposits, newest first.
    pub deposits: Vec<DepositDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A page of deposits, ready to be looked up.
#[derive(Debug)]
pub struct PreparedDeposits {
    page: Page,
    query: EntityQuery,
}

impl Operation for ListDeposits {
    const NAME: &'static str = "list_deposits";
    const KIND: Kind = Kind::Query;
    type Reply = DepositList;
    type Prepared = PreparedDeposits;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedDeposits), Rejection> {
        let (list, by) = match &self.member {
            Some(member) => (format!("deposits of {member}"), By::Owner(member.clone())),
            None => ("deposits".to_owned(), By::Newest),
        };
        let page = Page::new(context, &list, self.after.as_deref(), self.limit)?;
        let query = EntityQuery {
            tenant: context.tenant.clone(),
            kind: DepositEntity::KIND,
            by,
            after: page.after.clone(),
            limit: page.rows(),
        };
        let members = self.member.iter().map(|member| context.member_key(member));
        let plan = ReadPlan {
            members: members.collect(),
            entity_pages: vec![query.clone()],
            ..ReadPlan::default()
        };
        Ok((plan, PreparedDeposits { page, query }))
    }

    fn decide(
        &self,
        prepared: &PreparedDeposits,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<DepositList>, Undecided> {
        if let Some(member) = &self.member
            && !snapshot.members.contains_key(&context.member_key(member))
        {
            return Err(Rejection::MemberUnknown(member.clone()).into());
        }
        let found = snapshot.entity_pages.get(&prepared.query);
        let rows = found.into_iter().flatten();
        let details =
            |stored: Stored<DepositEntity>| DepositDetails::of(stored.entity, context.now);
        let listed = rows
            .map(|(_, row)| row.read().map(details))
            .collect::<Result<_, _>>()?;
        let (deposits, next) = prepared
            .page
            .cut(listed, |deposit: &DepositDetails| Cursor {
                value: deposit.initiated_at.micros(),
                id: SmolStr::new(deposit.deposit.as_str()),
            });
        Ok(Decision::answer(DepositList { deposits, next }))
    }
}
