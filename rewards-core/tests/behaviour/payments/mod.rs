//! Payments: what their tests share, what they come to, and where they go from where.

#![expect(
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

mod earning;
mod erased;
mod pipeline;
mod refused;

use rewards_core::event::{Event, Stream};
use rewards_core::fees::FeePayer;
use rewards_core::ledger::Purpose;
use rewards_core::operations::payments::{
    AttemptOutcome, CancelPayment, CreatePayment, GetPayment, GetStageStatistics, HoldPayment,
    ListPayments, PaymentDetails, QuotePayment, RefundPayment, ReportPayment, StageStatistics,
    SubmitPayment,
};
use rewards_core::operations::redemptions::{
    CancelRedemption, CaptureRedemption, ListRedemptions, ReleaseRedemption,
};
use rewards_core::payments::PaymentState;
use rewards_core::rejection::Rejection;

use crate::words::money;
use crate::world::{World, at, member};

const PROGRAM: &str = r#"
    [redemptions]
    order = ["main", "cashback"]
    [payments]
    attempts = 2
    hold_minutes = 60
    refunded_fee = "returned"
    [[payments.routes]]
    id = "duitnow"
    minimum = "1.00"
    maximum = "500.00"
    fees = [
        { fee = { fixed = "0.10" } },
        { from = "100.00", fee = { percent = "1%", paid_by = "receiver" } },
    ]
    [[payments.routes]]
    id = "card"
    fees = [{ fee = { percent = "2%" } }]
    [[payments.routes]]
    id = "old"
    status = "paused"
    [[payments.billers]]
    id = "tnb"
    account = "[0-9]{12}"
    bill_type = "electricity"
    routes = ["duitnow", "old"]
    [[payments.billers]]
    id = "gone"
    status = "paused"
    [payments.declines]
    hard = ["stolen"]
    soft = ["busy"]
"#;

fn world() -> World {
    let mut world = World::with(PROGRAM);
    world.give_main("ann", 100_000);
    world
}

