//! What happened to each member, in the order in which it was recorded: the events, each once.

use std::collections::{BTreeMap, VecDeque};

use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::ids::{MemberId, PurchaseId, Slug};
use rewards_core::ledger::{JournalEntry, Transfer, TransferKind};
use rewards_core::money::{Asset, Money};
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
    pub reply: RecordedPurchase,
}

/// What happened to a purchase.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'s, 'a> {
    Recorded(&'s Bought<'a>),
    /// Some of what a rule had granted went back to the account that had paid it.
    Returned(&'s Bought<'a>, &'s Slug, Money),
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
        let mut purchases = BTreeMap::new();
        for command in applied {
            if let Command::Record(record) = &command.order.command {
                let bought = Bought {
                    order: &record.purchase,
                    reply: command.reply()?,
                };
                purchases.insert(record.purchase.id.clone(), bought);
            }
        }
        let mut documents = BTreeMap::new();
        for write in &books.programs {
            let place = (write.key.program.to_string(), write.revision);
            documents.insert(place, serde_json::to_value(&write.document)?);
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
        let place = (decision.program.to_string(), decision.revision);
        let document = self.documents.get(&place);
        Ok(document.ok_or_else(|| format!("no document for {place:?}"))?)
    }

    /// The newest document of a program.
    pub fn newest(&self, program: &str) -> Option<&Value> {
        let revisions = (program.to_owned(), 0)..=(program.to_owned(), u32::MAX);
        let newest = self.documents.range(revisions).next_back();
        newest.map(|(_, document)| document)
    }

    /// What happened to the purchases of a member, in the order in which it did. Events say when something went back and how
    /// much, and the journal says of which purchases.
    pub fn steps_of<'s>(&'s self, books: &Books, member: &MemberId) -> Vec<Step<'s, 'a>> {
        let mut returns = Returns::of(books, member);
        let mut steps = Vec::new();
        for record in self.members.get(member).into_iter().flatten() {
            match &record.event {
                Event::PurchaseRecorded { purchase, .. } => {
                    steps.extend(self.purchases.get(purchase).map(Step::Recorded));
                }
                Event::RewardsVoided { amounts } => {
                    let mut left: BTreeMap<Asset, i64> = BTreeMap::new();
                    for amount in amounts {
                        *left.entry(amount.asset()).or_default() += amount.minor();
                    }
                    while left.values().any(|minor| *minor > 0) {
                        let Some((purchase, amount)) = returns.take(|_| true) else {
                            break;
                        };
                        *left.entry(amount.asset()).or_default() -= amount.minor();
                        steps.extend(self.returned(&mut returns, purchase, amount));
                    }
                }
                Event::PurchaseCancelled { purchase, .. } => {
                    while let Some((purchase, amount)) = returns.take(|of| of == purchase) {
                        steps.extend(self.returned(&mut returns, purchase, amount));
                    }
                    steps.extend(self.purchases.get(purchase).map(Step::Cancelled));
                }
                _ => {}
            }
        }
        steps
    }

    fn returned<'s>(
        &'s self,
        returns: &mut Returns<'_>,
        purchase: &PurchaseId,
        amount: Money,
    ) -> Option<Step<'s, 'a>> {
        let bought = self.purchases.get(purchase)?;
        let left = returns.of_grants.get_mut(purchase)?;
        let mut grants = bought.reply.decision.grants.iter().enumerate();
        let (at, grant) = grants.find(|(at, grant)| {
            grant.granted.asset() == amount.asset() && left.get(at) == Some(&amount.minor())
        })?;
        left.remove(&at);
        Some(Step::Returned(bought, &grant.rule, amount))
    }
}

/// What went back of a member's purchases, in the order in which it did.
struct Returns<'b> {
    entries: VecDeque<(&'b PurchaseId, Money)>,
    /// What of each grant went back, by its place, unless it was found already; it does so at one stroke.
    of_grants: BTreeMap<&'b PurchaseId, BTreeMap<usize, i64>>,
}

impl<'b> Returns<'b> {
    fn of(books: &'b Books, member: &MemberId) -> Self {
        let is_return = |kind| matches!(kind, TransferKind::Void | TransferKind::Clawback);
        let own = books.journal.iter();
        let own = own.filter(|entry| entry.member == *member && is_return(entry.transfer.kind));
        let mut entries: Vec<&JournalEntry> = own.collect();
        entries.sort_unstable_by_key(|entry| entry.seq);
        let own = books.purchases.iter();
        let own = own.filter(|(_, stored)| stored.entity.purchase.member == *member);
        let of_grants = own.map(|(id, stored)| {
            let allocations = stored.entity.allocations.iter().enumerate();
            (
                id,
                allocations.map(|(at, own)| (at, own.returned)).collect(),
            )
        });
        let amount = |transfer: &Transfer| Money::new(transfer.minor(), transfer.asset());
        let entries = entries.into_iter().filter_map(|entry| {
            let purchase = entry.transfer.purchase.as_ref()?;
            Some((purchase, amount(&entry.transfer)))
        });
        Self {
            entries: entries.collect(),
            of_grants: of_grants.collect(),
        }
    }

    /// The next one, if its purchase is the one that is meant.
    fn take(&mut self, is_meant: impl Fn(&PurchaseId) -> bool) -> Option<(&'b PurchaseId, Money)> {
        let (purchase, _) = self.entries.front()?;
        is_meant(purchase)
            .then(|| self.entries.pop_front())
            .flatten()
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
