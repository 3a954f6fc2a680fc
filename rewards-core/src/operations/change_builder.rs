//! Collects the changes of one command on one member: entries, lots, counters, events and the member's own row.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::context::Context;
use crate::decision::{Changes, CounterChange, LotWrite, MemberWrite, PurchaseWrite};
use crate::event::{Event, EventRecord, Stream};
use crate::ids::MemberId;
use crate::ledger::{
    Account, Holder, Lot, LotMove, LotNumber, Origin, Purpose, Transfer, TransferKind, settle,
};
use crate::money::{Asset, Money};
use crate::records::{MemberRow, PurchaseRecord, PurchaseRow};
use crate::rejection::Rejection;
use crate::snapshot::{CounterKey, MemberKey, PurchaseKey, Snapshot};
use crate::time::Timestamp;

/// The changes of one command on one member, in the making.
#[derive(Debug)]
pub(super) struct ChangeBuilder<'a> {
    context: &'a Context,
    key: MemberKey,
    expected: u64,
    /// The member's row as it will be.
    pub row: MemberRow,
    /// When the command is recorded: now, but never before the member's last command.
    pub recorded_at: Timestamp,
    /// What has been collected.
    pub changes: Changes,
    ids_used: u32,
    due: Due,
}

impl<'a> ChangeBuilder<'a> {
    /// Starts from the member's row.
    ///
    /// # Errors
    /// [`Rejection::MemberUnknown`] when there is none.
    pub fn open(
        snapshot: &Snapshot,
        context: &'a Context,
        member: &MemberId,
    ) -> Result<Self, Rejection> {
        let key = MemberKey {
            tenant: context.tenant.clone(),
            member: member.clone(),
        };
        let row = snapshot.members.get(&key).cloned();
        let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
        Ok(Self::from_row(context, key, row.version, row))
    }

    /// Starts from a given row, such as the first one of a new member.
    pub fn from_row(context: &'a Context, key: MemberKey, expected: u64, row: MemberRow) -> Self {
        let recorded_at = context.now.max(row.recorded_at);
        Self {
            context,
            key,
            expected,
            row,
            recorded_at,
            changes: Changes::default(),
            ids_used: 0,
            due: Due::default(),
        }
    }

    fn next_id(&mut self) -> Uuid {
        let id = self.context.ids.nth(self.ids_used);
        self.ids_used = self.ids_used.saturating_add(1);
        id
    }

    /// Writes a transfer into the member's journal and returns its number there.
    pub fn post(&mut self, transfer: Transfer) -> u64 {
        let id = self.next_id();
        let tenant = &self.context.tenant;
        let entry =
            self.row
                .journal
                .append(tenant, &self.key.member, id, transfer, self.recorded_at);
        let seq = entry.seq;
        self.changes.journal.push((tenant.clone(), entry));
        seq
    }

    /// Grants a new lot: value moves from its source to the member, and the lot is numbered by that entry.
    pub fn grant(
        &mut self,
        kind: TransferKind,
        origin: Option<Origin>,
        reason: Option<&str>,
        lot: Lot,
    ) -> Result<LotNumber, Rejection> {
        let purpose = match lot.state {
            crate::ledger::LotState::Pending => Purpose::Pending,
            _ => Purpose::available(lot.asset),
        };
        let from = Account::system(lot.source.clone(), lot.asset);
        let to = Account::member(&self.key.member, purpose, lot.asset);
        let mut transfer = Transfer::new(from, to, lot.amount, kind, lot.earned_at)?
            .for_purchase(lot.purchase.clone());
        transfer.origin = origin;
        transfer.reason = reason.map(ToOwned::to_owned);
        let number = self.post(transfer);
        let lot = Lot { number, ..lot };
        self.changes.lots.push(LotWrite {
            member: self.key.clone(),
            is_new: true,
            lot,
        });
        Ok(number)
    }

    /// Carries out a change of a lot: the value moves, and the lot takes its next state.
    pub fn move_lot(&mut self, step: LotMove) -> Result<(), Rejection> {
        let asset = step.lot.asset;
        let holder = match step.to {
            Purpose::Funding(_) | Purpose::Expired | Purpose::Fees | Purpose::Adjustments => {
                Holder::System
            }
            _ => Holder::Member(self.key.member.clone()),
        };
        let from = Account::member(&self.key.member, step.from, asset);
        let to = Account {
            holder,
            purpose: step.to,
            asset,
        };
        let transfer = Transfer::new(from, to, step.amount, step.kind, step.effective_at)?
            .for_purchase(step.lot.purchase.clone());
        self.post(transfer);
        self.write_lot(step.lot);
        Ok(())
    }

