//! Wallets that members share: who is in them, who pays what from them and gets it back, and what is refused.

use rewards_core::event::Event;
use rewards_core::ids::MemberId;
use rewards_core::ledger::Lot;
use rewards_core::member::MemberStatus;
use rewards_core::money::Money;
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::{EraseMember, MergeMembers, UpdateMember};
use rewards_core::operations::purchases::RecordPurchase;
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CancelledRedemption, CaptureRedemption,
    CapturedRedemption, GetRedemption, ListRedemptions, PaidShare, QuoteRedemption, Redeem,
    Redeemed, RedemptionDetails, ReleaseRedemption,
};
use rewards_core::operations::rewards::{GrantReward, SettleMember};
use rewards_core::operations::shared_wallets::{
    CreateSharedWallet, CreatedSharedWallet, GetSharedWallet, ListSharedWallets,
    UpdateSharedWallet, UpdatedSharedWallet,
};
use rewards_core::rejection::Rejection;
use rewards_core::wallet::{RedemptionState, SharedWalletState};

use crate::words::{money, say, say_all};
use crate::world::{World, at, member};

const SHOP: &str = r#"
units = [{ asset = "points" }]
redemptions = { order = [{ unit = { asset = "points", value = { units = "3", money = "0.01" } } }, "cashback", "main"], expires_after_minutes = 60 }
"#;

fn members(names: &str) -> Vec<MemberId> {
    names.split_whitespace().map(member).collect()
}

/// A world with ann, bob, cid and eve.
fn world(program: &str) -> World {
    let mut world = World::with(program);
    for name in ["bob", "cid", "eve"] {
        world.register(name);
    }
    world
}

fn create(world: &mut World, wallet: &str, names: &str) -> Result<CreatedSharedWallet, Rejection> {
    world.run(&CreateSharedWallet {
        wallet: wallet.parse().unwrap(),
        members: members(names),
    })
}

fn update(
    world: &mut World,
    wallet: &str,
    names: Option<&str>,
) -> Result<UpdatedSharedWallet, Rejection> {
    let key = format!("update-{}", world.commands);
    let update = UpdateSharedWallet {
        wallet: wallet.parse().unwrap(),
        members: names.map(members),
        close: names.is_none(),
    };
    world.run_as(&key, &update)
}

fn grant(world: &mut World, who: &str, what: &str, expires: Option<&str>) {
    let (amount, asset) = what.split_once(' ').unwrap();
    let grant = GrantReward {
        source: None,
        reference: None,
        member: member(who),
        amount: money(amount, asset),
        reason: "a gift".to_owned(),
        expires_at: expires.map(at),
    };
    let key = format!("grant-{}", world.commands);
    world.run_as(&key, &grant).unwrap();
}

