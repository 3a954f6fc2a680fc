use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000).unwrap()
}

fn order(text: &str) -> OrderId {
    text.parse().unwrap()
}

fn ada() -> MemberId {
    "ada".parse().unwrap()
}

fn lease(owner: &str, until: i64) -> Lease {
    Lease {
        order: order(owner),
        until: at(until),
    }
}

fn available() -> Coupon {
    let id = CouponId::kept("c0f:k".into());
    Coupon::new(id, "spring".parse().unwrap(), at(0))
}

fn assigned() -> Coupon {
    let doing = Doing::default();
    available().assign(&ada(), at(1), false, &doing).unwrap()
}

fn locked() -> Coupon {
    let lease = lease("o1", 100);
    assigned()
        .lock(lease, LockRule::Permitted, at(2), false)
        .unwrap()
}

fn redeemed() -> Coupon {
    let rule = LockRule::Permitted;
    assigned().redeem(None, rule, 1, at(2), false).unwrap()
}

fn voided() -> Coupon {
    assigned().void(at(2), &Doing::default()).unwrap()
}

/// What becomes of a coupon by every step there is, at an instant: the state after it, or nothing.
fn steps(coupon: &Coupon, now: i64, is_over: bool) -> Vec<(&'static str, Option<CouponState>)> {
    let (now, doing) = (at(now), Doing::default());
    let rule = LockRule::Permitted;
    let bob = "bob".parse().unwrap();
    let redeem = |owner: Option<&str>, rule, most| {
        let order = owner.map(order);
        coupon
            .clone()
            .redeem(order.as_ref(), rule, most, now, is_over)
    };
    let lock = |owner| coupon.clone().lock(lease(owner, 200), rule, now, is_over);
    let never = LockRule::Forbidden;
    let replace = || {
        let by = Coupon::new(CouponId::kept("c0e:k".into()), coupon.book.clone(), now);
        coupon.clone().replace(by, now, is_over, &doing)
    };
    let all = [
        ("assign", coupon.clone().assign(&bob, now, is_over, &doing)),
        ("unassign", coupon.clone().unassign(now, is_over, &doing)),
        ("lock", lock("o1")),
        ("lock, other", lock("o2")),
        (
            "lock, never",
            coupon.clone().lock(lease("o1", 200), never, now, is_over),
        ),
        ("unlock", coupon.clone().unlock(&order("o1"), now, is_over)),
        (
            "unlock, other",
            coupon.clone().unlock(&order("o2"), now, is_over),
        ),
        ("redeem", redeem(Some("o1"), rule, 1)),
        ("redeem, more left", redeem(Some("o1"), rule, 9)),
        ("redeem, other", redeem(Some("o2"), rule, 1)),
        (
            "redeem, locked only",
            redeem(Some("o1"), LockRule::Required, 1),
        ),
        ("use up", coupon.clone().use_up(None, now, is_over)),
        ("transfer", coupon.clone().transfer(&bob, now, is_over)),
        ("replace", replace().map(|(voided, _)| voided)),
        ("void", coupon.clone().void(now, &doing)),
    ];
    let states = all.into_iter().map(|(name, after)| {
        let after = after.ok().map(|coupon| coupon.state(now, is_over));
        (name, after)
    });
    states.filter(|(_, after)| after.is_some()).collect()
}

#[test]
fn every_transition_is_as_the_table_says() {
    use CouponState::{Assigned, Available, Expired, Locked, Redeemed, Voided};
    let of_assigned: &[(&str, CouponState)] = &[
        ("unassign", Available),
        ("lock", Locked),
        ("lock, other", Locked),
        ("redeem", Redeemed),
        ("redeem, more left", Assigned),
        ("redeem, other", Redeemed),
        ("transfer", Assigned),
        ("replace", Voided),
        ("void", Voided),
    ];
    for (from, now, is_over, state, wanted) in [
        (
            available(),
            5,
            false,
            Available,
            &[
                ("assign", Assigned),
                ("use up", Redeemed),
                ("replace", Voided),
                ("void", Voided),
            ][..],
        ),
        (assigned(), 5, false, Assigned, of_assigned),
        (
            locked(),
            99,
            false,
            Locked,
            &[
                ("lock", Locked),
                ("unlock", Assigned),
                ("redeem", Redeemed),
                ("redeem, more left", Assigned),
                ("redeem, locked only", Redeemed),
                ("replace", Voided),
                ("void", Voided),
            ],
        ),
        // The lease is over, whether or not anybody has written that down.
        (locked(), 100, false, Assigned, of_assigned),
        (redeemed(), 5, false, Redeemed, &[]),
        (voided(), 5, false, Voided, &[]),
        (available(), 5, true, Expired, &[("void", Voided)]),
        (assigned(), 5, true, Expired, &[("void", Voided)]),
        (locked(), 99, true, Expired, &[("void", Voided)]),
        (redeemed(), 5, true, Redeemed, &[]),
        (voided(), 5, true, Voided, &[]),
    ] {
        assert_eq!(from.state(at(now), is_over), state);
        let wanted: Vec<_> = wanted.iter().map(|(name, to)| (*name, Some(*to))).collect();
        assert_eq!(
            steps(&from, now, is_over),
            wanted,
            "{state:?} at {now}, {is_over}"
        );
    }
}