fn create(payment: &str, amount: &str) -> CreatePayment {
    CreatePayment {
        payment: payment.parse().unwrap(),
        program: "main".parse().unwrap(),
        member: member("ann"),
        amount: money(amount, "EUR"),
        route: "duitnow".parse().unwrap(),
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

fn report(payment: &str, attempt: u32, outcome: AttemptOutcome) -> ReportPayment {
    ReportPayment {
        payment: payment.parse().unwrap(),
        attempt,
        outcome,
        stages: Vec::new(),
    }
}

fn completed() -> AttemptOutcome {
    AttemptOutcome::Completed { reference: None }
}

fn declined(code: &str) -> AttemptOutcome {
    let code = code.parse().unwrap();
    AttemptOutcome::Declined { code }
}

fn cancel(payment: &str) -> CancelPayment {
    let payment = payment.parse().unwrap();
    CancelPayment { payment }
}

fn refund(name: &str, payment: &str, amount: Option<&str>) -> RefundPayment {
    RefundPayment {
        refund: name.parse().unwrap(),
        payment: payment.parse().unwrap(),
        amount: amount.map(|amount| money(amount, "EUR")),
        kind: None,
        reason: None,
    }
}

fn get(world: &mut World, payment: &str) -> PaymentDetails {
    let get = GetPayment {
        payment: payment.parse().unwrap(),
        member: None,
    };
    world.run(&get).unwrap()
}

/// How often each stage has run, and how it ended.
fn statistics(world: &mut World) -> Vec<StageStatistics> {
    let ask = GetStageStatistics {
        program: "main".parse().unwrap(),
        from: None,
        through: None,
    };
    world.run(&ask).unwrap().stages
}

fn code<T>(reply: Result<T, Rejection>) -> &'static str {
    reply.map_or_else(|refused| refused.code(), |_| "ok")
}

/// What a member has of one's own, and what of it is reserved.
fn balance_of(world: &World, id: &str) -> (i64, i64) {
    let row = &world.members[&world.member_key(id)];
    let of = |purpose| row.balances.get(&purpose, "EUR".parse().unwrap());
    (of(Purpose::Main), of(Purpose::Reserved))
}

/// A payment that is under way.
fn under_way(world: &mut World, payment: &str, amount: &str) {
    world.run(&create(payment, amount)).unwrap();
    world.run(&hold(payment)).unwrap();
    world.run(&submit(payment)).unwrap();
}

/// The states that a payment was told to be in.
fn told(world: &World, payment: &str) -> Vec<PaymentState> {
    let stream = Stream::Member(member("ann"));
    let events = world.events[&(world.tenant.clone(), stream)].iter();
    let states = events.filter_map(|record| match &record.event {
        Event::PaymentChanged {
            payment: own,
            state,
            ..
        } if own.as_str() == payment => Some(*state),
        _ => None,
    });
    states.collect()
}

#[test]
fn what_a_payment_would_come_to() {
    let mut world = world();
    let mut quote = |amount: &str, biller: Option<&str>| {
        let request = QuotePayment {
            program: "main".parse().unwrap(),
            amount: money(amount, "EUR"),
            route: None,
            biller: biller.map(|biller| biller.parse().unwrap()),
            account: biller.map(|_| "123456789012".to_owned()),
        };
        let routes = world.run(&request).unwrap().routes.into_iter();
        let said = routes.map(|one| {
            let fee = one
                .fee
                .map_or_else(String::new, |fee| format!(" fee {fee}"));
            let by = match one.paid_by {
                FeePayer::Sender => "payer",
                FeePayer::Receiver => "payee",
            };
            format!("{} {}{fee} {by} {}", one.route, one.given, one.arrived)
        });
        said.collect::<Vec<_>>()
    };
    assert_eq!(
        quote("50.00", None),
        [
            "duitnow 50.10 fee 0.10 payer 50.00",
            "card 51.00 fee 1.00 payer 50.00"
        ]
    );
    assert_eq!(
        quote("4.99", None),
        [
            "duitnow 5.09 fee 0.10 payer 4.99",
            "card 5.09 fee 0.10 payer 4.99"
        ]
    );
    assert_eq!(
        quote("100.00", None),
        [
            "duitnow 100.00 fee 1.00 payee 99.00",
            "card 102.00 fee 2.00 payer 100.00"
        ]
    );
    assert_eq!(
        quote("600.00", None),
        ["card 612.00 fee 12.00 payer 600.00"]
    );
    assert_eq!(
        quote("50.00", Some("tnb")),
        ["duitnow 50.10 fee 0.10 payer 50.00"]
    );
    assert!(world.entities.is_empty());
}

#[test]
fn a_payment_is_held_tried_and_paid() {
    use PaymentState::{Completed, Created, Held, Processing};
    let mut world = world();
    let created = world.run(&create("p1", "50.00")).unwrap();
    assert_eq!(created.terms.given, money("50.10", "EUR"));
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    let held = world.run(&hold("p1")).unwrap();
    assert_eq!(held.state, Held);
    assert_eq!(held.held_until, Some(at("2026-03-02T13:00:00Z")));
    assert_eq!(balance_of(&world, "ann"), (94_990, 5_010));
    let first = world.run(&submit("p1")).unwrap();
    assert_eq!((first.attempt, first.key.as_deref()), (1, Some("p1-1")));
    // Nobody knows whether the first answer arrived.
    assert_eq!(world.run(&submit("p1")).unwrap(), first);
    // What is under way is held, however long it takes.
    world.at("2027-03-02");
    let outcome = AttemptOutcome::Completed {
        reference: "bank-7".parse().ok(),
    };
    let paid = world.run(&report("p1", 1, outcome)).unwrap();
    assert_eq!((paid.state, paid.purchase), (Completed, None));
    assert_eq!(balance_of(&world, "ann"), (94_990, 0));
    let told_of = get(&mut world, "p1");
    assert_eq!(told_of.state, Completed);
    assert_eq!(told_of.completed_at, Some(at("2027-03-02")));
    assert_eq!(told_of.reference, "bank-7".parse().ok());
    assert_eq!((told_of.attempts.len(), told_of.held_until), (1, None));
    assert_eq!(told(&world, "p1"), [Created, Held, Processing, Completed]);
    world.assert_valid();
}

#[test]
fn an_unknown_outcome_is_no_failure() {
    use PaymentState::{Held, Processing, Unknown};
    let mut world = world();
    under_way(&mut world, "p1", "50.00");
    let unknown = report("p1", 1, AttemptOutcome::Unknown);
    assert_eq!(world.run(&unknown).unwrap().state, Unknown);
    assert_eq!(balance_of(&world, "ann"), (94_990, 5_010));
    world.at("2026-06-02");
    assert_eq!(get(&mut world, "p1").state, Unknown);
    assert_eq!(code(world.run(&cancel("p1"))), "payment_state_wrong");
    let again = world.run(&submit("p1")).unwrap();
    assert_eq!((again.state, again.attempt), (Unknown, 1));
    let listed = ListPayments {
        program: "main".parse().ok(),
        state: Some(Unknown),
        ..ListPayments::default()
    };
    assert_eq!(world.run(&listed).unwrap().payments.len(), 1);
    // After a decline that may not come again the value is held for another attempt, under another key.
    let busy = world.run(&report("p1", 1, declined("busy"))).unwrap();
    assert_eq!((busy.state, busy.failure), (Held, None));
    assert_eq!(world.run(&listed).unwrap().payments.len(), 0);
    assert_eq!(
        get(&mut world, "p1").held_until,
        Some(at("2026-06-02T13:00:00Z"))
    );
    let second = world.run(&submit("p1")).unwrap();
    assert_eq!(
        (second.state, second.key.as_deref()),
        (Processing, Some("p1-2"))
    );
    // What is told of the first one now contradicts what was told before.
    let late = world.run_as("late", &report("p1", 1, completed()));
    assert_eq!(code(late), "payment_attempt_wrong");
    let last = world.run(&report("p1", 2, declined("busy"))).unwrap();
    assert_eq!(
        last.state,
        PaymentState::Failed,
        "as often as the program says"
    );
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    world.assert_valid();
}

#[test]
fn a_hard_decline_is_not_tried_again() {
    for (decline, attempts) in [("stolen", 1), ("anything", 1), ("busy", 2)] {
        let mut world = world();
        under_way(&mut world, "p1", "50.00");
        let mut tried = 1;
        loop {
            let told = world.run(&report("p1", tried, declined(decline))).unwrap();
            if told.state == PaymentState::Failed {
                break;
            }
            tried = world.run(&submit("p1")).unwrap().attempt;
        }
        assert_eq!(tried, attempts, "{decline}");
        assert_eq!(balance_of(&world, "ann"), (100_000, 0));
        assert_eq!(code(world.run(&submit("p1"))), "payment_state_wrong");
        world.assert_valid();
    }
}

#[test]
fn what_nobody_submits_is_over_by_time_alone() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    world.run(&hold("p1")).unwrap();
    world.at("2026-03-02T13:00:00Z");
    assert_eq!(get(&mut world, "p1").state, PaymentState::Expired);
    for refused in [
        code(world.run(&submit("p1"))),
        code(world.run(&cancel("p1"))),
    ] {
        assert_eq!(refused, "payment_state_wrong");
    }
    world.settle();
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    world.assert_valid();
}

