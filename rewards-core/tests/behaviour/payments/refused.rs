//! Payments that are refused, and those that are assessed first.

use rewards_core::operations::payments::{
    AttemptOutcome, CreatePayment, HoldPayment, QuotePayment,
};
use rewards_core::operations::redemptions::ChosenTender;
use rewards_core::operations::risk::{AssessPayment, ClaimReview, DecideReview, PaymentFacts};
use rewards_core::payments::{PaymentFailure, PaymentState};
use rewards_core::pipeline::{StageOutcome, StageRun};
use rewards_core::rejection::Rejection;
use rewards_core::risk::ReviewDecision;
use rewards_core::wallet::Bucket;

use super::{
    balance_of, cancel, code, completed, create, get, hold, refund, report, submit, under_way,
    world,
};
use crate::words::money;
use crate::world::{World, at, member};

#[test]
fn what_cannot_be_created_is_refused() {
    let mut world = world();
    world.publish("id = \"plain\"", "2020-01-01").unwrap();
    let with = |change: fn(&mut CreatePayment)| {
        let mut request = create("p1", "50.00");
        change(&mut request);
        request
    };
    for (expected, request) in [
        (
            "program_unknown",
            with(|one| one.program = "none".parse().unwrap()),
        ),
        (
            "payments_not_offered",
            with(|one| one.program = "plain".parse().unwrap()),
        ),
        ("invalid", with(|one| one.amount = money("0.00", "EUR"))),
        ("invalid", with(|one| one.amount = money("-1.00", "EUR"))),
        ("invalid", with(|one| one.amount = money("5.00", "USD"))),
        ("invalid", with(|one| one.merchant = Some("m".repeat(300)))),
        (
            "payment_route_unknown",
            with(|one| one.route = "none".parse().unwrap()),
        ),
        (
            "payment_route_paused",
            with(|one| one.route = "old".parse().unwrap()),
        ),
        (
            "biller_unknown",
            with(|one| one.biller = "none".parse().ok()),
        ),
        (
            "biller_paused",
            with(|one| one.biller = "gone".parse().ok()),
        ),
        (
            "biller_not_reached",
            with(|one| {
                one.biller = "tnb".parse().ok();
                one.route = "card".parse().unwrap();
            }),
        ),
        (
            "payment_out_of_bounds",
            with(|one| one.amount = money("0.99", "EUR")),
        ),
        (
            "payment_out_of_bounds",
            with(|one| one.amount = money("500.01", "EUR")),
        ),
        ("member_unknown", with(|one| one.member = member("nobody"))),
        ("ok", with(|_| {})),
        ("key_reused", with(|one| one.amount = money("51.00", "EUR"))),
    ] {
        assert_eq!(code(world.run(&request)), expected, "{request:?}");
    }
    let again = world.run_as("x", &create("p1", "50.00"));
    assert_eq!(code(again), "payment_exists");
}

#[test]
fn what_cannot_be_quoted_is_refused() {
    let mut world = world();
    let quote = |route: Option<&str>, biller: Option<&str>, account: Option<&str>| QuotePayment {
        program: "main".parse().unwrap(),
        amount: money("50.00", "EUR"),
        route: route.map(|route| route.parse().unwrap()),
        biller: biller.map(|biller| biller.parse().unwrap()),
        account: account.map(str::to_owned),
    };
    for (expected, request) in [
        ("payment_route_unknown", quote(Some("none"), None, None)),
        ("payment_route_paused", quote(Some("old"), None, None)),
        ("biller_unknown", quote(None, Some("none"), None)),
        ("biller_paused", quote(None, Some("gone"), None)),
        ("biller_not_reached", quote(Some("card"), Some("tnb"), None)),
        ("invalid", quote(None, None, Some("1"))),
        (
            "biller_account_invalid",
            quote(None, Some("tnb"), Some("12345678901")),
        ),
        ("ok", quote(None, Some("tnb"), Some("123456789012"))),
    ] {
        assert_eq!(code(world.run(&request)), expected, "{request:?}");
    }
}

