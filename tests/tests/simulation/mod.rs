//! The simulation on every backend, and proof that its auditor can fail.
//!
//! `REWARDS_SIM_SEED=n` runs one seed, `REWARDS_SIM_SEEDS=n` the seeds from 1 to n.

mod databases;
mod everything;
mod motions;
mod offers;
mod tampering;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use rewards_core::cashback::PurchaseState;
use rewards_core::event::Event;
use rewards_core::ledger::{Purpose, Transfer, TransferKind};
use rewards_core::operations::deposits::SettledDeposit;
use rewards_core::operations::purchases::{RecordedPurchase, RefundedPurchase};
use rewards_core::payments::DepositState;
use rewards_core::refunds::RefundKind;
use rewards_storage::memory::MemoryStore;
use rewards_storage::store::Backend;
use rewards_tests::simulation::auditor::Check;
use rewards_tests::simulation::broken::{Broken, Defect};
use rewards_tests::simulation::workload::Command;
use rewards_tests::simulation::{Deployment, Evidence, Failed, Failure, Scenario, run, seeds};

/// Seeds of the stormy simulation in memory.
const SEEDS: u64 = 5;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// One thread and paused time: the seed decides every step. The scheduler looks up after every task, because otherwise it
/// counts tasks, and waiting for the thread that compiles programs counts, too.
fn repeatably<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .event_interval(1)
        .build()?;
    runtime.block_on(work)
}

fn in_memory() -> Deployment {
    let truth: Arc<dyn Backend> = Arc::new(MemoryStore::new());
    Deployment {
        front: Arc::clone(&truth),
        truth,
    }
}

fn told(name: &str, seed: u64, evidence: &Evidence) {
    println!(
        "{name} seed {seed}: {} commands happened, refused {:?}, {:?}",
        evidence.applied(),
        evidence.refusals(),
        evidence.faults
    );
}