fn redeem(id: &str, who: &str, total: &str) -> Redeem {
    Redeem {
        redemption: id.parse().unwrap(),
        member: member(who),
        program: "main".parse().unwrap(),
        order: "order".parse().unwrap(),
        total: money(total, "EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: Some("home".parse().unwrap()),
    }
}

fn authorize(id: &str, who: &str, total: &str) -> AuthorizeRedemption {
    AuthorizeRedemption {
        redemption: id.parse().unwrap(),
        member: member(who),
        program: "main".parse().unwrap(),
        order: "order".parse().unwrap(),
        total: money(total, "EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: Some("home".parse().unwrap()),
    }
}

fn capture(
    world: &mut World,
    who: &str,
    number: u32,
    amount: Option<&str>,
) -> Result<CapturedRedemption, Rejection> {
    world.run(&CaptureRedemption {
        member: member(who),
        redemption: "r".parse().unwrap(),
        number,
        amount: amount.map(|amount| money(amount, "EUR")),
    })
}

fn cancel(
    world: &mut World,
    who: &str,
    number: u32,
    amount: Option<&str>,
) -> Result<CancelledRedemption, Rejection> {
    world.run(&CancelRedemption {
        member: member(who),
        redemption: "r".parse().unwrap(),
        number: Some(number),
        amount: amount.map(|amount| money(amount, "EUR")),
    })
}

fn get(world: &mut World) -> RedemptionDetails {
    let redemption = "r".parse().unwrap();
    world.run(&GetRedemption { redemption }).unwrap()
}

/// Who paid what: `ann 1.00 (300 points, 0.50 EUR)`.
fn payers(shares: &[PaidShare]) -> String {
    let shares = shares.iter().map(|share| {
        let parts: Vec<String> = share.parts.iter().map(|part| say(&part.amount)).collect();
        format!("{} {} ({})", share.member, share.paid, parts.join(", "))
    });
    shares.collect::<Vec<_>>().join("; ")
}

/// What each member can use, and what is reserved.
fn balances(world: &mut World, names: &str) -> String {
    let shown = names.split_whitespace().map(|name| {
        let balance = world.run(&GetBalance::new(member(name))).unwrap();
        let assets = balance.assets.iter().map(|own| {
            let reserved = own.reserved.map(|reserved| format!(" and {reserved}"));
            format!("{}{}", say(&own.available), reserved.unwrap_or_default())
        });
        format!("{name} {}", assets.collect::<Vec<_>>().join(", "))
    });
    shown.collect::<Vec<_>>().join("; ")
}

/// What `get_shared_wallet` says each could pay with, and all together.
fn shown(world: &mut World, wallet: &str) -> String {
    let wallet = wallet.parse().unwrap();
    let found = world.run(&GetSharedWallet { wallet }).unwrap();
    let own = found.members.iter();
    let own = own.map(|own| format!("{} {}", own.member, say_all(&own.available)));
    let own: Vec<String> = own.collect();
    format!("{} = {}", own.join("; "), say_all(&found.available))
}

fn of(world: &mut World, who: &str) -> Vec<String> {
    let list = ListSharedWallets {
        member: Some(member(who)),
        ..ListSharedWallets::default()
    };
    let list = world.run(&list).unwrap();
    let wallets = list.wallets.iter();
    wallets.map(|wallet| wallet.wallet.to_string()).collect()
}

fn lots(world: &World) -> Vec<Lot> {
    world.lots.values().cloned().collect()
}

fn set_status(world: &mut World, who: &str, status: MemberStatus) {
    let update = UpdateMember {
        status: Some(status),
        forfeit: true,
        ..UpdateMember::new(member(who))
    };
    let key = format!("status-{}", world.commands);
    world.run_as(&key, &update).unwrap();
}

fn merge(world: &mut World, who: &str, into: &str) -> Result<(), Rejection> {
    let merge = MergeMembers {
        member: member(who),
        into: member(into),
        tiers: None,
    };
    world.run(&merge).map(|_| ())
}

fn check(world: &World) {
    assert_eq!(world.audit(&world.tenant), []);
}

fn code<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
    result.unwrap_err().code()
}

fn events(world: &World, who: &str) -> Vec<Event> {
    let streams = world.events.iter();
    let own = streams.filter(|((_, stream), _)| {
        matches!(stream, rewards_core::event::Stream::Member(own) if *own == member(who))
    });
    own.flat_map(|(_, records)| records)
        .map(|record| record.event.clone())
        .collect()
}

#[test]
fn a_wallet_lists_its_members_in_paying_order() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "5.00 EUR", None);
    grant(&mut world, "bob", "2.00 EUR", Some("2026-03-05"));
    grant(&mut world, "bob", "40 points", None);
    let made = create(&mut world, "home", "bob ann").unwrap();
    assert_eq!(made.members, members("bob ann"));
    assert_eq!(create(&mut world, "home", "bob ann").unwrap(), made);
    assert_eq!(code(create(&mut world, "home", "ann bob")), "key_reused");
    assert_eq!(
        shown(&mut world, "home"),
        "bob 2.00 EUR 40 points; ann 5.00 EUR = 7.00 EUR 40 points"
    );
    // Without a sweep, what has expired is gone.
    world.at("2026-03-05");
    assert_eq!(
        shown(&mut world, "home"),
        "bob 40 points; ann 5.00 EUR = 5.00 EUR 40 points"
    );
    let updated = update(&mut world, "home", Some("ann cid")).unwrap();
    assert_eq!(updated.members, members("ann cid"));
    assert_eq!(of(&mut world, "bob"), [""; 0]);
    assert_eq!(of(&mut world, "cid"), ["home"]);
    // Who was let go can share another one.
    create(&mut world, "work", "bob eve").unwrap();
    let all = world.run(&ListSharedWallets::default()).unwrap();
    let all: Vec<String> = all
        .wallets
        .iter()
        .map(|own| own.wallet.to_string())
        .collect();
    assert_eq!(all, ["work", "home"]);
    let closed = update(&mut world, "home", None).unwrap();
    assert_eq!(
        (closed.state, closed.members),
        (SharedWalletState::Closed, members("ann cid"))
    );
    assert_eq!(shown(&mut world, "home"), "ann ; cid  = ");
    create(&mut world, "flat", "ann cid").unwrap();
    let told: Vec<Event> = events(&world, "ann");
    let told = told.iter().filter(|event| {
        matches!(
            event,
            Event::SharedWalletJoined { .. } | Event::SharedWalletLeft { .. }
        )
    });
    assert_eq!(told.count(), 3);
    check(&world);
}

