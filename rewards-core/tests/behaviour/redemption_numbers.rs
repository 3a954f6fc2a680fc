//! Numbers of captures and cancellations: each takes effect once, whatever its idempotency key.

use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, ReleaseRedemption,
};
use rewards_core::operations::shared_wallets::CreateSharedWallet;
use rewards_core::rejection::Rejection;
use rewards_core::wallet::REDEMPTION_STEPS_MAX;

use crate::words::money;
use crate::world::{World, member};

/// Ann and bob share a wallet, and 30.00 are reserved for an order: 10.00 of ann's, who comes first, and 20.00 of bob's. Alone,
/// ann has all of it.
fn world(is_shared: bool) -> World {
    let mut world = World::with("redemptions = { order = [\"main\"] }");
    world.register("bob");
    world.give_main("ann", if is_shared { 1_000 } else { 5_000 });
    world.give_main("bob", 5_000);
    let create = CreateSharedWallet {
        wallet: "home".parse().unwrap(),
        members: vec![member("ann"), member("bob")],
    };
    world.run(&create).unwrap();
    let authorize = AuthorizeRedemption {
        redemption: "r".parse().unwrap(),
        member: member("ann"),
        program: "main".parse().unwrap(),
        order: "order".parse().unwrap(),
        total: money("30.00", "EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: is_shared.then(|| "home".parse().unwrap()),
    };
    world.run(&authorize).unwrap();
    world
}

fn capture(number: u32, amount: Option<&str>) -> CaptureRedemption {
    CaptureRedemption {
        member: member("ann"),
        redemption: "r".parse().unwrap(),
        number,
        amount: amount.map(|amount| money(amount, "EUR")),
    }
}

fn release() -> ReleaseRedemption {
    ReleaseRedemption {
        member: member("ann"),
        redemption: "r".parse().unwrap(),
    }
}

fn cancel(number: Option<u32>, amount: Option<&str>) -> CancelRedemption {
    CancelRedemption {
        member: member("ann"),
        redemption: "r".parse().unwrap(),
        number,
        amount: amount.map(|amount| money(amount, "EUR")),
    }
}

fn code<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_number_is_used_once_under_whatever_key() {
    for is_shared in [false, true] {
        let mut world = world(is_shared);
        let before = world.balances();
        // The first concerns ann alone, the second both, the third bob alone.
        for (number, amount) in [(7, "5.00"), (1, "10.00"), (9, "5.00")] {
            let capture = capture(number, Some(amount));
            let paid = world.run(&capture).unwrap();
            assert_eq!(world.run(&capture).unwrap(), paid, "the same key replays");
        }
        for number in [7, 1, 9] {
            for amount in [Some("5.00"), None] {
                let key = format!("{number} {amount:?}");
                let again = world.run_as(&key, &capture(number, amount));
                assert_eq!(code(again), "redemption_number_used", "{is_shared} {key}");
            }
        }
        world.run(&release()).unwrap();
        // Numbers of cancellations are others. What says none has the first.
        for (number, amount) in [(None, "12.00"), (Some(7), "4.00")] {
            let cancel = cancel(number, Some(amount));
            let back = world.run(&cancel).unwrap();
            assert_eq!(world.run(&cancel).unwrap(), back, "the same key replays");
        }
        for number in [None, Some(1), Some(7)] {
            let key = format!("back {number:?}");
            let again = world.run_as(&key, &cancel(number, None));
            assert_eq!(code(again), "redemption_number_used", "{is_shared} {key}");
        }
        world.run(&cancel(Some(2), None)).unwrap();
        assert_ne!(world.balances(), before);
        world.assert_valid();
    }
}

#[test]
fn as_many_captures_as_one_redemption_has() {
    let mut world = world(false);
    for number in 1..=REDEMPTION_STEPS_MAX {
        world.run(&capture(number, Some("0.01"))).unwrap();
    }
    let more = capture(REDEMPTION_STEPS_MAX + 1, None);
    assert_eq!(code(world.run(&more)), "too_many");
    world.run(&release()).unwrap();
    let back = world.run(&cancel(None, None)).unwrap();
    assert_eq!(back.returned, [money("10.00", "EUR")]);
    world.assert_valid();
}
