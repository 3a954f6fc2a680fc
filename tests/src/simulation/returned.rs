//! What a client knows of coupons that came back: those of purchases that were taken back as a whole.

use std::collections::BTreeSet;

use rewards_core::ids::{PurchaseId, TenantId};
use rewards_core::operations::purchases::RecordPurchase;

use super::model::History;
use super::random::Random;
use super::workload::Command;

/// A purchase with coupons that was cancelled or replaced by now, if there is any.
pub(super) fn taken_back(
    history: &History,
    tenant: &TenantId,
    random: &mut Random,
) -> Option<RecordPurchase> {
    let acked = || {
        let told = history.of(tenant).map(|(_, told)| told);
        told.filter_map(|told| Some(&told.acks.first()?.order.command))
    };
    let gone: BTreeSet<&PurchaseId> = acked()
        .filter_map(|command| match command {
            Command::Cancel(cancel) => Some(&cancel.purchase),
            Command::Replace(replace) => Some(&replace.replaced),
            _ => None,
        })
        .collect();
    let recorded = acked().filter_map(|command| match command {
        Command::Record(record) if !record.coupons.is_empty() => Some(record),
        _ => None,
    });
    let gone: Vec<&RecordPurchase> = recorded
        .filter(|record| gone.contains(&record.purchase.id))
        .collect();
    random.pick(&gone).map(|record| (*record).clone())
}
