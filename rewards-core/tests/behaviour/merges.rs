//! Members who are merged: what goes on to the other member at once and later, what stays readable, and what is refused.

use rewards_core::event::Event;
use rewards_core::ids::MemberId;
use rewards_core::member::MemberStatus;
use rewards_core::money::Money;
use rewards_core::operations::aliases::{LinkAlias, ResolveAlias};
use rewards_core::operations::balances::GetBalance;
use rewards_core::operations::members::{
    ListMembers, MergeMembers, MergedMembers, MergedTiers, UpdateMember,
};
use rewards_core::operations::purchases::{
    CancelPurchase, CancelledPurchase, ConfirmPurchase, ListPurchases, RefundPurchase,
    RefundedPart, RefundedPurchase,
};
use rewards_core::operations::redemptions::{AuthorizeRedemption, CancelRedemption, Redeem};
use rewards_core::operations::rewards::{GrantReward, SettleMember};
use rewards_core::rejection::Rejection;
use rewards_core::secret::Secret;

use crate::words::{money, say, say_all};
use crate::world::{World, at, member};

const PROGRAM: &str = r#"
    [[rules]]
    id = "now"
    effect = { percent = { rate = "10%" } }
    [[rules]]
    id = "later"
    effect = { fixed = { amount = "1" } }
    lifecycle = { pending = { days = 14 } }
    [[rules]]
    id = "waits"
    effect = { fixed = { amount = "2" } }
    lifecycle = { pending = { confirmation = {} } }
    [[ladders]]
    id = "status"
    measure = { spend = "gross" }
    window = { calendar = "month" }
    downgrade = "to_eligible"
    tiers = [{ id = "low", threshold = "0" }, { id = "high", threshold = "100" }]
"#;

const DEBT: &str = "[refunds]\nshortfall = \"debt\"\n";
const PAYING: &str = "[redemptions]\norder = [\"main\", \"cashback\"]\n";
const RESERVED: &str = "[redemptions]\norder = [\"cashback\"]\nexpires_after_minutes = 60\n";

fn merge(world: &mut World, who: &str, into: &str) -> Result<MergedMembers, Rejection> {
    world.run(&MergeMembers {
        member: member(who),
        into: member(into),
        tiers: None,
    })
}

/// Available, pending and owed.
fn balance(world: &mut World, who: &str) -> String {
    let shown = world.run(&GetBalance::new(member(who))).unwrap();
    let assets = shown.assets.iter().map(|asset| {
        let owed = asset.owed.map(|owed| format!(" owes {}", say(&owed)));
        let (available, pending) = (say(&asset.available), say(&asset.pending));
        format!("{available} + {pending}{}", owed.unwrap_or_default())
    });
    assets.collect::<Vec<_>>().join(", ")
}

fn refund(world: &mut World, who: &str, amount: Option<Money>) -> RefundedPurchase {
    let refund = RefundPurchase {
        refund: format!("r{}", world.commands).parse().unwrap(),
        member: member(who),
        purchase: "p1".parse().unwrap(),
        what: amount.map_or(RefundedPart::All, RefundedPart::Amount),
        kind: None,
        reason: None,
    };
    world.run(&refund).unwrap()
}