#[test]
fn what_nobody_holds_is_over_by_time_alone() {
    let mut world = world();
    let created = world.run(&create("p1", "50.00")).unwrap();
    assert_eq!(created.open_until, at("2026-03-02T13:00:00Z"));
    assert_eq!(get(&mut world, "p1").open_until, Some(created.open_until));
    world.at("2026-03-02T13:00:00Z");
    let over = get(&mut world, "p1");
    assert_eq!((over.state, over.open_until), (PaymentState::Expired, None));
    for refused in [code(world.run(&hold("p1"))), code(world.run(&cancel("p1")))] {
        assert_eq!(refused, "payment_state_wrong");
    }
    world.assert_valid();
}

#[test]
fn what_is_not_tried_can_be_cancelled() {
    let mut world = world();
    world.run(&create("p1", "50.00")).unwrap();
    assert_eq!(world.run(&cancel("p1")).unwrap().returned, []);
    world.run(&create("p2", "50.00")).unwrap();
    world.run(&hold("p2")).unwrap();
    let cancelled = world.run(&cancel("p2")).unwrap();
    assert_eq!(cancelled.returned, [money("50.10", "EUR")]);
    assert_eq!(cancelled.state, PaymentState::Cancelled);
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    assert_eq!(code(world.run(&hold("p1"))), "payment_state_wrong");
    world.assert_valid();
}

