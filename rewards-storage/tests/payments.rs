//! Payments on every store there is: of many who hold, submit, report or refund at once, value moves once.

use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::payments::{
    AttemptOutcome, CancelPayment, CreatePayment, GetPayment, HoldPayment, PaymentDetails,
    RefundPayment, ReportPayment, SubmitPayment,
};
use rewards_core::payments::PaymentState;
use rewards_storage::engine::TenantEngine;

use crate::every_store::{code, open, race, send, set_up, stores};
use crate::world::{eur as euro, member};

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC",
  "redemptions": { "order": ["cashback"] },
  "payments": {
    "earns": true,
    "routes": [{ "id": "sepa", "fees": [{ "fee": { "fixed": "0.50" } }] }],
    "declines": { "soft": ["busy"] }
  },
  "rules": [{ "id": "all", "effect": { "percent": { "rate": "10%" } } }]
}"#;

fn eur(amount: &str) -> Money {
    Money::parse(amount, euro()).unwrap()
}

/// Two engines, as of two processes, on every store there is, with a member who has 100.00.
async fn worlds(test: &str) -> Vec<(&'static str, [TenantEngine; 2], Option<tempfile::TempDir>)> {
    let mut worlds = Vec::new();
    for (name, [one, two], files) in stores(test).await {
        let engines = [open(&one).await, open(&two).await];
        set_up(&engines[0], PROGRAM).await;
        worlds.push((name, engines, files));
    }
    worlds
}

fn create(payment: &str, amount: &str) -> CreatePayment {
    CreatePayment {
        payment: payment.parse().unwrap(),
        program: "club".parse().unwrap(),
        member: member("ada"),
        amount: eur(amount),
        route: "sepa".parse().unwrap(),
        biller: None,
        merchant: None,
        category: None,
        channel: None,
    }
}

fn hold(payment: &str) -> HoldPayment {
    HoldPayment {
        payment: payment.parse().unwrap(),
        tenders: Vec::new(),
        stages: Vec::new(),
    }
}

fn submit(payment: &str) -> SubmitPayment {
    SubmitPayment {
        payment: payment.parse().unwrap(),
        stages: Vec::new(),
    }
}

fn report(payment: &str, outcome: AttemptOutcome) -> ReportPayment {
    ReportPayment {
        payment: payment.parse().unwrap(),
        attempt: 1,
        outcome,
        stages: Vec::new(),
    }
}

fn completed() -> AttemptOutcome {
    AttemptOutcome::Completed { reference: None }
}

fn declined() -> AttemptOutcome {
    let code = "stolen".parse().unwrap();
    AttemptOutcome::Declined { code }
}

async fn get(engine: &TenantEngine, payment: &str) -> PaymentDetails {
    let get = GetPayment {
        payment: payment.parse().unwrap(),
        member: None,
    };
    engine.execute(get).await.unwrap()
}

/// What the member has and what of it is reserved, in cents.
async fn balance(engine: &TenantEngine) -> (i64, i64) {
    let balance = engine.execute(GetBalance::new(member("ada"))).await;
    let assets = balance.unwrap().assets;
    let own = assets.first().unwrap();
    let reserved = own.reserved.map_or(0, |reserved| reserved.minor());
    (own.available.minor(), reserved)
}

async fn assert_valid(engine: &TenantEngine, name: &str) {
    let report = engine.verify().await.unwrap();
    assert!(report.is_valid(), "{name}: {:?}", report.problems);
}