#[test]
fn wallets_that_cannot_be_are_refused() {
    let mut world = world(SHOP);
    create(&mut world, "home", "ann bob").unwrap();
    create(&mut world, "old", "eve").unwrap();
    update(&mut world, "old", None).unwrap();
    set_status(&mut world, "eve", MemberStatus::Suspended);
    let many = (0..11)
        .map(|n| format!("m{n}"))
        .collect::<Vec<_>>()
        .join(" ");
    for (names, expected) in [
        ("", "invalid"),
        ("cid cid", "invalid"),
        (many.as_str(), "invalid"),
        ("cid ghost", "member_unknown"),
        ("cid ann", "member_in_wallet"),
        ("cid eve", "member_suspended"),
    ] {
        assert_eq!(code(create(&mut world, "new", names)), expected, "{names}");
        let updated = update(&mut world, "home", Some(names));
        let expected = match names {
            "cid ann" => None,
            _ => Some(expected),
        };
        assert_eq!(updated.err().map(|one| one.code()), expected, "{names}");
        if expected.is_none() {
            update(&mut world, "home", Some("ann bob")).unwrap();
        }
    }
    let again = CreateSharedWallet {
        wallet: "home".parse().unwrap(),
        members: members("ann bob"),
    };
    assert_eq!(code(world.run_as("other", &again)), "shared_wallet_exists");
    assert_eq!(
        code(update(&mut world, "none", None)),
        "shared_wallet_unknown"
    );
    assert_eq!(
        code(update(&mut world, "old", None)),
        "shared_wallet_closed"
    );
    assert_eq!(
        code(update(&mut world, "old", Some("cid"))),
        "shared_wallet_closed"
    );
    for (wallet, who, expected) in [
        ("none", "ann", "shared_wallet_unknown"),
        ("old", "eve", "member_suspended"),
        ("old", "cid", "shared_wallet_closed"),
        ("home", "cid", "member_not_in_wallet"),
        ("home", "ghost", "member_unknown"),
        ("home", "ann", "redemption_empty"),
    ] {
        let mut spend = redeem("r", who, "1.00");
        spend.wallet = Some(wallet.parse().unwrap());
        assert_eq!(code(world.run(&spend)), expected, "{wallet} {who}");
    }
    check(&world);
}