#[test]
fn the_owner_of_a_lease_gets_the_same_one_again() {
    let again = locked().lock(lease("o1", 400), LockRule::Required, at(50), false);
    assert_eq!(again, Ok(locked()));
    let other = locked().lock(lease("o2", 400), LockRule::Required, at(50), false);
    assert_eq!(other, Err(CouponRefusal::Leased { until: at(100) }));
    let later = locked().lock(lease("o2", 400), LockRule::Required, at(100), false);
    assert_eq!(later.unwrap().lease(at(100)), Some(&lease("o2", 400)));
}

#[test]
fn a_used_coupon_stays_with_its_holder_and_is_used_so_often() {
    let mut coupon = assigned();
    for uses in 1..=3 {
        coupon = coupon
            .redeem(None, LockRule::Permitted, 3, at(5), false)
            .unwrap();
        assert_eq!(coupon.uses, uses);
        let back = coupon.clone().unassign(at(5), false, &Doing::default());
        assert!(back.is_err());
    }
    assert_eq!(coupon.counted_as(), BookCount::Redeemed);
}

#[test]
fn what_replaces_a_coupon_has_its_holder_and_the_uses_that_are_left() {
    let rule = LockRule::Permitted;
    let used = assigned().redeem(None, rule, 3, at(2), false).unwrap();
    let locked = used.lock(lease("o1", 100), rule, at(3), false).unwrap();
    let by = Coupon::new(CouponId::kept("c0e:k".into()), locked.book.clone(), at(4));
    let (old, new) = locked.replace(by, at(4), false, &Doing::default()).unwrap();
    assert_eq!(old.state(at(4), false), CouponState::Voided);
    assert_eq!(new.state(at(4), false), CouponState::Assigned);
    assert_eq!(
        (old.replaced_by(), new.replaces()),
        (Some(&new.coupon), Some(&old.coupon))
    );
    assert_eq!((&new.holder, new.uses), (&Some(ada()), 1));
    let again = new.redeem(None, rule, 3, at(5), false).unwrap();
    assert_eq!((again.uses, again.own_uses(), old.own_uses()), (2, 1, 1));
    let up = again.redeem(None, rule, 3, at(5), false).unwrap();
    assert_eq!(up.state(at(5), false), CouponState::Redeemed);
}

#[test]
fn the_last_steps_are_told() {
    let mut coupon = assigned();
    for now in 0..20 {
        let one = coupon.lock(lease("o1", 1_000), LockRule::Permitted, at(now), false);
        coupon = one.unwrap().unlock(&order("o1"), at(now), false).unwrap();
    }
    assert_eq!(coupon.history().len(), HISTORY_MAX);
    let last = coupon.history().last().unwrap();
    assert_eq!((last.action, last.at), (CouponAction::Unlocked, at(19)));
    assert_eq!(last.member, Some(ada()));
    assert_eq!(last.order, Some(order("o1")));
}

#[test]
fn the_last_of_a_value_uses_it_up_and_a_use_gives_it_back() {
    let euro = |minor| Money::new(minor, crate::money::Asset::parse("EUR").unwrap());
    let use_of = |coupon: Coupon, minor| {
        let rule = LockRule::Permitted;
        let used = coupon.redeem(None, rule, u32::MAX, at(5), false).unwrap();
        used.spend(euro(minor), 100)
    };
    let part = use_of(assigned(), 30).unwrap();
    assert_eq!(
        (part.state(at(5), false), part.value_left(100)),
        (CouponState::Assigned, 70)
    );
    let refused = CouponRefusal::ValueExceeded { left: euro(70) };
    assert_eq!(use_of(part.clone(), 71), Err(refused));
    let all = use_of(part, 70).unwrap();
    assert_eq!(
        (all.state(at(5), false), all.value_left(100)),
        (CouponState::Redeemed, 0)
    );
    let back = all.give_back(None, Some(euro(30)), at(6)).unwrap();
    assert_eq!(
        (back.state(at(6), false), back.value_left(100)),
        (CouponState::Assigned, 30)
    );
    assert_eq!(back.uses, 1);
}

#[test]
fn one_of_a_booklet_is_not_unassigned() {
    let place = BookletPlace {
        coupons: vec![assigned().coupon],
        place: 0,
        until: Some(at(9)),
    };
    let own = assigned().in_booklet(Some(place));
    let refused = own.clone().unassign(at(5), false, &Doing::default());
    assert_eq!(refused, Err(CouponRefusal::InBooklet));
    assert_eq!(own.booklet_until(), Some(at(9)));
}
