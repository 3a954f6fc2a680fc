//! Row versions, and the order in which a batch is checked.

use std::collections::BTreeSet;

use rewards_core::ids::TenantId;
use rewards_core::ledger::{Account, Purpose, Transfer};
use rewards_core::snapshot::{CounterKey, ReadPlan};

use super::Subject;
use super::fixtures::{
    AWKWARD_IDS, Draft, cashback, counter, funding, member, member_key, member_row, probe_key,
    program_key, transfer,
};
use crate::batch::{Commit, CommitBatch, Refusal, StaleRow};

fn stale_member(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Stale(StaleRow::Member(member_key(tenant, text)))
}

fn stale_probe(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Stale(StaleRow::Entity(probe_key(tenant, text)))
}

fn stale_program(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Stale(StaleRow::Program(program_key(tenant, text)))
}

/// A member is inserted only when absent and updated only at exactly the version the decision saw.
pub async fn member_versions_are_exact(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |key: &str, expected| Draft::new(tenant, key).member("ann", expected).build();
    check_exact(subject, stale_member(tenant, "ann"), write).await;
}

/// A revision is exactly one more than the newest, from 1, and never changed afterwards.
pub async fn program_revisions_follow(subject: &Subject) {
    let tenant = subject.tenant();
    let publish = |key: &str, newest: u64| {
        let version = u32::try_from(newest).unwrap_or(u32::MAX).wrapping_add(1);
        Draft::new(tenant, key).program("p", version).build()
    };
    check_exact(subject, stale_program(tenant, "p"), publish).await;
    let other = Draft::new(tenant, "other").program("q", 1);
    subject.apply(&other.build()).await;
}

/// Moves a row from 0 to 3, looking at each step that a write which saw anything else is refused.
async fn check_exact(subject: &Subject, stale: Refusal, write: impl Fn(&str, u64) -> CommitBatch) {
    for found in 0..=3 {
        for expected in [0, 1, 2, 3, 4, 1_000_000, u64::from(u32::MAX)] {
            if expected != found {
                let batch = write(&format!("{expected} at {found}"), expected);
                subject.refuse(&batch, stale.clone()).await;
            }
        }
        subject.apply(&write(&format!("{found}"), found)).await;
    }
}

/// A batch of an ordered run is applied only when all before it in its commit are, whatever rows it is about; its own key is
/// looked up first, and in the next commit it is free again.
pub async fn what_follows_is_not_applied_without_what_it_follows(subject: &Subject) {
    let tenant = subject.tenant();
    let follow = |key: &str, member: &str, expected| {
        let batch = Draft::new(tenant, key).member(member, expected).build();
        CommitBatch {
            follows: true,
            ..batch
        }
    };
    let before = follow("before", "ann", 0);
    subject.apply(&before).await;
    let group = [
        follow("a", "bob", 0),
        follow("b", "cyd", 5),
        follow("c", "dan", 0),
        before.clone(),
        Draft::new(tenant, "stranger").member("eve", 0).build(),
        follow("d", "fay", 0),
    ];
    let behind = || Commit::Refused(Refusal::Stale(StaleRow::Predecessor));
    let want = [
        Commit::Applied,
        Commit::Refused(stale_member(tenant, "cyd")),
        behind(),
        Commit::Replayed(before.reply.clone()),
        Commit::Applied,
        behind(),
    ];
    assert_eq!(subject.commit_group(&group).await, want);
    // So it is behind one that was applied by somebody else before.
    let group = [before.clone(), follow("e", "gus", 0)];
    let want = [Commit::Replayed(before.reply.clone()), behind()];
    assert_eq!(subject.commit_group(&group).await, want);
    let group = [follow("c", "dan", 0), follow("d", "fay", 0)];
    let applied = [Commit::Applied, Commit::Applied];
    assert_eq!(subject.commit_group(&group).await, applied);
}

