//! A world in which every operation is ordered that there is; and lies about what is only looked at there.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

use rewards_core::command::{Kind, Operation as _};
use rewards_core::coupons::CouponAction;
use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::fx::FxPrice;
use rewards_core::ids::MemberId;
use rewards_core::ledger::Purpose;
use rewards_core::member::MemberStatus;
use rewards_core::money::Money;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::redemptions::{
    CancelRedemption, CaptureRedemption, ReleaseRedemption,
};
use rewards_core::payments::PaymentState;
use rewards_core::registry::OPERATIONS;
use rewards_core::risk::{PaymentLabel, RiskDecision};
use rewards_core::wallet::SharedWalletState;
use rewards_tests::simulation::auditor::{Check, audit};
use rewards_tests::simulation::workload::Command;
use rewards_tests::simulation::{Scenario, Tally, run, seeds};

use super::tampering::{Case, Lie};
use super::{Outcome, in_memory, offers, repeatably, told};

/// Seeds of the stormy simulation of everything in memory.
const SEEDS: u64 = 4;

/// Steps of redemptions, which clients order of those that can bear them, and of how many orders they are carried out at least.
const STEPS: [&str; 3] = [
    CaptureRedemption::NAME,
    ReleaseRedemption::NAME,
    CancelRedemption::NAME,
];
const STEPS_PERCENT: u64 = 30;

/// Worlds in which something was wrong once: somebody was erased in the batch in which a purchase had just been recorded.
const FOUND: &[Scenario] = &[Scenario {
    clients: 100,
    orders: 8,
    lots: 0,
    ..Scenario::wild(3).with_everything()
}];

/// The operations that can change anything.
fn commands() -> BTreeSet<&'static str> {
    let commands = OPERATIONS.iter();
    let commands = commands.filter(|operation| operation.kind == Kind::Command);
    commands.map(|operation| operation.name).collect()
}

#[test]
fn every_operation_is_ordered() -> Outcome {
    let known: BTreeSet<&str> = Command::OPERATIONS.iter().copied().collect();
    let expected = commands();
    assert_eq!(known, expected, "an operation that no simulation can order");
    let scenario = Scenario::stormy(1).with_everything();
    let script = scenario.script()?;
    // Programs are published beside what clients order.
    let mut ordered = BTreeSet::from([PublishProgram::NAME]);
    for client in 0..scenario.clients {
        for index in 0..scenario.rounds * scenario.orders {
            ordered.insert(script.order(client, index)?.command.operation());
        }
    }
    assert_eq!(ordered, expected, "an operation that no plan orders");
    Ok(())
}

#[test]
fn the_books_are_right_when_everything_is_ordered() -> Outcome {
    let seeds = seeds(SEEDS)?;
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut coverage = offers::Coverage::default();
    for seed in &seeds {
        // Every other time anything can happen beside it.
        let scenario = match seed % 2 {
            0 => Scenario::wild(*seed),
            _ => Scenario::stormy(*seed),
        };
        let evidence = repeatably(run(scenario.with_everything(), in_memory()))?;
        told("everything", *seed, &evidence);
        coverage.add(&evidence)?;
        for (operation, more) in evidence.tallies() {
            let tally = tallies.entry(operation).or_default();
            tally.ordered += more.ordered;
            tally.accepted += more.accepted;
            tally.refused += more.refused;
        }
    }
    println!("{tallies:#?}, {coverage:?}");
    // One seed alone need not see everything.
    if seeds.len() > 1 {
        let ordered = commands().into_iter();
        for operation in ordered {
            let tally = tallies.get(operation).copied().unwrap_or_default();
            let is_refused = tally.refused > 0 || operation == PublishProgram::NAME;
            assert!(tally.accepted > 0 && is_refused, "{operation}: {tally:?}");
            let wanted = match STEPS.contains(&operation) {
                true => STEPS_PERCENT,
                false => 0,
            };
            assert!(
                tally.accepted * 100 >= tally.ordered * wanted,
                "{operation}: {tally:?}"
            );
        }
        assert_eq!(coverage.missing(), [""; 0], "no world brought this about");
    }
    Ok(())
}

