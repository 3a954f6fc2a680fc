//! One key, one effect: what a repetition finds, and how far a key reaches.

use super::Subject;
use super::fixtures::{AWKWARD_IDS, Draft, FINGERPRINT_BYTES, at, counter, member_key};
use crate::batch::{CommandKey, Commit, CommitBatch, Refusal, StaleRow};
use rewards_core::decision::Changes;
use rewards_core::snapshot::StoredReply;
use std::sync::Arc;

/// Bodies that go wrong where text is folded, trimmed, escaped or read as JSON and written again.
const BODIES: [&str; 8] = [
    "{}",
    "{\"b\":1,\"a\":2,\"a\":3}",
    "{ \"spaced\" : 1.50 }",
    "{\"n\":123456789012345678901234567890}",
    "\"\\u00e4 ä e\u{301} 😀 \\\" \\\\ ' % $1 ? :a\"",
    " leading and trailing\n",
    "",
    "null",
];

/// A repetition gets the first reply byte for byte, and so does a view of it.
pub async fn replay_is_byte_identical(subject: &Subject) {
    let tenant = subject.tenant();
    let long = format!("\"{}\"", "0123456789äöüß".repeat(10_000));
    for (index, body) in BODIES.into_iter().chain([long.as_str()]).enumerate() {
        let batch = Draft::new(tenant, &format!("{index}")).body(body).build();
        subject.apply(&batch).await;
        let outcome = subject.commit(&batch).await;
        assert_eq!(outcome, Commit::Replayed(batch.reply.clone()), "{index}");
        assert_eq!(stored(subject, &batch).await, Some(batch.reply.clone()));
    }
}

/// A repetition has no second effect, whatever it would do now: only key and fingerprint are looked at.
pub async fn replay_has_no_effect(subject: &Subject) {
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    let first = Draft::new(tenant, "key").one_of_each("ann").build();
    subject.apply(&first).await;
    let other = Draft::new(tenant, "key").body("other").member("bob", 9);
    let other = other.count(&count, 1, Some(0)).build();
    let before = subject.visible(&[first.clone(), other.clone()]).await;
    for batch in [&first, &other, &first] {
        let outcome = subject.commit(batch).await;
        assert_eq!(outcome, Commit::Replayed(first.reply.clone()));
    }
    let after = subject.visible(&[first, other]).await;
    assert_eq!(after, before, "a replay must change nothing");
}

/// The same key with another fingerprint is refused as such, even with the same reply and changes.
pub async fn key_with_other_fingerprint_is_reused(subject: &Subject) {
    let draft = Draft::new(subject.tenant(), "key").one_of_each("ann");
    subject.apply(&draft.build()).await;
    for byte in [0, 2, 0xFF] {
        let batch = draft.clone().fingerprint(byte).build();
        subject.refuse(&batch, Refusal::KeyReused).await;
    }
    let stored = stored(subject, &draft.build()).await;
    assert_eq!(stored, Some(draft.build().reply), "the first stays");
    // Fingerprints are equal when their digests are; the marks behind it are kept, too.
    let kept = stored.map(|reply| reply.fingerprint.as_bytes().to_vec());
    assert_eq!(kept, Some([1; FINGERPRINT_BYTES].to_vec()));
}

/// Of many racers with one key one is applied, and the others get its reply.
pub async fn racers_apply_once(subject: &Subject) {
    const RACERS: usize = 16;
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    let racer = |index: usize| {
        let draft = Draft::new(tenant, "key").body(&format!("racer {index}"));
        draft.member("ann", 0).count(&count, 1, None).build()
    };
    let outcomes = subject.race((0..RACERS).map(racer).collect()).await;
    let winner = stored(subject, &racer(0)).await.expect("a stored reply");
    let applied = outcomes.iter().filter(|o| **o == Commit::Applied).count();
    assert_eq!(applied, 1, "exactly one racer is applied: {outcomes:?}");
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Commit::Applied => assert_eq!(winner, racer(index).reply, "the winner's own reply"),
            other => assert_eq!(other, Commit::Replayed(winner.clone())),
        }
    }
    assert_eq!(subject.counted(&count).await, 1, "one effect");
}

/// Racers with two fingerprints: one is applied, those like it are replayed, the others are refused.
pub async fn racers_with_two_fingerprints_are_told_apart(subject: &Subject) {
    let tenant = subject.tenant();
    let racer = |index: u8| Draft::new(tenant, "key").fingerprint(index % 2).build();
    let outcomes = subject.race((0..12).map(racer).collect()).await;
    let winner = stored(subject, &racer(0)).await.expect("a stored reply");
    let applied = outcomes.iter().filter(|o| **o == Commit::Applied).count();
    assert_eq!(applied, 1, "exactly one racer is applied: {outcomes:?}");
    for (index, outcome) in (0..).zip(outcomes) {
        let reply = racer(index).reply;
        if reply.fingerprint != winner.fingerprint {
            assert_eq!(outcome, Commit::Refused(Refusal::KeyReused));
        } else if outcome != Commit::Applied {
            assert_eq!(outcome, Commit::Replayed(winner.clone()));
        }
    }
}

