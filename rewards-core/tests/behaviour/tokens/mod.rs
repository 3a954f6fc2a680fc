//! Offline tokens: what their tests share, and how they are issued, redeemed and taken back.

#![expect(
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in the functions that tests share as well"
)]

mod settling;

use rewards_core::command::Operation as _;
use rewards_core::event::Event;
use rewards_core::operations::members::{MergeMembers, MergedTiers};
use rewards_core::operations::redemptions::{
    CancelRedemption, CaptureRedemption, ReleaseRedemption,
};
use rewards_core::operations::tokens::{
    CancelToken, FreezeTokens, GetToken, GetTokenKeys, IssueToken, IssuedToken, ListRevokedTokens,
    ListTokens, RedeemToken, TokenDetails,
};
use rewards_core::rejection::Rejection;
use rewards_core::tokens::{SignedToken, SpendClaims, TokenSigner, TokenState};

use crate::support::keys::{TestKeys, issuer};
use crate::words::money;
use crate::world::{World, at, member};

const PROGRAM: &str = r#"
    [redemptions]
    order = ["main"]
    [tokens]
    issuer = "acme"
    spend_maximum = "20.00"
    active = 3
    active_amount = "120.00"
    active_per_device = 2
    refused_categories = ["gambling"]
"#;

fn world() -> World {
    let mut world = World::with(PROGRAM);
    world.give_main("ann", 100_000);
    world
}

/// The device of a test.
fn device() -> TokenSigner {
    TokenSigner::from_seed(&[7; 32])
}

fn bearer(token: &str, amount: &str) -> IssueToken {
    IssueToken {
        token: token.parse().unwrap(),
        member: member("ann"),
        program: "main".parse().unwrap(),
        amount: money(amount, "EUR"),
        holder_key: None,
        device: None,
        merchant: None,
        lifetime_minutes: None,
    }
}

fn bound(token: &str, amount: &str) -> IssueToken {
    IssueToken {
        holder_key: Some(hex::encode(device().public_key())),
        device: "phone".parse().ok(),
        ..bearer(token, amount)
    }
}

fn redeem(token: &str, order: &str) -> RedeemToken {
    RedeemToken {
        token: token.parse().unwrap(),
        order: order.parse().unwrap(),
        merchant: None,
        category: None,
    }
}

fn cancel(token: &str) -> CancelToken {
    CancelToken {
        member: member("ann"),
        token: token.parse().unwrap(),
    }
}

fn get(world: &mut World, token: &str) -> TokenDetails {
    let token = token.parse().unwrap();
    world.run(&GetToken { token }).unwrap()
}

/// Issues a token, and gives it as the device has it.
fn issued(world: &mut World, request: &IssueToken) -> IssuedToken {
    let mut reply = world.run(request).unwrap();
    let tenant = world.tenant.clone();
    IssueToken::reveal(&mut reply, &tenant, &TestKeys).unwrap();
    reply
}

/// The first payment of a token.
fn first(token: &IssuedToken, merchant: &str, minor: i64) -> SpendClaims {
    SpendClaims {
        merchant: merchant.parse().unwrap(),
        at: at("2026-03-02T12:00:05Z"),
        token: token.claims.token.clone(),
        minor,
        counter: 1,
        previous: SignedToken::parse(&token.text).unwrap().digest(),
        reference: None,
    }
}

/// The payment after another one.
fn next(before: &SpendClaims, merchant: &str, minor: i64) -> SpendClaims {
    SpendClaims {
        merchant: merchant.parse().unwrap(),
        minor,
        counter: before.counter + 1,
        previous: before.digest().unwrap(),
        ..before.clone()
    }
}

fn code<T>(reply: Result<T, Rejection>) -> &'static str {
    reply.map_or_else(|refused| refused.code(), |_| "ok")
}

/// What the member has, and what of it is reserved.
fn balance(world: &World) -> (i64, i64) {
    let of = |purpose: rewards_core::ledger::Purpose| {
        let row = &world.members[&world.member_key("ann")];
        row.balances.get(&purpose, "EUR".parse().unwrap())
    };
    (
        of(rewards_core::ledger::Purpose::Main),
        of(rewards_core::ledger::Purpose::Reserved),
    )
}