#[test]
fn what_a_payment_does_not_bear_is_refused() {
    let mut world = world();
    assert_eq!(code(world.run(&hold("p1"))), "payment_unknown");
    assert_eq!(code(world.run(&submit("p1"))), "payment_unknown");
    assert_eq!(
        code(world.run(&report("p1", 1, completed()))),
        "payment_unknown"
    );
    assert_eq!(code(world.run(&cancel("p1"))), "payment_unknown");
    assert_eq!(code(world.run(&refund("r", "p1", None))), "payment_unknown");
    world.run(&create("p1", "50.00")).unwrap();
    assert_eq!(code(world.run(&submit("p1"))), "payment_state_wrong");
    let early = report("p1", 1, AttemptOutcome::Unknown);
    assert_eq!(code(world.run(&early)), "payment_attempt_wrong");
    world.run(&hold("p1")).unwrap();
    world.run(&submit("p1")).unwrap();
    for attempt in [0, 2] {
        let wrong = report("p1", attempt, completed());
        assert_eq!(code(world.run(&wrong)), "payment_attempt_wrong");
    }
    let refused = world.run(&refund("r", "p1", Some("1.00")));
    assert_eq!(code(refused), "payment_state_wrong");
    let paid = world.run(&report("p1", 1, completed())).unwrap();
    assert_eq!(
        world.run(&report("p1", 1, completed())).unwrap(),
        paid,
        "told again"
    );
    let contradiction = report("p1", 1, super::declined("stolen"));
    assert_eq!(code(world.run(&contradiction)), "payment_state_wrong");
    assert_eq!(code(world.run(&refund("r", "p1", Some("0.00")))), "invalid");
    let mut other = refund("r", "p1", None);
    other.amount = Some(money("1.00", "USD"));
    assert_eq!(code(world.run(&other)), "invalid");
    world.run(&create("p2", "500.00")).unwrap();
    world.run(&hold("p2")).unwrap();
    world.run(&create("p3", "500.00")).unwrap();
    assert_eq!(code(world.run(&hold("p3"))), "insufficient_balance");
    assert_eq!(get(&mut world, "p3").state, PaymentState::Created);
    world.assert_valid();
}

const RISK: &str = r#"
    [risk]
    features = [{ id = "amount", value = { amount = {} } }]
    reviews = { expires_after_minutes = 30, then = "approve" }
    [risk.scorecard]
    review_at = 10
    block_at = 20
    rules = [{ id = "large", feature = "amount", bands = [
        { until = 10000, points = 0 }, { from = 10000, until = 40000, points = 10 }, { from = 40000, points = 20 },
    ] }]
"#;

/// The same program, where every payment is assessed.
fn assessed_world(then: &str) -> World {
    let program = super::PROGRAM.replace("attempts = 2", "attempts = 2\nassessed = true");
    let risk = RISK.replace("approve", then);
    let mut world = World::with(&format!("{program}{risk}"));
    world.give_main("ann", 100_000);
    world
}

fn assess(world: &mut World, payment: &str, amount: &str, who: &str) {
    let request = AssessPayment {
        payment: payment.parse().unwrap(),
        facts: PaymentFacts {
            program: "main".parse().unwrap(),
            member: Some(member(who)),
            amount: money(amount, "EUR"),
            occurred_at: world.now,
            keys: [].into(),
        },
    };
    world.run(&request).unwrap();
}

#[test]
fn what_is_blocked_before_it_is_tried_keeps_what_stages_said() {
    let stages = "[pipeline]\nstages = [{ id = \"look\", at = \"submit\", critical = true }]\n";
    let mut world = World::with(&format!("{}{stages}{RISK}", super::PROGRAM));
    world.give_main("ann", 100_000);
    for (payment, runs) in [("p1", 1), ("p2", 0)] {
        world.run(&create(payment, "450.00")).unwrap();
        world.run(&hold(payment)).unwrap();
        assess(&mut world, payment, "450.00", "ann");
        let run = StageRun {
            stage: "look".parse().unwrap(),
            version: "1".to_owned(),
            outcome: StageOutcome::Answered,
            millis: 3,
            answer: [].into(),
        };
        let mut request = submit(payment);
        request.stages = vec![run; runs];
        let told = world.run_as(payment, &request).unwrap();
        assert_eq!(told.failure, Some(PaymentFailure::Blocked));
        assert_eq!(get(&mut world, payment).stages.len(), runs, "{payment}");
    }
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    world.assert_valid();
}

/// Somebody looks at a payment and decides.
fn review(world: &mut World, payment: &str, decision: ReviewDecision) {
    let owner = "ruth".parse().unwrap();
    let payment = payment.parse().unwrap();
    let claim = ClaimReview { payment, owner };
    world.run(&claim).unwrap();
    let decide = DecideReview {
        payment: claim.payment,
        owner: claim.owner,
        decision,
    };
    world.run(&decide).unwrap();
}

#[test]
fn what_is_assessed_is_what_is_paid() {
    let mut world = assessed_world("approve");
    world.register("bob");
    world.run(&create("p1", "50.00")).unwrap();
    assert_eq!(code(world.run(&hold("p1"))), "payment_not_assessed");
    assess(&mut world, "p1", "50.00", "ann");
    assert_eq!(world.run(&hold("p1")).unwrap().state, PaymentState::Held);
    world.run(&create("p2", "500.00")).unwrap();
    assess(&mut world, "p2", "1.00", "ann");
    assert_eq!(code(world.run(&hold("p2"))), "assessment_mismatch");
    world.run(&create("p3", "5.00")).unwrap();
    assess(&mut world, "p3", "5.00", "bob");
    assert_eq!(code(world.run(&hold("p3"))), "assessment_mismatch");
    world.assert_valid();
}

