//! A redemption's life: every step from every state, its time, and which lots each step is about.

use super::*;
use crate::money::{Asset, Money};
use crate::time::Timestamp;

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn part(bucket: Bucket, value: i64, lots: &[(u64, i64)]) -> RedemptionPart {
    RedemptionPart {
        bucket,
        amount: lots.iter().map(|lot| lot.1).sum(),
        value,
        lots: lots.iter().map(|lot| HeldLot(lot.0, lot.1)).collect(),
        captured: 0,
        captured_value: 0,
        returned: 0,
        returned_value: 0,
    }
}

/// 10 points from two lots for 3 cents, then 7 cents of cashback.
fn redemption(expires_at: Option<Timestamp>) -> Redemption {
    let points = Bucket::Unit(Asset::parse("points").unwrap());
    let parts = vec![
        part(points, 3, &[(1, 4), (2, 6)]),
        part(Bucket::Cashback, 7, &[(3, 7)]),
    ];
    Redemption::new(
        id("r"),
        id("ann"),
        id("order"),
        Money::new(10, Asset::parse("EUR").unwrap()),
        (id("club"), 1),
        at(0),
        at(0),
        expires_at,
        parts,
    )
}

/// The state after a step, or why it is refused.
fn after<T>(step: Result<(Redemption, T), WrongStep>) -> Result<RedemptionState, WrongStep> {
    step.map(|(to, _)| to.state())
}

#[test]
fn every_step_from_every_state() {
    use RedemptionState::{Authorized, Cancelled, Captured, Expired, Released};
    let now = at(5);
    let open = redemption(Some(at(10)));
    let partly = open.clone().capture(Some(4), now).unwrap().0;
    let paid = redemption(None);
    let released = open.clone().release(now).unwrap().0;
    let partly_released = partly.clone().release(now).unwrap().0;
    let expired = open.clone().expire(at(10)).unwrap().0;
    let partly_expired = partly.clone().expire(at(10)).unwrap().0;
    let cancelled = paid.clone().cancel(None, now).unwrap().0;
    let wrong = |state| Err(WrongStep::State(state));
    // From where, and after a capture of 2, a capture of the rest, a release, the end of its time, a cancellation of 2 and
    // one of the rest.
    for (from, steps) in [
        (
            &open,
            [
                Ok(Authorized),
                Ok(Captured),
                Ok(Released),
                Ok(Expired),
                wrong(Authorized),
                wrong(Authorized),
            ],
        ),
        (
            &partly,
            [
                Ok(Authorized),
                Ok(Captured),
                Ok(Released),
                Ok(Expired),
                wrong(Authorized),
                wrong(Authorized),
            ],
        ),
        (
            &paid,
            [
                wrong(Captured),
                wrong(Captured),
                wrong(Captured),
                wrong(Captured),
                Ok(Captured),
                Ok(Cancelled),
            ],
        ),
        (&released, [Released; 6].map(wrong)),
        (
            &partly_released,
            [
                wrong(Released),
                wrong(Released),
                wrong(Released),
                wrong(Released),
                Ok(Released),
                Ok(Cancelled),
            ],
        ),
        (&expired, [Expired; 6].map(wrong)),
        (
            &partly_expired,
            [
                wrong(Expired),
                wrong(Expired),
                wrong(Expired),
                wrong(Expired),
                Ok(Expired),
                Ok(Cancelled),
            ],
        ),
        (&cancelled, [Cancelled; 6].map(wrong)),
    ] {
        let found = [
            after(from.clone().capture(Some(2), now)),
            after(from.clone().capture(None, now)),
            after(from.clone().release(now)),
            after(from.clone().expire(at(10))),
            after(from.clone().cancel(Some(2), now)),
            after(from.clone().cancel(None, now)),
        ];
        assert_eq!(found, steps, "{:?}", from.state());
    }
}

#[test]
fn time_is_over_at_its_very_end_and_for_every_step() {
    let open = redemption(Some(at(10)));
    assert_eq!(open.seen_at(at(9)), RedemptionState::Authorized);
    assert_eq!(open.seen_at(at(10)), RedemptionState::Expired);
    assert_eq!(open.reserved_at(at(9)).minor(), 10);
    assert_eq!(open.reserved_at(at(10)).minor(), 0);
    let wrong = WrongStep::State(RedemptionState::Expired);
    assert_eq!(open.clone().capture(None, at(10)).unwrap_err(), wrong);
    assert_eq!(open.clone().release(at(10)).unwrap_err(), wrong);
    assert_eq!(open.clone().cancel(None, at(10)).unwrap_err(), wrong);
    let early = WrongStep::State(RedemptionState::Authorized);
    assert_eq!(open.expire(at(9)).unwrap_err(), early);
}

#[test]
fn units_follow_the_value_and_lots_their_order() {
    let open = redemption(Some(at(10)));
    assert_eq!(
        open.clone().capture(Some(11), at(1)).unwrap_err(),
        WrongStep::Above { most: 10 }
    );
    // A third of 10 points, rounded up.
    let (open, taken) = open.capture(Some(1), at(1)).unwrap();
    assert_eq!((taken[0].amount, taken[0].value), (4, 1));
    let (open, taken) = open.capture(Some(3), at(1)).unwrap();
    let amounts: Vec<_> = taken.iter().map(|part| (part.amount, part.value)).collect();
    assert_eq!(amounts, [(6, 2), (1, 1)]);
    let (released, parts) = open.release(at(2)).unwrap();
    let lots: Vec<_> = parts.iter().map(|part| part.lots.clone()).collect();
    assert_eq!(lots, [vec![HeldLot(3, 6)]]);
    // The last bucket first, then of the units a third and the rest, from the lot that paid last.
    let (back, parts) = released.cancel(Some(2), at(3)).unwrap();
    let lots: Vec<_> = parts.iter().map(|part| part.lots.clone()).collect();
    assert_eq!(lots, [vec![HeldLot(3, 1)], vec![HeldLot(2, 3)]]);
    assert_eq!(
        back.clone().cancel(Some(3), at(3)).unwrap_err(),
        WrongStep::Above { most: 2 }
    );
    let (back, parts) = back.cancel(None, at(3)).unwrap();
    assert_eq!(parts[0].lots, [HeldLot(1, 4), HeldLot(2, 3)]);
    assert_eq!(back.state(), RedemptionState::Cancelled);
}