#[test]
fn a_token_reserves_its_value_and_says_what_the_program_says() {
    let mut world = world();
    let token = issued(&mut world, &bound("t1", "50.00"));
    assert_eq!(balance(&world), (95_000, 5_000));
    let read = SignedToken::parse(&token.text).unwrap();
    assert_eq!(read.verify(&issuer().public_key()), Ok(()));
    assert_eq!(read.claims, token.claims);
    let claims = &token.claims;
    assert_eq!(claims.issuer.as_str(), "acme");
    assert_eq!(claims.expires_at, at("2026-03-03"));
    assert_eq!((claims.issued_at, claims.begins_at), (world.now, world.now));
    assert_eq!(claims.spend_max, Some(money("20.00", "EUR")));
    assert_eq!(claims.spends_max, Some(10));
    assert_eq!(claims.refused_categories.len(), 1);
    assert_eq!(token.settles_until, at("2026-03-10"));
    let told = get(&mut world, "t1");
    assert_eq!(
        (told.state, told.reserved),
        (TokenState::Active, money("50.00", "EUR"))
    );
    // The same request is the same token, and another one is not.
    let again = issued(&mut world, &bound("t1", "50.00"));
    assert_eq!(again, token);
    assert_eq!(code(world.run(&bound("t1", "60.00"))), "key_reused");
    assert_eq!(
        code(world.run_as("x", &bound("t1", "50.00"))),
        "token_exists"
    );
    let bearer = issued(&mut world, &bearer("t2", "30.00"));
    assert_eq!(bearer.settles_until, bearer.claims.expires_at);
    assert_eq!(
        (bearer.claims.spend_max, bearer.claims.spends_max),
        (None, None)
    );
    world.assert_valid();
}

#[test]
fn what_a_program_does_not_allow_is_refused() {
    let mut world = world();
    let with = |change: fn(&mut IssueToken)| {
        let mut request = bound("t", "50.00");
        change(&mut request);
        request
    };
    for (expected, request) in [
        (
            "program_unknown",
            with(|one| one.program = "p".parse().unwrap()),
        ),
        ("invalid", with(|one| one.amount = money("50.00", "USD"))),
        (
            "invalid",
            with(|one| one.holder_key = Some("00".repeat(32))),
        ),
        (
            "invalid",
            with(|one| one.holder_key = Some("AB".repeat(32))),
        ),
        ("invalid", with(|one| one.lifetime_minutes = Some(1_441))),
        ("invalid", with(|one| one.lifetime_minutes = Some(0))),
        ("token_limit", with(|one| one.amount = money("4.99", "EUR"))),
        (
            "token_limit",
            with(|one| one.amount = money("1000.01", "EUR")),
        ),
        ("member_unknown", with(|one| one.member = member("nobody"))),
        (
            "insufficient_balance",
            with(|one| one.member = member("bob")),
        ),
        (
            "token_limit",
            with(|one| one.amount = money("120.01", "EUR")),
        ),
        ("ok", with(|one| one.amount = money("5.00", "EUR"))),
    ] {
        world.register("bob");
        assert_eq!(code(world.run(&request)), expected, "{request:?}");
    }
    assert_eq!(code(world.run(&bound("t2", "5.00"))), "ok");
    assert_eq!(
        code(world.run(&bound("t3", "5.00"))),
        "token_limit",
        "for one device"
    );
    assert_eq!(
        code(world.run(&bearer("t3", "110.01"))),
        "token_limit",
        "in all"
    );
    assert_eq!(code(world.run(&bearer("t3", "110.00"))), "ok");
    world.run(&cancel("t")).unwrap();
    assert_eq!(
        code(world.run(&bearer("t4", "5.00"))),
        "ok",
        "after one was cancelled"
    );
    assert_eq!(
        code(world.run(&bearer("t5", "5.00"))),
        "token_limit",
        "too many at once"
    );
    world.at("2026-03-03");
    assert_eq!(
        code(world.run(&bearer("t5", "5.00"))),
        "ok",
        "the others have ended"
    );
    world
        .publish("[redemptions]\norder = [\"main\"]", "2026-03-03T12:00:00Z")
        .unwrap();
    assert_eq!(code(world.run(&bearer("t6", "5.00"))), "tokens_not_offered");
    let only =
        "[redemptions]\norder = [\"main\"]\n[tokens]\nissuer = \"acme\"\nmodes = [\"bound\"]";
    world.publish(only, "2026-03-03T12:00:00Z").unwrap();
    assert_eq!(
        code(world.run(&bearer("t6", "5.00"))),
        "token_mode_not_offered"
    );
    world.assert_valid();
}

