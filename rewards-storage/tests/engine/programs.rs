//! Programs are compiled once, swapped as a whole, and never used after a newer revision is stored.

use std::sync::Arc;

use rewards_core::ids::TenantId;
use rewards_core::operations::programs::PublishProgram;
use rewards_core::program::Program;
use rewards_core::time::Timestamp;
use rewards_storage::engine::ManualClock;
use uuid::Uuid;

use crate::support::{
    Earn, Look, Publish, Scripted, Trouble, code, keyed, member, program, start, tenant,
};

fn publish() -> Publish {
    Publish {
        program: program("p"),
    }
}

fn earn() -> Earn {
    Earn::new(member("a"), 1).by(program("p"))
}

fn look() -> Look {
    Look {
        member: member("a"),
        program: Some(program("p")),
    }
}

#[tokio::test]
async fn a_published_revision_decides_at_once() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    assert_eq!(
        code(tenant.execute_with(earn(), keyed("early")).await),
        "program_unknown"
    );
    assert_eq!(code(tenant.execute(look()).await), "program_unknown");
    for version in 1..4 {
        let published = tenant.execute_with(publish(), keyed(version)).await;
        assert_eq!(published.unwrap().reply, version);
        let earned = tenant.execute_with(earn(), keyed(version)).await.unwrap();
        assert_eq!(earned.reply.version, version);
        assert_eq!(tenant.execute(look()).await.unwrap().1, version);
    }
    // What was published here is known here: no view was loaded twice.
    assert_eq!(store.views(), 2 + 3 * 3);
}

#[tokio::test]
async fn another_engine_notices_new_programs_and_revisions() {
    let store = Scripted::new();
    let (_one, one) = store.open().await;
    let (_two, two) = store.open().await;
    assert_eq!(code(two.execute(look()).await), "program_unknown");
    for version in 1..4 {
        one.execute_with(publish(), keyed(version)).await.unwrap();
        if version % 2 == 1 {
            assert_eq!(two.execute(look()).await.unwrap().1, version);
        }
        let earned = two.execute_with(earn(), keyed(version)).await.unwrap();
        assert_eq!(earned.reply.version, version);
    }
    let published = two.execute_with(publish(), keyed("from two")).await;
    assert_eq!(published.unwrap().reply, 4);
}

#[tokio::test]
async fn a_command_that_was_planned_before_a_revision_is_planned_again() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    tenant.execute_with(publish(), keyed(1)).await.unwrap();
    store.shut_gate();
    let published = start(&tenant, publish(), keyed(2)).await;
    let earned = start(&tenant, earn(), keyed(2)).await;
    store.open_gate();
    assert_eq!(published.await.unwrap().unwrap().reply, 2);
    assert_eq!(earned.await.unwrap().unwrap().reply.version, 2);
}

#[tokio::test]
async fn racing_publishers_number_their_revisions_one_after_another() {
    let store = Scripted::new();
    store.shut_gate();
    let (_engine, tenant) = store.open().await;
    let mut tasks = Vec::new();
    for n in 0..4 {
        tasks.push(start(&tenant, publish(), keyed(n)).await);
    }
    store.open_gate();
    for (version, task) in (1..).zip(tasks) {
        assert_eq!(task.await.unwrap().unwrap().reply, version);
    }
    let earned = tenant.execute_with(earn(), keyed(1)).await.unwrap();
    assert_eq!(earned.reply.version, 4);
}

#[tokio::test]
async fn a_publication_whose_acknowledgement_was_lost_is_noticed() {
    let store = Scripted::new();
    let (_engine, tenant) = store.open().await;
    store.next_commits([Trouble::LosesAnswer]);
    tenant.execute_with(publish(), keyed(1)).await.unwrap();
    let earned = tenant.execute_with(earn(), keyed(1)).await.unwrap();
    assert_eq!(earned.reply.version, 1);
}

#[tokio::test]
async fn tenants_do_not_share_programs() {
    let store = Scripted::new();
    let (engine, tenant) = store.open().await;
    tenant.execute_with(publish(), keyed(1)).await.unwrap();
    let other = engine.tenant(TenantId::new("other").unwrap());
    assert_eq!(
        code(other.execute_with(earn(), keyed(1)).await),
        "program_unknown"
    );
}

