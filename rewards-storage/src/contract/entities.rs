//! Entities: what a write expects, and what it leaves. All of a kind of the suite's own.

use rewards_core::entity::{EntityKey, EntityRow};
use rewards_core::ids::TenantId;
use rewards_core::snapshot::ReadPlan;

use super::Subject;
use super::fixtures::{AWKWARD_IDS, Draft, bare_probe, counter, member_key, probe_key, probe_row};
use crate::batch::{Commit, Refusal, StaleRow};

fn stale(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Stale(StaleRow::Entity(probe_key(tenant, text)))
}

fn exists(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Exists(probe_key(tenant, text))
}

async fn found(subject: &Subject, key: &EntityKey) -> Option<EntityRow> {
    let plan = ReadPlan {
        entities: vec![key.clone()],
        ..ReadPlan::default()
    };
    subject.load(&plan).await.entities.remove(key)
}

/// An entity is made only when it is absent and changed only at exactly the version that the decision saw.
pub async fn absent_and_version_are_exact(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |key: &str, expected| Draft::new(tenant, key).probe("p", "ann", expected).build();
    for at in 0..=3_u64 {
        for expected in [0, 1, 2, 3, 4, 1_000_000, u64::from(u32::MAX)] {
            if expected == at {
                continue;
            }
            let refusal = if expected == 0 {
                exists(tenant, "p")
            } else {
                stale(tenant, "p")
            };
            let batch = write(&format!("{expected} at {at}"), expected);
            subject.refuse(&batch, refusal).await;
        }
        subject.apply(&write(&format!("{at}"), at)).await;
    }
}

/// Every column of an entity comes back as it was, absent ones too, and a later write replaces all of them.
pub async fn entities_come_back_whole(subject: &Subject) {
    let tenant = subject.tenant();
    let key = probe_key(tenant, "p");
    let full = |version| probe_row("änne 'x'", version);
    for (version, row) in (0..).zip([full(1), bare_probe(2, -5), full(3)]) {
        let draft = Draft::new(tenant, &format!("{version}"));
        let batch = draft.probe_row("p", version, row.clone()).build();
        subject.apply(&batch).await;
        assert_eq!(found(subject, &key).await, Some(row));
    }
}

/// That an entity is there is told before any row is called stale.
pub async fn exists_comes_before_stale(subject: &Subject) {
    let tenant = subject.tenant();
    let there = Draft::new(tenant, "1").probe("there", "ann", 0);
    subject.apply(&there.build()).await;
    let draft = Draft::new(tenant, "2").member("gone", 7);
    let draft = draft.probe("gone", "ann", 7).probe("there", "ann", 0);
    subject
        .refuse(&draft.build(), exists(tenant, "there"))
        .await;
    let without = Draft::new(tenant, "3").member("gone", 7);
    let without = without.probe("gone", "ann", 7).probe("new", "ann", 0);
    let refusal = Refusal::Stale(StaleRow::Member(member_key(tenant, "gone")));
    subject.refuse(&without.build(), refusal).await;
}

/// A later batch of a group builds on an earlier one, also when that one made the entity.
pub async fn entities_chain_in_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |version: u64| {
        let draft = Draft::new(tenant, &format!("{version}"));
        draft.probe("p", "ann", version).build()
    };
    let group: Vec<_> = (0..5).map(write).collect();
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, vec![Commit::Applied; 5]);
    let row = found(subject, &probe_key(tenant, "p")).await;
    assert_eq!(row, Some(probe_row("ann", 5)));
}