#[test]
fn what_was_found_once_is_right() -> Outcome {
    for scenario in FOUND {
        repeatably(run(*scenario, in_memory()))?;
    }
    Ok(())
}

#[test]
fn a_seed_of_everything_repeats_the_very_run() -> Outcome {
    let scenario = Scenario {
        faults: true,
        engines: 3,
        ..Scenario::calm(77).with_everything()
    };
    let once = repeatably(run(scenario, in_memory()))?;
    let again = repeatably(run(scenario, in_memory()))?;
    assert_eq!(once.digest(), again.digest());
    Ok(())
}

const LIES: &[Lie] = &[
    ("a merger was never told", Check::Effect, |case| {
        let other: MemberId = "nobody".parse().unwrap();
        event(case, |record| match &mut record.event {
            Event::MemberMerged { member, into }
                if record.stream == Stream::Member(member.clone()) =>
            {
                *into = other.clone();
                true
            }
            _ => false,
        });
    }),
    ("a coupon went to two members", Check::Effect, |case| {
        let mut first = None;
        event(case, |record| match &mut record.event {
            Event::CouponAssigned { coupon, .. } => match &first {
                None => {
                    first = Some(coupon.clone());
                    false
                }
                Some(other) => {
                    *coupon = other.clone();
                    true
                }
            },
            _ => false,
        });
    }),
    ("nobody holds a coupon", Check::Coupon, |case| {
        let coupons = case.books.coupons.values_mut();
        let mut held = coupons.filter(|coupon| coupon.holder.is_some());
        held.next().unwrap().holder = None;
    }),
    ("a code may be used less often", Check::Coupon, |case| {
        for book in case.books.coupon_books.values_mut() {
            if let Some(limits) = &mut book.terms.limits {
                limits.uses_per_code = Some(1);
            }
        }
    }),
    ("a book may be used less often", Check::Coupon, |case| {
        for book in case.books.coupon_books.values_mut() {
            let mut limits = book.terms.limits();
            limits.uses = Some(0);
            book.terms.limits = Some(limits);
        }
    }),
    ("a member may have fewer codes", Check::Coupon, |case| {
        for book in case.books.coupon_books.values_mut() {
            let mut limits = book.terms.limits();
            limits.codes_per_member = Some(0);
            book.terms.limits = Some(limits);
        }
    }),
    ("a coupon left its booklet", Check::Coupon, |case| {
        let coupons = case.books.coupons.values_mut();
        let mut own = coupons.filter(|coupon| coupon.booklet.is_some());
        own.next().unwrap().booklet = None;
    }),
    ("a coupon is gone", Check::Coupon, |case| {
        case.books.coupons.pop_first();
    }),
    ("a coupon was used more often", Check::Coupon, |case| {
        let coupons = case.books.coupons.values_mut();
        let is_used =
            |step: &rewards_core::coupons::CouponStep| step.action == CouponAction::Redeemed;
        let mut used =
            coupons.filter(|coupon| coupon.uses > 0 && coupon.history().iter().any(is_used));
        used.next().unwrap().uses += 1;
    }),
    ("free codes are counted wrong", Check::Coupon, |case| {
        let mut counters = case.books.counters.iter_mut();
        let count = counters.find(|((_, name, _), _)| name == "coupons/available");
        *count.unwrap().1 += 1;
    }),
    ("a merger is forgotten", Check::Member, |case| {
        let rows = case.books.members.values_mut();
        let mut merged = rows.filter(|row| row.profile.merged_into.is_some());
        merged.next().unwrap().profile.merged_into = None;
    }),
    ("the other one knows of no merger", Check::Member, |case| {
        let rows = case.books.members.values_mut();
        let mut into = rows.filter(|row| !row.profile.merged.is_empty());
        into.next().unwrap().profile.merged.clear();
    }),
    (
        "something rests with who was merged",
        Check::Member,
        |case| {
            case.books.swept_at = Some(rewards_core::time::Timestamp::MAX);
            let account = case.books.balances.keys().next().unwrap().clone();
            let rows = case.books.members.iter();
            let goes_on = |into: &MemberId| {
                let row = case.books.members.get(into);
                row.is_some_and(|row| row.profile.status == MemberStatus::Active)
            };
            let mut merged =
                rows.filter(|(_, row)| row.profile.merged_into.as_ref().is_some_and(goes_on));
            let (member, _) = merged.next().unwrap();
            let own = rewards_core::ledger::Account::member(member, Purpose::Main, account.asset);
            case.books.balances.insert(own, 1);
        },
    ),
    ("a name is somebody else's", Check::Member, |case| {
        let other = case.books.members.keys().next().unwrap().clone();
        let mut aliases = case.books.aliases.values_mut();
        let alias = aliases.find(|alias| alias.member != other);
        alias.unwrap().member = other;
    }),
    ("who was erased is remembered", Check::Member, |case| {
        let rows = case.books.members.values_mut();
        let mut erased = rows.filter(|row| row.profile.erased_at.is_some());
        let row = erased.next().unwrap();
        row.profile.segments.insert("black".to_owned());
    }),
    ("somebody shares no wallet", Check::SharedWallet, |case| {
        let rows = case.books.members.values_mut();
        let mut shares = rows.filter(|row| row.profile.shared_wallet.is_some());
        shares.next().unwrap().profile.shared_wallet = None;
    }),
    ("a wallet is gone", Check::SharedWallet, |case| {
        let wallets = &mut case.books.wallets;
        let open = wallets
            .iter()
            .find(|(_, wallet)| wallet.state() == SharedWalletState::Active);
        let id = open.unwrap().0.clone();
        wallets.remove(&id);
    }),
    ("a payer paid less", Check::Spending, |case| {
        let mut all = case.books.redemptions.values_mut();
        let share = all.find(|share| share.shared.is_some() && !share.parts.is_empty());
        share.unwrap().parts[0].amount += 1;
    }),
    ("a payer is gone", Check::SharedWallet, |case| {
        let all = &mut case.books.redemptions;
        let tied = all.iter().find(|(_, share)| {
            let tie = share.shared.as_ref();
            tie.is_some_and(|tie| tie.redemption != share.id)
        });
        let id = tied.unwrap().0.clone();
        all.remove(&id);
    }),
    ("a cap was smaller", Check::Limit, |case| {
        super::tampering::rewrite_documents(case, r#""amount":"12""#, r#""amount":"0.01""#);
    }),
    ("a rate was told by nobody", Check::Conversion, |case| {
        let rate = case.books.rates.values_mut().next().unwrap();
        rate.price = FxPrice::Mid("7.77".parse().unwrap());
    }),
    ("a member got one cent more", Check::Conversion, |case| {
        let made = case.books.conversions.values_mut().next().unwrap();
        let arrived = made.terms.arrived;
        made.terms.arrived = Money::new(arrived.minor() + 1, arrived.asset());
    }),
    ("a quote said something else", Check::Conversion, |case| {
        let used = case
            .books
            .conversions
            .values()
            .find_map(|made| made.quote.clone());
        let held = case.books.quotes.get_mut(used.unwrap().as_str()).unwrap();
        held.terms.given = Money::new(1, held.terms.given.asset());
    }),
    ("the tenant kept one cent more", Check::Conversion, |case| {
        let mut own = case.books.controls.iter_mut();
        let spread = own.find(|((purpose, _), _)| *purpose == Purpose::Spread);
        *spread.unwrap().1 += 1;
    }),
    ("a conversion never was", Check::Conversion, |case| {
        case.books.conversions.pop_first();
    }),
    ("a payment scored one point more", Check::Risk, |case| {
        let made = case.books.assessments.values_mut().next().unwrap();
        made.outcome.score += 1;
    }),
    ("a payment was approved", Check::Risk, |case| {
        let mut all = case.books.assessments.values_mut();
        let blocked = all.find(|made| made.outcome.decision == RiskDecision::Block);
        blocked.unwrap().outcome.decision = RiskDecision::Approve;
    }),
    ("a payment was another day's", Check::Risk, |case| {
        let made = case.books.assessments.values_mut().next().unwrap();
        made.day += 1;
    }),
    ("a payment was not counted", Check::Risk, |case| {
        case.books.histories.pop_first();
    }),
    ("a payment turned out otherwise", Check::Risk, |case| {
        let all = case.books.assessments.values_mut();
        let mut labelled = all.filter(|made| made.label().is_some());
        let made = labelled.next().unwrap();
        let told = made.label().unwrap();
        let other = match told.label {
            PaymentLabel::Good => PaymentLabel::Bad,
            PaymentLabel::Bad => PaymentLabel::Good,
        };
        *made = made.clone().labelled(other, told.labelled_at);
    }),
    ("a review never was", Check::Risk, |case| {
        case.books.reviews.pop_first();
    }),
    ("a value is on no list", Check::Risk, |case| {
        case.books.listed.pop_first();
    }),
    ("a fee was one cent more", Check::Payment, |case| {
        case.books.payments.values_mut().next().unwrap().fee += 1;
    }),
    ("a payment was never created", Check::Payment, |case| {
        case.books.payments.pop_first();
    }),
    ("a payment pays for another one", Check::Payment, |case| {
        let mut held = case.books.redemptions.values_mut();
        let held = held.find(|held| held.payment.is_some()).unwrap();
        held.payment = Some("nobody".parse().unwrap());
    }),
    (
        "a payment went back to its beginning",
        Check::Payment,
        |case| {
            event(case, |record| match &mut record.event {
                Event::PaymentChanged { state, .. } if *state == PaymentState::Processing => {
                    *state = PaymentState::Created;
                    true
                }
                _ => false,
            });
        },
    ),
    ("a token was never issued", Check::Token, |case| {
        case.books.tokens.pop_first();
    }),
    ("a token holds what nobody has", Check::Token, |case| {
        let mut held = case.books.redemptions.values_mut();
        let held = held.find(|held| held.token.is_some()).unwrap();
        held.parts[0].value += 1;
    }),
    ("a code was never given out", Check::Code, |case| {
        case.books.codes.pop_first();
    }),
    ("a purchase took no other's place", Check::Refund, |case| {
        let replaced = case.history.0.values().flat_map(|told| &told.acks);
        let refund = replaced
            .into_iter()
            .find_map(|ack| match &ack.order.command {
                Command::Replace(request) if ack.order.tenant == case.books.tenant => {
                    Some(request.refund.to_string())
                }
                _ => None,
            });
        case.books.refunds.remove(&refund.unwrap());
    }),
];

/// Changes the first event that can be changed, at every delivery.
pub(super) fn event(case: &mut Case, mut change: impl FnMut(&mut EventRecord) -> bool) {
    let records = case.deliveries.0.get_mut(&case.books.tenant).unwrap();
    let mut changed = None;
    for record in records.iter_mut() {
        if change(record) {
            changed = Some(record.clone());
            break;
        }
    }
    let changed = changed.unwrap();
    for record in records.iter_mut().filter(|record| record.id == changed.id) {
        record.event = changed.event.clone();
    }
}

#[test]
fn every_lie_about_everything_is_seen_through() -> Outcome {
    let scenario = Scenario {
        clients: 300,
        orders: 18,
        ..Scenario::calm(3).with_everything()
    };
    let evidence = repeatably(run(scenario, in_memory()))?;
    let (history, deliveries) = (evidence.history, evidence.deliveries);
    let books = evidence.books.into_iter().next().ok_or("no tenant")?;
    assert_eq!(audit(&books, &history, &deliveries)?, []);
    let mut unseen = Vec::new();
    for (what, check, lie) in LIES.iter().chain(offers::LIES) {
        let mut case = Case {
            books: books.clone(),
            history: history.clone(),
            deliveries: deliveries.clone(),
        };
        lie(&mut case);
        let problems = audit(&case.books, &case.history, &case.deliveries)?;
        let checks: BTreeSet<Check> = problems.iter().map(|problem| problem.check).collect();
        if !checks.contains(check) {
            unseen.push(format!("{what}: {checks:?} lacks {check:?}"));
        }
    }
    assert_eq!(unseen, [""; 0]);
    Ok(())
}