/// A payment of 40.00 that is under way.
async fn under_way(engine: &TenantEngine) {
    engine.execute(create("p1", "40.00")).await.unwrap();
    engine.execute(hold("p1")).await.unwrap();
    send(engine, submit("p1"), "submit").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_payment_is_held_once_and_tried_once() {
    for (name, engines, _files) in worlds("payments_held").await {
        engines[0].execute(create("p1", "40.00")).await.unwrap();
        let held = race(&engines, |_| hold("p1")).await;
        assert_eq!(held, (1, vec!["payment_state_wrong".to_owned()]), "{name}");
        assert_eq!(balance(&engines[1]).await, (5_950, 4_050), "{name}");
        let (done, others) = race(&engines, |_| submit("p1")).await;
        // Whoever lost the race too often is told so, and has begun nothing.
        assert!(done > 0, "{name}");
        assert!(
            others.iter().all(|code| code == "contention"),
            "{name}: {others:?}"
        );
        let found = get(&engines[0], "p1").await;
        assert_eq!(
            (found.state, found.attempts.len()),
            (PaymentState::Processing, 1),
            "{name}"
        );
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn value_is_held_for_as_many_payments_as_it_pays() {
    for (name, engines, _files) in worlds("payments_value").await {
        for number in 0..16 {
            let payment = format!("p{number}");
            engines[0].execute(create(&payment, "40.00")).await.unwrap();
        }
        let (held, refused) = race(&engines, |number| hold(&format!("p{number}"))).await;
        assert_eq!(held, 2, "{name}: {refused:?}");
        assert_eq!(balance(&engines[0]).await, (1_900, 8_100), "{name}");
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_outcomes_one_counts() {
    for (name, engines, _files) in worlds("payments_outcome").await {
        under_way(&engines[0]).await;
        let (paid, refused) = tokio::join!(
            engines[0].execute(report("p1", completed())),
            engines[1].execute(report("p1", declined())),
        );
        let told = (code(paid), code(refused));
        let wrong = "payment_state_wrong".to_owned();
        let found = get(&engines[1], "p1").await;
        match found.state {
            PaymentState::Completed => {
                assert_eq!(told, ("done".into(), wrong), "{name}");
                assert!(found.earned, "{name}");
                // 40.00 and 0.50 are paid, and 4.00 are earned.
                assert_eq!(balance(&engines[0]).await, (6_350, 0), "{name}");
            }
            state => {
                assert_eq!(state, PaymentState::Failed, "{name}");
                assert_eq!(told, (wrong, "done".into()), "{name}");
                assert_eq!(balance(&engines[0]).await, (10_000, 0), "{name}");
            }
        }
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_payment_is_tried_or_cancelled() {
    for (name, engines, _files) in worlds("payments_cancel").await {
        engines[0].execute(create("p1", "40.00")).await.unwrap();
        engines[0].execute(hold("p1")).await.unwrap();
        let cancel = CancelPayment {
            payment: "p1".parse().unwrap(),
        };
        let (tried, cancelled) = tokio::join!(
            send(&engines[0], submit("p1"), "submit"),
            engines[1].execute(cancel),
        );
        let told = (code(tried), code(cancelled));
        let wrong = "payment_state_wrong".to_owned();
        match get(&engines[1], "p1").await.state {
            PaymentState::Processing => {
                assert_eq!(told, ("done".into(), wrong), "{name}");
                assert_eq!(balance(&engines[0]).await, (5_950, 4_050), "{name}");
            }
            _ => {
                assert_eq!(told, (wrong, "done".into()), "{name}");
                assert_eq!(balance(&engines[0]).await, (10_000, 0), "{name}");
            }
        }
        assert_valid(&engines[0], name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_more_goes_back_than_was_paid() {
    for (name, engines, _files) in worlds("payments_refund").await {
        under_way(&engines[0]).await;
        engines[0].execute(report("p1", completed())).await.unwrap();
        let (done, refused) = race(&engines, |number| RefundPayment {
            refund: format!("r{number}").parse().unwrap(),
            payment: "p1".parse().unwrap(),
            amount: Some(eur("15.00")),
            kind: None,
            reason: None,
        })
        .await;
        assert_eq!(done, 2, "{name}: {refused:?}");
        let found = get(&engines[0], "p1").await;
        assert_eq!(found.refunds.len(), 2, "{name}");
        // Of 100.00: 40.50 paid, 4.00 earned, 30.00 back and 3.00 of what was earned taken.
        assert_eq!(balance(&engines[1]).await, (9_050, 0), "{name}");
        assert_valid(&engines[0], name).await;
    }
}