/// Reserves for an order that is paid from the rewards alone.
fn authorize(world: &mut World, who: &str, total: &str) {
    let authorize = AuthorizeRedemption {
        redemption: "x1".parse().unwrap(),
        member: member(who),
        program: "main".parse().unwrap(),
        order: "o1".parse().unwrap(),
        total: money(total, "EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    };
    world.run(&authorize).unwrap();
}

fn cancel(world: &mut World, who: &str) -> CancelledPurchase {
    let (member, purchase) = (member(who), "p1".parse().unwrap());
    world.run(&CancelPurchase { member, purchase }).unwrap()
}

/// Ann bought for 100, and is merged into Bob.
fn merged(sections: &str) -> World {
    let mut world = World::with(&format!("{PROGRAM}{sections}"));
    world.register("bob");
    world.buy("100 id=p1");
    let merged = merge(&mut world, "ann", "bob").unwrap();
    assert_eq!(say_all(&merged.moved), "10.00 EUR");
    assert_eq!(say_all(&merged.left), "3.00 EUR");
    assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 3.00 EUR");
    assert_eq!(balance(&mut world, "bob"), "10.00 EUR + 0.00 EUR");
    world
}

#[test]
fn what_is_available_goes_on_and_keeps_its_expiry() {
    let mut world = World::with(PROGRAM);
    world.register("bob");
    for (who, amount, expires) in [
        ("ann", "5", Some("2026-05-01")),
        ("ann", "7", None),
        ("bob", "1", Some("2026-04-01")),
    ] {
        let grant = GrantReward {
            member: member(who),
            amount: money(amount, "EUR"),
            reason: "a start".to_owned(),
            expires_at: expires.map(at),
            source: None,
            reference: None,
        };
        let key = format!("g{}", world.commands);
        world.run_as(&key, &grant).unwrap();
    }
    world.give_main("ann", 250);
    let merged = merge(&mut world, "ann", "bob").unwrap();
    assert_eq!(say_all(&merged.moved), "14.50 EUR");
    assert_eq!(say_all(&merged.left), "");
    assert_eq!(balance(&mut world, "bob"), "15.50 EUR + 0.00 EUR");
    world.at("2026-04-01");
    assert_eq!(balance(&mut world, "bob"), "14.50 EUR + 0.00 EUR");
    world.at("2026-05-01");
    assert_eq!(balance(&mut world, "bob"), "9.50 EUR + 0.00 EUR");
}

#[test]
fn what_becomes_available_later_goes_on_in_the_same_step() {
    let mut world = merged("");
    let purchase = "p1".parse().unwrap();
    let confirm = ConfirmPurchase {
        member: member("bob"),
        purchase,
    };
    let confirmed = world.run(&confirm).unwrap();
    // What waits for days is confirmed as well.
    assert_eq!(say_all(&confirmed.released), "3.00 EUR");
    assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 0.00 EUR");
    assert_eq!(balance(&mut world, "bob"), "13.00 EUR + 0.00 EUR");

    let mut world = merged("");
    world.at("2026-03-20");
    // It is so whether a sweep has passed or not, and has been since the instant at which it matured.
    assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 2.00 EUR");
    assert_eq!(balance(&mut world, "bob"), "11.00 EUR + 0.00 EUR");
    let settled = world
        .run(&SettleMember {
            member: member("ann"),
        })
        .unwrap();
    assert_eq!(say_all(&settled.matured), "1.00 EUR");
    assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 2.00 EUR");
    assert_eq!(balance(&mut world, "bob"), "11.00 EUR + 0.00 EUR");
    let told = world.events.values().flatten();
    let told = told.filter(|told| matches!(told.event, Event::RewardsHandedOn { .. }));
    assert_eq!(
        told.count(),
        4,
        "both are told, at the merger and afterwards"
    );
}

/// Neither way to undo a purchase leaves more with the person than before the merger, whichever id is named.
#[test]
fn what_a_purchase_earned_is_taken_back_from_whoever_has_it() {
    for who in ["ann", "bob"] {
        let mut world = merged("");
        let back = refund(&mut world, who, None);
        assert_eq!(say_all(&back.taken_back), "13.00 EUR", "{who}");
        assert_eq!(say_all(&back.shortfall), "");
        assert_eq!(balance(&mut world, "bob"), "0.00 EUR + 0.00 EUR");
        let mut world = merged("");
        let back = cancel(&mut world, who);
        assert_eq!(say_all(&back.taken_back), "13.00 EUR", "{who}");
        assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 0.00 EUR");
        assert_eq!(balance(&mut world, "bob"), "0.00 EUR + 0.00 EUR");
    }
}

/// The end of the old id is not the end of what had gone on.
#[test]
fn what_went_on_is_taken_back_when_the_old_id_was_closed() {
    for (sections, owed) in [("", ""), (DEBT, "")] {
        let mut world = merged(sections);
        let leaves = UpdateMember {
            status: Some(MemberStatus::Closed),
            forfeit: true,
            ..UpdateMember::new(member("ann"))
        };
        world.run_as("leave", &leaves).unwrap();
        let back = refund(&mut world, "bob", None);
        assert_eq!(say_all(&back.owed), owed);
        assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 0.00 EUR");
        assert_eq!(balance(&mut world, "bob"), "0.00 EUR + 0.00 EUR");
    }
}

#[test]
fn parts_add_up_after_a_merger() {
    let mut world = merged("");
    let parts = ["33.33", "33.33", "33.34"];
    let parts = parts.map(|part| refund(&mut world, "bob", Some(money(part, "EUR"))));
    let taken: i64 = parts
        .iter()
        .flat_map(|part| &part.taken_back)
        .map(|taken| taken.minor())
        .sum();
    assert_eq!(taken, 1_300);
    assert_eq!(balance(&mut world, "bob"), "0.00 EUR + 0.00 EUR");
}

#[test]
fn what_the_other_member_has_spent_stops_at_zero_or_is_owed() {
    for (sections, left, short) in [
        ("", "0.00 EUR + 0.00 EUR", "4.00 EUR"),
        (DEBT, "0.00 EUR + 0.00 EUR owes 4.00 EUR", ""),
    ] {
        let mut world = merged(sections);
        let take = rewards_core::operations::rewards::DeductBalance {
            member: member("bob"),
            take: money("4", "EUR"),
            reason: "spent".to_owned(),
            source: None,
            reference: None,
        };
        world.run_as("take", &take).unwrap();
        let back = refund(&mut world, "bob", None);
        if sections.is_empty() {
            assert_eq!(say_all(&back.shortfall), short);
            assert_eq!(say_all(&back.owed), "");
        } else {
            assert_eq!(say_all(&back.owed), "4.00 EUR");
        }
        assert_eq!(balance(&mut world, "bob"), left);
        assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 0.00 EUR");
    }
}

#[test]
fn what_had_paid_an_order_comes_back_to_the_other_member() {
    let mut world = World::with(&format!("{PROGRAM}{PAYING}"));
    world.register("bob");
    world.buy("100 id=p1");
    let redeem = Redeem {
        redemption: "x1".parse().unwrap(),
        member: member("ann"),
        program: "main".parse().unwrap(),
        order: "o1".parse().unwrap(),
        total: money("6", "EUR"),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    };
    world.run(&redeem).unwrap();
    merge(&mut world, "ann", "bob").unwrap();
    assert_eq!(balance(&mut world, "bob"), "4.00 EUR + 0.00 EUR");
    let cancel = CancelRedemption {
        member: member("bob"),
        redemption: "x1".parse().unwrap(),
        number: None,
        amount: None,
    };
    let back = world.run(&cancel).unwrap();
    assert_eq!(say_all(&back.returned), "6.00 EUR");
    assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 3.00 EUR");
    assert_eq!(balance(&mut world, "bob"), "10.00 EUR + 0.00 EUR");
}

/// What a purchase of somebody who was merged has used of a budget, and releases by time, is there for the other member's next
/// purchase, as it is for somebody who had one id all along.
#[test]
fn what_is_released_by_time_is_there_for_the_next_purchase() {
    let reserved = RESERVED;
    let voided = "lifecycle = { pending = { confirmation = { void_after_days = 5 } } }\n";
    for (section, life) in [(reserved, ""), ("", voided)] {
        for buys in ["ann", "bob"] {
            let mut world = World::with(&format!(
                "budgets = [{{ id = \"launch\", amount = \"12\" }}]\n[[rules]]\nid = \"it\"\n\
                 budgets = [\"launch\"]\neffect = {{ percent = {{ rate = \"10%\" }} }}\n{life}{section}"
            ));
            world.register("bob");
            world.buy("100 id=p1");
            if !section.is_empty() {
                authorize(&mut world, "ann", "9");
                let back = refund(&mut world, "ann", None);
                assert_eq!(say_all(&back.shortfall), "9.00 EUR");
            }
            if buys == "bob" {
                merge(&mut world, "ann", "bob").unwrap();
            }
            world.at("2026-03-20");
            let bought = format!("110 member={buys} id=p2");
            assert_eq!(world.quoted(&bought), ["it 11.00 EUR"], "{life} {buys}");
            assert_eq!(world.grants(&bought), ["it 11.00 EUR"], "{life} {buys}");
            let used = ["p:main budget/launch/amount.EUR/lifetime@0 = 1100"];
            assert_eq!(world.say_counted(), used, "{life} {buys}");
            world.assert_valid();
        }
    }
}

#[test]
fn a_refund_finds_what_has_gone_on_twice_and_is_released_by_time() {
    let mut world = World::with(&format!("{PROGRAM}{RESERVED}"));
    world.register("bob").register("cid");
    world.buy("100 id=p1");
    merge(&mut world, "ann", "bob").unwrap();
    authorize(&mut world, "bob", "4");
    merge(&mut world, "bob", "cid").unwrap();
    assert_eq!(balance(&mut world, "cid"), "6.00 EUR + 0.00 EUR");
    world.at("2026-03-03");
    let back = refund(&mut world, "cid", None);
    assert_eq!(say_all(&back.taken_back), "13.00 EUR");
    assert_eq!(say_all(&back.shortfall), "");
    assert_eq!(balance(&mut world, "cid"), "0.00 EUR + 0.00 EUR");
    world.assert_valid();
}

/// What a refund could not take back is taken of what comes back first, whoever of the two has it.
#[test]
fn what_is_released_by_time_comes_before_a_command_under_either_id() {
    for authorizes in ["ann", "bob"] {
        let mut world = World::with(&format!("{PROGRAM}{RESERVED}"));
        world.register("bob");
        world.buy("100 id=p1");
        let redeem = Redeem {
            redemption: "x0".parse().unwrap(),
            member: member("ann"),
            program: "main".parse().unwrap(),
            order: "o0".parse().unwrap(),
            total: money("3", "EUR"),
            amount: None,
            tenders: Vec::new(),
            wallet: None,
        };
        world.run(&redeem).unwrap();
        if authorizes == "bob" {
            merge(&mut world, "ann", "bob").unwrap();
        }
        authorize(&mut world, authorizes, "7");
        let back = refund(&mut world, authorizes, Some(money("50", "EUR")));
        assert_eq!(say_all(&back.taken_back), "1.50 EUR");
        assert_eq!(say_all(&back.shortfall), "5.00 EUR");
        world.at("2026-03-03");
        let cancel = CancelRedemption {
            member: member(authorizes),
            redemption: "x0".parse().unwrap(),
            number: None,
            amount: None,
        };
        let back = world.run(&cancel).unwrap();
        assert_eq!(say_all(&back.returned), "3.00 EUR", "{authorizes}");
        assert_eq!(say_all(&back.taken_back), "", "{authorizes}");
        let has = world.run(&GetBalance::new(member(authorizes))).unwrap();
        assert_eq!(say(&has.assets[0].available), "5.00 EUR", "{authorizes}");
        world.assert_valid();
    }
}

#[test]
fn debts_are_paid_by_what_the_other_member_has() {
    let mut world = World::with(&format!("{PROGRAM}{DEBT}"));
    world.register("bob");
    world.buy("100 id=p1");
    world.take(money("10", "EUR")).unwrap();
    refund(&mut world, "ann", None);
    assert_eq!(
        balance(&mut world, "ann"),
        "0.00 EUR + 0.00 EUR owes 10.00 EUR"
    );
    let grant = GrantReward {
        member: member("bob"),
        amount: money("4", "EUR"),
        reason: "a start".to_owned(),
        expires_at: None,
        source: None,
        reference: None,
    };
    world.run_as("grant", &grant).unwrap();
    let merged = merge(&mut world, "ann", "bob").unwrap();
    assert_eq!(say_all(&merged.owed), "10.00 EUR");
    assert_eq!(balance(&mut world, "ann"), "0.00 EUR + 0.00 EUR");
    assert_eq!(
        balance(&mut world, "bob"),
        "0.00 EUR + 0.00 EUR owes 6.00 EUR"
    );
}

fn tier(world: &mut World, who: &str) -> String {
    let key = world.member_key(who);
    let tiers = world.members.get(&key).unwrap().profile.tiers.values();
    let tiers = tiers.flat_map(|ladders| ladders.values());
    tiers
        .map(|status| status.tier.as_str().to_owned())
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn the_higher_tier_stays_unless_the_caller_says_otherwise() {
    for (tiers, expected, moves) in [
        (None, "high", 1),
        (Some(MergedTiers::Higher), "high", 1),
        (Some(MergedTiers::Own), "low", 0),
    ] {
        let mut world = World::with(PROGRAM);
        world.register("bob");
        world.buy("100 id=p1");
        world.buy("9 id=p2 member=bob");
        let merged = world
            .run(&MergeMembers {
                member: member("ann"),
                into: member("bob"),
                tiers,
            })
            .unwrap();
        assert_eq!(merged.tier_changes, moves);
        assert_eq!(tier(&mut world, "bob"), expected);
        assert_eq!(tier(&mut world, "ann"), "high", "what was is not rewritten");
        // It lasts as long as it would have lasted for whoever had earned it.
        world.at("2026-06-01");
        world
            .run(&SettleMember {
                member: member("bob"),
            })
            .unwrap();
        assert_eq!(tier(&mut world, "bob"), "low");
    }
}

#[test]
fn aliases_go_on() {
    let mut world = World::with(PROGRAM);
    world.register("bob");
    let link = LinkAlias {
        member: member("ann"),
        kind: "phone".parse().unwrap(),
        name: Secret::from("+1"),
        plain: true,
    };
    world.run_as("link", &link).unwrap();
    assert_eq!(merge(&mut world, "ann", "bob").unwrap().aliases, 1);
    let resolve = ResolveAlias {
        kind: "phone".parse().unwrap(),
        name: Secret::from("+1"),
        plain: true,
    };
    assert_eq!(world.run(&resolve).unwrap().member, member("bob"));
    let mut other = link.clone();
    other.name = Secret::from("+2");
    let refused = world.run_as("other", &other).unwrap_err();
    assert_eq!(refused.code(), "member_merged");
    assert!(refused.to_string().contains("`bob`"));
}

/// Under the new id both histories are one list; under the old one there is what happened there.
#[test]
fn purchases_are_listed_under_both_ids() {
    let mut world = merged("");
    world.at("2026-03-03");
    world.buy("20 id=p2 member=bob");
    let mut listed = |who: &str, limit, after| {
        let list = ListPurchases {
            member: Some(member(who)),
            limit: Some(limit),
            after,
        };
        let list = world.run(&list).unwrap();
        let ids = list.purchases.into_iter();
        let ids = ids.map(|listed| listed.purchase.as_str().to_owned());
        (ids.collect::<Vec<_>>().join(" "), list.next)
    };
    assert_eq!(listed("bob", 5, None), ("p2 p1".to_owned(), None));
    let (first, next) = listed("bob", 1, None);
    assert_eq!(first, "p2");
    assert_eq!(listed("bob", 1, next), ("p1".to_owned(), None));
    assert_eq!(listed("ann", 5, None), ("p1".to_owned(), None));
}

/// Whoever was merged into somebody who is merged hands on to the last one, in one step.
#[test]
fn mergers_follow_one_another() {
    let mut world = merged("");
    world.register("cid");
    merge(&mut world, "bob", "cid").unwrap();
    let profile = |world: &World, who: &str| {
        let row = world.members.get(&world.member_key(who));
        row.unwrap().profile.clone()
    };
    assert_eq!(profile(&world, "ann").merged_into, Some(member("cid")));
    let both: Vec<MemberId> = vec![member("ann"), member("bob")];
    assert!(profile(&world, "cid").merged.into_iter().eq(both));
    world.at("2026-03-20");
    world
        .run(&SettleMember {
            member: member("ann"),
        })
        .unwrap();
    assert_eq!(balance(&mut world, "cid"), "11.00 EUR + 0.00 EUR");
    let back = refund(&mut world, "cid", None);
    assert_eq!(say_all(&back.taken_back), "13.00 EUR");
    let listed = world.run(&ListMembers::default()).unwrap().members;
    let ann = listed
        .iter()
        .find(|one| one.member == member("ann"))
        .unwrap();
    assert_eq!(
        (ann.status, ann.merged_into.clone()),
        (MemberStatus::Merged, Some(member("cid")))
    );
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let mut world = merged("");
    world.register("cid");
    for (who, into, code) in [
        ("cid", "cid", "merge_to_self"),
        ("dan", "cid", "member_unknown"),
        ("cid", "dan", "member_unknown"),
        ("cid", "ann", "member_merged"),
        ("bob", "ann", "member_merged"),
    ] {
        assert_eq!(
            merge(&mut world, who, into).unwrap_err().code(),
            code,
            "{who} {into}"
        );
    }
    let other = MergeMembers {
        member: member("ann"),
        into: member("cid"),
        tiers: None,
    };
    assert_eq!(
        world.run_as("given", &other).unwrap_err().code(),
        "member_merged"
    );
    for (status, code) in [
        (MemberStatus::Suspended, "member_suspended"),
        (MemberStatus::Closed, "member_closed"),
    ] {
        let update = UpdateMember {
            status: Some(status),
            forfeit: true,
            ..UpdateMember::new(member("cid"))
        };
        world.run_as(code, &update).unwrap();
        assert_eq!(merge(&mut world, "bob", "cid").unwrap_err().code(), code);
    }
    assert_eq!(
        merge(&mut world, "cid", "bob").unwrap_err().code(),
        "member_closed"
    );
}

/// Nothing new begins under the old id, and its end is the only thing that can be told of it.
#[test]
fn who_was_merged_can_only_leave() {
    let mut world = merged("");
    assert_eq!(world.try_buy("9").unwrap_err().code(), "member_merged");
    let update = |status| UpdateMember {
        status: Some(status),
        ..UpdateMember::new(member("ann"))
    };
    let mut told = update(MemberStatus::Closed);
    told.segments = Some(Default::default());
    for (number, (refused, code)) in [
        (update(MemberStatus::Active), "member_merged"),
        (told, "member_merged"),
        (update(MemberStatus::Closed), "balance_left"),
        (update(MemberStatus::Merged), "invalid"),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("u{number}");
        assert_eq!(world.run_as(&key, &refused).unwrap_err().code(), code);
    }
    let mut leaves = update(MemberStatus::Closed);
    leaves.forfeit = true;
    let left = world.run_as("leave", &leaves).unwrap();
    assert_eq!(say_all(&left.forfeited), "3.00 EUR");
    assert_eq!(balance(&mut world, "bob"), "10.00 EUR + 0.00 EUR");
}
