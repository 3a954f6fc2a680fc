//! Every step of a payment from every state, as the table of its module says.

use super::PaymentState::{
    Cancelled, Completed, Created, Expired, Failed, Held, PartiallyRefunded, PendingReview,
    Processing, Refunded, Unknown,
};
use super::*;
use crate::fees::{Charge, FeePayer};
use crate::ids::Slug;
use crate::money::Money;
use crate::time::Timestamp;

const UNTIL: i64 = 60;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn created() -> Payment {
    Payment::new(NewPayment {
        payment: &"p1".parse().unwrap(),
        member: &"ada".parse().unwrap(),
        program: (&"main".parse().unwrap(), 1),
        route: &"duitnow".parse().unwrap(),
        subject: PaymentSubject::default(),
        amount: Money::new(1_000, "MYR".parse().unwrap()),
        charge: (
            Charge {
                given: 1_010,
                fee: 10,
                arrived: 1_000,
            },
            FeePayer::Sender,
        ),
        created_at: at(0),
        open_until: at(UNTIL),
    })
}

fn hold() -> PaymentHold {
    PaymentHold {
        redemption: "r1".parse().unwrap(),
        until: at(UNTIL),
    }
}

fn held(is_reviewed: bool) -> Payment {
    created().held(hold(), is_reviewed, at(1)).unwrap()
}

fn processing() -> Payment {
    held(false).submitted(at(1)).unwrap()
}

fn declined(payment: Payment, class: DeclineClass) -> Result<Payment, WrongPaymentStep> {
    let code = "no".parse().unwrap();
    let attempt = payment.attempt().max(1);
    payment.declined(attempt, (&code, class), (3, at(120)), at(2))
}

fn stopped(payment: Payment) -> Payment {
    payment.stopped(&"fx".parse().unwrap(), at(1)).unwrap()
}

fn completed() -> Payment {
    processing().completed(1, None, at(2)).unwrap()
}

fn refunded(payment: Payment, amount: Option<i64>) -> Result<Payment, WrongPaymentStep> {
    let refund = format!("back-{}", payment.refunds().len());
    let refunded = payment.refunded(&refund.parse().unwrap(), amount, true, at(2));
    refunded.map(|(payment, _)| payment)
}

/// One of each state, as it is at second 2, but for the one whose time is over at once.
fn every() -> Vec<(PaymentState, Payment)> {
    let mut never_held = created();
    never_held.open_until = at(2);
    let early = |is_reviewed| {
        let hold = PaymentHold {
            until: at(2),
            ..hold()
        };
        created().held(hold, is_reviewed, at(1)).unwrap()
    };
    vec![
        (Created, created()),
        (PendingReview, held(true)),
        (Held, held(false)),
        (Held, declined(processing(), DeclineClass::Soft).unwrap()),
        (Processing, processing()),
        (Unknown, processing().unknown(1, at(2)).unwrap()),
        (Completed, completed()),
        (PartiallyRefunded, refunded(completed(), Some(1)).unwrap()),
        (Refunded, refunded(completed(), None).unwrap()),
        (Failed, created().blocked(at(1)).unwrap()),
        (Failed, stopped(held(false))),
        (Failed, held(true).blocked(at(1)).unwrap()),
        (Failed, declined(processing(), DeclineClass::Hard).unwrap()),
        (Cancelled, held(false).cancelled(at(1)).unwrap()),
        (Expired, never_held),
        (Expired, early(false)),
        (Expired, early(true)),
    ]
}

type Step = fn(Payment) -> Result<Payment, WrongPaymentStep>;

/// The outcome of its newest attempt, or of one that there is not.
fn newest(payment: &Payment) -> u32 {
    payment.attempt().max(1)
}

const OUTCOME: &[PaymentState] = &[Processing, Unknown];

/// A step, from where it is taken and to where.
type Row = (
    &'static str,
    Step,
    &'static [PaymentState],
    &'static [PaymentState],
);

