//! A page of transfers, of one member as sender or receiver or of all, newest first: by when they were recorded, and those
//! recorded at one instant by id, from the last in the order of bytes.
//!
//! Of a member's transfers it shows what that member may see of them. A transfer appears exactly once while others come.
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::super::pages::Page;
use super::TransferDetails;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{By, Cursor, Entity, EntityKey, EntityQuery};
use crate::ids::{MemberId, TransferId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::transfers::{ReceivedTransfer, TransferEntity};

/// Asks for a page of transfers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListTransfers {
    /// Only those that this member sent or got, as far as this member may see them; those of all members when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many transfers, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct TransferList {
    /// The transfers, newest first: by when they were recorded, then by id.
    pub transfers: Vec<TransferDetails>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A page of transfers, ready to be looked up.
#[derive(Debug)]
pub struct PreparedTransfers {
    page: Page,
    /// Those sent, or all.
    sent: EntityQuery,
    /// Those of a member that somebody else sent.
    received: Option<EntityQuery>,
}

/// A transfer on a page. What was received names the transfer only.
#[derive(Debug)]
struct Place {
    recorded_at: Timestamp,
    transfer: TransferId,
    sent: Option<TransferEntity>,
}

impl Operation for ListTransfers {
    const NAME: &'static str = "list_transfers";
    const KIND: Kind = Kind::Query;
    type Reply = TransferList;
    type Prepared = PreparedTransfers;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedTransfers), Rejection> {
        let (list, by) = match &self.member {
            Some(member) => (format!("transfers of {member}"), By::Owner(member.clone())),
            None => ("transfers".to_owned(), By::Newest),
        };
        let page = Page::new(context, &list, self.after.as_deref(), self.limit)?;
        let sent = EntityQuery {
            tenant: context.tenant.clone(),
            kind: TransferEntity::KIND,
            by,
            after: page.after.clone(),
            limit: page.rows(),
        };
        let received = self.member.as_ref().map(|_| EntityQuery {
            kind: ReceivedTransfer::KIND,
            ..sent.clone()
        });
        let members = self.member.iter().map(|member| context.member_key(member));
        let plan = ReadPlan {
            members: members.collect(),
            entity_pages: [Some(sent.clone()), received.clone()]
                .into_iter()
                .flatten()
                .collect(),
            ..ReadPlan::default()
        };
        let prepared = PreparedTransfers {
            page,
            sent,
            received,
        };
        Ok((plan, prepared))
    }

    fn decide(
        &self,
        prepared: &PreparedTransfers,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<TransferList>, Undecided> {
        if let Some(member) = &self.member
            && !snapshot.members.contains_key(&context.member_key(member))
        {
            return Err(Rejection::MemberUnknown(member.clone()).into());
        }
        let places = prepared.places(snapshot)?;
        let (places, next) = prepared.page.cut(places, |place: &Place| Cursor {
            value: place.recorded_at.micros(),
            id: SmolStr::new(place.transfer.as_str()),
        });
        let entities = see_received(places, snapshot, context)?;
        let member = self.member.as_ref();
        let shown = entities.iter();
        let shown = shown.filter_map(|entity| TransferDetails::of(entity, member));
        Ok(Decision::answer(TransferList {
            transfers: shown.collect(),
            next,
        }))
    }
}

impl PreparedTransfers {
    /// What is sent and what is received in one list. Each of both is long enough for the page alone.
    fn places(&self, snapshot: &Snapshot) -> Result<Vec<Place>, Rejection> {
        let mut places = Vec::new();
        let sent = snapshot.entity_pages.get(&self.sent);
        for (_, row) in sent.into_iter().flatten() {
            let entity = row.read::<TransferEntity>()?.entity;
            places.push(Place {
                recorded_at: entity.recorded_at,
                transfer: entity.transfer.clone(),
                sent: Some(entity),
            });
        }
        let received = self.received.as_ref();
        let received = received.and_then(|query| snapshot.entity_pages.get(query));
        for (_, row) in received.into_iter().flatten() {
            let received = row.read::<ReceivedTransfer>()?.entity;
            places.push(Place {
                recorded_at: received.recorded_at,
                transfer: received.transfer,
                sent: None,
            });
        }
        places.sort_by(|a, b| {
            let key = |place: &Place| Reverse((place.recorded_at, place.transfer.clone()));
            key(a).cmp(&key(b))
        });
        Ok(places)
    }
}

/// The transfers of a page.
///
/// # Errors
/// [`Undecided::Needs`] those that were received.
fn see_received(
    places: Vec<Place>,
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Vec<TransferEntity>, Undecided> {
    let mut found = Vec::with_capacity(places.len());
    let mut missing = Vec::new();
    for place in places {
        let stored = match place.sent {
            Some(entity) => Some(entity),
            None => {
                let stored = snapshot.get::<TransferEntity>(&context.tenant, &place.transfer)?;
                stored.map(|stored| stored.entity)
            }
        };
        match stored {
            Some(entity) => found.push(entity),
            None => missing.push(EntityKey::of::<TransferEntity>(
                &context.tenant,
                &place.transfer,
            )),
        }
    }
    if missing.is_empty() {
        return Ok(found);
    }
    Err(Undecided::Needs(Box::new(ReadPlan {
        entities: missing,
        ..ReadPlan::default()
    })))
}
