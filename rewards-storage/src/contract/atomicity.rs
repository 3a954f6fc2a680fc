//! All or nothing: what an applied batch shows, what a refused or dropped one does not.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use rewards_core::snapshot::{CounterRange, ReadPlan};

use super::Subject;
use super::fixtures::{
    Draft, cashback, counter, entry, funding, member_key, probe_key, program_key, transfer,
};
use crate::batch::{Commit, CommitBatch, Refusal, StaleRow};

/// An applied batch can be seen in every place, exactly as it was written.
pub async fn applied_is_visible_everywhere(subject: &Subject) {
    let tenant = subject.tenant();
    let batch = Draft::new(tenant, "all").one_of_each("ann").build();
    subject.apply(&batch).await;
    let seen = subject.visible(std::slice::from_ref(&batch)).await;
    check_whole(&seen.rows, &batch);
    let written = &*batch.changes;
    assert_eq!(seen.programs, written.programs, "program revisions");
    assert_eq!(seen.members.len(), 1, "members in the sweep");
    let entries: Vec<_> = written.journal.iter().map(|(_, e)| e.clone()).collect();
    assert_eq!(seen.journal, entries, "journal in the sweep");
    let (paid, held) = (funding(), cashback("ann"));
    let controls = vec![
        (held.purpose, held.asset, 100),
        (paid.purpose, paid.asset, -100),
    ];
    assert_eq!(seen.controls, controls, "control accounts");
    let events: Vec<_> = written.events.iter().map(|(_, e)| e.clone()).collect();
    assert_eq!(seen.events, events, "events in the outbox");
}

/// Every kind of refusal leaves nothing of an otherwise good batch.
pub async fn refused_leaves_nothing(subject: &Subject) {
    let tenant = subject.tenant();
    let full = counter(tenant, "full").at(0);
    let seed = Draft::new(tenant, "seed")
        .member("old", 0)
        .probe("old", "old", 0)
        .program("old", 1)
        .count(&full, 10, None);
    subject.apply(&seed.build()).await;
    let draft = |key: &str| Draft::new(tenant, key).one_of_each("ann");
    let stale = Refusal::Stale;
    let most = transfer(funding(), cashback("bob"), i64::MAX);
    for (batch, refusal) in [
        (draft("seed").fingerprint(2), Refusal::KeyReused),
        (
            draft("1").member("old", 0),
            stale(StaleRow::Member(member_key(tenant, "old"))),
        ),
        (
            draft("2").probe("old", "old", 7),
            stale(StaleRow::Entity(probe_key(tenant, "old"))),
        ),
        (
            draft("2a").probe("old", "old", 0),
            Refusal::Exists(probe_key(tenant, "old")),
        ),
        (
            draft("3").program("old", 1),
            stale(StaleRow::Program(program_key(tenant, "old"))),
        ),
        (
            draft("4").count(&full, 1, Some(10)),
            Refusal::CounterBound {
                counter: full.clone(),
                bound: 10,
            },
        ),
        (
            draft("5").transfer("bob", 1, most),
            Refusal::Range {
                tenant: tenant.clone(),
                purpose: cashback("bob").purpose,
                asset: cashback("bob").asset,
            },
        ),
    ] {
        subject.refuse(&batch.build(), refusal).await;
    }
    subject.apply(&draft("6").build()).await;
}