/// Everything that a storm is meant to bring about, as far as some evidence shows it.
#[derive(Debug, Default)]
struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    /// Every limit that clips, every way value moves, both directions of a tier move, and every fault.
    const WANTED: &[&str] = &[
        "clipped by cash-purchase",
        "clipped by cash-month",
        "clipped by cash-total",
        "clipped by device-day",
        "clipped by device-week",
        "clipped by points-week",
        "clipped by points-day",
        "clipped by cups-day",
        "clipped by cups-total",
        "grant",
        "mature",
        "void",
        "expire",
        "clawback",
        "manual_grant",
        "deduct",
        "deposit",
        "transfer_out",
        "transfer_in",
        "transfer_fee",
        "redeem",
        "reserve",
        "release",
        "restore",
        "owe",
        "repay",
        "came back too late",
        "came back and was taken",
        "an authorization was over",
        "refunded in part",
        "refunded as a whole",
        "refunded by recheck",
        "kept by a chargeback",
        "late deposit",
        "failed deposit",
        "message told twice",
        "bought for less",
        "a coupon came back",
        "captured",
        "released",
        "cancelled",
        "revision 2",
        "raised to gold",
        "lowered from gold",
        "several acknowledgements",
        "redelivered",
    ];

    fn note(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    fn add(&mut self, evidence: &Evidence) -> Outcome {
        for told in evidence.history.0.values() {
            if told.acks.len() > 1 {
                self.note("several acknowledgements");
            }
            let Some(ack) = told.acks.first() else {
                continue;
            };
            self.add_reply(&ack.order.command, &ack.reply, told.acks.len())?;
            if let Command::Record(_) = ack.order.command {
                let decision = serde_json::from_str::<RecordedPurchase>(&ack.reply)?.decision;
                self.note(format!("revision {}", decision.revision));
                let discount = decision.discount.as_ref();
                if discount.is_some_and(|discount| discount.taken_off.is_positive()) {
                    self.note("bought for less");
                }
                let clips = decision
                    .grants
                    .iter()
                    .filter_map(|grant| grant.clipped_by.as_ref());
                clips.for_each(|cap| self.note(format!("clipped by {cap}")));
            }
        }
        for books in &evidence.books {
            // More than in proportion is undone only where rewards are looked at again.
            let rechecked = books.purchases.values().filter(|stored| {
                let (entity, back) = (&stored.entity, stored.entity.refunded());
                let total = entity.purchase.total.minor().max(1);
                let is_large = entity.allocations.iter().any(|own| {
                    own.rule.as_str() == "large"
                        && own.undone * 2 > total / 25
                        && back.amount * 2 < total
                });
                is_large && entity.state() != PurchaseState::Cancelled
            });
            rechecked.for_each(|_| self.note("refunded by recheck"));
            let entries = books.journal.iter();
            entries.for_each(|entry| self.add_entry(&entry.transfer));
            for records in evidence.deliveries.streams(&books.tenant).values() {
                let distinct: BTreeSet<u64> = records.iter().map(|record| record.seq).collect();
                if distinct.len() < records.len() {
                    self.note("redelivered");
                }
                for record in records {
                    match &record.event {
                        Event::TierChanged { from, to, .. } => {
                            self.note(format!("raised to {to}"));
                            self.note(format!("lowered from {from}"));
                        }
                        Event::RedemptionReleased { expired: true, .. } => {
                            self.note("an authorization was over");
                        }
                        Event::CouponReturned { .. } => self.note("a coupon came back"),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn add_reply(&mut self, command: &Command, reply: &str, acks: usize) -> Outcome {
        match command {
            Command::Refund(request) => {
                let reply: RefundedPurchase = serde_json::from_str(reply)?;
                let is_whole = reply.state == PurchaseState::Refunded;
                self.note(match is_whole {
                    true => "refunded as a whole",
                    false => "refunded in part",
                });
                let took = !reply.taken_back.is_empty() || !reply.shortfall.is_empty();
                if request.kind == Some(RefundKind::Chargeback) && is_whole && !took {
                    self.note("kept by a chargeback");
                }
            }
            Command::PayIn(_) => {
                let reply: SettledDeposit = serde_json::from_str(reply)?;
                if reply.late {
                    self.note("late deposit");
                }
                if reply.state == DepositState::Failed {
                    self.note("failed deposit");
                }
                if acks > 1 {
                    self.note("message told twice");
                }
            }
            Command::Capture(_) => self.note("captured"),
            Command::Release(_) => self.note("released"),
            Command::Restore(_) => self.note("cancelled"),
            _ => {}
        }
        Ok(())
    }

    fn add_entry(&mut self, transfer: &Transfer) {
        self.note(transfer.kind.text());
        if matches!(transfer.from().purpose, Purpose::Reserved | Purpose::Spent) {
            match transfer.kind {
                TransferKind::Expire => self.note("came back too late"),
                TransferKind::Clawback => self.note("came back and was taken"),
                _ => {}
            }
        }
    }

    fn missing(&self) -> Vec<&str> {
        let wanted = Self::WANTED.iter().copied();
        wanted.filter(|what| !self.0.contains_key(*what)).collect()
    }
}

#[test]
fn the_books_are_right_after_every_storm_in_memory() -> Outcome {
    let seeds = seeds(SEEDS)?;
    let mut coverage = Coverage::default();
    for seed in &seeds {
        let evidence = repeatably(run(Scenario::stormy(*seed), in_memory()))?;
        told("memory", *seed, &evidence);
        coverage.add(&evidence)?;
    }
    println!("{coverage:?}");
    // One seed alone need not see everything.
    if seeds.len() > 1 {
        assert_eq!(coverage.missing(), [""; 0], "no storm brought this about");
    }
    Ok(())
}

/// Calls that hang, rows that cannot be read, clocks that go back, programs and sweeps in mid-work, and a member with more lots
/// due at once than one command settles.
#[test]
fn the_books_are_right_when_anything_can_happen() -> Outcome {
    for seed in seeds(2)? {
        let evidence = repeatably(run(Scenario::wild(seed), in_memory()))?;
        told("wild", seed, &evidence);
        let faults = evidence.faults;
        for (what, count) in [
            ("hang", faults.hang),
            ("refused", faults.refused),
            ("corrupt", faults.corrupt),
        ] {
            assert!(count > 0, "{what} never happened");
        }
        assert!(evidence.history.3 > 0, "nobody swept in mid-work");
    }
    Ok(())
}

#[test]
fn a_seed_repeats_the_very_run() -> Outcome {
    let scenario = Scenario {
        faults: true,
        engines: 3,
        ..Scenario::calm(77)
    };
    let once = repeatably(run(scenario, in_memory()))?;
    let again = repeatably(run(scenario, in_memory()))?;
    assert_eq!(once.digest(), again.digest());
    assert!(once.faults.total() > 0, "{:?}", once.faults);
    let other = repeatably(run(
        Scenario {
            seed: 78,
            ..scenario
        },
        in_memory(),
    ))?;
    assert_ne!(once.digest(), other.digest());
    Ok(())
}

#[test]
fn every_broken_store_is_found_out() -> Outcome {
    for defect in Defect::ALL {
        let sound: Arc<dyn Backend> = Arc::new(MemoryStore::new());
        let deployment = Deployment {
            front: Arc::new(Broken::new(Arc::clone(&sound), *defect)),
            truth: sound,
        };
        let outcome = repeatably(run(scenario_for(*defect), deployment));
        let Err(error) = outcome else {
            return Err(format!("nobody noticed {defect:?}").into());
        };
        let failure = error
            .downcast::<Failure>()
            .map_err(|other| format!("{defect:?} ended the simulation: {other}"))?;
        let checks: BTreeSet<Check> = failure.problems.iter().map(|p| p.check).collect();
        println!("{defect:?}: {checks:?}");
        let expected = expected_check(*defect);
        assert!(
            checks.contains(&expected),
            "{defect:?} was not noticed by {expected:?} but by {checks:?}"
        );
        let text = failure.to_string();
        assert!(text.contains("REWARDS_SIM_SEED="), "{text}");
    }
    Ok(())
}

/// Bounds matter only where several engines race for the same budget.
fn scenario_for(defect: Defect) -> Scenario {
    match defect {
        Defect::IgnoresBounds => Scenario {
            faults: true,
            ..Scenario::stormy(5)
        },
        // Few spend what they have to give back, and few use up a limit.
        Defect::ForgivesDebt | Defect::LosesCounts => Scenario {
            clients: 120,
            orders: 20,
            ..Scenario::calm(1)
        },
        // Elsewhere nobody orders any of that.
        Defect::KeepsNames | Defect::LosesCoupon | Defect::LosesWallet => Scenario {
            clients: 160,
            orders: 16,
            ..Scenario::calm(5).with_everything()
        },
        _ => Scenario::calm(5),
    }
}

/// The check that has to notice a defect, whatever else notices it, too.
fn expected_check(defect: Defect) -> Check {
    match defect {
        Defect::ForgetsReply | Defect::AltersReply => Check::Reply,
        Defect::AppliesTwice | Defect::TearsBatch | Defect::LosesPurchase => Check::Effect,
        Defect::LosesEvent | Defect::ShufflesEvents | Defect::SwallowsEvents => Check::Event,
        Defect::LosesEntry => Check::Books,
        Defect::LosesLot => Check::Lot,
        Defect::LosesCounts | Defect::IgnoresBounds => Check::Limit,
        Defect::LosesRefund => Check::Refund,
        Defect::LosesRedemption => Check::Spending,
        Defect::LosesTransfer => Check::Transfer,
        Defect::ReopensDeposit => Check::Deposit,
        Defect::ForgivesDebt => Check::Journal,
        Defect::KeepsNames => Check::Member,
        Defect::LosesCoupon => Check::Coupon,
        Defect::LosesWallet => Check::SharedWallet,
    }
}
