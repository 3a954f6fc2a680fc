//! Risk on every store: whoever assesses and labels at once, no payment is counted twice or forgotten, and each sees those before it.

use std::collections::BTreeSet;

use rewards_core::ids::PaymentId;
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::risk::{
    AddToRiskList, AssessPayment, ClaimReview, DecideReview, GetAssessment, LabelPayment,
    PaymentFacts, QuoteAssessment, SnoozeRule,
};
use rewards_core::program::Program;
use rewards_core::rejection::Fault;
use rewards_core::risk::{PaymentLabel, ReviewDecision, RiskOutcome};

use super::engines::{Engines, keyed, of_every_store};
use super::transfers::eur;
use crate::world::{at, member};

const MEMBERS: [&str; 3] = ["ann", "bob", "eve"];

/// The score is how many payments the device made, and a hundred times how many of them were bad.
const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC",
  "risk": {
    "keys": ["device"],
    "features": [
      {"id": "seen", "value": {"count": {"by": "device", "within": {"hours": 2}}}},
      {"id": "own", "value": {"count": {"by": "member", "within": {"hours": 2}}}},
      {"id": "bad", "value": {"bad": {"by": "device", "days": 2}}}
    ],
    "lists": [{"id": "odd", "by": "device", "then": "review"}],
    "reviews": {"expires_after_minutes": 60},
    "scorecard": {"rules": [
      {"id": "seen", "feature": "seen", "bands": [{"until": 1, "points": 0}, {"from": 1, "points": 1}]},
      {"id": "own", "feature": "own", "bands": [{"until": 1, "points": 0}, {"from": 1, "points": 1}]},
      {"id": "bad", "feature": "bad", "bands": [{"until": 1, "points": 0}, {"from": 1, "points": 1}]}
    ]}
  }
}"#;

async fn shops(test: &str) -> Vec<Engines> {
    let shops = of_every_store(test).await;
    for shop in &shops {
        let [one, _] = &shop.engines;
        let program: Program = serde_json::from_str(PROGRAM).unwrap();
        let publish = PublishProgram {
            program,
            active_from: Some(at(-60)),
        };
        one.execute_with(publish, keyed("club")).await.unwrap();
        for who in MEMBERS {
            one.execute(RegisterMember::new(member(who))).await.unwrap();
        }
    }
    shops
}

fn facts(who: Option<&str>, device: &str) -> PaymentFacts {
    PaymentFacts {
        program: "club".parse().unwrap(),
        member: who.map(member),
        amount: eur("1.00"),
        occurred_at: at(0),
        keys: [("device".to_owned(), device.to_owned())].into(),
    }
}

fn payment(n: usize) -> PaymentId {
    format!("p{n}").parse().unwrap()
}

/// What a feature was, as its rule told it; zero adds no points and is not told.
fn value(outcome: &RiskOutcome, rule: &str) -> i64 {
    let mut found = outcome.contributions.iter();
    let found = found.find(|one| one.rule.as_str() == rule);
    found.and_then(|one| one.value).unwrap_or_default()
}

async fn quoted(shop: &Engines, who: Option<&str>, device: &str) -> RiskOutcome {
    let [one, _] = &shop.engines;
    let quote = QuoteAssessment {
        facts: facts(who, device),
    };
    one.execute(quote).await.unwrap().outcome
}