/// One key of two tenants is two keys.
pub async fn keys_are_scoped_by_tenant(subject: &Subject) {
    let (mine, theirs) = (subject.tenant().clone(), subject.neighbour());
    for tenant in [mine, theirs] {
        let batch = Draft::new(&tenant, "key").body(tenant.as_str()).build();
        subject.apply(&batch).await;
        assert_eq!(subject.commit(&batch).await, Commit::Replayed(batch.reply));
    }
}

/// One key of two operations is two keys.
pub async fn keys_are_scoped_by_operation(subject: &Subject) {
    for operation in ["contract.one", "contract.two"] {
        let draft = Draft::new(subject.tenant(), "key").operation(operation);
        let batch = draft.body(operation).build();
        subject.apply(&batch).await;
        assert_eq!(subject.commit(&batch).await, Commit::Replayed(batch.reply));
    }
}

/// Keys are compared byte for byte: case, spaces, accents and quotes tell them apart.
pub async fn keys_are_compared_bytewise(subject: &Subject) {
    let tenant = subject.tenant();
    let longest = "k".repeat(rewards_core::ids::KEY_BYTES_MAX);
    let keys = || AWKWARD_IDS.into_iter().chain([longest.as_str(), "\u{e9}"]);
    for key in keys() {
        subject
            .apply(&Draft::new(tenant, key).body(key).build())
            .await;
    }
    for key in keys() {
        let batch = Draft::new(tenant, key).body(key).build();
        assert_eq!(subject.commit(&batch).await, Commit::Replayed(batch.reply));
    }
}

/// Within one group the second use of a key replays the first, or is refused when it is another command.
pub async fn repetition_within_a_group_replays(subject: &Subject) {
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    let draft = Draft::new(tenant, "key").count(&count, 1, None);
    let first = draft.build();
    let other = draft.clone().fingerprint(9).build();
    let next = Draft::new(tenant, "next").count(&count, 1, None).build();
    let group = [first.clone(), first.clone(), other, next, first.clone()];
    let outcomes = subject.commit_group(&group).await;
    let replayed = || Commit::Replayed(first.reply.clone());
    let want = [
        Commit::Applied,
        replayed(),
        Commit::Refused(Refusal::KeyReused),
        Commit::Applied,
        replayed(),
    ];
    assert_eq!(outcomes, want);
    assert_eq!(subject.counted(&count).await, 2, "one effect a key");
}

/// A refusal does not use the key up: the same key succeeds later, in the same group or another.
pub async fn refusal_leaves_the_key_free(subject: &Subject) {
    let tenant = subject.tenant();
    let stale = Draft::new(tenant, "key").member("ann", 3).build();
    let fresh = Draft::new(tenant, "key").fingerprint(2).member("ann", 0);
    let row = StaleRow::Member(member_key(tenant, "ann"));
    let refusal = Refusal::Stale(row);
    subject.refuse(&stale, refusal.clone()).await;
    let outcomes = subject.commit_group(&[stale, fresh.build()]).await;
    assert_eq!(outcomes, [Commit::Refused(refusal), Commit::Applied]);
}

/// Sending a whole group again after its outcome was lost replays what was applied and refuses nothing of it.
pub async fn lost_acknowledgement_replays(subject: &Subject) {
    let tenant = subject.tenant();
    let group: Vec<_> = ["a", "b", "c"]
        .map(|name| Draft::new(tenant, name).one_of_each(name).build())
        .into();
    let (some, _) = group.split_at(2);
    let outcomes = subject.commit_group(some).await;
    assert_eq!(outcomes, [Commit::Applied, Commit::Applied]);
    let outcomes = subject.commit_group(&group).await;
    let replayed = |batch: &CommitBatch| Commit::Replayed(batch.reply.clone());
    let mut want: Vec<_> = group.iter().map(replayed).collect();
    if let Some(last) = want.last_mut() {
        *last = Commit::Applied;
    }
    assert_eq!(outcomes, want);
    let before = subject.visible(&group).await;
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, group.iter().map(replayed).collect::<Vec<_>>());
    assert_eq!(subject.visible(&group).await, before);
}

/// A batch without changes stores its reply all the same.
pub async fn empty_changes_store_the_reply(subject: &Subject) {
    let batch = Draft::new(subject.tenant(), "key").build();
    assert_eq!(*batch.changes, Changes::default());
    subject.apply(&batch).await;
    assert_eq!(stored(subject, &batch).await, Some(batch.reply.clone()));
    assert_eq!(subject.commit(&batch).await, Commit::Replayed(batch.reply));
}

/// A shared change set is only read: retries commit the very same value.
pub async fn changes_are_shared_not_taken(subject: &Subject) {
    let batch = Draft::new(subject.tenant(), "key").event(super::fixtures::event("ann", 1, 1));
    let batch = batch.build();
    let copy = batch.clone();
    subject.apply(&batch).await;
    assert!(Arc::ptr_eq(&batch.changes, &copy.changes));
    let events = subject.waiting().await;
    assert_eq!(events.first().map(|e| e.recorded_at), Some(at(1)));
}

async fn stored(subject: &Subject, batch: &CommitBatch) -> Option<StoredReply> {
    let plan = super::plan_of(batch);
    let mut view = subject.load(&plan).await;
    match &batch.key {
        CommandKey::Reply(key) => view.replies.remove(key),
        CommandKey::Entity(key) => view.receipts.remove(key),
        CommandKey::None => None,
    }
}