#[test]
fn whoever_bears_a_token_redeems_it_once() {
    let mut world = world();
    issued(&mut world, &bearer("t1", "50.00"));
    let paid = world.run(&redeem("t1", "o1")).unwrap();
    assert_eq!(paid.paid, money("50.00", "EUR"));
    assert_eq!(world.run(&redeem("t1", "o1")).unwrap(), paid, "told again");
    assert_eq!(code(world.run(&redeem("t1", "o2"))), "token_spent");
    assert_eq!(code(world.run(&cancel("t1"))), "token_spent");
    assert_eq!(balance(&world), (95_000, 0));
    assert_eq!(get(&mut world, "t1").paid, money("50.00", "EUR"));
    assert_eq!(code(world.run(&redeem("t9", "o1"))), "token_unknown");
    issued(&mut world, &bound("t2", "50.00"));
    assert_eq!(code(world.run(&redeem("t2", "o3"))), "token_bound");
    let mut request = bearer("t3", "5.00");
    request.merchant = "shop".parse().ok();
    issued(&mut world, &request);
    let at_shop = |merchant: &str, category: &str| RedeemToken {
        merchant: merchant.parse().ok(),
        category: category.parse().ok(),
        ..redeem("t3", "o4")
    };
    assert_eq!(code(world.run(&redeem("t3", "o4"))), "token_audience_wrong");
    assert_eq!(
        code(world.run(&at_shop("other", "food"))),
        "token_audience_wrong"
    );
    assert_eq!(
        code(world.run(&at_shop("shop", "gambling"))),
        "token_category_refused"
    );
    world.at("2026-03-03");
    assert_eq!(code(world.run(&at_shop("shop", "food"))), "token_expired");
    world.assert_valid();
}

#[test]
fn value_of_a_token_comes_back_without_a_sweep() {
    let mut world = world();
    issued(&mut world, &bearer("t1", "50.00"));
    issued(&mut world, &bound("t2", "50.00"));
    // Whoever bears one redeems it where this is known: the value is back at once.
    let back = world.run(&cancel("t1")).unwrap();
    assert_eq!(
        (back.unspent, back.returns_at),
        (money("50.00", "EUR"), world.now)
    );
    assert_eq!(code(world.run(&redeem("t1", "o"))), "token_cancelled");
    // A device may have spent its one where nobody has heard of it yet.
    let back = world.run(&cancel("t2")).unwrap();
    assert_eq!(back.returns_at, at("2026-03-03"));
    assert_eq!(code(world.run_as("x", &cancel("t2"))), "token_cancelled");
    let all = bearer("t3", "120.00");
    let state = |world: &mut World| (get(world, "t2").state, get(world, "t2").reserved.minor());
    assert_eq!(state(&mut world), (TokenState::Cancelled, 5_000));
    world.at("2026-03-03");
    assert_eq!(state(&mut world), (TokenState::Cancelled, 0));
    issued(&mut world, &all);
    assert_eq!(balance(&world), (88_000, 12_000));
    world.at("2026-03-04");
    assert_eq!(get(&mut world, "t3").state, TokenState::Expired);
    issued(&mut world, &bearer("t4", "5.00"));
    assert_eq!(balance(&world), (99_500, 500));
    world.assert_valid();
}

