//! Commands that are decided in one batch, on every store: each sees all that those before it have made, lists included. The runtime
//! of a test has one thread, so what is handed in without waiting is one batch.

use rewards_core::cashback::Purchase;
use rewards_core::member::ALIASES_MAX;
use rewards_core::operations::aliases::{LinkAlias, ResolveAlias, UnlinkAlias};
use rewards_core::operations::members::{EraseMember, MergeMembers, RegisterMember};
use rewards_core::operations::purchases::{GetPurchase, RecordPurchase};
use rewards_storage::engine::TenantEngine;

use super::engines::{Engines, keyed};
use super::transfers::{clubs, eur};
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
        let erase = EraseMember {
            member: member("zoe"),
            forfeit: true,
            after: None,
        };
        let erased = run.push(erase, keyed("erase")).await;
        recorded.receipt().await.unwrap();
        linked.receipt().await.unwrap();
        let erased = erased.receipt().await.unwrap().reply;
        assert_eq!((erased.purchases, erased.next), (1, None), "{}", club.name);
        assert_eq!(owner(engine, "1").await, "alias_unknown", "{}", club.name);
        let get = GetPurchase {
            purchase: "p1".parse().unwrap(),
            explain: false,
        };
        let found = engine.execute(get).await.unwrap();
        assert_eq!(found.purchase.channel, None, "{}", club.name);
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