    /// Carries out what is due for a lot by now, and returns the lot as it is then.
    pub fn settle(&mut self, lot: &Lot) -> Result<Lot, Rejection> {
        let mut lot = lot.clone();
        for step in settle(&lot, self.recorded_at) {
            self.due.add(&step);
            lot = step.lot.clone();
            self.move_lot(step)?;
        }
        Ok(lot)
    }

    /// Tells what was carried out because it was due, and returns it.
    pub fn emit_due(&mut self) -> DueAmounts {
        let due = std::mem::take(&mut self.due);
        let amounts = DueAmounts {
            matured: due.matured.into_amounts(),
            voided: due.voided.into_amounts(),
            expired: due.expired.into_amounts(),
        };
        for (moved, event) in [
            (
                &amounts.matured,
                Event::RewardsMatured {
                    amounts: amounts.matured.clone(),
                },
            ),
            (
                &amounts.voided,
                Event::RewardsVoided {
                    amounts: amounts.voided.clone(),
                },
            ),
            (
                &amounts.expired,
                Event::RewardsExpired {
                    amounts: amounts.expired.clone(),
                },
            ),
        ] {
            if !moved.is_empty() {
                self.emit(event);
            }
        }
        amounts
    }

    /// Writes a lot that has changed.
    pub fn write_lot(&mut self, lot: Lot) {
        let member = self.key.clone();
        self.changes
            .lots
            .retain(|write| write.is_new || write.lot.number != lot.number);
        self.changes.lots.push(LotWrite {
            member,
            is_new: false,
            lot,
        });
    }

    /// Writes a purchase that has changed.
    pub fn write_purchase(&mut self, key: PurchaseKey, row: &PurchaseRow, record: PurchaseRecord) {
        let version = row.version.saturating_add(1);
        self.changes.purchases.push(PurchaseWrite {
            key,
            expected: row.version,
            row: PurchaseRow {
                version,
                record,
                ..row.clone()
            },
        });
    }

    /// Adds to a counter.
    pub fn count(&mut self, key: CounterKey, delta: i64, bound: Option<i64>) {
        if delta != 0 {
            self.changes
                .counters
                .push(CounterChange { key, delta, bound });
        }
    }

    /// Tells of something in the member's stream.
    pub fn emit(&mut self, event: Event) {
        let id = self.next_id();
        self.row.event_seq = self.row.event_seq.saturating_add(1);
        let stream = Stream::Member(self.key.member.clone());
        let record = EventRecord {
            id,
            stream,
            seq: self.row.event_seq,
            recorded_at: self.recorded_at,
            event,
        };
        self.changes
            .events
            .push((self.context.tenant.clone(), record));
    }

    /// Closes the member's row and gives all changes away.
    pub fn finish(mut self) -> Changes {
        self.row.version = self.expected.saturating_add(1);
        self.row.recorded_at = self.recorded_at;
        let reviews = self.row.record.tiers.values().flat_map(BTreeMap::values);
        self.row.due_at = reviews.filter_map(|status| status.review_at).min();
        let write = MemberWrite {
            key: self.key,
            expected: self.expected,
            row: self.row,
        };
        self.changes.members.push(write);
        self.changes
    }
}

/// What was carried out because it was due, while it is summed up.
#[derive(Debug, Default)]
struct Due {
    matured: Totals,
    voided: Totals,
    expired: Totals,
}

impl Due {
    fn add(&mut self, step: &LotMove) {
        let totals = match step.kind {
            TransferKind::Mature => &mut self.matured,
            TransferKind::Void => &mut self.voided,
            _ => &mut self.expired,
        };
        totals.add(step.lot.asset, step.amount);
    }
}

/// What was carried out because it was due, one amount per asset.
#[derive(Debug)]
pub(super) struct DueAmounts {
    pub matured: Vec<Money>,
    pub voided: Vec<Money>,
    pub expired: Vec<Money>,
}

/// Sums amounts per asset, in asset order; zero sums are left out.
#[derive(Debug, Default)]
pub(super) struct Totals(BTreeMap<Asset, i64>);

impl Totals {
    /// Adds an amount in minor units.
    pub fn add(&mut self, asset: Asset, minor: i64) {
        let total = self.0.entry(asset).or_default();
        *total = total.saturating_add(minor);
    }

    /// The sums as amounts.
    pub fn into_amounts(self) -> Vec<Money> {
        let sums = self.0.into_iter().filter(|(_, minor)| *minor != 0);
        sums.map(|(asset, minor)| Money::new(minor, asset))
            .collect()
    }
}
