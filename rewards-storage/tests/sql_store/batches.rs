//! Commands that are decided in one batch, on every store: each sees all that those before it have made, lists included. The runtime
//! of a test has one thread, so what is handed in without waiting is one batch.

use rewards_core::cashback::Purchase;
use rewards_core::member::ALIASES_MAX;
use rewards_core::operations::aliases::{LinkAlias, ResolveAlias, UnlinkAlias};
use rewards_core::operations::balances::GetStatement;
use rewards_core::operations::members::{EraseMember, MergeMembers, RegisterMember};
use rewards_core::operations::programs::PublishProgram;
use rewards_core::operations::purchases::{GetPurchase, RecordPurchase};
use rewards_core::operations::redemptions::AuthorizeRedemption;
use rewards_core::operations::rewards::GrantReward;
use rewards_core::program::Program;
use rewards_storage::engine::{CommandOptions, TenantEngine};

use super::engines::{Engines, keyed};
use super::transfers::{clubs, eur, transfer};
use crate::world::{at, member};

fn link(who: &str, name: &str) -> LinkAlias {
    LinkAlias {
        member: member(who),
        kind: "phone".parse().unwrap(),
        name: name.into(),
        plain: true,
    }
}

/// The engines of every store, with zoe and yan, who have nothing: so a command on them is decided on the first view.
async fn engines(test: &str) -> Vec<Engines> {
    let clubs = clubs(test).await;
    for club in &clubs {
        for who in ["zoe", "yan"] {
            let register = RegisterMember::new(member(who));
            club.engines[0].execute(register).await.unwrap();
        }
    }
    clubs
}

/// Whose a name is; the code of the refusal when it is nobody's.
async fn owner(engine: &TenantEngine, name: &str) -> String {
    let resolve = ResolveAlias {
        kind: "phone".parse().unwrap(),
        name: name.into(),
        plain: true,
    };
    match engine.execute(resolve).await {
        Ok(found) => found.member.to_string(),
        Err(fault) => fault.code.to_string(),
    }
}

#[tokio::test]
async fn who_is_erased_is_erased_with_what_was_told_just_before() {
    for club in engines("batches_erase").await {
        let [engine, _] = &club.engines;
        let mut purchase = Purchase::new(
            "p1".parse().unwrap(),
            member("zoe"),
            "club".parse().unwrap(),
            at(-30),
            eur("50.00"),
        );
        purchase.channel = Some("app".to_owned());
        let mut run = engine.ordered_run();
        let recorded = run.push(RecordPurchase::new(purchase), Default::default());
        let recorded = recorded.await;
        let linked = run.push(link("zoe", "1"), keyed("link")).await;
        let grant = GrantReward {
            member: member("zoe"),
            amount: eur("1.00"),
            reason: "after a long call".to_owned(),
            source: None,
            reference: None,
            expires_at: None,
        };
        let granted = run.push(grant, keyed("grant")).await;
        let erase = EraseMember {
            member: member("zoe"),
            forfeit: true,
            after: None,
        };
        let erased = run.push(erase, keyed("erase")).await;
        recorded.receipt().await.unwrap();
        linked.receipt().await.unwrap();
        granted.receipt().await.unwrap();
        let erased = erased.receipt().await.unwrap().reply;
        assert_eq!((erased.purchases, erased.next), (1, None), "{}", club.name);
        assert_eq!(owner(engine, "1").await, "alias_unknown", "{}", club.name);
        let get = GetPurchase {
            purchase: "p1".parse().unwrap(),
            explain: false,
        };
        let found = engine.execute(get).await.unwrap();
        assert_eq!(found.purchase.channel, None, "{}", club.name);
        let statement = GetStatement {
            member: member("zoe"),
            before: None,
            limit: None,
            kind: None,
            purpose: None,
            asset: None,
            purchase: None,
            from: None,
            until: None,
        };
        let statement = engine.execute(statement).await;
        let lines = statement.unwrap().lines;
        let reasons = lines.iter().filter(|line| line.reason.is_some());
        assert!(!lines.is_empty() && reasons.count() == 0, "{}", club.name);
    }
}

