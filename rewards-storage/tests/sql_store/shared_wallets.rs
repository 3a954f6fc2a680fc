//! Shared wallets on every store: whoever spends from one at once, nothing is paid twice, and no spending is half done.

use rewards_core::money::Money;
use rewards_core::operations::members::{MergeMembers, RegisterMember};
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::redemptions::{
    AuthorizeRedemption, CancelRedemption, CaptureRedemption, GetRedemption, Redeem,
    ReleaseRedemption,
};
use rewards_core::operations::rewards::GrantReward;
use rewards_core::operations::shared_wallets::{
    CreateSharedWallet, GetSharedWallet, UpdateSharedWallet,
};
use rewards_core::program::Program;

use super::engines::{Engines, keyed, of_every_store};
use super::transfers::eur;
use crate::world::{at, member};

const MEMBERS: [&str; 3] = ["ann", "bob", "eve"];

const PROGRAM: &str = r#"{
  "id": "club", "currency": "EUR", "zone": "UTC",
  "redemptions": {"order": ["cashback"], "expires_after_minutes": 60}
}"#;

/// Every store, with a program and three members who share a wallet, with 10.00 each.
async fn homes(test: &str) -> Vec<Engines> {
    let homes = of_every_store(test).await;
    for home in &homes {
        let [one, _] = &home.engines;
        let program: Program = serde_json::from_str(PROGRAM).unwrap();
        let publish = PublishProgram {
            program,
            active_from: Some(at(-60)),
        };
        one.execute_with(publish, keyed("club")).await.unwrap();
        for who in MEMBERS {
            let register = RegisterMember::new(member(who));
            one.execute(register).await.unwrap();
            let grant = GrantReward {
                source: None,
                reference: None,
                member: member(who),
                amount: eur("10.00"),
                reason: "a start".to_owned(),
                expires_at: None,
            };
            one.execute_with(grant, keyed(who)).await.unwrap();
        }
        let create = CreateSharedWallet {
            wallet: "home".parse().unwrap(),
            members: MEMBERS.map(member).to_vec(),
        };
        one.execute(create).await.unwrap();
    }
    homes
}

fn redeem(id: &str, who: &str, amount: &str, wallet: Option<&str>) -> Redeem {
    Redeem {
        redemption: id.parse().unwrap(),
        member: member(who),
        program: "club".parse().unwrap(),
        order: id.parse().unwrap(),
        total: eur(amount),
        amount: Some(eur(amount)),
        tenders: Vec::new(),
        wallet: wallet.map(|wallet| wallet.parse().unwrap()),
    }
}

fn authorize(id: &str, who: &str, amount: &str) -> AuthorizeRedemption {
    AuthorizeRedemption {
        redemption: id.parse().unwrap(),
        member: member(who),
        program: "club".parse().unwrap(),
        order: id.parse().unwrap(),
        total: eur(amount),
        amount: Some(eur(amount)),
        tenders: Vec::new(),
        wallet: Some("home".parse().unwrap()),
    }
}

fn capture(id: &str, who: &str, number: u32, amount: &str) -> CaptureRedemption {
    CaptureRedemption {
        member: member(who),
        redemption: id.parse().unwrap(),
        number,
        amount: Some(eur(amount)),
    }
}

fn cancel(id: &str, who: &str, number: u32) -> CancelRedemption {
    CancelRedemption {
        member: member(who),
        redemption: id.parse().unwrap(),
        number: Some(number),
        amount: None,
    }
}

/// What the members have together, in minor units.
async fn sum(home: &Engines) -> i64 {
    let mut sum = 0;
    for who in MEMBERS {
        let own = home.balance(who).await;
        assert!(own >= 0, "{}", home.name);
        sum += own;
    }
    sum
}