/// Within one group the second maker of an entity finds it there, and a batch that builds on a refused one is stale.
pub async fn a_later_batch_of_a_group_finds_what_an_earlier_one_made(subject: &Subject) {
    let tenant = subject.tenant();
    let draft = |key: &str| Draft::new(tenant, key);
    let group = [
        draft("1").probe("p", "ann", 0).build(),
        draft("2").probe("p", "bob", 0).build(),
        draft("3").probe("q", "ann", 3).build(),
        draft("4").probe("q", "ann", 4).build(),
        draft("5").probe("r", "ann", 0).build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    let want = [
        Commit::Applied,
        Commit::Refused(exists(tenant, "p")),
        Commit::Refused(stale(tenant, "q")),
        Commit::Refused(stale(tenant, "q")),
        Commit::Applied,
    ];
    assert_eq!(outcomes, want);
    let row = found(subject, &probe_key(tenant, "p")).await;
    assert_eq!(row, Some(probe_row("ann", 1)));
}

/// Of many makers of one entity, each with a key of its own, one is applied, and the others find it there.
pub async fn racing_makers_make_one_entity(subject: &Subject) {
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    let maker = |index: usize| {
        let draft = Draft::new(tenant, &format!("{index}")).probe("p", "ann", 0);
        draft.count(&count, 1, None).build()
    };
    let outcomes = subject.race((0..12).map(maker).collect()).await;
    check_one_applied(&outcomes, &exists(tenant, "p"));
    assert_eq!(subject.counted(&count).await, 1, "one effect");
}

/// Of many writers of one version of an entity one is applied, and the others are stale.
pub async fn racing_writers_move_an_entity_once(subject: &Subject) {
    let tenant = subject.tenant();
    let first = Draft::new(tenant, "first").probe("p", "ann", 0);
    subject.apply(&first.build()).await;
    for version in 1..4 {
        let write = |index: usize| {
            let draft = Draft::new(tenant, &format!("{version}-{index}"));
            draft.probe("p", "ann", version).build()
        };
        let outcomes = subject.race((0..8).map(write).collect()).await;
        check_one_applied(&outcomes, &stale(tenant, "p"));
    }
}

/// In groups that race over some of their rows, every batch that is alone in writing its rows is applied.
pub async fn one_lost_race_costs_one_command(subject: &Subject) {
    const GROUPS: usize = 4;
    let tenant = subject.tenant();
    let total = counter(tenant, "total").at(0);
    let group = |index: usize| -> Vec<_> {
        let own = |name: &str| {
            let draft = Draft::new(tenant, &format!("{index}-{name}"));
            draft.count(&total, 1, Some(1_000))
        };
        let mut group: Vec<_> = (0..20)
            .map(|place| {
                let name = format!("own-{index}-{place}");
                own(&name).member(&name, 0).probe(&name, &name, 0).build()
            })
            .collect();
        group.insert(5, own("member").member("shared", 0).build());
        group.insert(15, own("probe").probe("shared", "ann", 0).build());
        group
    };
    let racers = (0..GROUPS).map(|index| {
        let (backend, group) = (subject.backend().clone(), group(index));
        tokio::spawn(async move { super::subject::insist(|| backend.commit(&group)).await })
    });
    let racers: Vec<_> = racers.collect();
    let (mut members, mut probes) = (0, 0);
    for racer in racers {
        let outcomes = racer.await.expect("a racer must not panic");
        for (place, outcome) in outcomes.iter().enumerate() {
            let is_applied = matches!(outcome, Commit::Applied | Commit::Replayed(_));
            match place {
                5 => members += usize::from(is_applied),
                15 => probes += usize::from(is_applied),
                _ => assert!(is_applied, "{place}: {outcome:?}"),
            }
        }
    }
    assert_eq!((members, probes), (1, 1), "each shared row is made once");
    let made = GROUPS.saturating_mul(20).saturating_add(2);
    let counted = subject.counted(&total).await;
    assert_eq!(usize::try_from(counted), Ok(made), "one effect a command");
}

/// Tenant, kind and id tell entities apart, byte for byte.
pub async fn kinds_are_told_apart(subject: &Subject) {
    let (mine, theirs) = (subject.tenant(), subject.neighbour());
    let make = |tenant: &TenantId, id: &str| Draft::new(tenant, id).probe(id, id, 0).build();
    let group: Vec<_> = AWKWARD_IDS.iter().map(|id| make(mine, id)).collect();
    subject.commit_group(&group).await;
    subject.apply(&make(&theirs, "a")).await;
    for id in AWKWARD_IDS {
        let key = probe_key(mine, id);
        assert_eq!(found(subject, &key).await, Some(probe_row(id, 1)), "{id}");
        let other = EntityKey {
            kind: "prob",
            ..key
        };
        assert_eq!(found(subject, &other).await, None, "{id} of another kind");
    }
    let missing = probe_key(&theirs, "b");
    assert_eq!(found(subject, &missing).await, None, "of another tenant");
}

fn check_one_applied(outcomes: &[Commit], refusal: &Refusal) {
    let applied = outcomes.iter().filter(|o| **o == Commit::Applied).count();
    assert_eq!(applied, 1, "exactly one is applied: {outcomes:?}");
    for outcome in outcomes.iter().filter(|o| **o != Commit::Applied) {
        assert_eq!(*outcome, Commit::Refused(refusal.clone()));
    }
}
