//! Row versions, and the order in which a batch is checked.

use std::collections::BTreeSet;

use rewards_core::ids::TenantId;
use rewards_core::snapshot::{CounterKey, ReadPlan};

use super::Subject;
use super::fixtures::{
    AWKWARD_IDS, Draft, cashback, counter, funding, member, member_key, member_row, program_key,
    purchase_key, transfer,
};
use crate::batch::{Commit, CommitBatch, Refusal, StaleRow};

fn stale_member(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Stale(StaleRow::Member(member_key(tenant, text)))
}

fn stale_purchase(tenant: &TenantId, text: &str) -> Refusal {
    Refusal::Stale(StaleRow::Purchase(purchase_key(tenant, text)))
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

/// A purchase is inserted only when absent and updated only at exactly the version the decision saw.
pub async fn purchase_versions_are_exact(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |key: &str, expected| {
        let draft = Draft::new(tenant, key);
        draft.purchase("p", "ann", expected).build()
    };
    check_exact(subject, stale_purchase(tenant, "p"), write).await;
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
            .purchase("p", "ann", version)
            .transfer("ann", version.saturating_add(1), grant)
            .build()
    };
    let group: Vec<_> = (0..5).map(write).collect();
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, vec![Commit::Applied; 5]);
    let rows = subject.rows(&group).await;
    let ann = rows.members.get(&member_key(tenant, "ann"));
    assert_eq!(ann, Some(&member_row(5)));
    assert_eq!(subject.balance(&cashback("ann")).await, 5);
}

/// A batch that builds on one that was refused or replayed is stale even when its version fits: somebody else has moved
/// the row by one step, and the batch was decided on another step that never came to be.
pub async fn a_link_that_was_not_made_breaks_its_chain_at_any_version(subject: &Subject) {
    let tenant = subject.tenant();
    for (name, theirs, ours) in [("refused", "theirs", "ours"), ("replayed", "same", "same")] {
        let draft = |key: &str| Draft::new(tenant, &format!("{name}-{key}"));
        let grant = |minor| transfer(funding(), cashback(name), minor);
        let first = draft(theirs).member(name, 0).transfer(name, 1, grant(1));
        subject.apply(&first.build()).await;
        let link = draft(ours).member(name, 0).transfer(name, 1, grant(2));
        let entries = draft("entry").member(name, 1).transfer(name, 2, grant(3));
        let purchase = draft("purchase").member(name, 2).purchase(name, name, 0);
        let neighbour = draft("neighbour").member(&format!("{name}-other"), 0);
        let group = [link, entries, purchase, neighbour].map(|draft| draft.build());
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
        assert_eq!(subject.balance(&cashback(name)).await, 1, "{name}");
    }
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

/// A batch that fails several checks is refused by the first of them: key, members, purchases, programs, counters,
/// balances; whatever else it holds.
pub async fn the_first_failing_check_wins(subject: &Subject) {
    let tenant = subject.tenant();
    let full = counter(tenant, "full").at(0);
    subject
        .apply(&Draft::new(tenant, "used").count(&full, 1, None).build())
        .await;
    // Added from the last check to the first, so that each one hides all before it.
    let debit = transfer(cashback("poor"), funding(), 1);
    let mut draft = Draft::new(tenant, "key").transfer("poor", 1, debit);
    let floor = Refusal::Floor {
        tenant: tenant.clone(),
        account: cashback("poor"),
    };
    subject.refuse(&draft.build(), floor).await;
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
    draft = draft.purchase("gone", "ann", 5);
    subject
        .refuse(&draft.build(), stale_purchase(tenant, "gone"))
        .await;
    draft = draft.member("gone", 5);
    subject
        .refuse(&draft.build(), stale_member(tenant, "gone"))
        .await;
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
        .purchase("gone", "ann", 5)
        .program("gone", 5)
        .count(full, 1, Some(1))
        .transfer("poor", 1, transfer(cashback("poor"), funding(), 1))
}

/// Among rows of one kind the first of the batch's list wins, whatever the order of their keys; balances go in the
/// order of accounts.
pub async fn within_a_kind_the_list_wins(subject: &Subject) {
    let tenant = subject.tenant();
    let draft = || Draft::new(tenant, "key").member("fine", 0);
    let members = draft().member("z", 5).member("a", 5);
    subject
        .refuse(&members.build(), stale_member(tenant, "z"))
        .await;
    let purchases = draft().purchase("z", "ann", 5).purchase("a", "ann", 5);
    subject
        .refuse(&purchases.build(), stale_purchase(tenant, "z"))
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
    let debit = |text: &str| transfer(cashback(text), funding(), 1);
    let floors = draft()
        .transfer("z", 1, debit("z"))
        .transfer("a", 1, debit("a"));
    let floor = Refusal::Floor {
        tenant: tenant.clone(),
        account: cashback("a"),
    };
    subject.refuse(&floors.build(), floor).await;
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
        purchases: ids().map(|id| purchase_key(tenant, id)).collect(),
        programs: ids().map(|id| program_key(tenant, id)).collect(),
        ..ReadPlan::default()
    };
    let view = subject.load(&plan).await;
    let want: BTreeSet<_> = plan.members.iter().collect();
    assert_eq!(view.members.keys().collect::<BTreeSet<_>>(), want);
    let want: BTreeSet<_> = plan.purchases.iter().collect();
    assert_eq!(view.purchases.keys().collect::<BTreeSet<_>>(), want);
    let want: BTreeSet<_> = plan.programs.iter().collect();
    assert_eq!(view.programs.keys().collect::<BTreeSet<_>>(), want);
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