#[test]
fn nothing_but_its_own_steps_moves_what_a_payment_holds() {
    let mut world = world();
    under_way(&mut world, "p1", "50.00");
    let list = ListRedemptions {
        member: Some(member("ann")),
        after: None,
        limit: None,
    };
    let redemption = world.run(&list).unwrap().redemptions[0].redemption.clone();
    let (capture, release, undo) = (
        CaptureRedemption {
            member: member("ann"),
            redemption: redemption.clone(),
            number: 1,
            amount: None,
        },
        ReleaseRedemption {
            member: member("ann"),
            redemption: redemption.clone(),
        },
        CancelRedemption {
            member: member("ann"),
            redemption,
            number: None,
            amount: None,
        },
    );
    assert_eq!(code(world.run(&capture)), "redemption_of_payment");
    assert_eq!(code(world.run(&release)), "redemption_of_payment");
    world.run(&report("p1", 1, completed())).unwrap();
    assert_eq!(code(world.run(&undo)), "redemption_of_payment");
    world.assert_valid();
}

#[test]
fn a_refund_gives_back_what_was_paid_and_its_fee() {
    let mut world = world();
    under_way(&mut world, "p1", "50.00");
    world.run(&report("p1", 1, completed())).unwrap();
    let first = world.run(&refund("r1", "p1", Some("12.50"))).unwrap();
    assert_eq!(first.state, PaymentState::PartiallyRefunded);
    assert_eq!(
        first.fee,
        Some(money("0.02", "EUR")),
        "2.5 cents, rounded down"
    );
    assert_eq!(first.returned, [money("12.52", "EUR")]);
    assert_eq!(first.left, money("37.50", "EUR"));
    let above = world.run(&refund("r2", "p1", Some("37.51")));
    assert_eq!(code(above), "refund_above_payment");
    let rest = world.run(&refund("r2", "p1", None)).unwrap();
    assert_eq!(rest.fee, Some(money("0.08", "EUR")), "the rest of it");
    assert_eq!(rest.state, PaymentState::Refunded);
    assert_eq!(balance_of(&world, "ann"), (100_000, 0));
    assert_eq!(
        code(world.run(&refund("r3", "p1", None))),
        "payment_state_wrong"
    );
    assert_eq!(
        world.run(&refund("r2", "p1", None)).unwrap(),
        rest,
        "told again"
    );
    // A fee that the payee pays was never the payer's.
    under_way(&mut world, "p2", "100.00");
    world.run(&report("p2", 1, completed())).unwrap();
    let payee = world.run(&refund("r4", "p2", None)).unwrap();
    assert_eq!(
        (payee.fee, payee.returned),
        (None, vec![money("100.00", "EUR")])
    );
    world.assert_valid();
}

#[test]
fn a_page_of_payments() {
    let mut world = world();
    for (payment, minute) in [("a", 0), ("b", 1), ("c", 2)] {
        world.at(&format!("2026-03-02T12:0{minute}:00Z"));
        world.run(&create(payment, "5.00")).unwrap();
    }
    let mut ids = |list: &ListPayments| {
        let page = world.run(list).unwrap();
        let ids = page.payments.iter().map(|one| one.payment.to_string());
        (ids.collect::<Vec<_>>().join(" "), page.next)
    };
    let of_ann = ListPayments {
        member: Some(member("ann")),
        limit: Some(2),
        ..ListPayments::default()
    };
    let (first, next) = ids(&of_ann);
    assert_eq!(first, "c b");
    let rest = ListPayments {
        after: next,
        ..of_ann
    };
    assert_eq!(ids(&rest), ("a".to_owned(), None));
    assert_eq!(ids(&ListPayments::default()).0, "c b a");
    let created = ListPayments {
        program: "main".parse().ok(),
        state: Some(PaymentState::Created),
        ..ListPayments::default()
    };
    assert_eq!(ids(&created).0, "a b c", "the oldest first");
    for (list, code) in [
        (
            ListPayments {
                state: None,
                ..created.clone()
            },
            "filter_incomplete",
        ),
        (
            ListPayments {
                program: None,
                ..created.clone()
            },
            "filter_incomplete",
        ),
        (
            ListPayments {
                member: Some(member("ann")),
                ..created
            },
            "filter_ambiguous",
        ),
    ] {
        let Err(Rejection::Invalid(problems)) = world.run(&list) else {
            panic!("{list:?}");
        };
        assert_eq!(problems[0].code, code);
    }
}