#[test]
fn what_is_blocked_has_failed_and_holds_nothing() {
    let mut world = assessed_world("approve");
    world.run(&create("p1", "450.00")).unwrap();
    assess(&mut world, "p1", "450.00", "ann");
    let blocked = world.run(&hold("p1")).unwrap();
    assert_eq!(blocked.state, PaymentState::Failed);
    assert_eq!(blocked.failure, Some(PaymentFailure::Blocked));
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    assert_eq!(code(world.run(&submit("p1"))), "payment_state_wrong");
    world.assert_valid();
}

#[test]
fn what_is_reviewed_is_held_until_somebody_decides_or_nobody_does() {
    use PaymentState::{Failed, PendingReview, Processing};
    for (decided, then, late, state) in [
        (Some(ReviewDecision::Approve), "block", false, Processing),
        (Some(ReviewDecision::Block), "approve", false, Failed),
        (None, "approve", false, PendingReview),
        (None, "approve", true, Processing),
        (None, "block", true, Failed),
    ] {
        let mut world = assessed_world(then);
        world.run(&create("p1", "150.00")).unwrap();
        assess(&mut world, "p1", "150.00", "ann");
        let held = world.run(&hold("p1")).unwrap();
        assert_eq!(held.state, PendingReview);
        assert_eq!(held.held_until, Some(at("2026-03-02T13:30:00Z")));
        assert_eq!(balance_of(&world, "ann"), (85_000, 15_000));
        if let Some(decision) = decided {
            review(&mut world, "p1", decision);
        }
        if late {
            world.at("2026-03-02T12:30:00Z");
        }
        let submitted = world.run(&submit("p1"));
        match state {
            PendingReview => assert_eq!(code(submitted), "payment_state_wrong"),
            state => assert_eq!(submitted.unwrap().state, state, "{decided:?} {then}"),
        }
        assert_eq!(get(&mut world, "p1").state, state);
        if state == Failed {
            assert_eq!(balance_of(&world, "ann"), (100_000, 0));
            let failure = get(&mut world, "p1").failure;
            assert_eq!(failure, Some(PaymentFailure::Reviewed));
        }
        world.assert_valid();
    }
}

#[test]
fn as_many_refunds_as_one_payment_has() {
    let mut world = world();
    under_way(&mut world, "p1", "90.00");
    world.run(&report("p1", 1, completed())).unwrap();
    for number in 0..100 {
        let name = format!("r{number}");
        world.run(&refund(&name, "p1", Some("0.01"))).unwrap();
    }
    assert_eq!(
        code(world.run(&refund("r100", "p1", Some("0.01")))),
        "too_many"
    );
    // What is left as a whole always can go back.
    let rest = world.run(&refund("rest", "p1", None)).unwrap();
    assert_eq!(rest.left, money("0.00", "EUR"));
    assert_eq!(get(&mut world, "p1").state, PaymentState::Refunded);
    world.assert_valid();
}

#[test]
fn the_same_refund_takes_effect_once_under_whatever_key() {
    let mut world = world();
    under_way(&mut world, "p1", "90.00");
    world.run(&report("p1", 1, completed())).unwrap();
    world.run(&refund("r", "p1", Some("30.00"))).unwrap();
    let left = balance_of(&world, "ann");
    let again = world.run_as("other", &refund("r", "p1", Some("30.00")));
    assert_eq!(code(again), "refund_exists");
    let again = world.run_as("another", &refund("r", "p1", None));
    assert_eq!(code(again), "refund_exists");
    assert_eq!(balance_of(&world, "ann"), left);
    world.assert_valid();
}

#[test]
fn tenders_hold_what_the_payer_gives_and_nothing_else() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    let tender = |bucket, amount| ChosenTender {
        bucket,
        amount: money(amount, "EUR"),
    };
    // The payer gives 50.10, with the fee.
    for (main, expected) in [
        ("1.00", "tenders_mismatch"),
        ("50.00", "tenders_mismatch"),
        ("50.11", "redemption_above_order"),
    ] {
        let tenders = vec![tender(Bucket::Main, main)];
        let held = world.run_as(
            main,
            &HoldPayment {
                tenders,
                ..hold("p1")
            },
        );
        let found = match held.unwrap_err() {
            Rejection::Invalid(problems) => problems[0].code.to_string(),
            refused => refused.code().to_owned(),
        };
        assert_eq!(found, expected, "{main}");
    }
    let tenders = vec![tender(Bucket::Main, "50.10")];
    let held = world
        .run(&HoldPayment {
            tenders,
            ..hold("p1")
        })
        .unwrap();
    assert_eq!(held.parts.len(), 1);
    world.run(&submit("p1")).unwrap();
    world.run(&report("p1", 1, completed())).unwrap();
    world.run(&refund("r", "p1", None)).unwrap();
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    world.assert_valid();
}