#[test]
fn members_pay_in_the_order_of_the_wallet_and_get_it_back() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "1.00 EUR", Some("2026-04-01"));
    grant(&mut world, "ann", "1.00 EUR", None);
    grant(&mut world, "ann", "1 points", None);
    grant(&mut world, "bob", "2.00 EUR", None);
    grant(&mut world, "bob", "100 points", None);
    grant(&mut world, "cid", "9.00 EUR", None);
    create(&mut world, "home", "ann bob cid eve").unwrap();
    let before = lots(&world);
    let quote = QuoteRedemption {
        member: member("eve"),
        program: "main".parse().unwrap(),
        total: money("5.00", "EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: Some("home".parse().unwrap()),
    };
    let quoted = world.run(&quote).unwrap();
    let paid: Redeemed = world.run(&redeem("r", "eve", "5.00")).unwrap();
    assert_eq!(
        (quoted.paid, &quoted.parts, &quoted.payers),
        (paid.paid, &paid.parts, &paid.payers)
    );
    // Of 101 points 99 are worth 33 cents; ann's one is worth nothing by itself.
    assert_eq!(
        payers(&paid.payers),
        "ann 2.00 (1 points, 2.00 EUR); bob 2.33 (98 points, 2.00 EUR); cid 0.67 (0.67 EUR)"
    );
    assert_eq!(
        (say(&paid.paid), say(&paid.rest)),
        ("5.00 EUR".into(), "0.00 EUR".into())
    );
    check(&world);
    assert_eq!(world.run(&redeem("r", "eve", "5.00")).unwrap(), paid);
    assert_eq!(code(world.run(&redeem("r", "ann", "5.00"))), "key_reused");
    let again = world.run_as("other", &redeem("r", "ann", "5.00"));
    assert_eq!(code(again), "redemption_exists");
    let found = get(&mut world);
    assert_eq!(found.state, RedemptionState::Captured);
    assert_eq!(say(&found.captured), "5.00 EUR");
    assert_eq!((found.payers.len(), found.parts.len()), (3, 2));
    let listed = world.run(&ListRedemptions::default()).unwrap().redemptions;
    let listed: Vec<String> = listed
        .iter()
        .map(|own| format!("{} {} {}", own.redemption, own.member, own.captured))
        .collect();
    assert_eq!(listed.len(), 3);
    for own in ["r ann 2.00", "r bob 2.33", "r cid 0.67"] {
        assert!(listed.contains(&own.to_owned()), "{listed:?}");
    }
    // The last one gets back first, and nobody but who shares the wallet may ask for it.
    world.register("far");
    assert_eq!(
        code(cancel(&mut world, "far", 1, None)),
        "redemption_unknown"
    );
    assert_eq!(code(cancel(&mut world, "far2", 1, None)), "member_unknown");
    let back = cancel(&mut world, "eve", 1, Some("3.00")).unwrap();
    let returned: Vec<String> = back
        .payers
        .iter()
        .map(|own| format!("{} {}", own.member, say_all(&own.returned)))
        .collect();
    assert_eq!(returned, ["ann 0.33 EUR", "bob 2.00 EUR", "cid 0.67 EUR"]);
    assert_eq!(get(&mut world).state, RedemptionState::Captured);
    check(&world);
    let rest = cancel(&mut world, "ann", 2, None).unwrap();
    assert_eq!(
        (say(&rest.paid), say_all(&rest.returned)),
        ("0.00 EUR".into(), "1.67 EUR 99 points".into())
    );
    assert_eq!(lots(&world), before);
    assert_eq!(get(&mut world).state, RedemptionState::Cancelled);
    assert_eq!(
        code(cancel(&mut world, "ann", 3, None)),
        "redemption_cancelled"
    );
    check(&world);
}

