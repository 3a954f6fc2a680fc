//! What expires soon, lot by lot, of one member or of all: what a host reminds its members of.
//!
//! Only what members can use now is listed: lots that are still pending are not, and what has matured or expired by now counts as
//! such, whether a sweep has passed or not. The order is that of expiry, then by member and lot, so that the sum of a member or an
//! asset is that of its items. Own money is in no lots and never expires. What an authorization holds whose time is over is the
//! member's again, and listed when the member is named; of all members it is listed once it was settled.
//!
//! A page shows what is true when it is asked for: what is spent in the meantime is missing from the next page.
//!
//! Refusals, in order: a number of days that is zero or above the bound, a page size of zero or above the bound, a place in
//! another list; unknown member; more lots wait for a sweep (or, of one member, expire) than one query may look at.

use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;

use super::super::change_builder::ChangeBuilder;
use super::super::due::{DUE_LOTS_SEEN_MAX, due_lots, due_query};
use super::super::merged::settle_merged;
use super::super::pages::Page;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::Cursor;
use crate::ids::MemberId;
use crate::ledger::{Lot, LotNumber, LotState, settle};
use crate::money::{Asset, Money};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{DueLotsQuery, ReadPlan, Snapshot};
use crate::time::Timestamp;

/// How many days ahead are listed when nothing is said.
pub const LISTED_DAYS_DEFAULT: u16 = 30;
/// How many days ahead are listed at most.
pub const LISTED_DAYS_MAX: u16 = 366;

/// Asks for a page of what expires soon.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListExpiring {
    /// Only what this member has; what all members have when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Within how many days from now, 1 to 366; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub days: Option<u16>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many items, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of what expires soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ExpiringList {
    /// What expires, the first to expire first.
    pub items: Vec<ExpiringLot>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A part of a balance that expires soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ExpiringLot {
    /// Whose it is.
    pub member: MemberId,
    /// Number of the lot in the member's journal.
    pub lot: LotNumber,
    /// What is left of it.
    pub amount: Money,
    /// From when on it is lost.
    pub expires_at: Timestamp,
}

/// A page, ready to be looked up.
#[derive(Debug)]
pub struct PreparedExpiring {
    page: Page,
    place: Option<Place>,
    horizon: Timestamp,
    /// Of all members: what waits to mature, and what expires.
    queries: Option<[DueLotsQuery; 2]>,
}

/// Where an item is in the list.
type Place = (Timestamp, MemberId, LotNumber);

impl ListExpiring {
    /// Asks for the first page of what a member loses soon.
    #[must_use]
    pub fn of(member: MemberId) -> Self {
        Self {
            member: Some(member),
            ..Self::default()
        }
    }

    fn days(&self) -> Result<i64, Rejection> {
        let days = self.days.unwrap_or(LISTED_DAYS_DEFAULT);
        if (1..=LISTED_DAYS_MAX).contains(&days) {
            return Ok(i64::from(days));
        }
        let detail = format!("expected 1 to {LISTED_DAYS_MAX}, got {days}");
        Err(Problem::new("number_out_of_range", "days", detail).into())
    }

    /// Both lists of all members: of what waits to mature all that is due, of what expires a page.
    fn queries(
        context: &Context,
        place: Option<Place>,
        horizon: Timestamp,
        rows: u32,
    ) -> [DueLotsQuery; 2] {
        let matured = DueLotsQuery {
            tenant: context.tenant.clone(),
            state: LotState::Pending,
            from: Timestamp::MIN,
            until: context.now,
            after: None,
            limit: DUE_LOTS_SEEN_MAX,
        };
        let expiring = DueLotsQuery {
            state: LotState::Available,
            // What expires at this very instant has expired.
            from: context.now.checked_add_micros(1).unwrap_or(Timestamp::MAX),
            until: horizon,
            after: place,
            limit: rows,
            ..matured.clone()
        };
        [matured, expiring]
    }
}