const STEPS: &[Row] = &[
    (
        "hold",
        |p| p.held(hold(), false, at(2)),
        &[Created],
        &[Held],
    ),
    (
        "hold in review",
        |p| p.held(hold(), true, at(2)),
        &[Created],
        &[PendingReview],
    ),
    (
        "review",
        |p| p.reviewed(at(UNTIL), at(2)),
        &[Held],
        &[PendingReview],
    ),
    (
        "block",
        |p| p.blocked(at(2)),
        &[Created, PendingReview, Held],
        &[Failed],
    ),
    (
        "stop",
        |p| p.stopped(&"fx".parse().unwrap(), at(2)),
        &[Created, PendingReview, Held],
        &[Failed],
    ),
    (
        "submit",
        |p| p.submitted(at(2)),
        &[PendingReview, Held, Processing, Unknown],
        &[Processing, Unknown],
    ),
    (
        "completed",
        |p| {
            let attempt = newest(&p);
            p.completed(attempt, None, at(2))
        },
        OUTCOME,
        &[Completed],
    ),
    (
        "declined for now",
        |p| declined(p, DeclineClass::Soft),
        OUTCOME,
        &[Held],
    ),
    (
        "declined",
        |p| declined(p, DeclineClass::Hard),
        OUTCOME,
        &[Failed],
    ),
    (
        "unknown",
        |p| {
            let attempt = newest(&p);
            p.unknown(attempt, at(2))
        },
        OUTCOME,
        &[Unknown],
    ),
    (
        "cancel",
        |p| p.cancelled(at(2)),
        &[Created, PendingReview, Held],
        &[Cancelled],
    ),
    (
        "refund",
        |p| refunded(p, Some(1)),
        &[Completed, PartiallyRefunded],
        &[PartiallyRefunded],
    ),
];

#[test]
fn every_transition_is_as_the_table_says() {
    for (name, step, from, to) in STEPS {
        for (state, payment) in every() {
            assert_eq!(payment.state(at(2)), state);
            match step(payment.clone()) {
                Ok(next) => {
                    assert!(from.contains(&state), "{name} from {state:?}");
                    let next = next.state(at(2));
                    assert!(to.contains(&next), "{name} from {state:?} to {next:?}");
                }
                // Before the first attempt there is none whose outcome could be told.
                Err(WrongPaymentStep::Attempt { newest: 0 }) => {
                    assert_eq!(payment.attempt(), 0, "{name} from {state:?}");
                }
                Err(wrong) => {
                    assert_eq!(wrong, WrongPaymentStep::State(state), "{name}");
                    assert!(!from.contains(&state), "{name} from {state:?}");
                }
            }
        }
    }
}

#[test]
fn the_same_attempt_while_nobody_knows_and_a_new_one_after_a_decline() {
    let unknown = processing().unknown(1, at(2)).unwrap();
    assert_eq!(unknown.clone().submitted(at(3)), Ok(unknown.clone()));
    // However late it is told.
    let late = unknown.completed(1, None, at(1_000_000)).unwrap();
    assert_eq!(late.state(at(1_000_000)), Completed);
    let again = declined(processing(), DeclineClass::Soft).unwrap();
    let again = again.submitted(at(3)).unwrap();
    assert_eq!(again.attempt(), 2);
    let wrong = |attempt| again.check_outcome(attempt, at(3)).unwrap_err();
    let newest = WrongPaymentStep::Attempt { newest: 2 };
    assert_eq!([0, 1, 3].map(wrong), [(); 3].map(|()| newest.clone()));
    // As often as the program says.
    let last = declined(again, DeclineClass::Soft).unwrap();
    let last = last.submitted(at(4)).unwrap();
    let failed = declined(last, DeclineClass::Soft).unwrap();
    assert_eq!(failed.state(at(4)), Failed);
    let code: Slug = "no".parse().unwrap();
    assert_eq!(failed.failure(), Some(&PaymentFailure::Declined(code)));
}

#[test]
fn a_hold_is_over_by_time_alone_and_what_is_under_way_never() {
    for (payment, before, after) in [
        (held(false), Held, Expired),
        (held(true), PendingReview, Expired),
        (processing(), Processing, Processing),
        (processing().unknown(1, at(2)).unwrap(), Unknown, Unknown),
    ] {
        assert_eq!(payment.state(at(UNTIL - 1)), before);
        assert_eq!(payment.state(at(UNTIL)), after);
    }
}

#[test]
fn the_fee_goes_back_with_the_amount_and_sums_up() {
    let mut payment = completed();
    let mut fees = Vec::new();
    for amount in [99, 1, 333, 567] {
        let refund = format!("back-{amount}").parse().unwrap();
        let (next, made) = payment
            .refunded(&refund, Some(amount), true, at(3))
            .unwrap();
        fees.push(made.fee);
        payment = next;
    }
    assert_eq!(fees, [0, 1, 3, 6]);
    assert_eq!(payment.state(at(3)), Refunded);
    let refund = "more".parse().unwrap();
    let kept = completed().refunded(&refund, None, false, at(3)).unwrap();
    assert_eq!((kept.1.amount, kept.1.fee), (1_000, 0));
    let above = completed().refunded(&refund, Some(1_001), false, at(3));
    assert_eq!(above.unwrap_err(), WrongPaymentStep::Above { left: 1_000 });
}