#[test]
fn terms_hold_for_the_order_and_not_for_each_payer() {
    let mut world = world(
        r#"
        units = [{ asset = "points" }]
        [redemptions]
        max_share = "50%"
        order = [
            { unit = { asset = "points", value = { units = "100", money = "1.00" }, floor = "200", step = "100", ceiling = { share = "30%" } } },
            "cashback",
        ]
        "#,
    );
    for (who, points) in [
        ("ann", "150 points"),
        ("bob", "250 points"),
        ("cid", "900 points"),
    ] {
        grant(&mut world, who, points, None);
    }
    grant(&mut world, "cid", "9.00 EUR", None);
    create(&mut world, "home", "ann bob cid").unwrap();
    // Nobody alone: 150 are below the floor. Together: 30% of 10.00 are 300 points, and half of the order is 5.00.
    let paid = world.run(&redeem("r", "ann", "10.00")).unwrap();
    assert_eq!(
        payers(&paid.payers),
        "ann 1.50 (150 points); bob 1.50 (150 points); cid 2.00 (2.00 EUR)"
    );
    assert_eq!(say(&paid.paid), "5.00 EUR");
    let mut more = redeem("r2", "ann", "10.00");
    more.amount = Some(money("5.01", "EUR"));
    assert_eq!(code(world.run(&more)), "redemption_above_order");
    let mut all = redeem("r2", "ann", "100.00");
    all.amount = Some(money("50.00", "EUR"));
    let refused = world.run(&all).unwrap_err();
    let Rejection::Insufficient { needed, available } = refused else {
        panic!("{refused:?}");
    };
    // 1000 points and 7.00 of cashback are left in all.
    assert_eq!((&*needed, &*available), ("50.00 EUR", "17.00 EUR"));
    check(&world);
}

#[test]
fn what_is_reserved_together_is_captured_and_released_together() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "200 points", None);
    grant(&mut world, "bob", "199 points", None);
    grant(&mut world, "bob", "1.00 EUR", None);
    create(&mut world, "home", "ann bob cid").unwrap();
    let before = lots(&world);
    let reserved = world.run(&authorize("r", "cid", "2.00")).unwrap();
    assert_eq!(say(&reserved.reserved), "2.00 EUR");
    assert_eq!(
        balances(&mut world, "ann bob"),
        "ann 0 points and 200; bob 0.33 EUR and 0.67, 0 points and 199"
    );
    check(&world);
    let first = capture(&mut world, "bob", 1, Some("0.66")).unwrap();
    assert_eq!(payers(&first.payers), "ann 0.66 (198 points)");
    assert_eq!(get(&mut world).state, RedemptionState::Authorized);
    check(&world);
    let second = capture(&mut world, "ann", 2, Some("0.01")).unwrap();
    assert_eq!(
        payers(&second.payers),
        "ann 0.00 (2 points); bob 0.01 (1 points)"
    );
    assert_eq!(say(&second.reserved), "1.33 EUR");
    let refused = capture(&mut world, "ann", 3, Some("1.34"));
    assert_eq!(code(refused), "capture_above_reserved");
    let release = ReleaseRedemption {
        member: member("cid"),
        redemption: "r".parse().unwrap(),
    };
    let released = world.run(&release).unwrap();
    assert_eq!(say_all(&released.returned), "0.67 EUR 198 points");
    assert_eq!(released.payers.len(), 1);
    assert_eq!(get(&mut world).state, RedemptionState::Released);
    assert_eq!(
        code(capture(&mut world, "ann", 4, None)),
        "redemption_released"
    );
    check(&world);
    cancel(&mut world, "bob", 1, None).unwrap();
    assert_eq!(lots(&world), before);
    assert_eq!(get(&mut world).state, RedemptionState::Cancelled);
    check(&world);
}