impl Operation for ListExpiring {
    const NAME: &'static str = "list_expiring";
    const KIND: Kind = Kind::Query;
    type Reply = ExpiringList;
    type Prepared = PreparedExpiring;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedExpiring), Rejection> {
        let days = self.days()?;
        let horizon = context.now.checked_add_days(days).unwrap_or(Timestamp::MAX);
        let list = match &self.member {
            Some(member) => format!("expiring of {member}"),
            None => "expiring".to_owned(),
        };
        let page = Page::new(context, &list, self.after.as_deref(), self.limit)?;
        let place = page.after.as_ref().map(place_of).transpose()?;
        let mut plan = ReadPlan::default();
        let queries = match &self.member {
            Some(member) => {
                let key = context.member_key(member);
                plan.lots.push(due_query(&key, horizon));
                plan.members.push(key);
                None
            }
            None => {
                let queries = Self::queries(context, place.clone(), horizon, page.rows());
                plan.due_lots.extend(queries.clone());
                Some(queries)
            }
        };
        let prepared = PreparedExpiring {
            page,
            place,
            horizon,
            queries,
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedExpiring,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ExpiringList>, Undecided> {
        let is_listed = |place: &Place| prepared.place.as_ref().is_none_or(|after| place > after);
        let mut found: Vec<(Place, Asset, i64)> = Vec::new();
        for (member, lot) in self.lots(prepared, snapshot, context)? {
            let lot = settle(&lot, context.now)
                .pop()
                .map_or_else(|| lot.clone(), |step| step.lot);
            let expires_at = lot.expires_at.filter(|at| *at <= prepared.horizon);
            if let Some(expires_at) = expires_at.filter(|_| lot.state == LotState::Available) {
                let place = (expires_at, member.clone(), lot.number);
                if is_listed(&place) {
                    found.push((place, lot.asset, lot.remaining));
                }
            }
        }
        found.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        let items = found.into_iter().map(|(place, asset, minor)| ExpiringLot {
            expires_at: place.0,
            member: place.1,
            lot: place.2,
            amount: Money::new(minor, asset),
        });
        let (items, next) = prepared.page.cut(items.collect(), cursor_of);
        Ok(Decision::answer(ExpiringList { items, next }))
    }
}

impl ListExpiring {
    /// The lots that may be listed, with their members, in no order.
    fn lots(
        &self,
        prepared: &PreparedExpiring,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Vec<(MemberId, Lot)>, Undecided> {
        if let Some(member) = &self.member {
            let ids = context.id_allocator();
            let now = context.now;
            // What is reserved longer than its time allows is the member's again; nothing of this is written.
            let mut builder = ChangeBuilder::open_until(snapshot, context, &ids, member, now)?;
            settle_merged(&mut builder, snapshot, context, now)?;
            due_lots(snapshot, &context.member_key(member), prepared.horizon)?;
            let lots = builder.lots(snapshot).into_iter();
            return Ok(lots.map(|lot| (member.clone(), lot)).collect());
        }
        let mut lots = Vec::new();
        for query in prepared.queries.iter().flatten() {
            let found = snapshot.due_lots.get(query).into_iter().flatten();
            lots.extend(found.cloned());
            let is_full = u32::try_from(lots.len()).is_ok_and(|many| many >= DUE_LOTS_SEEN_MAX);
            if is_full && query.state == LotState::Pending {
                return Err(Rejection::TooMany {
                    what: "due lots",
                    limit: DUE_LOTS_SEEN_MAX,
                }
                .into());
            }
        }
        Ok(lots)
    }
}

fn cursor_of(item: &ExpiringLot) -> Cursor {
    Cursor {
        value: item.expires_at.micros(),
        id: format_smolstr!("{}:{}", item.lot, item.member),
    }
}

fn place_of(cursor: &Cursor) -> Result<Place, Rejection> {
    let read = || {
        let (lot, member) = cursor.id.split_once(':')?;
        let at = Timestamp::from_micros(cursor.value).ok()?;
        Some((at, MemberId::new(member).ok()?, lot.parse().ok()?))
    };
    read().ok_or_else(|| {
        let detail = "expected the `next` of the page before of the same list";
        Problem::new("cursor_invalid", "after", detail).into()
    })
}