/// Several revisions may be published by one group, one after another.
pub async fn program_revisions_chain_in_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let publish = |key: &str, version| Draft::new(tenant, key).program("p", version).build();
    let group = [
        publish("a", 1),
        publish("b", 2),
        publish("c", 2),
        publish("d", 3),
    ];
    let outcomes = subject.commit_group(&group).await;
    let stale = Commit::Refused(stale_program(tenant, "p"));
    let want = [Commit::Applied, Commit::Applied, stale, Commit::Applied];
    assert_eq!(outcomes, want);
}

/// Of many publishers of one revision one is applied, and the others are stale.
pub async fn racing_publishers_make_one_revision(subject: &Subject) {
    let tenant = subject.tenant();
    for version in 1..=3 {
        let publish = |index| Draft::new(tenant, &format!("{version}-{index}"));
        let racers = (0..8).map(|index| publish(index).program("p", version).build());
        let outcomes = subject.race(racers.collect()).await;
        check_one_applied(&outcomes, &stale_program(tenant, "p"));
    }
    let programs = subject.visible(&[]).await.programs;
    let versions: Vec<_> = programs.iter().map(|write| write.revision).collect();
    assert_eq!(versions, [1, 2, 3], "revisions without gaps");
}

/// Of many writers of one version of a member one is applied, and the others are stale and leave nothing.
pub async fn racing_writers_move_a_member_once(subject: &Subject) {
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    for version in 0..4 {
        let write =
            |index| Draft::new(tenant, &format!("{version}-{index}")).member("ann", version);
        let racers = (0..8).map(|index| write(index).count(&count, 1, None).build());
        let outcomes = subject.race(racers.collect()).await;
        check_one_applied(&outcomes, &stale_member(tenant, "ann"));
    }
    assert_eq!(subject.counted(&count).await, 4, "one effect a version");
}

/// A later batch of a group builds on an earlier one: the same member, version after version.
pub async fn chained_writes_follow_in_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |version: u64| {
        let grant = transfer(funding(), cashback("ann"), 1);
        Draft::new(tenant, &format!("{version}"))
            .member("ann", version)
            .probe("p", "ann", version)
            .transfer("ann", version.saturating_add(1), grant)
            .build()
    };
    let group: Vec<_> = (0..5).map(write).collect();
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, vec![Commit::Applied; 5]);
    let rows = subject.rows(&group).await;
    let ann = rows.members.get(&member_key(tenant, "ann"));
    assert_eq!(ann, Some(&member_row(5)));
    assert_eq!(subject.control(&cashback("ann")).await, 5);
}

/// A batch that builds on one that was refused or replayed is stale even when its version fits: somebody else has moved
/// the row by one step, and the batch was decided on another step that never came to be.
pub async fn a_link_that_was_not_made_breaks_its_chain_at_any_version(subject: &Subject) {
    let tenant = subject.tenant();
    let cases = [("refused", "theirs", "ours"), ("replayed", "same", "same")];
    for (sum, (name, theirs, ours)) in (1..).zip(cases) {
        let draft = |key: &str| Draft::new(tenant, &format!("{name}-{key}"));
        let grant = |minor| transfer(funding(), cashback(name), minor);
        let first = draft(theirs).member(name, 0).transfer(name, 1, grant(1));
        subject.apply(&first.build()).await;
        let link = draft(ours).member(name, 0).transfer(name, 1, grant(2));
        let entries = draft("entry").member(name, 1).transfer(name, 2, grant(3));
        let probe = draft("probe").member(name, 2).probe(name, name, 0);
        let neighbour = draft("neighbour").member(&format!("{name}-other"), 0);
        let group = [link, entries, probe, neighbour].map(|draft| draft.build());
        let outcomes = subject.commit_group(&group).await;
        let stale = Commit::Refused(stale_member(tenant, name));
        let [link, rest @ ..] = outcomes.as_slice() else {
            panic!("four batches, got {outcomes:?}");
        };
        match name {
            "refused" => assert_eq!(*link, stale),
            _ => assert!(matches!(link, Commit::Replayed(_)), "{link:?}"),
        }
        assert_eq!(rest, [stale.clone(), stale, Commit::Applied], "{name}");
        assert_eq!(subject.control(&cashback(name)).await, sum, "{name}");
    }
}