#[test]
fn what_is_over_is_everybodys_own_again_without_a_sweep() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "1.00 EUR", None);
    grant(&mut world, "bob", "1.00 EUR", None);
    create(&mut world, "home", "ann bob").unwrap();
    world.run(&authorize("r", "ann", "1.50")).unwrap();
    world.at("2026-03-02T13:00:00Z");
    assert_eq!(
        shown(&mut world, "home"),
        "ann 1.00 EUR; bob 1.00 EUR = 2.00 EUR"
    );
    assert_eq!(get(&mut world).state, RedemptionState::Expired);
    let settle = SettleMember {
        member: member("bob"),
    };
    world.run_as("settle", &settle).unwrap();
    check(&world);
    // Written down for one of them, it is the same for all.
    assert_eq!(get(&mut world).state, RedemptionState::Expired);
    assert_eq!(
        code(capture(&mut world, "ann", 1, None)),
        "redemption_expired"
    );
    let told = events(&world, "bob");
    let named = told.iter().any(|event| {
        matches!(event, Event::RedemptionReleased { redemption, expired: true, .. } if redemption.as_str() == "r")
    });
    assert!(named, "{told:?}");
    let paid = world.run(&redeem("r2", "bob", "1.50")).unwrap();
    assert_eq!(
        payers(&paid.payers),
        "ann 1.00 (1.00 EUR); bob 0.50 (0.50 EUR)"
    );
    check(&world);
}

/// The clock of one engine is behind that of another one, by which it was written down for one payer that the time is over.
#[test]
fn what_is_over_for_one_payer_is_over_for_all_whatever_a_clock_says() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "1.00 EUR", None);
    grant(&mut world, "bob", "1.00 EUR", None);
    create(&mut world, "home", "ann bob").unwrap();
    world.run(&authorize("r", "ann", "1.50")).unwrap();
    capture(&mut world, "ann", 1, Some("0.60")).unwrap();
    for (who, before) in [("bob", "2026-03-02T12:30:00Z"), ("ann", "")] {
        world.at("2026-03-02T13:00:00Z");
        let member = member(who);
        world.run_as(who, &SettleMember { member }).unwrap();
        if !before.is_empty() {
            world.at(before);
            let wrong = code(capture(&mut world, "ann", 2, None));
            assert_eq!(wrong, "redemption_expired");
            cancel(&mut world, "bob", 1, None).unwrap();
        }
        check(&world);
    }
    assert_eq!(get(&mut world).state, RedemptionState::Cancelled);
    let all = "ann 1.00 EUR; bob 1.00 EUR = 2.00 EUR";
    assert_eq!(shown(&mut world, "home"), all);
}

#[test]
fn who_takes_no_part_pays_nothing() {
    let mut world = world(SHOP);
    for who in ["ann", "bob", "cid"] {
        grant(&mut world, who, "1.00 EUR", None);
    }
    create(&mut world, "home", "ann bob cid").unwrap();
    set_status(&mut world, "ann", MemberStatus::Suspended);
    assert_eq!(
        shown(&mut world, "home"),
        "ann ; bob 1.00 EUR; cid 1.00 EUR = 2.00 EUR"
    );
    assert_eq!(
        code(world.run(&redeem("r", "ann", "1.50"))),
        "member_suspended"
    );
    let paid = world.run(&redeem("r", "bob", "1.50")).unwrap();
    assert_eq!(
        payers(&paid.payers),
        "bob 1.00 (1.00 EUR); cid 0.50 (0.50 EUR)"
    );
    // To who has left nothing goes back, and then to nobody.
    set_status(&mut world, "cid", MemberStatus::Closed);
    assert_eq!(shown(&mut world, "home"), "ann ; bob ; cid  = ");
    assert_eq!(code(cancel(&mut world, "bob", 1, None)), "member_closed");
    assert_eq!(code(cancel(&mut world, "cid", 1, None)), "member_closed");
    // Who is suspended can see to it that others get theirs.
    assert_eq!(
        code(cancel(&mut world, "ann", 1, Some("0.10"))),
        "member_closed"
    );
    let erase = EraseMember {
        member: member("cid"),
        forfeit: true,
        after: None,
    };
    world.run_as("erase", &erase).unwrap();
    assert_eq!(of(&mut world, "cid"), ["home"]);
    // The place can be given to somebody else.
    update(&mut world, "home", Some("bob ann")).unwrap();
    assert_eq!(of(&mut world, "cid"), [""; 0]);
    check(&world);
}

