//! A page of a member's statement: every movement, newest first, filtered. They are in the order in which they were recorded, by
//! their numbers in the journal; what was due earlier and settled late stands where it was settled.
//!
//! Refusals: a page size of zero or above the bound, an empty time range; unknown member; an asset that no program of the
//! tenant declares and the member never had.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;
use uuid::Uuid;

use super::super::assets::check_known;
use super::super::unless_wrong;
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, PurchaseId};
use crate::ledger::{Account, ChainHash, JournalEntry, Origin, Purpose, TransferKind};
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot, StatementQuery};
use crate::time::Timestamp;

/// Lines of a page when nothing is said.
pub const PAGE_LINES_DEFAULT: u32 = 50;
/// The most lines of a page.
pub const PAGE_LINES_MAX: u32 = 1_000;

/// Asks for a page of a member's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetStatement {
    /// The member.
    pub member: MemberId,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub before: Option<u64>,
    /// At most so many lines, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
    /// Only movements of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub kind: Option<TransferKind>,
    /// Only movements that touch this purpose of the member's accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purpose: Option<Purpose>,
    /// Only movements of this asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub asset: Option<Asset>,
    /// Only movements of this purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purchase: Option<PurchaseId>,
    /// Only movements effective at or after this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub from: Option<Timestamp>,
    /// Only movements effective before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub until: Option<Timestamp>,
}

/// A page of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The lines, newest first: by their numbers, that is in the order of recording and not of `effective_at`.
    pub lines: Vec<StatementLine>,
    /// Where the next page begins: give it as `before`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<u64>,
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct StatementLine {
    /// Its number in the member's journal.
    pub seq: u64,
    /// The engine's id of the entry.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "uuid")))]
    pub id: Uuid,
    /// Why value moved.
    pub kind: TransferKind,
    /// How much, always positive.
    pub amount: Money,
    /// The account it left.
    pub from: Account,
    /// The account it went to.
    pub to: Account,
    /// When it counts.
    pub effective_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The purchase it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub purchase: Option<PurchaseId>,
    /// The rule behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub origin: Option<Origin>,
    /// The reason a person gave, or the id of the deposit that came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<String>,
    /// Hash over this entry and all before it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub hash: ChainHash,
}

impl From<&JournalEntry> for StatementLine {
    fn from(entry: &JournalEntry) -> Self {
        let transfer = &entry.transfer;
        Self {
            seq: entry.seq,
            id: entry.id,
            kind: transfer.kind,
            amount: transfer.amount(),
            from: transfer.from().clone(),
            to: transfer.to().clone(),
            effective_at: transfer.effective_at,
            recorded_at: entry.recorded_at,
            purchase: transfer.purchase.clone(),
            origin: transfer.origin.clone(),
            reason: transfer.reason.clone(),
            hash: entry.hash,
        }
    }
}

impl GetStatement {
    /// Asks for the first page of everything.
    #[must_use]
    pub fn new(member: MemberId) -> Self {
        Self {
            member,
            before: None,
            limit: None,
            kind: None,
            purpose: None,
            asset: None,
            purchase: None,
            from: None,
            until: None,
        }
    }

    fn query(&self, context: &Context) -> StatementQuery {
        StatementQuery {
            member: context.member_key(&self.member),
            before: self.before,
            kind: self.kind,
            purpose: self.purpose.clone(),
            asset: self.asset,
            purchase: self.purchase.clone(),
            from: self.from,
            until: self.until,
            // One more than the page shows whether there is another page.
            limit: self.limit.unwrap_or(PAGE_LINES_DEFAULT).saturating_add(1),
        }
    }
}

impl Operation for GetStatement {
    const NAME: &'static str = "get_statement";
    const KIND: Kind = Kind::Query;
    type Reply = Statement;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut problems = Vec::new();
        if let Some(limit) = self
            .limit
            .filter(|limit| !(1..=PAGE_LINES_MAX).contains(limit))
        {
            let detail = format!("expected 1 to {PAGE_LINES_MAX}, got {limit}");
            problems.push(Problem::new("limit_invalid", "limit", detail));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from >= until
        {
            let detail = format!("expected a time after {from}, got {until}");
            problems.push(Problem::new("range_empty", "until", detail));
        }
        unless_wrong(problems)?;
        let query = self.query(context);
        let members = vec![query.member.clone()];
        let plan = ReadPlan {
            members,
            statements: vec![query],
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
        let query = self.query(context);
        let row = snapshot.members.get(&query.member);
        let row = row.ok_or_else(|| Rejection::MemberUnknown(self.member.clone()))?;
        if let Some(asset) = self.asset {
            check_known(context, row, "asset", asset)?;
        }
        let page = self.limit.unwrap_or(PAGE_LINES_DEFAULT);
        let page = usize::try_from(page).unwrap_or(usize::MAX);
        let found = snapshot
            .statements
            .get(&query)
            .map_or(&[][..], Vec::as_slice);
        let lines: Vec<StatementLine> = found.iter().take(page).map(StatementLine::from).collect();
        let next = if found.len() > page {
            lines.last().map(|line| line.seq)
        } else {
            None
        };
        Ok(Decision::answer(Statement { lines, next }))
    }
}