/// Whoever lost too often comes back, as hosts do.
fn unless_contended<T>(ended: Vec<Result<T, Fault>>) -> Vec<Option<T>> {
    let done = ended.into_iter().map(|one| match one {
        Ok(done) => Some(done),
        Err(fault) => {
            assert_eq!(fault.code, "contention");
            None
        }
    });
    done.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_payment_of_a_device_sees_those_before_it() {
    for shop in shops("risk_device").await {
        let mut waiting: Vec<usize> = (0..40).collect();
        let mut seen = BTreeSet::new();
        while !waiting.is_empty() {
            let assess = waiting.iter().map(|n| {
                // Some are members' and some nobody's, so that they follow one another by nothing but the device.
                let who = MEMBERS.get(n % 5).copied();
                AssessPayment {
                    payment: payment(*n),
                    facts: facts(who, "d"),
                }
            });
            let ended = unless_contended(shop.all_at_once(assess).await);
            let (done, again): (Vec<_>, Vec<_>) = ended
                .into_iter()
                .zip(waiting)
                .partition(|(done, _)| done.is_some());
            for (assessed, n) in done {
                let place = value(&assessed.unwrap().outcome, "seen");
                assert!(seen.insert(place), "{}: p{n} saw {place} again", shop.name);
            }
            waiting = again.into_iter().map(|(_, n)| n).collect();
        }
        assert!(seen.into_iter().eq(0..40), "{}", shop.name);
        assert_eq!(
            value(&quoted(&shop, None, "d").await, "seen"),
            40,
            "{}",
            shop.name
        );
        for who in MEMBERS {
            let own = value(&quoted(&shop, Some(who), "e").await, "own");
            assert_eq!(own, 8, "{}: {who}", shop.name);
        }
        shop.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_and_payments_at_once_are_all_counted() {
    for shop in shops("risk_labels").await {
        let [one, two] = &shop.engines;
        let assess = |n| AssessPayment {
            payment: payment(n),
            facts: facts(None, "d"),
        };
        for n in 0..10 {
            one.execute(assess(n)).await.unwrap();
        }
        let mut waiting: Vec<usize> = (0..20).collect();
        while !waiting.is_empty() {
            let running = waiting.iter().map(|n| {
                let n = *n;
                let label = LabelPayment {
                    payment: payment(n),
                    label: PaymentLabel::Bad,
                };
                let key = keyed(&format!("label-{n}"));
                async move {
                    match n {
                        0..10 => one.execute_with(label, key).await.map(|_| ()),
                        _ => two.execute(assess(n)).await.map(|_| ()),
                    }
                }
            });
            let ended = unless_contended(futures::future::join_all(running).await);
            let ended = ended.into_iter().zip(waiting);
            waiting = ended
                .filter(|(done, _)| done.is_none())
                .map(|(_, n)| n)
                .collect();
        }
        let outcome = quoted(&shop, None, "d").await;
        assert_eq!(value(&outcome, "seen"), 20, "{}", shop.name);
        assert_eq!(value(&outcome, "bad"), 10, "{}", shop.name);
        shop.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_assessed_once_and_its_review_has_one_owner() {
    for shop in shops("risk_once").await {
        let [one, two] = &shop.engines;
        let add = AddToRiskList {
            program: "club".parse().unwrap(),
            list: "odd".parse().unwrap(),
            value: "d".to_owned(),
            expires_at: None,
        };
        one.execute_with(add, keyed("odd")).await.unwrap();
        let snooze = SnoozeRule {
            program: "club".parse().unwrap(),
            rule: "seen".parse().unwrap(),
            key: "device".parse().unwrap(),
            value: "d".to_owned(),
            until: at(3_600),
        };
        let snooze = two.execute_with(snooze, keyed("snooze"));
        let same = (0..8).map(|_| AssessPayment {
            payment: payment(1),
            facts: facts(Some("ann"), "d"),
        });
        let (ended, snoozed) = tokio::join!(shop.all_at_once(same), snooze);
        snoozed.unwrap();
        let first = ended[0].as_ref().unwrap();
        assert!(
            ended.iter().all(|one| one.as_ref() == Ok(first)),
            "{}",
            shop.name
        );
        assert_eq!(value(&quoted(&shop, Some("ann"), "e").await, "own"), 1);
        let outcome = quoted(&shop, None, "d").await;
        assert!(
            outcome.snoozed.iter().any(|rule| rule.as_str() == "seen"),
            "{outcome:?}"
        );
        let owners = ["jo", "kim", "lee", "max", "ned", "oz"];
        let claims = owners.map(|owner| {
            let claim = ClaimReview {
                payment: payment(1),
                owner: owner.parse().unwrap(),
            };
            (claim, keyed(owner))
        });
        let claimed = shop.all_at_once_with(claims).await;
        let won = claimed
            .iter()
            .zip(owners)
            .filter(|(claimed, _)| claimed.is_ok());
        let won: Vec<&str> = won.map(|(_, owner)| owner).collect();
        assert_eq!(won.len(), 1, "{}: {claimed:?}", shop.name);
        let decisions = owners.map(|owner| {
            let decide = DecideReview {
                payment: payment(1),
                owner: owner.parse().unwrap(),
                decision: ReviewDecision::Approve,
            };
            (decide, keyed(&format!("by-{owner}")))
        });
        let decided = shop.all_at_once_with(decisions).await;
        let done = decided.iter().filter(|one| one.is_ok()).count();
        assert_eq!(done, 1, "{}: {decided:?}", shop.name);
        let ask = GetAssessment {
            payment: payment(1),
        };
        let shown = two.execute(ask).await.unwrap();
        let owner = shown.review.unwrap().owner.unwrap();
        assert_eq!(owner.as_str(), won[0], "{}", shop.name);
        shop.assert_valid().await;
    }
}