#[test]
fn a_place_goes_on_with_who_is_merged() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "1.00 EUR", Some("2026-05-01"));
    grant(&mut world, "bob", "1.00 EUR", None);
    create(&mut world, "home", "ann bob").unwrap();
    create(&mut world, "work", "cid").unwrap();
    world.run(&authorize("r", "ann", "1.50")).unwrap();
    assert_eq!(code(merge(&mut world, "ann", "cid")), "member_in_wallet");
    merge(&mut world, "ann", "eve").unwrap();
    assert_eq!(of(&mut world, "ann"), [""; 0]);
    assert_eq!(of(&mut world, "eve"), ["home"]);
    grant(&mut world, "eve", "0.25 EUR", None);
    assert_eq!(
        shown(&mut world, "home"),
        "eve 0.25 EUR; bob 0.50 EUR = 0.75 EUR"
    );
    // Both are one now: what goes back to the old id goes on, in one commit with what goes back to the other.
    merge(&mut world, "bob", "eve").unwrap();
    assert_eq!(shown(&mut world, "home"), "eve 0.75 EUR = 0.75 EUR");
    check(&world);
    let mut other = world.clone();
    capture(&mut other, "eve", 1, None).unwrap();
    let back = cancel(&mut other, "eve", 1, None).unwrap();
    assert_eq!(say_all(&back.returned), "1.50 EUR");
    let release = ReleaseRedemption {
        member: member("bob"),
        redemption: "r".parse().unwrap(),
    };
    world.run(&release).unwrap();
    for mut world in [world, other] {
        assert_eq!(
            balances(&mut world, "ann bob eve"),
            "ann 0.00 EUR; bob 0.00 EUR; eve 2.25 EUR"
        );
        assert_eq!(of(&mut world, "eve"), ["home"]);
        check(&world);
    }
}

#[test]
fn a_share_cannot_be_named_alone() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "1.00 EUR", None);
    grant(&mut world, "bob", "1.00 EUR", None);
    create(&mut world, "home", "ann bob").unwrap();
    world.run(&authorize("r", "ann", "1.50")).unwrap();
    let shares = world.entities.keys();
    let mut ids = shares.filter(|key| key.kind == "redemption" && key.id != "r");
    let id = ids.next().unwrap().id.clone();
    let redemption = id.parse().unwrap();
    let found = world.run(&GetRedemption { redemption });
    assert_eq!(code(found), "redemption_unknown");
    let captured = world.run(&CaptureRedemption {
        member: member("bob"),
        redemption: id.parse().unwrap(),
        number: 1,
        amount: None::<Money>,
    });
    assert_eq!(code(captured), "redemption_unknown");
}

#[test]
fn a_wallet_of_one_pays_as_its_member_does() {
    let mut alone = world(SHOP);
    for what in ["1.00 EUR", "100 points"] {
        grant(&mut alone, "ann", what, None);
    }
    create(&mut alone, "home", "ann").unwrap();
    let mut shared = alone.clone();
    let own = Redeem {
        wallet: None,
        ..redeem("r", "ann", "1.20")
    };
    let own = alone.run(&own).unwrap();
    let together = shared.run(&redeem("r", "ann", "1.20")).unwrap();
    assert_eq!(
        (own.paid, own.rest, own.parts),
        (together.paid, together.rest, together.parts)
    );
    let own = cancel(&mut alone, "ann", 1, Some("0.40")).unwrap();
    let together = cancel(&mut shared, "ann", 1, Some("0.40")).unwrap();
    assert_eq!((own.returned, own.paid), (together.returned, together.paid));
    assert_eq!(lots(&alone), lots(&shared));
}