#[tokio::test]
async fn revisions_are_told_in_order_whatever_the_clocks_say() {
    let store = Scripted::new();
    let at = |text| Arc::new(ManualClock::new(Timestamp::parse(text).unwrap()));
    let ahead = at("2026-05-02T00:00:00Z");
    let behind = at("2026-05-01T00:00:00Z");
    for (number, clock) in [(1_u32, ahead), (2, behind)] {
        let engine = store.builder().clock(clock).open().await.unwrap();
        let tenant = engine.tenant(tenant());
        let club = r#"id = "club"
                      currency = "EUR"
                      zone = "UTC""#;
        let publish = PublishProgram::new(Program::from_toml(club).unwrap());
        let published = tenant.execute_with(publish, keyed(number)).await;
        assert_eq!(published.unwrap().reply.revision, number);
    }
    let engine = store.builder().open().await.unwrap();
    let tenant = engine.tenant(tenant());
    let events = tenant.claim_events(Uuid::max(), 60, 10);
    let numbers = events.await.unwrap().into_iter().map(|c| c.event.seq);
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn only_new_revisions_are_read() {
    let store = Scripted::new();
    let (_one, one) = store.open().await;
    let (_two, two) = store.open().await;
    for version in 1..4 {
        one.execute_with(publish(), keyed(version)).await.unwrap();
        assert_eq!(two.execute(look()).await.unwrap().1, version);
    }
    let read = store.programs.lock().unwrap().clone();
    assert_eq!(read, [0, 1, 1, 1], "once by one, and what is new by two");
}

#[tokio::test]
async fn programs_are_kept_of_so_many_tenants() {
    let store = Scripted::new();
    let engine = store.builder().tenants_max(2).open().await.unwrap();
    let tenants = ["a", "b", "c"].map(|id| engine.tenant(TenantId::new(id).unwrap()));
    for (number, tenant) in tenants.iter().enumerate() {
        tenant.execute_with(publish(), keyed(number)).await.unwrap();
    }
    let [a, b, c] = &tenants;
    let loads = || store.programs.lock().unwrap().len();
    assert_eq!(loads(), 3);
    // C and b are kept; a takes the place of c, which was used before b.
    for (tenant, loaded) in [
        (c, 3),
        (b, 3),
        (a, 4),
        (b, 4),
        (a, 4),
        (c, 5),
        (a, 5),
        (b, 6),
    ] {
        assert_eq!(tenant.execute(look()).await.unwrap().1, 1);
        assert_eq!(loads(), loaded, "{tenant:?}");
    }
}

/// A program that takes long to compile.
fn large() -> PublishProgram {
    let rules = (0..4_000).map(|n| {
        serde_json::json!({
            "id": format!("r{n}"),
            "when": { "category": [format!("c{n}")] },
            "effect": { "percent": { "rate": "1%" } },
        })
    });
    let document = serde_json::json!({
        "id": "p", "currency": "EUR", "zone": "UTC", "rules": rules.collect::<Vec<_>>(),
    });
    PublishProgram::new(serde_json::from_value(document).unwrap())
}

#[tokio::test]
async fn nobody_else_waits_while_a_program_is_compiled() {
    let store = Scripted::new();
    let (engine, busy) = store.open().await;
    let (another, also_busy) = store.open().await;
    let strangers =
        [&engine, &another].map(|engine| engine.tenant(TenantId::new("other").unwrap()));
    also_busy.execute(look_at_nothing()).await.unwrap();
    for (number, stranger) in strangers.iter().enumerate() {
        stranger
            .execute_with(earn_of_b(), keyed(number))
            .await
            .unwrap();
    }
    let [stranger, other_stranger] = strangers;
    // The one who publishes compiles, and so does another engine that learns of it.
    let published = start(&busy, large(), keyed(1)).await;
    stranger.execute_with(earn_of_b(), keyed(2)).await.unwrap();
    assert!(!published.is_finished(), "one worker serves both tenants");
    assert_eq!(published.await.unwrap().unwrap().reply.revision, 1);
    let earned = start(&also_busy, earn(), keyed(1)).await;
    let served = other_stranger.execute_with(earn_of_b(), keyed(3));
    served.await.unwrap();
    assert!(!earned.is_finished(), "one worker serves both tenants");
    assert_eq!(earned.await.unwrap().unwrap().reply.version, 1);
    engine.close().await;
    another.close().await;
}

fn earn_of_b() -> Earn {
    Earn::new(member("b"), 1)
}

fn look_at_nothing() -> Look {
    Look {
        member: member("a"),
        program: None,
    }
}
