//! What a command is about: several members, owners who are looked up, rows that turn out to be needed.

use futures::future::join_all;
use rewards_core::ids::MemberId;

use super::things::{Chain, Make, Pair, Peek, ThingId, Unnamed, Use};
use crate::support::{Earn, Publish, Scripted, code, keyed, member, program, start, tenant};

fn thing(name: &str) -> ThingId {
    ThingId(name.to_owned())
}

fn make(owner: &str) -> Make {
    Make {
        thing: thing("t"),
        owner: member(owner),
    }
}

fn make_use_of(to: Option<&str>) -> Use {
    Use {
        thing: thing("t"),
        to: to.map(member),
    }
}

fn chain(names: &[&str]) -> Chain {
    Chain(names.iter().map(member).collect())
}

#[tokio::test]
async fn a_command_of_two_members_waits_for_both_and_keeps_its_place() {
    let store = Scripted::new();
    store.shut_gate();
    let engine = store.builder().workers(3).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let earn = |name| Earn::new(member(name), 1);
    let mut earned = vec![start(&tenant, earn("a"), keyed(1)).await];
    store.reached(1).await;
    let pair = start(&tenant, Pair(member("a"), member("b")), keyed(2)).await;
    // Nobody works on b, but the pair was there first.
    let behind = start(&tenant, earn("b"), keyed(3)).await;
    earned.push(start(&tenant, earn("c"), keyed(4)).await);
    store.reached(2).await;
    assert_eq!(engine.health().await.unwrap().queued, 2);
    store.open_gate();
    for task in earned {
        task.await.unwrap().unwrap();
    }
    assert_eq!(pair.await.unwrap().unwrap().reply, [2, 1]);
    assert_eq!(behind.await.unwrap().unwrap().reply.seq, 1);
    assert!(store.refusals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_needs_more_is_decided_on_one_view_of_everything() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    for name in ["a", "b", "c"] {
        let earn = Earn::new(member(name), 1);
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    let (views, commits) = (store.views(), store.sizes().len());
    let receipt = tenant.execute_with(chain(&["a", "b", "c"]), keyed(1)).await;
    assert_eq!(receipt.unwrap().reply, 2);
    assert_eq!(store.views() - views, 3, "each view holds all plans so far");
    assert_eq!(store.sizes().len() - commits, 1);
    // One who asks for what is not there asks for ever, and is ended.
    let views = store.views();
    let endless = tenant.execute_with(chain(&["a", "nobody"]), keyed(2)).await;
    assert_eq!(code(endless), "internal");
    let rounds = usize::try_from(rewards_core::command::ROUNDS_MAX).unwrap();
    assert_eq!(store.views() - views, rounds);
    // So it is with queries.
    let views = store.views();
    let peek = Peek(chain(&["a", "b", "c"]));
    assert_eq!(tenant.execute(peek).await.unwrap(), 3);
    assert_eq!(store.views() - views, 3);
    let endless = tenant.execute(Peek(chain(&["a", "nobody"]))).await;
    assert_eq!(code(endless), "internal");
    assert_eq!(store.views() - views, 3 + rounds);
}

/// Programs that are published meanwhile begin a decision anew: what it asked for before does not count.
#[tokio::test]
async fn what_begins_anew_may_ask_as_often_again() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    let (_other, elsewhere) = store.open().await;
    let rounds = usize::try_from(rewards_core::command::ROUNDS_MAX).unwrap();
    let names: Vec<String> = (0..rounds).map(|n| format!("m{n}")).collect();
    for name in &names {
        let earn = Earn::new(member(name), 1);
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    store.hold_view(rounds / 2);
    let long = start(&tenant, chain(&names), keyed("long")).await;
    store.is_held().await;
    let publish = Publish {
        program: program("p"),
    };
    elsewhere.execute_with(publish, keyed("p")).await.unwrap();
    store.free_view();
    assert_eq!(long.await.unwrap().unwrap().reply, 2);
    // So it is with queries.
    store.hold_view(rounds / 2);
    let peek = Peek(chain(&names));
    let asked = tokio::spawn(async move { tenant.execute(peek).await });
    store.is_held().await;
    let publish = Publish {
        program: program("q"),
    };
    elsewhere.execute_with(publish, keyed("q")).await.unwrap();
    store.free_view();
    assert_eq!(asked.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn who_stands_behind_one_that_needs_more_waits_for_it() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    for name in ["a", "b"] {
        let earn = Earn::new(member(name), 1);
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    store.shut_gate();
    let first = start(&tenant, Earn::new(member("x"), 1), keyed("x")).await;
    let chain = start(&tenant, chain(&["a", "b"]), keyed("chain")).await;
    let behind = start(&tenant, Pair(member("a"), member("c")), keyed("behind")).await;
    let after = start(&tenant, Pair(member("c"), member("d")), keyed("after")).await;
    let aside = start(&tenant, Earn::new(member("e"), 1), keyed("aside")).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    assert_eq!(chain.await.unwrap().unwrap().reply, 2);
    assert_eq!(behind.await.unwrap().unwrap().reply, [3, 1]);
    assert_eq!(after.await.unwrap().unwrap().reply, [2, 1]);
    aside.await.unwrap().unwrap();
    // x; then e alone, as all others stand behind the chain; then these.
    assert_eq!(store.sizes()[2..], [1, 1, 3]);
    assert!(store.refusals.lock().unwrap().is_empty());
}

#[tokio::test]
async fn owners_are_looked_up_before_a_command_takes_its_place() {
    let store = Scripted::new();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let earn = Earn::new(member("a"), 1);
    tenant.execute_with(earn.clone(), keyed(0)).await.unwrap();
    tenant.execute(make("a")).await.unwrap();
    store.shut_gate();
    let earned = start(&tenant, earn, keyed(1)).await;
    let used = start(&tenant, make_use_of(None), keyed(1)).await;
    // The other worker is free, and does not take it: its owner is being worked on.
    assert_eq!(engine.health().await.unwrap().queued, 1);
    store.open_gate();
    earned.await.unwrap().unwrap();
    assert_eq!(used.await.unwrap().unwrap().reply, (member("a"), 3));
    assert!(store.refusals.lock().unwrap().is_empty());
    let nothing = Use {
        thing: thing("nothing"),
        to: None,
    };
    assert_eq!(
        code(tenant.execute_with(nothing, keyed(9)).await),
        "store_corrupt"
    );
}

#[tokio::test]
async fn to_find_out_whose_row_is_changed_is_no_attempt() {
    let store = Scripted::new();
    let engine = store.builder().attempts_max(1).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    for want in 1..=3 {
        let key = keyed(format!("k{want}"));
        let receipt = tenant.execute_with(Unnamed(member("a")), key).await;
        assert_eq!(receipt.unwrap().reply, want);
    }
}

#[tokio::test]
async fn an_owner_who_changes_meanwhile_is_waited_for() {
    let store = Scripted::new();
    let engine = store.builder().workers(2).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    for name in ["a", "b"] {
        let earn = Earn::new(member(name), 1);
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    tenant.execute(make("a")).await.unwrap();
    store.shut_gate();
    let given = start(&tenant, make_use_of(Some("b")), keyed("give")).await;
    // It has been accepted as a command of a, before b owns the thing; meanwhile b is being worked on.
    let used = start(&tenant, make_use_of(None), keyed("use")).await;
    let earned = start(&tenant, Earn::new(member("b"), 1), keyed("earn")).await;
    store.open_gate();
    assert_eq!(given.await.unwrap().unwrap().reply, (member("a"), 2));
    earned.await.unwrap().unwrap();
    let (owner, version) = used.await.unwrap().unwrap().reply;
    assert_eq!((owner, version), (member("b"), 3));
    assert!(store.refusals.lock().unwrap().is_empty(), "it waited for b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thing_that_goes_round_is_used_once_by_every_command() {
    let store = Scripted::new();
    let engine = store.builder().workers(3).open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let names = ["a", "b", "c"];
    for name in names {
        let earn = Earn::new(member(name), 1);
        tenant.execute_with(earn, keyed(name)).await.unwrap();
    }
    tenant.execute(make("a")).await.unwrap();
    let callers = (0..150_usize).map(|n| {
        let tenant = tenant.clone();
        let to = (n % 3 == 0).then(|| names[n / 3 % 3]);
        tokio::spawn(async move {
            loop {
                match tenant.execute_with(make_use_of(to), keyed(n)).await {
                    Err(fault) if fault.code == "contention" => {}
                    outcome => return outcome.unwrap().reply,
                }
            }
        })
    });
    let used: Vec<(MemberId, u64)> = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    for name in names {
        let mut versions: Vec<u64> = used
            .iter()
            .filter(|(owner, _)| *owner == member(name))
            .map(|(_, version)| *version)
            .collect();
        versions.sort_unstable();
        let many = u64::try_from(versions.len()).unwrap();
        assert_eq!(versions, (2..many + 2).collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test]
async fn two_who_make_the_same_thing_are_told_apart_by_deciding_again() {
    let store = Scripted::new();
    let (_one, one) = store.open().await;
    let (_two, two) = store.open().await;
    store.shut_gate();
    let first = start(&one, make("a"), keyed(1)).await;
    let second = start(&two, make("b"), keyed(2)).await;
    store.reached(2).await;
    store.open_gate();
    first.await.unwrap().unwrap();
    // The store says that it exists, and deciding again names it.
    assert_eq!(code(second.await.unwrap()), "member_exists");
    assert_eq!(store.refusals.lock().unwrap().len(), 1);
}