fn minor<'m>(amounts: impl IntoIterator<Item = &'m Money>) -> i64 {
    amounts.into_iter().map(|amount| amount.minor()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_as_many_spend_as_the_wallet_can_pay() {
    for home in homes("wallet_spends").await {
        // Of 30.00 seven times 4.00 and no eighth time.
        let spends = (0..12).map(|n| {
            let who = MEMBERS[n % 3];
            redeem(&format!("r{n}"), who, "4.00", Some("home"))
        });
        let ended = home.all_at_once(spends).await;
        let paid = ended.iter().filter(|one| one.is_ok()).count();
        assert_eq!(paid, 7, "{}", home.name);
        for one in ended {
            match one {
                Ok(paid) => {
                    let shares = paid.payers.iter().map(|share| &share.paid);
                    assert_eq!(minor(shares), 400, "{}", home.name);
                }
                Err(refused) => assert_eq!(refused.code, "insufficient_balance", "{}", home.name),
            }
        }
        assert_eq!(sum(&home).await, 200, "{}", home.name);
        // In paying order, so the last one has what is left.
        assert_eq!(home.balance("eve").await, 200, "{}", home.name);
        home.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_spends_alone_meanwhile_spends_nothing_twice() {
    for home in homes("wallet_alone").await {
        let spends = (0..16).map(|n| {
            let who = MEMBERS[n % 3];
            let wallet = (n % 2 == 0).then_some("home");
            redeem(&format!("r{n}"), who, "3.00", wallet)
        });
        let ended = home.all_at_once(spends).await;
        let paid = ended.iter().filter(|one| one.is_ok()).count();
        let paid = i64::try_from(paid).unwrap();
        assert_eq!(sum(&home).await, 3_000 - 300 * paid, "{}", home.name);
        for refused in ended.iter().filter_map(|one| one.as_ref().err()) {
            assert_eq!(refused.code, "insufficient_balance", "{}", home.name);
        }
        home.assert_valid().await;
        let back = (0..16).filter(|n| ended[*n].is_ok());
        let back = back.map(|n| cancel(&format!("r{n}"), MEMBERS[n % 3], 1));
        for one in home.all_at_once(back).await {
            one.unwrap();
        }
        for who in MEMBERS {
            assert_eq!(home.balance(who).await, 1_000, "{}", home.name);
        }
        home.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn captures_and_a_release_at_once_take_no_cent_twice() {
    for home in homes("wallet_captures").await {
        let [one, two] = &home.engines;
        one.execute(authorize("a", "ann", "25.00")).await.unwrap();
        let captures = (0..8_u32).map(|n| {
            let who = MEMBERS[usize::try_from(n).unwrap() % 3];
            capture("a", who, n + 1, "4.00")
        });
        let release = ReleaseRedemption {
            member: member("eve"),
            redemption: "a".parse().unwrap(),
        };
        let (captured, released) = tokio::join!(home.all_at_once(captures), two.execute(release));
        let captured: i64 = captured.iter().flatten().map(|one| one.paid.minor()).sum();
        let back = released.map_or(0, |released| minor(&released.returned));
        assert_eq!(captured + back, 2_500, "{}", home.name);
        assert_eq!(sum(&home).await, 500 + back, "{}", home.name);
        home.assert_valid().await;
        if captured > 0 {
            let ended = home
                .all_at_once((1..=4).map(|n| cancel("a", "bob", n)))
                .await;
            let done = ended.iter().filter(|one| one.is_ok()).count();
            assert_eq!(done, 1, "{}", home.name);
        }
        assert_eq!(sum(&home).await, 3_000, "{}", home.name);
        home.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_while_others_spend() {
    for home in homes("wallet_changes").await {
        let [one, two] = &home.engines;
        let update = |names: &[&str]| UpdateSharedWallet {
            wallet: "home".parse().unwrap(),
            members: Some(names.iter().map(|name| member(name)).collect()),
            close: false,
        };
        let merge = MergeMembers {
            member: member("bob"),
            into: member("ann"),
            tiers: None,
        };
        let spends = (0..9).map(|n| redeem(&format!("r{n}"), "ann", "3.00", Some("home")));
        let (ended, updated, merged) = tokio::join!(
            home.all_at_once(spends),
            two.execute_with(update(&["eve", "ann", "bob"]), keyed("u1")),
            one.execute(merge),
        );
        merged.unwrap();
        // Somebody who was merged cannot be put back.
        if let Err(refused) = updated {
            assert_eq!(refused.code, "member_merged", "{}", home.name);
        }
        let paid = ended.iter().filter(|one| one.is_ok()).count();
        assert_eq!(paid, 9, "{}: {ended:?}", home.name);
        assert_eq!(sum(&home).await, 300, "{}", home.name);
        let get = GetSharedWallet {
            wallet: "home".parse().unwrap(),
        };
        let found = one.execute(get).await.unwrap();
        assert_eq!(found.available, [eur("3.00")], "{}", home.name);
        assert_eq!(found.members.len(), 2, "{}", home.name);
        let redemption = "r0".parse().unwrap();
        let shown = two.execute(GetRedemption { redemption }).await.unwrap();
        assert_eq!(shown.captured, eur("3.00"), "{}", home.name);
        home.assert_valid().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_into_two_wallets_at_once() {
    for home in homes("wallet_twice").await {
        let [one, _] = &home.engines;
        let close = UpdateSharedWallet {
            wallet: "home".parse().unwrap(),
            members: None,
            close: true,
        };
        one.execute_with(close, keyed("close")).await.unwrap();
        let created = (0..6).map(|n| CreateSharedWallet {
            wallet: format!("w{n}").parse().unwrap(),
            members: [MEMBERS[n % 3], MEMBERS[(n + 1) % 3]].map(member).to_vec(),
        });
        let ended = home.all_at_once(created).await;
        let made = ended.iter().filter(|one| one.is_ok()).count();
        assert_eq!(made, 1, "{}", home.name);
        for refused in ended.into_iter().filter_map(Result::err) {
            assert_eq!(refused.code, "member_in_wallet", "{}", home.name);
        }
        home.assert_valid().await;
    }
}