/// A batch that follows all before it is stale when one of them was not applied, though it shares no row with it; a batch
/// that does not follow is not concerned.
pub async fn followers_rest_on_all_before_them(subject: &Subject) {
    let tenant = subject.tenant();
    let draft = |key: &str| Draft::new(tenant, key).member(key, 0);
    let group = [
        draft("a").follows().build(),
        draft("b").member("gone", 5).build(),
        draft("c").follows().build(),
        draft("d").build(),
        draft("a").follows().build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    let [a, ..] = &group;
    let want = [
        Commit::Applied,
        Commit::Refused(stale_member(tenant, "gone")),
        Commit::Refused(Refusal::Stale(StaleRow::Predecessor)),
        Commit::Applied,
        Commit::Replayed(a.reply.clone()),
    ];
    assert_eq!(outcomes, want);
}

/// When the first of a chain is refused, those that build on it are stale, and the others are applied.
pub async fn refused_link_breaks_only_its_chain(subject: &Subject) {
    let tenant = subject.tenant();
    let full = counter(tenant, "full").at(0);
    let ann = |version| Draft::new(tenant, &format!("ann-{version}")).member("ann", version);
    let bob = |version| Draft::new(tenant, &format!("bob-{version}")).member("bob", version);
    let refused = ann(0).count(&full, 1, Some(0)).build();
    let group = [
        refused,
        bob(0).build(),
        ann(1).build(),
        bob(1).build(),
        ann(2).build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    let stale = || Commit::Refused(stale_member(tenant, "ann"));
    let bound = Commit::Refused(Refusal::CounterBound {
        counter: full,
        bound: 0,
    });
    let want = [bound, Commit::Applied, stale(), Commit::Applied, stale()];
    assert_eq!(outcomes, want);
    let rows = subject.rows(&group).await;
    let members: Vec<_> = rows.members.keys().map(|key| &key.member).collect();
    assert_eq!(members, [&member("bob")]);
}

/// A batch that fails several checks is refused by the first of them: key, entities that must be absent, members,
/// entities, programs, counters, control accounts; whatever else it holds.
pub async fn the_first_failing_check_wins(subject: &Subject) {
    let tenant = subject.tenant();
    let full = counter(tenant, "full").at(0);
    let used = Draft::new(tenant, "used").count(&full, 1, None);
    let used = used
        .transfer("rich", 1, too_much())
        .probe("there", "ann", 0);
    subject.apply(&used.build()).await;
    // Added from the last check to the first, so that each one hides all before it.
    let mut draft = Draft::new(tenant, "key").transfer("rich", 2, too_much());
    subject.refuse(&draft.build(), range(tenant)).await;
    draft = draft.count(&full, 1, Some(1));
    let bound = Refusal::CounterBound {
        counter: full.clone(),
        bound: 1,
    };
    subject.refuse(&draft.build(), bound).await;
    draft = draft.program("gone", 5);
    subject
        .refuse(&draft.build(), stale_program(tenant, "gone"))
        .await;
    draft = draft.probe("gone", "ann", 5);
    subject
        .refuse(&draft.build(), stale_probe(tenant, "gone"))
        .await;
    draft = draft.member("gone", 5);
    subject
        .refuse(&draft.build(), stale_member(tenant, "gone"))
        .await;
    draft = draft.probe("there", "ann", 0);
    let exists = Refusal::Exists(probe_key(tenant, "there"));
    subject.refuse(&draft.build(), exists).await;
    let used = failing(Draft::new(tenant, "used"), &full).fingerprint(2);
    subject.refuse(&used.build(), Refusal::KeyReused).await;
    let replayed = failing(Draft::new(tenant, "used"), &full).build();
    assert_eq!(
        subject.commit(&replayed).await,
        Commit::Replayed(replayed.reply)
    );
}

fn failing(draft: Draft, full: &CounterKey) -> Draft {
    draft
        .member("gone", 5)
        .probe("gone", "ann", 5)
        .program("gone", 5)
        .count(full, 1, Some(1))
        .transfer("rich", 2, too_much())
        .probe("there", "ann", 0)
}

/// All that a control account holds.
fn too_much() -> Transfer {
    transfer(funding(), cashback("rich"), i64::MAX)
}

fn range(tenant: &TenantId) -> Refusal {
    Refusal::Range {
        tenant: tenant.clone(),
        purpose: cashback("rich").purpose,
        asset: cashback("rich").asset,
    }
}

/// Among rows of one kind the first of the batch's list wins, whatever the order of their keys; control accounts go
/// in their own order.
pub async fn within_a_kind_the_list_wins(subject: &Subject) {
    let tenant = subject.tenant();
    let draft = || Draft::new(tenant, "key").member("fine", 0);
    let members = draft().member("z", 5).member("a", 5);
    subject
        .refuse(&members.build(), stale_member(tenant, "z"))
        .await;
    let probes = draft().probe("z", "ann", 5).probe("a", "ann", 5);
    subject
        .refuse(&probes.build(), stale_probe(tenant, "z"))
        .await;
    let programs = draft().program("z", 5).program("a", 5);
    subject
        .refuse(&programs.build(), stale_program(tenant, "z"))
        .await;
    let (z, a) = (counter(tenant, "z").at(0), counter(tenant, "a").at(0));
    let counters = draft().count(&z, 1, Some(0)).count(&a, 1, Some(0));
    let bound = Refusal::CounterBound {
        counter: z,
        bound: 0,
    };
    subject.refuse(&counters.build(), bound).await;
    subject
        .apply(
            &Draft::new(tenant, "there")
                .probe("y", "ann", 0)
                .probe("b", "ann", 0)
                .build(),
        )
        .await;
    let there = draft().probe("y", "ann", 0).probe("b", "ann", 0);
    let exists = Refusal::Exists(probe_key(tenant, "y"));
    subject.refuse(&there.build(), exists).await;
    let most = |text: &str, purpose: Purpose| {
        let to = Account::member(&member(text), purpose, cashback(text).asset);
        transfer(funding(), to, i64::MAX)
    };
    let seed = Draft::new(tenant, "seed").transfer("z", 1, most("z", Purpose::Points));
    subject.apply(&seed.build()).await;
    let back = transfer(cashback("a"), funding(), i64::MAX);
    let seed = Draft::new(tenant, "seed 2").transfer("a", 1, back);
    let seed = seed.transfer("a", 2, most("a", Purpose::Cashback));
    let seed = seed.transfer("a", 3, transfer(cashback("a"), funding(), i64::MAX));
    subject.apply(&seed.build()).await;
    let ranges = draft()
        .transfer("z", 2, most("z", Purpose::Points))
        .transfer("a", 4, transfer(cashback("a"), funding(), 2));
    let first = Refusal::Range {
        tenant: tenant.clone(),
        purpose: Purpose::Cashback,
        asset: cashback("a").asset,
    };
    subject.refuse(&ranges.build(), first).await;
}

/// The same ids of two tenants are two rows, in every table.
pub async fn tenants_are_isolated(subject: &Subject) {
    let (mine, theirs) = (subject.tenant(), subject.neighbour());
    let full = |tenant| Draft::new(tenant, "key").one_of_each("ann").build();
    subject.apply(&full(mine)).await;
    let before = subject.visible(&[full(mine)]).await;
    subject.apply(&full(&theirs)).await;
    subject
        .apply(&Draft::new(&theirs, "more").one_of_each("bob").build())
        .await;
    assert_eq!(subject.visible(&[full(mine)]).await, before);
    let group = [
        Draft::new(&theirs, "up").member("ann", 1).build(),
        Draft::new(mine, "up").member("ann", 1).build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, [Commit::Applied, Commit::Applied]);
}

/// Ids that look alike are different rows, and every id comes back as it was.
pub async fn ids_are_compared_bytewise(subject: &Subject) {
    let tenant = subject.tenant();
    let longest = "m".repeat(rewards_core::ids::ID_BYTES_MAX);
    let ids = || AWKWARD_IDS.into_iter().chain([longest.as_str(), "\u{e9}"]);
    let group: Vec<_> = ids()
        .map(|id| Draft::new(tenant, id).one_of_each(id).build())
        .collect();
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, vec![Commit::Applied; group.len()]);
    let plan = ReadPlan {
        members: ids().map(|id| member_key(tenant, id)).collect(),
        entities: ids().map(|id| probe_key(tenant, id)).collect(),
        programs: ids().map(|id| program_key(tenant, id)).collect(),
        ..ReadPlan::default()
    };
    let view = subject.load(&plan).await;
    let want: BTreeSet<_> = plan.members.iter().collect();
    assert_eq!(view.members.keys().collect::<BTreeSet<_>>(), want);
    let want: BTreeSet<_> = plan.entities.iter().collect();
    assert_eq!(view.entities.keys().collect::<BTreeSet<_>>(), want);
    let want: BTreeSet<_> = plan.programs.iter().collect();
    assert_eq!(view.programs.keys().collect::<BTreeSet<_>>(), want);
}

/// A view tells how many revisions a tenant has published, of all its programs: those that were applied, each once.
pub async fn revisions_are_counted(subject: &Subject) {
    let tenant = subject.tenant();
    let count = async |tenant: &TenantId| {
        let plan = ReadPlan {
            revision_counts: vec![tenant.clone()],
            ..ReadPlan::default()
        };
        let view = subject.load(&plan).await;
        view.revision_counts.get(tenant).copied()
    };
    assert_eq!(count(tenant).await, None);
    let publish = |key: &str, id: &str, revision| {
        let draft = Draft::new(tenant, key);
        draft.program(id, revision).build()
    };
    let group = [
        publish("a1", "a", 1),
        publish("b1", "b", 1),
        publish("a2", "a", 2),
        publish("a9", "a", 9),
        publish("a1", "a", 1),
    ];
    subject.commit_group(&group).await;
    assert_eq!(count(tenant).await, Some(3));
    let racers = (0..6).map(|racer| {
        let id = format!("p{}", racer % 3);
        publish(&format!("racer {racer}"), &id, 1)
    });
    subject.race(racers.collect()).await;
    assert_eq!(count(tenant).await, Some(6));
    assert_eq!(count(&subject.neighbour()).await, None);
}

/// One group may hold many batches.
pub async fn large_groups_apply(subject: &Subject) {
    const BATCHES: u64 = 400;
    let tenant = subject.tenant();
    let total = counter(tenant, "total").at(0);
    let write = |index: u64| {
        let name = format!("m{}", index % 50);
        Draft::new(tenant, &format!("{index}"))
            .member(&name, index / 50)
            .count(&total, 1, Some(390))
            .build()
    };
    let group: Vec<_> = (0..BATCHES).map(write).collect();
    let outcomes = subject.commit_group(&group).await;
    let applied = outcomes.iter().filter(|o| **o == Commit::Applied).count();
    assert_eq!(applied, 390, "as many as the bound has room for");
    assert!(outcomes.iter().take(390).all(|o| *o == Commit::Applied));
    assert_eq!(subject.counted(&total).await, 390);
}

fn check_one_applied(outcomes: &[Commit], stale: &Refusal) {
    let applied = outcomes.iter().filter(|o| **o == Commit::Applied).count();
    assert_eq!(applied, 1, "exactly one is applied: {outcomes:?}");
    for outcome in outcomes.iter().filter(|o| **o != Commit::Applied) {
        assert_eq!(*outcome, Commit::Refused(stale.clone()));
    }
}