#[tokio::test]
async fn who_is_merged_takes_a_name_along_that_was_linked_just_before() {
    for club in engines("batches_merge").await {
        let [engine, _] = &club.engines;
        engine
            .execute_with(link("zoe", "2"), keyed("link 2"))
            .await
            .unwrap();
        let mut run = engine.ordered_run();
        let linked = run.push(link("zoe", "1"), keyed("link 1")).await;
        let unlink = UnlinkAlias {
            kind: "phone".parse().unwrap(),
            name: "2".into(),
            plain: true,
            member: None,
        };
        let unlinked = run.push(unlink, keyed("unlink")).await;
        let merge = MergeMembers {
            member: member("zoe"),
            into: member("yan"),
            tiers: None,
        };
        let merged = run.push(merge, Default::default()).await;
        linked.receipt().await.unwrap();
        unlinked.receipt().await.unwrap();
        let merged = merged.receipt().await.unwrap().reply;
        assert_eq!(merged.aliases, 1, "{}", club.name);
        assert_eq!(owner(engine, "1").await, "yan", "{}", club.name);
        assert_eq!(owner(engine, "2").await, "alias_unknown", "{}", club.name);
    }
}

#[tokio::test]
async fn no_member_gets_more_names_in_one_batch_than_one_may_have() {
    for club in engines("batches_names").await {
        let [engine, _] = &club.engines;
        let links =
            (0..=ALIASES_MAX).map(|n| (link("zoe", &format!("{n}")), keyed(&format!("{n}"))));
        let linked = engine.execute_ordered(links).await;
        let codes = linked.into_iter().filter_map(Result::err);
        let codes: Vec<String> = codes.map(|fault| fault.code.to_string()).collect();
        assert_eq!(codes, ["too_many"], "{}", club.name);
    }
}

/// An authorization of 5.00 by ann, who is merged into bob then. Its time is over a minute later.
async fn authorize_and_merge(engine: &TenantEngine) {
    let program: Program = serde_json::from_str(
        r#"{"id": "till", "currency": "EUR", "zone": "UTC",
            "redemptions": {"order": ["cashback"], "expires_after_minutes": 1}}"#,
    )
    .unwrap();
    let publish = PublishProgram {
        program,
        active_from: Some(at(-60)),
    };
    engine.execute_with(publish, keyed("till")).await.unwrap();
    let authorize = AuthorizeRedemption {
        redemption: "r1".parse().unwrap(),
        member: member("ann"),
        program: "till".parse().unwrap(),
        order: "o1".parse().unwrap(),
        total: eur("5.00"),
        amount: None,
        tenders: Vec::new(),
        wallet: None,
    };
    engine.execute(authorize).await.unwrap();
    let merge = MergeMembers {
        member: member("ann"),
        into: member("bob"),
        tiers: None,
    };
    engine.execute(merge).await.unwrap();
}

/// The second of them finds the row of somebody whom it did not ask for, because the first one did, and has changed it.
#[tokio::test]
async fn what_is_released_for_one_command_is_not_released_again_for_the_next() {
    for club in clubs("batches_released").await {
        let [engine, _] = &club.engines;
        authorize_and_merge(engine).await;
        let mut run = engine.ordered_run();
        let mut sent = Vec::new();
        for id in ["t1", "t2", "t3"] {
            let options = CommandOptions {
                now: Some(at(120)),
                ..CommandOptions::default()
            };
            sent.push(run.push(transfer(id, "bob", "eve", "1.00"), options).await);
        }
        for one in sent {
            let sent = one.receipt().await.unwrap().reply;
            assert_eq!(sent.arrived, eur("0.90"), "{}", club.name);
        }
        assert_eq!(club.balance("bob").await, 19_700, "{}", club.name);
        club.assert_valid().await;
    }
}