#[test]
fn tokens_of_a_lost_device_are_frozen_and_listed() {
    let mut world = world();
    issued(&mut world, &bound("t1", "20.00"));
    issued(&mut world, &bound("t2", "20.00"));
    let mut other = bearer("t3", "20.00");
    other.device = "watch".parse().ok();
    issued(&mut world, &other);
    let freeze = |device: Option<&str>| FreezeTokens {
        member: member("ann"),
        device: device.map(|device| device.parse().unwrap()),
    };
    let frozen = world.run_as("1", &freeze(Some("phone"))).unwrap();
    let ids: Vec<&str> = frozen.tokens.iter().map(|one| one.token.as_str()).collect();
    assert_eq!(ids, ["t1", "t2"]);
    assert_eq!(frozen.tokens[0].returns_at, at("2026-03-03"));
    assert_eq!(code(world.run(&cancel("t1"))), "token_frozen");
    assert_eq!(get(&mut world, "t3").state, TokenState::Active);
    // Another one can be issued for the new device at once, of what else there is.
    issued(&mut world, &bound("t4", "20.00"));
    assert_eq!(
        world
            .run_as("2", &freeze(Some("phone")))
            .unwrap()
            .tokens
            .len(),
        1
    );
    let frozen = world.run_as("3", &freeze(None)).unwrap();
    assert_eq!(
        frozen.tokens[0].returns_at, world.now,
        "whoever bears one redeems it here"
    );
    let revoked = |world: &mut World| {
        let request = ListRevokedTokens {
            issuer: "acme".parse().unwrap(),
            after: None,
            limit: None,
        };
        let list = world.run(&request).unwrap().tokens.into_iter();
        list.map(|one| one.token.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(revoked(&mut world), ["t1", "t2", "t3", "t4"]);
    assert_eq!(world.run(&ListTokens::default()).unwrap().tokens.len(), 4);
    // Their time is over, and tills take them a little longer.
    world.at("2026-03-03T12:59:59Z");
    assert_eq!(revoked(&mut world).len(), 4);
    world.at("2026-03-03T13:00:01Z");
    assert!(revoked(&mut world).is_empty());
    world.assert_valid();
    let keys = GetTokenKeys { valid_at: None };
    assert_eq!(world.run(&keys).unwrap().keys.len(), 1);
}

#[test]
fn tokens_of_somebody_who_was_merged_are_the_other_members() {
    let mut world = world();
    for token in ["t1", "t2", "t3"] {
        let request = match token {
            "t1" => bound(token, "20.00"),
            _ => bearer(token, "20.00"),
        };
        issued(&mut world, &request);
    }
    world.register("bob");
    let merge = MergeMembers {
        member: member("ann"),
        into: member("bob"),
        tiers: Some(MergedTiers::Own),
    };
    world.run_as("m", &merge).unwrap();
    world.run(&redeem("t2", "o1")).unwrap();
    let cancel = CancelToken {
        member: member("bob"),
        token: "t3".parse().unwrap(),
    };
    world.run(&cancel).unwrap();
    let freeze = FreezeTokens {
        member: member("ann"),
        device: None,
    };
    let frozen = world.run_as("f", &freeze).unwrap().tokens;
    assert_eq!(frozen.len(), 1);
    assert_eq!(frozen[0].token.as_str(), "t1");
    world.at("2026-03-03");
    world.settle();
    world.assert_valid();
}

#[test]
fn nothing_else_moves_what_a_token_holds() {
    let mut world = world();
    issued(&mut world, &bearer("t1", "50.00"));
    let redemption = get(&mut world, "t1").redemption;
    let capture = CaptureRedemption {
        member: member("ann"),
        redemption: redemption.clone(),
        number: 1,
        amount: None,
    };
    assert_eq!(code(world.run(&capture)), "redemption_of_token");
    let release = ReleaseRedemption {
        member: member("ann"),
        redemption: redemption.clone(),
    };
    assert_eq!(code(world.run(&release)), "redemption_of_token");
    world.run(&redeem("t1", "o1")).unwrap();
    let undo = CancelRedemption {
        member: member("ann"),
        redemption,
        number: Some(1),
        amount: None,
    };
    world.run(&undo).unwrap();
    assert_eq!(balance(&world), (100_000, 0), "a payment can be refunded");
    world.assert_valid();
}

#[test]
fn what_happens_to_tokens_is_told() {
    let mut world = world();
    issued(&mut world, &bearer("t1", "50.00"));
    world.run(&redeem("t1", "o1")).unwrap();
    issued(&mut world, &bearer("t2", "50.00"));
    world.run(&cancel("t2")).unwrap();
    let told = world.events.values().flatten();
    let told: Vec<&Event> = told.map(|record| &record.event).collect();
    let has = |is_it: fn(&Event) -> bool| told.iter().any(|event| is_it(event));
    assert!(has(|event| matches!(event, Event::TokenIssued { .. })));
    assert!(has(|event| matches!(
        event,
        Event::TokenSpent { counter: None, .. }
    )));
    assert!(has(|event| matches!(
        event,
        Event::TokenRevoked {
            is_frozen: false,
            ..
        }
    )));
}
