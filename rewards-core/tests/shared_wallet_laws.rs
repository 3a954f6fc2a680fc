//! Laws of shared wallets: members who pay together pay what one member would who has everything, each in turn; and what comes
//! back leaves every lot as it was.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rewards_core::ids::MemberId;
use rewards_core::ledger::Lot;
use rewards_core::money::{Asset, Money};
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, AuthorizedRedemption, CancelRedemption, CancelledRedemption,
    CaptureRedemption, CapturedRedemption, GetRedemption, Redeem, Redeemed, RedemptionDetails,
    ReleaseRedemption,
};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::shared_wallets::CreateSharedWallet;
use rewards_core::rejection::Rejection;
use rewards_core::snapshot::MemberKey;

use crate::world::{World, at, member};

const NAMES: [&str; 4] = ["ann", "bob", "cid", "dan"];

/// What a member is given: of what, how much, and after how many days it expires.
type Gift = (usize, &'static str, i64, Option<u8>);

fn eur(minor: i64) -> Money {
    Money::new(minor, Asset::parse("EUR").unwrap())
}

fn program(units: i64, floor: i64, step: i64, share: u8) -> String {
    format!(
        r#"
        units = [{{ asset = "points" }}]
        [redemptions]
        max_share = "{share}%"
        order = [
            {{ unit = {{ asset = "points", value = {{ units = "{units}", money = "0.02" }}, floor = "{floor}", step = "{step}", ceiling = {{ share = "60%" }} }} }},
            "cashback",
            "main",
        ]
        "#
    )
}

fn world(program: &str, gifts: &[Gift], is_alone: bool) -> World {
    let mut world = World::with(program);
    for name in NAMES.iter().skip(1) {
        world.register(name);
    }
    for (n, (who, asset, minor, days)) in gifts.iter().enumerate() {
        let who = if is_alone { "ann" } else { NAMES[*who] };
        if *asset == "main" {
            world.give_main(who, *minor);
            continue;
        }
        let grant = GrantReward {
            source: None,
            reference: None,
            member: member(who),
            amount: Money::new(*minor, Asset::parse(asset).unwrap()),
            reason: "a gift".to_owned(),
            expires_at: days.map(|days| at(&format!("2026-04-{days:02}"))),
        };
        world.run_as(&format!("g{n}"), &grant).unwrap();
    }
    let members: Vec<MemberId> = NAMES.iter().map(|name| member(name)).collect();
    let wallet = "home".parse().unwrap();
    world.run(&CreateSharedWallet { wallet, members }).unwrap();
    world
}

/// What is asked of the members together, or of one who has everything.
struct Side {
    world: World,
    wallet: Option<&'static str>,
    /// Who acts: another one with each command.
    turn: usize,
}

impl Side {
    fn who(&mut self) -> MemberId {
        self.turn += 1;
        member(match self.wallet {
            Some(_) => NAMES[self.turn % NAMES.len()],
            None => "ann",
        })
    }

    fn redeem(&mut self, total: i64, amount: Option<i64>) -> Result<Redeemed, Rejection> {
        let redeem = Redeem {
            redemption: "r".parse().unwrap(),
            member: self.who(),
            program: "main".parse().unwrap(),
            order: "o".parse().unwrap(),
            total: eur(total),
            amount: amount.map(eur),
            tenders: Vec::new(),
            wallet: self.wallet.map(|wallet| wallet.parse().unwrap()),
        };
        self.world.run(&redeem)
    }

    fn authorize(
        &mut self,
        total: i64,
        amount: Option<i64>,
    ) -> Result<AuthorizedRedemption, Rejection> {
        let authorize = AuthorizeRedemption {
            redemption: "r".parse().unwrap(),
            member: self.who(),
            program: "main".parse().unwrap(),
            order: "o".parse().unwrap(),
            total: eur(total),
            amount: amount.map(eur),
            tenders: Vec::new(),
            wallet: self.wallet.map(|wallet| wallet.parse().unwrap()),
        };
        self.world.run(&authorize)
    }

    fn capture(&mut self, number: u32, amount: i64) -> Result<CapturedRedemption, Rejection> {
        let capture = CaptureRedemption {
            member: self.who(),
            redemption: "r".parse().unwrap(),
            number,
            amount: Some(eur(amount)),
        };
        self.world.run(&capture)
    }

    fn cancel(
        &mut self,
        number: u32,
        amount: Option<i64>,
    ) -> Result<CancelledRedemption, Rejection> {
        let cancel = CancelRedemption {
            member: self.who(),
            redemption: "r".parse().unwrap(),
            number: Some(number),
            amount: amount.map(eur),
        };
        self.world.run(&cancel)
    }

    fn release(&mut self) -> Result<Vec<Money>, Rejection> {
        let release = ReleaseRedemption {
            member: self.who(),
            redemption: "r".parse().unwrap(),
        };
        Ok(self.world.run(&release)?.returned)
    }

    fn get(&mut self) -> RedemptionDetails {
        let redemption = "r".parse().unwrap();
        let found = self.world.run(&GetRedemption { redemption }).unwrap();
        // Who pays is what differs.
        RedemptionDetails {
            member: member("ann"),
            wallet: None,
            payers: Vec::new(),
            ..found
        }
    }

    fn check(&self) {
        assert_eq!(self.world.audit(&self.world.tenant), []);
    }
}

fn lots(world: &World) -> BTreeMap<(MemberKey, u64), Lot> {
    world.lots.clone()
}

/// The same answer, or the same refusal with the same words.
fn same<T: PartialEq + std::fmt::Debug>(
    one: Result<T, Rejection>,
    other: Result<T, Rejection>,
) -> Option<T> {
    assert_eq!(one, other);
    one.ok()
}

fn gifts() -> impl Strategy<Value = Vec<Gift>> {
    let gift = (
        0..NAMES.len(),
        prop_oneof![Just("points"), Just("EUR"), Just("main")],
        1_i64..300,
        proptest::option::of(1_u8..28),
    );
    proptest::collection::vec(gift, 0..10)
}

/// Of each bucket nobody pays before whoever comes first has given everything of it.
fn check_order(world: &World, paid: &Redeemed) {
    for part in &paid.parts {
        let mut all = part.amount.minor();
        for name in NAMES {
            let key = world.member_key(name);
            let balances = &world.members[&key].balances;
            let there = balances.get(&part.bucket.purpose(), part.amount.asset());
            let share = paid.payers.iter().find(|share| share.member == key.member);
            let parts = share.iter().flat_map(|share| &share.parts);
            let mut own = parts.filter(|own| own.bucket == part.bucket);
            let given = own.next().map_or(0, |own| own.amount.minor());
            assert_eq!(given, there.min(all), "{name} of {}", part.bucket);
            all -= given;
        }
        assert_eq!(all, 0);
    }
    let shares = paid.payers.iter().map(|share| share.paid.minor());
    assert_eq!(shares.sum::<i64>(), paid.paid.minor());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_wallet_pays_as_one_member_who_has_everything(
        gifts in gifts(),
        (units, floor, step, share) in (1_i64..7, 1_i64..60, 1_i64..25, 30_u8..=100),
        total in 1_i64..900,
        amount in proptest::option::of(1_i64..500),
        cancelled in proptest::collection::vec(1_i64..200, 0..4),
    ) {
        let program = program(units, floor, step, share);
        let mut together = Side { world: world(&program, &gifts, false), wallet: Some("home"), turn: 0 };
        let mut alone = Side { world: world(&program, &gifts, true), wallet: None, turn: 0 };
        let before = (together.world.clone(), alone.world.clone());
        let paid = together.redeem(total, amount);
        if let Ok(paid) = &paid {
            check_order(&before.0, paid);
        }
        let paid = paid.map(|paid| Redeemed { payers: Vec::new(), ..paid });
        if same(paid, alone.redeem(total, amount)).is_none() {
            return Ok(());
        }
        together.check();
        for (number, amount) in (1..).zip(cancelled) {
            let plain = |one: CancelledRedemption| CancelledRedemption { payers: Vec::new(), ..one };
            same(together.cancel(number, Some(amount)).map(plain), alone.cancel(number, Some(amount)));
            prop_assert_eq!(together.get(), alone.get());
            together.check();
        }
        let (last, _) = (together.cancel(99, None), alone.cancel(99, None));
        let is_over = last.is_ok_and(|last| last.paid.minor() == 0);
        prop_assert!(is_over || together.get().returned == together.get().captured);
        prop_assert_eq!(lots(&together.world), lots(&before.0));
        for (key, row) in &together.world.members {
            prop_assert_eq!(&row.balances, &before.0.members[key].balances);
        }
        together.check();
    }

    #[test]
    fn what_is_reserved_together_goes_the_way_of_what_one_reserves(
        gifts in gifts(),
        units in 1_i64..7,
        total in 1_i64..900,
        captured in proptest::collection::vec(1_i64..200, 0..4),
        is_released in any::<bool>(),
        cancelled in proptest::collection::vec(1_i64..200, 0..3),
    ) {
        let program = program(units, 1, 1, 100);
        let mut together = Side { world: world(&program, &gifts, false), wallet: Some("home"), turn: 0 };
        let mut alone = Side { world: world(&program, &gifts, true), wallet: None, turn: 0 };
        let before = together.world.clone();
        let plain = |one: AuthorizedRedemption| AuthorizedRedemption { payers: Vec::new(), ..one };
        if same(together.authorize(total, None).map(plain), alone.authorize(total, None)).is_none() {
            return Ok(());
        }
        together.check();
        for (number, amount) in (1..).zip(captured) {
            let plain = |one: CapturedRedemption| CapturedRedemption { payers: Vec::new(), ..one };
            same(together.capture(number, amount).map(plain), alone.capture(number, amount));
            prop_assert_eq!(together.get(), alone.get());
            together.check();
        }
        if is_released {
            same(together.release(), alone.release());
        } else {
            together.world.at("2026-03-20");
            alone.world.at("2026-03-20");
        }
        prop_assert_eq!(together.get(), alone.get());
        together.check();
        for (number, amount) in (1..).zip(cancelled) {
            let plain = |one: CancelledRedemption| CancelledRedemption { payers: Vec::new(), ..one };
            same(together.cancel(number, Some(amount)).map(plain), alone.cancel(number, Some(amount)));
            prop_assert_eq!(together.get(), alone.get());
            together.check();
        }
        let _ = (together.cancel(99, None), alone.cancel(99, None));
        prop_assert_eq!(together.get(), alone.get());
        // Whoever is looked at has everything back, in the lots that it came from.
        for name in NAMES {
            together.world.run_as(&format!("s{name}"), &rewards_core::operations::rewards::SettleMember {
                member: member(name),
            }).unwrap();
        }
        prop_assert_eq!(lots(&together.world), lots(&before));
        together.check();
    }
}