/// A refused batch takes no neighbour of its group with it, wherever it stands.
pub async fn refused_takes_no_neighbour(subject: &Subject) {
    let tenant = subject.tenant();
    let good = |name: &str| Draft::new(tenant, name).one_of_each(name).build();
    let bad = |name: &str| Draft::new(tenant, name).one_of_each(name).member("gone", 4);
    let group = [
        bad("a").build(),
        good("b"),
        bad("c").build(),
        good("d"),
        bad("e").build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    let gone = || Commit::Refused(Refusal::Stale(StaleRow::Member(member_key(tenant, "gone"))));
    let want = [gone(), Commit::Applied, gone(), Commit::Applied, gone()];
    assert_eq!(outcomes, want);
    for (batch, outcome) in group.iter().zip(&outcomes) {
        let rows = subject.rows(std::slice::from_ref(batch)).await;
        if *outcome == Commit::Applied {
            check_whole(&rows, batch);
        } else {
            assert!(rows.is_empty(), "of a refused batch is visible: {rows:?}");
        }
    }
    assert_eq!(subject.control(&funding()).await, -200);
}

/// A group without batches is nothing, and a plan without rows finds nothing.
pub async fn nothing_is_nothing(subject: &Subject) {
    assert_eq!(subject.commit_group(&[]).await, []);
    let view = subject.load(&ReadPlan::default()).await;
    assert!(view.replies.is_empty() && view.members.is_empty() && view.entities.is_empty());
    assert!(subject.visible(&[]).await.members.is_empty());
}

/// Rows that do not exist are absent, and rows that are named twice are found once.
pub async fn absent_and_repeated_rows_load(subject: &Subject) {
    let tenant = subject.tenant();
    let (here, gone) = (
        Draft::new(tenant, "here").one_of_each("here").build(),
        Draft::new(tenant, "gone").one_of_each("gone").build(),
    );
    subject.apply(&here).await;
    let mut plan = super::subject::plan_of(&here);
    plan.merge(super::subject::plan_of(&gone));
    plan.merge(super::subject::plan_of(&here));
    let view = subject.load(&plan).await;
    assert_eq!(view.members.len(), 1, "members: {:?}", view.members);
    assert_eq!(view.replies.len(), 1, "replies: {:?}", view.replies);
    assert_eq!(view.programs.len(), 1, "programs: {:?}", view.programs);
    assert_eq!(view.counters.len(), 1, "counters: {:?}", view.counters);
    assert_eq!(view.lots.len(), 1, "lots: {:?}", view.lots);
    assert_eq!(view.entities.len(), 1, "entities: {:?}", view.entities);
    let pages: Vec<usize> = view.statements.values().map(Vec::len).collect();
    assert_eq!(pages.iter().sum::<usize>(), 1, "statements: {pages:?}");
}

/// A batch that repeats the number of a journal entry is never applied, and the first entry stays.
pub async fn journal_is_insert_only(subject: &Subject) {
    let tenant = subject.tenant();
    let first = transfer(funding(), cashback("ann"), 100);
    let first = entry(tenant, "ann", 1, first);
    let batch = Draft::new(tenant, "1").entry(first.clone()).build();
    subject.apply(&batch).await;
    let other = transfer(funding(), cashback("ann"), 999);
    let again = Draft::new(tenant, "2")
        .member("bob", 0)
        .transfer("ann", 1, other)
        .build();
    let outcome = subject.backend().commit(std::slice::from_ref(&again)).await;
    if let Ok(outcomes) = &outcome {
        assert!(
            matches!(outcomes.as_slice(), [Commit::Refused(_)]),
            "a repeated journal number: {outcomes:?}"
        );
    }
    let seen = subject.visible(&[batch, again]).await;
    assert_eq!(seen.journal, [first], "the journal must keep its entry");
    assert_eq!(subject.control(&cashback("ann")).await, 100);
    assert!(seen.members.is_empty(), "the rest of the batch is visible");
}

/// Dropping a commit at any point leaves all of it or nothing, and the store goes on working.
pub async fn dropped_commit_is_whole(subject: &Subject) {
    let tenant = subject.tenant();
    for polls in 0..48 {
        let name = format!("m{polls}");
        let batch = Draft::new(tenant, &name).one_of_each(&name).build();
        let group = [batch];
        let ended = poll_times(subject.backend().commit(&group), polls).await;
        let rows = subject.rows(&group).await;
        let [batch] = &group;
        if !rows.is_empty() {
            assert!(!rows.members.is_empty(), "half a batch after {polls} polls");
            check_whole(&rows, batch);
        }
        match subject.commit(batch).await {
            Commit::Applied => {}
            Commit::Replayed(reply) => assert_eq!(reply, batch.reply, "after {polls} polls"),
            Commit::Refused(refusal) => panic!("after {polls} polls: {refusal:?}"),
        }
        check_whole(&subject.rows(&group).await, batch);
        let granted = i128::from(polls).saturating_add(1).saturating_mul(100);
        let controls = (cashback(&name), funding());
        assert_eq!(subject.control(&controls.0).await, granted, "{polls} polls");
        assert_eq!(subject.control(&controls.1).await, -granted);
        if ended {
            break;
        }
    }
}

/// A view is of one instant: two counters that always move together are never seen apart.
pub async fn load_is_one_view(subject: &Subject) {
    const ROUNDS: usize = 40;
    let tenant = subject.tenant();
    let (left, right) = (
        counter(tenant, "left").at(0),
        counter(tenant, "right").at(0),
    );
    let backend = Arc::clone(subject.backend());
    let batches: Vec<_> = (0..ROUNDS)
        .map(|round| {
            let draft = Draft::new(tenant, &format!("{round}")).member("ann", as_version(round));
            draft.count(&left, 1, None).count(&right, 1, None).build()
        })
        .collect();
    let writer = tokio::spawn(async move {
        let subject = Subject::new(backend, super::fixtures::tenant("writer"));
        for batch in &batches {
            subject.apply(batch).await;
        }
    });
    let range = |key: &rewards_core::snapshot::CounterKey| CounterRange {
        name: key.name.clone(),
        from: 0,
        until: 0,
    };
    let plan = ReadPlan {
        members: vec![member_key(tenant, "ann")],
        counters: vec![range(&left), range(&right)],
        ..ReadPlan::default()
    };
    loop {
        let done = writer.is_finished();
        let view = subject.load(&plan).await;
        let (left, right) = (
            view.count(&range(&left), None),
            view.count(&range(&right), None),
        );
        assert_eq!(left, right, "two counters of one batch, torn");
        let version = view.members.values().map(|row| row.version).sum::<u64>();
        assert_eq!(u64::try_from(left), Ok(version), "counter and member, torn");
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer must not panic");
}

fn as_version(round: usize) -> u64 {
    u64::try_from(round).expect("a round is a small number")
}

/// Polls a future so many times, then drops it; whether it ended.
async fn poll_times<F: Future>(future: F, mut polls: u32) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(false);
        }
        polls -= 1;
        let ended = future.as_mut().poll(context).is_ready();
        if ended {
            Poll::Ready(true)
        } else if polls == 0 {
            Poll::Ready(false)
        } else {
            Poll::Pending
        }
    })
    .await
}

fn check_whole(rows: &super::subject::Rows, batch: &CommitBatch) {
    let written = &*batch.changes;
    assert!(
        rows.replies
            .values()
            .any(|body| **body == *batch.reply.body),
        "the reply is not stored: {:?}",
        rows.replies
    );
    for write in &written.members {
        assert_eq!(rows.members.get(&write.key), Some(&write.row));
    }
    for write in &written.entities {
        assert_eq!(rows.entities.get(&write.key), Some(&write.row));
    }
    for write in &written.programs {
        let found = rows.programs.get(write.key.program.as_str());
        assert_eq!(found, Some(&write.revision));
    }
    for change in &written.counters {
        assert_eq!(rows.counters.get(&change.key), Some(&change.delta));
    }
    for write in &written.lots {
        let key = (write.member.clone(), write.lot.number);
        assert_eq!(rows.lots.get(&key), Some(&write.lot));
    }
    for (_, entry) in &written.journal {
        assert!(rows.journal.contains(entry), "no entry {entry:?}");
    }
}