/// Ten members, each with an authorization that is over, a reward of a purchase that has matured with somebody who was merged
/// into the member, and a lot that has expired: all of it is seen in a few rounds.
#[test]
fn ten_members_with_much_that_is_due_pay_together() {
    let mut world = World::with(&format!(
        "{SHOP}\n[[rules]]\nid = \"later\"\neffect = {{ fixed = {{ amount = \"1\" }} }}\nlifecycle = {{ pending = {{ days = 1 }} }}\n"
    ));
    let names: Vec<String> = (0..10).map(|n| format!("m{n}")).collect();
    for name in &names {
        let old = format!("{name}-old");
        world.register(name).register(&old);
        let mut purchase = world.purchase("10.00");
        purchase.member = member(&old);
        world.run(&RecordPurchase::new(purchase)).unwrap();
        merge(&mut world, &old, name).unwrap();
        grant(&mut world, name, "0.50 EUR", Some("2026-03-03"));
        grant(&mut world, name, "0.20 EUR", None);
        let own = AuthorizeRedemption {
            wallet: None,
            ..authorize(&format!("own-{name}"), name, "0.60")
        };
        world.run(&own).unwrap();
    }
    create(&mut world, "home", &names.join(" ")).unwrap();
    world.at("2026-03-04");
    assert!(shown(&mut world, "home").ends_with("= 12.00 EUR"));
    let paid = world.run(&redeem("r", "m9", "12.00")).unwrap();
    assert_eq!(
        (say(&paid.rest), paid.payers.len()),
        ("0.00 EUR".to_owned(), 10)
    );
    check(&world);
    let back = cancel(&mut world, "m3", 1, None).unwrap();
    assert_eq!(say_all(&back.returned), "12.00 EUR");
    assert!(shown(&mut world, "home").ends_with("= 12.00 EUR"));
    check(&world);
}

#[test]
fn whoever_pays_is_reviewed_and_keeps_what_the_payment_extends() {
    let mut world = world(
        r#"
        redemptions = { order = ["cashback"] }
        [[rules]]
        id = "base"
        effect = { percent = { rate = "10%" } }
        lifecycle = { expires = { days = 30, extended_by = ["redemption"] } }
        [[ladders]]
        id = "status"
        measure = { balance = "EUR" }
        downgrade = "to_eligible"
        tiers = [{ id = "low", threshold = "0" }, { id = "high", threshold = "5" }]
        "#,
    );
    for who in ["ann", "bob", "cid"] {
        let mut purchase = world.purchase("60.00");
        purchase.member = member(who);
        world.run(&RecordPurchase::new(purchase)).unwrap();
    }
    create(&mut world, "home", "ann bob cid").unwrap();
    world.at("2026-03-12");
    world.run(&redeem("r", "cid", "7.00")).unwrap();
    let moved = |world: &World, who: &str| {
        let told = events(world, who);
        let moves = told
            .iter()
            .filter(|event| matches!(event, Event::TierChanged { .. }));
        moves.count()
    };
    // Up with the purchase; ann has nothing left, bob has 5.00.
    assert_eq!(
        ["ann", "bob", "cid"].map(|who| moved(&world, who)),
        [2, 1, 1]
    );
    let expiries = ["bob", "cid"].map(|who| {
        let lot = world.lots_of(&world.member_key(who)).next().unwrap();
        lot.expires_at.unwrap().micros_since(at("2026-03-12")) / 86_400_000_000
    });
    assert_eq!(expiries, [30, 20]);
    check(&world);
}

#[test]
fn no_payer_has_too_many_authorizations() {
    let mut world = world(SHOP);
    grant(&mut world, "ann", "1.00 EUR", None);
    grant(&mut world, "bob", "9.00 EUR", None);
    create(&mut world, "home", "ann bob").unwrap();
    for n in 0..100 {
        let own = AuthorizeRedemption {
            wallet: None,
            ..authorize(&format!("own-{n}"), "bob", "0.01")
        };
        world.run(&own).unwrap();
    }
    assert_eq!(code(world.run(&authorize("r", "ann", "1.50"))), "too_many");
    let alone = world.run(&authorize("r", "ann", "1.00")).unwrap();
    assert_eq!(payers(&alone.payers), "ann 1.00 (1.00 EUR)");
    check(&world);
}
