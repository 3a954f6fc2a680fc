//! Evidence that was tampered with: each lie is told to the auditor, who must see through it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use rewards_core::cashback::{PurchaseEntity, PurchaseState};
use rewards_core::entity::Stored;
use rewards_core::event::Event;
use rewards_core::ledger::Holder;
use rewards_core::money::Money;
use rewards_tests::simulation::auditor::{Check, audit};
use rewards_tests::simulation::books::Books;
use rewards_tests::simulation::model::{Deliveries, History, Refused, Told};
use rewards_tests::simulation::workload::Command;
use rewards_tests::simulation::{Scenario, run};

use super::{Outcome, in_memory, motions, repeatably};

/// A valid piece of evidence, to be spoilt.
pub(super) struct Case {
    pub books: Books,
    pub history: History,
    pub deliveries: Deliveries,
}

/// What is told wrong, the check that must see it, and the lie.
pub(super) type Lie = (&'static str, Check, fn(&mut Case));

const LIES: &[Lie] = &[
    (
        "a member's balance is one too high",
        Check::Journal,
        |case| {
            *case.books.balances.values_mut().next().unwrap() += 1;
        },
    ),
    ("a balance is forgotten", Check::Journal, |case| {
        case.books.balances.clear();
    }),
    ("a control account is gone", Check::Journal, |case| {
        case.books.controls.pop_first();
    }),
    ("an entry is gone", Check::Journal, |case| {
        case.books.journal.pop();
    }),
    ("two entries changed places", Check::Journal, |case| {
        let journal = &mut case.books.journal;
        let at = journal.windows(2).position(|w| w[0].member == w[1].member);
        let at = at.unwrap();
        journal.swap(at, at + 1);
    }),
    (
        "a member took nothing and then more than there was",
        Check::Journal,
        |case| {
            let journal = &mut case.books.journal;
            let taking = |entry: &&mut rewards_core::ledger::JournalEntry| {
                entry.transfer.from().holder != Holder::System
            };
            let seq = journal.iter_mut().find(taking).unwrap().clone();
            journal.insert(0, seq);
        },
    ),
    (
        "an acknowledged command is not stored",
        Check::Reply,
        |case| {
            case.books.replies.pop_last();
        },
    ),
    ("a stored reply differs by a blank", Check::Reply, |case| {
        let mut reply = case.books.replies.first_entry().unwrap();
        let body = format!("{} ", reply.get().body);
        reply.get_mut().body = body.into();
    }),
    (
        "a stored reply is another request's",
        Check::Reply,
        |case| {
            let mut reply = case.books.replies.first_entry().unwrap();
            reply.get_mut().fingerprint = [1; 32].into();
        },
    ),
    ("a command happened twice", Check::Reply, |case| {
        let told = case.history.0.values_mut();
        let mut told = told.filter(|told| !told.acks.is_empty());
        let told = told.next().unwrap();
        let mut again = told.acks[0].clone();
        (told.acks[0].replayed, again.replayed) = (false, false);
        told.acks.push(again);
    }),
    (
        "two clients were told different things",
        Check::Reply,
        |case| {
            let told = case.history.0.values_mut();
            let is_grant = |told: &&mut Told| {
                let ack = told.acks.first();
                ack.is_some_and(|ack| matches!(ack.order.command, Command::Grant(_)))
            };
            let told = told.into_iter().find(is_grant).unwrap();
            let mut again = told.acks[0].clone();
            (again.replayed, again.reply) = (true, "{}".to_owned());
            told.acks.push(again);
        },
    ),
    ("a defect was told as a refusal", Check::Refusal, |case| {
        let told = case.history.0.values_mut();
        let mut told = told.filter(|told| !told.refused.is_empty());
        told.next().unwrap().refused[0].code = "internal".to_owned();
    }),
    (
        "nobody asked for a command that happened",
        Check::Effect,
        |case| {
            let tenant = case.books.tenant.clone();
            let told = &mut case.history.0;
            told.retain(|id, told| {
                id.tenant != tenant || id.operation != "grant_reward" || told.acks.is_empty()
            });
        },
    ),
    ("a member's version is behind", Check::Effect, |case| {
        case.books.members.values_mut().next().unwrap().version = 1;
    }),
    ("a member's version is ahead", Check::Effect, |case| {
        // By more than settlements that found nothing can explain.
        let settlements = case.history.0.len() + case.history.1.len();
        case.books.members.values_mut().next().unwrap().version += settlements as u64 + 1;
    }),
    ("a purchase was never cancelled", Check::Effect, |case| {
        let purchases = case.books.purchases.values_mut();
        let is_cancelled = |stored: &&mut Stored<PurchaseEntity>| {
            stored.entity.state() == PurchaseState::Cancelled
        };
        let mut cancelled = purchases.filter(is_cancelled);
        let entity = &mut cancelled.next().unwrap().entity;
        let (purchase, at) = (entity.purchase.clone(), entity.recorded_at);
        let mut forged = PurchaseEntity::new(purchase, entity.revision, at);
        forged.allocations.clone_from(&entity.allocations);
        *entity = forged;
    }),
    ("a revision is gone", Check::Effect, |case| {
        case.books.programs.pop();
    }),
    ("a lot holds more than it was given", Check::Lot, |case| {
        let mut lots = case.books.lots.values_mut();
        let lot = lots.find(|lot| lot.state.is_open()).unwrap();
        lot.remaining = lot.amount + 1;
    }),
    ("an open lot is gone", Check::Lot, |case| {
        let lots = &mut case.books.lots;
        let open = lots.iter().find(|(_, lot)| lot.state.is_open());
        let key = open.unwrap().0.clone();
        lots.remove(&key);
    }),
    ("a counter is one too low", Check::Counter, |case| {
        let counters = case.books.counters.iter_mut();
        let mut budgets = counters.filter(|((_, name, _), _)| name.starts_with("budget/"));
        *budgets.next().unwrap().1 -= 1;
    }),
    ("what was earned was not counted", Check::Counter, |case| {
        let counters = &mut case.books.counters;
        counters.retain(|(_, name, _), _| !name.contains("/earned."));
    }),
    ("what was spent was counted twice", Check::Counter, |case| {
        let counters = case.books.counters.iter_mut();
        let mut spent = counters.filter(|((_, name, _), _)| name.contains("/gross."));
        *spent.next().unwrap().1 *= 2;
    }),
    ("a rule pays another rate", Check::Grant, |case| {
        rewrite_documents(case, r#""rate":"5%""#, r#""rate":"6%""#);
    }),
    ("a rule asks for another channel", Check::Grant, |case| {
        rewrite_documents(case, r#""channel":["app"]"#, r#""channel":["web"]"#);
    }),
    ("a tier takes more", Check::Tier, |case| {
        rewrite_documents(case, r#""threshold":"60""#, r#""threshold":"199""#);
    }),
    ("rewards last longer", Check::Due, |case| {
        rewrite_documents(case, r#""expires":{"days":4"#, r#""expires":{"days":5"#);
    }),
    ("a lot expires at another time", Check::Due, |case| {
        let mut lots = case.books.lots.values_mut();
        let lot = lots.find(|lot| lot.purchase.is_some() && lot.expires_at.is_some());
        let lot = lot.unwrap();
        let earlier = lot.expires_at.unwrap().checked_add_micros(-1);
        lot.expires_at = earlier.ok();
    }),
    ("a member is told of a cent less", Check::Answer, |case| {
        let mut answers = case.books.answers.values_mut().flatten();
        let told = answers.find(|balance| !balance.assets.is_empty()).unwrap();
        let line = &mut told.assets[0].available;
        *line = Money::new(line.minor() - 1, line.asset());
    }),
    (
        "a member was there before registering",
        Check::Order,
        |case| {
            let records = case.deliveries.0.get_mut(&case.books.tenant).unwrap();
            let second = records.iter().find(|record| record.seq == 2).unwrap();
            let (stream, event) = (second.stream.clone(), second.event.clone());
            for record in records.iter_mut().filter(|record| record.stream == stream) {
                match record.seq {
                    1 => record.event = event.clone(),
                    2 => record.event = Event::MemberRegistered {},
                    _ => {}
                }
            }
        },
    ),
    (
        "somebody was not known after having registered",
        Check::Refusal,
        |case| {
            let told = case.history.0.values_mut();
            let mut told = told.flat_map(|told| &mut told.refused);
            let is_late = |refused: &&mut Refused| {
                refused.sent.is_some()
                    && matches!(refused.order.command, Command::Register(_))
                    && refused.code == "member_exists"
            };
            told.find(is_late).unwrap().code = "member_unknown".to_owned();
        },
    ),
    (
        "a budget was smaller than what it paid",
        Check::Limit,
        |case| {
            for write in &mut case.books.programs {
                for budget in &mut write.document.budgets {
                    budget.amount = "1".parse().unwrap();
                }
            }
        },
    ),
    ("an event was never delivered", Check::Event, |case| {
        let records = case.deliveries.0.get_mut(&case.books.tenant).unwrap();
        let last = records.pop().unwrap();
        records.retain(|record| record != &last);
    }),
    (
        "an event was delivered before the one it follows",
        Check::Event,
        |case| {
            let records = case.deliveries.0.get_mut(&case.books.tenant).unwrap();
            let second = records.iter().position(|record| record.seq == 2).unwrap();
            let record = records.remove(second);
            records.insert(0, record);
        },
    ),
    (
        "an event came again with another id",
        Check::Event,
        |case| {
            let records = case.deliveries.0.get_mut(&case.books.tenant).unwrap();
            let mut again = records[0].clone();
            again.id = uuid::Uuid::nil();
            records.push(again);
        },
    ),
    (
        "a member stands on a tier that no event tells of",
        Check::Tier,
        |case| {
            let heads = case.books.heads.iter_mut();
            let mut heads = heads.filter(|head| !head.tiers.is_empty());
            heads.next().unwrap().tiers[0].2 = "platinum".to_owned();
        },
    ),
];

/// Replaces a text in all documents; it has to be there.
pub(super) fn rewrite_documents(case: &mut Case, from: &str, to: &str) {
    let mut is_there = false;
    for write in &mut case.books.programs {
        let document = serde_json::to_string(&write.document).unwrap();
        is_there |= document.contains(from);
        write.document = serde_json::from_str(&document.replace(from, to)).unwrap();
    }
    assert!(is_there, "no document says {from}");
}

#[test]
fn every_lie_is_seen_through() -> Outcome {
    let scenario = Scenario {
        clients: 120,
        orders: 20,
        ..Scenario::calm(1)
    };
    let evidence = repeatably(run(scenario, in_memory()))?;
    let (history, deliveries) = (evidence.history, evidence.deliveries);
    let books = evidence.books.into_iter().next().ok_or("no tenant")?;
    assert_eq!(audit(&books, &history, &deliveries)?, []);
    for (what, check, lie) in LIES.iter().chain(motions::LIES) {
        let mut case = Case {
            books: books.clone(),
            history: history.clone(),
            deliveries: deliveries.clone(),
        };
        lie(&mut case);
        let problems = audit(&case.books, &case.history, &case.deliveries)?;
        let checks: BTreeSet<Check> = problems.iter().map(|problem| problem.check).collect();
        assert!(checks.contains(check), "{what}: {checks:?} lacks {check:?}");
    }
    Ok(())
}
