//! Lies about refunds, redemptions, transfers and deposits.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use rewards_core::cashback::PurchaseEntity;
use rewards_core::ledger::{JournalEntry, Purpose, TransferKind};
use rewards_core::money::{Asset, Money};
use rewards_core::operations::balances::AssetBalance;
use rewards_core::wallet::{Bucket, Redemption};
use rewards_tests::simulation::auditor::Check;
use rewards_tests::simulation::workload::Command;

use super::tampering::{Case, Lie, rewrite_documents};

pub(super) const LIES: &[Lie] = &[
    ("a refund is gone", Check::Refund, |case| {
        case.books.refunds.pop_first();
    }),
    ("a refund was of less", Check::Refund, |case| {
        let refund = case.books.refunds.values_mut().next().unwrap();
        refund.amount = more(refund.amount, -1);
    }),
    (
        "a purchase does not know all its refunds",
        Check::Refund,
        |case| refunded(case).refunded.as_mut().unwrap().amount -= 1,
    ),
    ("more was undone than came back", Check::Refund, |case| {
        let purchases = case.books.purchases.values_mut();
        let purchases = purchases.map(|stored| &mut stored.entity);
        let mut grants = purchases.flat_map(|entity| &mut entity.allocations);
        grants.next().unwrap().undone += 1;
    }),
    ("more is claimed than was spent", Check::Refund, |case| {
        let purchases = case.books.purchases.values_mut();
        let purchases = purchases.map(|stored| &mut stored.entity);
        let mut grants = purchases.flat_map(|entity| &mut entity.allocations);
        let undone = grants.find(|own| own.undone > own.claimed).unwrap();
        undone.claimed += 1;
    }),
    ("rewards had to be kept", Check::Refund, |case| {
        rewrite_documents(case, r#""rewards":"proportional""#, r#""rewards":"keep""#);
    }),
    ("nothing may be owed", Check::Refund, |case| {
        rewrite_documents(case, r#""debt""#, r#""stop_at_zero""#);
    }),
    ("a debt was never incurred", Check::Refund, |case| {
        drop_entry(case, TransferKind::Owe);
    }),
    ("what was recovered is gone", Check::Refund, |case| {
        let controls = &mut case.books.controls;
        controls.retain(|(purpose, _), _| *purpose != Purpose::Recovered);
    }),
    ("a redemption is gone", Check::Spending, |case| {
        case.books.redemptions.pop_first();
    }),
    ("more was captured than told", Check::Spending, |case| {
        let part = &mut redemption(case, |part| part.0 != Bucket::Main).parts[0];
        (part.captured, part.captured_value) = (part.captured + 1, part.captured_value + 1);
    }),
    ("more came back than told", Check::Spending, |case| {
        let part = &mut redemption(case, |part| part.1 > 0).parts[0];
        (part.returned, part.returned_value) = (part.returned + 1, part.returned_value + 1);
    }),
    ("points are worth more", Check::Spending, |case| {
        rewrite_documents(case, r#""money":"0.02""#, r#""money":"0.03""#);
    }),
    ("less of an order may be paid", Check::Spending, |case| {
        rewrite_documents(case, r#""max_share":"50%""#, r#""max_share":"1%""#);
    }),
    ("cashback does not pay", Check::Spending, |case| {
        rewrite_documents(case, r#"["main","cashback","#, r#"["main","#);
    }),
    ("a lot paid that nobody has", Check::Lot, |case| {
        let made = redemption(case, |part| part.0 != Bucket::Main && part.1 > 0);
        let mut parts = made.parts.iter_mut();
        let part = parts.find(|part| !part.lots.is_empty() && part.captured > part.returned);
        part.unwrap().lots[0].0 = 999_999;
    }),
    ("what was released stayed away", Check::Spending, |case| {
        drop_entry(case, TransferKind::Release);
    }),
    ("what was spent went elsewhere", Check::Spending, |case| {
        entry(case, TransferKind::Redeem).transfer.kind = TransferKind::Deduct;
    }),
    ("nobody got a transfer", Check::Transfer, |case| {
        case.books.received.pop_first();
    }),
    ("more was given than told", Check::Transfer, |case| {
        case.books.transfers.values_mut().next().unwrap().given += 1;
    }),
    ("it costs more", Check::Transfer, |case| {
        rewrite_documents(case, r#""fixed":"0.02""#, r#""fixed":"0.03""#);
    }),
    ("less may be sent on a day", Check::Transfer, |case| {
        rewrite_documents(case, r#""per_day":"3""#, r#""per_day":"0.02""#);
    }),
    ("what was sent never arrived", Check::Transfer, |case| {
        drop_entry(case, TransferKind::TransferIn);
    }),
    ("something is on its way", Check::Transfer, |case| {
        let place = (Purpose::Transfers, Asset::parse("EUR").unwrap());
        case.books.controls.insert(place, 1);
    }),
    ("a fee is missing", Check::Transfer, |case| {
        let controls = &mut case.books.controls;
        controls.retain(|(purpose, _), _| *purpose != Purpose::Fees);
    }),
    ("what arrives lives longer", Check::Transfer, |case| {
        rewrite_documents(case, r#"{"renew":{"days":3"#, r#"{"renew":{"days":4"#);
    }),
    ("what was sent was not counted", Check::Counter, |case| {
        let counters = &mut case.books.counters;
        counters.retain(|(_, name, _), _| !name.contains("/transfer/"));
    }),
    ("money came in twice", Check::Deposit, |case| {
        let again = entry(case, TransferKind::Deposit).clone();
        case.books.journal.push(again);
    }),
    ("money came from nowhere", Check::Deposit, |case| {
        entry(case, TransferKind::Deposit).transfer.reason = None;
    }),
    ("a deposit is gone", Check::Deposit, |case| {
        case.books.deposits.pop_first();
    }),
    ("a deposit was of more", Check::Deposit, |case| {
        let deposit = case.books.deposits.values_mut().next().unwrap();
        deposit.amount = more(deposit.amount, 1);
    }),
    ("a provider has another key", Check::Deposit, |case| {
        rewrite_documents(case, r#"["bank-1"]"#, r#"["bank-2"]"#);
        rewrite_documents(case, r#"["card-1"]"#, r#"["card-2"]"#);
    }),
    ("a deposit is above the bounds", Check::Deposit, |case| {
        rewrite_documents(case, r#""maximum":"19""#, r#""maximum":"0.6""#);
    }),
    ("providers took less", Check::Deposit, |case| {
        let controls = &mut case.books.controls;
        controls.retain(|(purpose, _), _| *purpose != Purpose::Deposits);
    }),
    ("a member is told of no own money", Check::Answer, |case| {
        answer(case, |line| line.main.is_some()).main = None
    }),
    (
        "a member is told that nothing is reserved",
        Check::Answer,
        |case| answer(case, |line| line.reserved.is_some()).reserved = None,
    ),
    ("a member is told of no debt", Check::Answer, |case| {
        answer(case, |line| line.owed.is_some()).owed = None
    }),
    (
        "a redemption was refused as made before",
        Check::Refusal,
        |case| {
            let tenant = case.books.tenant.clone();
            let told = case.history.0.iter_mut();
            let own = told.filter(|(id, told)| id.tenant == tenant && told.acks.is_empty());
            let mut refused = own.flat_map(|(_, told)| &mut told.refused);
            let made = &case.books.redemptions;
            let is_one = |command: &Command| match command {
                Command::Redeem(request) => !made.contains_key(request.redemption.as_str()),
                Command::Authorize(request) => !made.contains_key(request.redemption.as_str()),
                _ => false,
            };
            let refused = refused.find(|refused| is_one(&refused.order.command));
            refused.unwrap().code = "redemption_exists".to_owned();
        },
    ),
];

fn more(amount: Money, minor: i64) -> Money {
    Money::new(amount.minor() + minor, amount.asset())
}

/// A purchase of which something was refunded, and that was not cancelled.
fn refunded(case: &mut Case) -> &mut PurchaseEntity {
    let purchases = case.books.purchases.values_mut();
    let mut purchases = purchases.map(|stored| &mut stored.entity);
    let is_open = |entity: &&mut PurchaseEntity| {
        let refunded = entity.refunded.as_ref();
        refunded.is_some_and(|refunded| refunded.amount > 0 && !refunded.is_whole)
            && entity.check_open().is_ok()
    };
    purchases.find(is_open).unwrap()
}

/// A redemption with a first part like this: its bucket, and what of it is spent.
fn redemption(case: &mut Case, is_one: fn(&(Bucket, i64)) -> bool) -> &mut Redemption {
    let mut redemptions = case.books.redemptions.values_mut();
    let is_one = |made: &&mut Redemption| {
        let first = made.parts.first();
        first.is_some_and(|part| is_one(&(part.bucket, part.captured - part.returned)))
    };
    redemptions.find(is_one).unwrap()
}

fn entry(case: &mut Case, kind: TransferKind) -> &mut JournalEntry {
    let mut journal = case.books.journal.iter_mut();
    journal.find(|entry| entry.transfer.kind == kind).unwrap()
}

fn drop_entry(case: &mut Case, kind: TransferKind) {
    let journal = &mut case.books.journal;
    let at = journal.iter().position(|entry| entry.transfer.kind == kind);
    journal.remove(at.unwrap());
}

fn answer(case: &mut Case, is_one: fn(&AssetBalance) -> bool) -> &mut AssetBalance {
    let answers = case.books.answers.values_mut().flatten();
    let mut lines = answers.flat_map(|answer| &mut answer.assets);
    lines.find(|line| is_one(line)).unwrap()
}