#[test]
fn what_is_assessed_after_it_is_held_counts_when_it_is_submitted() {
    for (amount, expected) in [
        ("50.00", "processing"),
        ("150.00", "pending_review"),
        ("450.00", "failed"),
    ] {
        let program = super::PROGRAM.to_owned() + RISK;
        let mut world = World::with(&program);
        world.give_main("ann", 100_000);
        world.run(&create("p1", amount)).unwrap();
        world.run(&hold("p1")).unwrap();
        assess(&mut world, "p1", amount, "ann");
        let submitted = world.run(&submit("p1")).unwrap();
        assert_eq!(submitted.state.text(), expected, "{amount}");
        assert_eq!(
            submitted.key.is_some(),
            expected == "processing",
            "{amount}"
        );
        assert_eq!(get(&mut world, "p1").state, submitted.state, "{amount}");
        let (_, reserved) = balance_of(&world, "ann");
        assert_eq!(reserved == 0, expected == "failed", "{amount}");
        world.assert_valid();
    }
}

#[test]
fn what_is_to_be_reviewed_after_it_is_held_waits_for_it() {
    for (decision, state) in [
        (ReviewDecision::Approve, PaymentState::Processing),
        (ReviewDecision::Block, PaymentState::Failed),
    ] {
        let mut world = World::with(&(super::PROGRAM.to_owned() + RISK));
        world.give_main("ann", 100_000);
        world.run(&create("p1", "150.00")).unwrap();
        world.run(&hold("p1")).unwrap();
        assess(&mut world, "p1", "150.00", "ann");
        world.run_as("s1", &submit("p1")).unwrap();
        assert_eq!(
            code(world.run_as("s2", &submit("p1"))),
            "payment_state_wrong"
        );
        // Half an hour for the review, and an hour to go on after it.
        let waits = get(&mut world, "p1");
        assert_eq!(waits.held_until, Some(at("2026-03-02T13:30:00Z")));
        world.at("2026-03-02T12:20:00Z");
        review(&mut world, "p1", decision);
        world.at("2026-03-02T13:20:00Z");
        assert_eq!(world.run_as("s3", &submit("p1")).unwrap().state, state);
        assert_eq!(get(&mut world, "p1").state, state);
        world.assert_valid();
    }
}

#[test]
fn a_refund_of_a_purchase_is_no_refund_of_a_payment() {
    let mut world = World::with(&super::PROGRAM.replace("[payments]", "[payments]\nearns = true"));
    world.give_main("ann", 100_000);
    for payment in ["p1", "p2"] {
        under_way(&mut world, payment, "90.00");
        world.run(&report(payment, 1, completed())).unwrap();
    }
    world
        .run_as("k1", &refund("r", "p1", Some("30.00")))
        .unwrap();
    let before = balance_of(&world, "ann");
    let again = world.run_as("k2", &refund("r", "p2", Some("30.00")));
    assert_eq!(code(again), "refund_exists");
    assert_eq!(balance_of(&world, "ann"), before);
    world.assert_valid();
}

#[test]
fn nothing_is_kept_of_an_outcome_that_stays_unknown() {
    let mut world = World::with(
        &(super::PROGRAM.to_owned()
            + "\n[pipeline]\nstages = [{ id = \"notify\", at = \"report\" }]"),
    );
    world.give_main("ann", 100_000);
    under_way(&mut world, "p1", "50.00");
    world
        .run(&report("p1", 1, AttemptOutcome::Unknown))
        .unwrap();
    let events = super::told(&world, "p1").len();
    for number in 0..3 {
        let key = format!("again-{number}");
        let told = world.run_as(&key, &report("p1", 1, AttemptOutcome::Unknown));
        assert_eq!(told.unwrap().state, PaymentState::Unknown);
    }
    assert_eq!(super::told(&world, "p1").len(), events, "told once");
    let mut with_stages = report("p1", 1, AttemptOutcome::Unknown);
    with_stages.stages = vec![StageRun {
        stage: "notify".parse().unwrap(),
        version: "1".to_owned(),
        outcome: StageOutcome::Answered,
        millis: 1,
        answer: [].into(),
    }];
    assert_eq!(code(world.run_as("stages", &with_stages)), "invalid");
    let known = world.run(&report("p1", 1, completed())).unwrap();
    assert_eq!(known.state, PaymentState::Completed);
    world.assert_valid();
}
