//! What happened to each member, in the order in which it was recorded: the events, each once.

use std::collections::BTreeMap;

use rewards_core::event::{EventRecord, Stream};
use rewards_core::ids::{CouponId, MemberId, PurchaseId, Slug};
use rewards_core::money::Money;
use rewards_core::operations::purchases::RecordedPurchase;
use serde_json::Value;

use super::Applied;
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::model::Deliveries;
use crate::simulation::workload::Command;

/// A purchase that was recorded, with what the caller was told.
#[derive(Debug)]
pub(super) struct Bought<'a> {
    pub order: &'a rewards_core::cashback::Purchase,
    /// The coupons that were named with it.
    pub coupons: &'a [CouponId],
    pub reply: RecordedPurchase,
    /// Whether its prices are without taxes.
    prices_are_net: bool,
}

impl Bought<'_> {
    /// What was paid: the total less discounts and less what coupons took off, in minor units.
    pub fn paid(&self) -> i64 {
        let discounts = self
            .order
            .discounts
            .map_or(0, |discounts| discounts.minor());
        self.order.total.minor() - discounts - self.off()
    }

    /// What coupons took off, with the taxes that are less for it where prices are without them, in minor units.
    pub fn off(&self) -> i64 {
        let discount = self.reply.decision.discount.as_ref();
        discount.map_or(0, |discount| {
            let offers = discount.applied.iter();
            let off: i64 = offers.map(|offer| offer.taken_off.minor()).sum();
            match self.prices_are_net {
                true => off + discount.tax_off.minor(),
                false => off,
            }
        })
    }

    /// Whether an offer applies to it.
    pub fn has_offer(&self, offer: &str) -> bool {
        let discount = self.reply.decision.discount.iter();
        let mut applied = discount.flat_map(|discount| &discount.applied);
        applied.any(|applied| applied.offer.as_str() == offer)
    }
}

/// What happened to a purchase.
#[derive(Debug, Clone)]
pub(super) enum Step<'s, 'a> {
    Recorded(&'s Bought<'a>),
    /// Some of what was granted went back to the account that had paid it: of one of these rules.
    Returned(&'s Bought<'a>, Vec<&'s Slug>, Money),
    /// The same, at some time from now on.
    WillReturn(&'s Bought<'a>, Vec<&'s Slug>, Money),
    /// So much does not count as earned any more.
    Unearned(&'s Bought<'a>, Money),
    /// So much of what was paid came back; whether that was the last of it.
    Refunded(&'s Bought<'a>, i64, bool),
    Cancelled(&'s Bought<'a>),
}

/// Everything that a tenant's members did, and the documents that decided it.
#[derive(Debug)]
pub(super) struct Story<'a> {
    /// The events of each member, by number.
    pub members: BTreeMap<&'a MemberId, Vec<&'a EventRecord>>,
    pub purchases: BTreeMap<PurchaseId, Bought<'a>>,
    documents: BTreeMap<(String, u32), Value>,
}

impl<'a> Story<'a> {
    pub fn of(
        books: &Books,
        applied: &[Applied<'a>],
        deliveries: &'a Deliveries,
    ) -> Result<Self, Failed> {
        let mut members: BTreeMap<&MemberId, BTreeMap<u64, &EventRecord>> = BTreeMap::new();
        for record in deliveries.0.get(&books.tenant).into_iter().flatten() {
            if let Stream::Member(member) = &record.stream {
                let events = members.entry(member).or_default();
                events.entry(record.seq).or_insert(record);
            }
        }
        let mut documents = BTreeMap::new();
        for write in &books.programs {
            let place = (write.key.program.to_string(), write.revision);
            documents.insert(place, serde_json::to_value(&write.document)?);
        }
        let mut purchases = BTreeMap::new();
        for command in applied {
            if let Command::Record(record) = &command.order.command {
                let reply: RecordedPurchase = command.reply()?;
                let decision = &reply.decision;
                let place = (decision.program.to_string(), decision.revision);
                let document: Option<&Value> = documents.get(&place);
                let prices = document.and_then(|document| document.pointer("/offers/prices"));
                let bought = Bought {
                    order: &record.purchase,
                    coupons: &record.coupons,
                    prices_are_net: prices.is_some_and(|prices| prices == "without_tax"),
                    reply,
                };
                purchases.insert(record.purchase.id.clone(), bought);
            }
        }
        let in_order =
            |(member, events): (_, BTreeMap<u64, _>)| (member, events.into_values().collect());
        Ok(Self {
            members: members.into_iter().map(in_order).collect(),
            purchases,
            documents,
        })
    }

    /// The document that decided a purchase.
    pub fn document(&self, bought: &Bought<'_>) -> Result<&Value, Failed> {
        let decision = &bought.reply.decision;
        self.revision(decision.program.as_str(), decision.revision)
    }

    /// The document of a revision.
    pub fn revision(&self, program: &str, revision: u32) -> Result<&Value, Failed> {
        let place = (program.to_owned(), revision);
        let document = self.documents.get(&place);
        Ok(document.ok_or_else(|| format!("no document for {place:?}"))?)
    }

    /// The newest document of a program.
    pub fn newest(&self, program: &str) -> Option<&Value> {
        let revisions = (program.to_owned(), 0)..=(program.to_owned(), u32::MAX);
        let newest = self.documents.range(revisions).next_back();
        newest.map(|(_, document)| document)
    }
}

/// An item of a document's list, by its id.
pub(super) fn named<'v>(document: &'v Value, list: &str, id: &str) -> Option<&'v Value> {
    let items = document.get(list).and_then(Value::as_array)?;
    items
        .iter()
        .find(|item| item.get("id").and_then(Value::as_str) == Some(id))
}

/// The items of a list; none when it is absent.
pub(super) fn items<'v>(value: &'v Value, list: &str) -> &'v [Value] {
    value
        .get(list)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A text of a document, empty when it is absent.
pub(super) fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
