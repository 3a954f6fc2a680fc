//! Keys of other kinds than given ones, and replies that are kept with the entities that their commands made.

use rewards_core::snapshot::{ReadPlan, StoredReply};

use super::Subject;
use super::fixtures::{AWKWARD_IDS, Draft, counter, probe_key};
use crate::batch::{CommandKey, Commit, Refusal, StaleRow};

async fn receipt(subject: &Subject, text: &str) -> Option<StoredReply> {
    let key = probe_key(subject.tenant(), text);
    let plan = ReadPlan {
        receipts: vec![key.clone()],
        ..ReadPlan::default()
    };
    subject.load(&plan).await.receipts.remove(&key)
}

fn made(subject: &Subject, text: &str) -> Draft {
    let draft = Draft::new(subject.tenant(), text).body(&format!("{{\"made\":{text:?}}}"));
    draft.keyed_by(text).probe(text, "ann", 0)
}

/// A repetition under the entity's own key gets the first reply byte for byte; another command does not.
pub async fn entity_keys_replay(subject: &Subject) {
    for id in AWKWARD_IDS {
        let first = made(subject, id).build();
        subject.apply(&first).await;
        let again = made(subject, id).body("other").member("bob", 9).build();
        for batch in [&first, &again] {
            let outcome = subject.commit(batch).await;
            assert_eq!(outcome, Commit::Replayed(first.reply.clone()), "{id}");
        }
        let other = made(subject, id).fingerprint(9).build();
        subject.refuse(&other, Refusal::KeyReused).await;
        assert_eq!(receipt(subject, id).await, Some(first.reply), "{id}");
    }
}

/// The receipt answers under the entity's own key, also when the command had a given key; and the given key answers, too.
pub async fn receipts_of_given_keys_answer_entity_keys(subject: &Subject) {
    let tenant = subject.tenant();
    let given = Draft::new(tenant, "given").body("once").receipt("p");
    let given = given.probe("p", "ann", 0).build();
    subject.apply(&given).await;
    let replayed = || Commit::Replayed(given.reply.clone());
    assert_eq!(subject.commit(&given).await, replayed());
    let by_entity = made(subject, "p").build();
    assert_eq!(subject.commit(&by_entity).await, replayed());
    let other = made(subject, "p").fingerprint(9).build();
    subject.refuse(&other, Refusal::KeyReused).await;
    // Another given key is another command, which finds the entity there.
    let another = Draft::new(tenant, "another")
        .receipt("p")
        .probe("p", "ann", 0);
    let exists = Refusal::Exists(probe_key(tenant, "p"));
    subject.refuse(&another.build(), exists).await;
    assert_eq!(receipt(subject, "p").await, Some(given.reply.clone()));
}

/// Later changes of the entity leave its receipt as it is, in the same group and afterwards.
pub async fn receipts_never_change(subject: &Subject) {
    let tenant = subject.tenant();
    let change = |key: &str, version| Draft::new(tenant, key).probe("p", "bob", version).build();
    let first = made(subject, "p").build();
    let outcomes = subject.commit_group(&[first.clone(), change("1", 1)]).await;
    assert_eq!(outcomes, [Commit::Applied, Commit::Applied]);
    assert_eq!(receipt(subject, "p").await, Some(first.reply.clone()));
    subject.apply(&change("2", 2)).await;
    assert_eq!(receipt(subject, "p").await, Some(first.reply.clone()));
    assert_eq!(subject.commit(&first).await, Commit::Replayed(first.reply));
}

/// Within one group the second use of an entity's key replays the first, whatever key that one had.
pub async fn entity_keys_replay_within_a_group(subject: &Subject) {
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    let first = made(subject, "p").count(&count, 1, None).build();
    let given = Draft::new(tenant, "given").body("once").receipt("q");
    let given = given.probe("q", "ann", 0).count(&count, 1, None).build();
    let group = [
        first.clone(),
        first.clone(),
        made(subject, "p").fingerprint(9).build(),
        given.clone(),
        made(subject, "q").count(&count, 1, None).build(),
        made(subject, "r").count(&count, 1, None).build(),
    ];
    let outcomes = subject.commit_group(&group).await;
    let want = [
        Commit::Applied,
        Commit::Replayed(first.reply.clone()),
        Commit::Refused(Refusal::KeyReused),
        Commit::Applied,
        Commit::Replayed(given.reply),
        Commit::Applied,
    ];
    assert_eq!(outcomes, want);
    assert_eq!(subject.counted(&count).await, 3, "one effect a key");
}

/// Of many racers with one entity's key one is applied, and the others get its reply.
pub async fn racers_of_an_entity_key_apply_once(subject: &Subject) {
    let tenant = subject.tenant();
    let count = counter(tenant, "count").at(0);
    let racer = |index: usize| {
        let draft = made(subject, "p").body(&format!("racer {index}"));
        draft.member("ann", 0).count(&count, 1, None).build()
    };
    let outcomes = subject.race((0..12).map(racer).collect()).await;
    let winner = receipt(subject, "p").await.expect("a receipt");
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

/// An entity that was made without a receipt answers nobody: whoever wants to make it finds it there.
pub async fn an_entity_without_receipt_exists(subject: &Subject) {
    let tenant = subject.tenant();
    let without = Draft::new(tenant, "key").probe("p", "ann", 0);
    subject.apply(&without.build()).await;
    assert_eq!(receipt(subject, "p").await, None);
    let exists = Refusal::Exists(probe_key(tenant, "p"));
    subject.refuse(&made(subject, "p").build(), exists).await;
}

/// A given key and a natural key of the same text are two keys.
pub async fn given_and_natural_keys_are_apart(subject: &Subject) {
    let tenant = subject.tenant();
    let given = Draft::new(tenant, "key").body("given").build();
    let natural = Draft::new(tenant, "key").body("natural").fingerprint(2);
    let natural = natural.natural().build();
    let group = [given.clone(), natural.clone()];
    let outcomes = subject.commit_group(&group).await;
    assert_eq!(outcomes, [Commit::Applied, Commit::Applied]);
    for batch in group {
        assert_eq!(subject.commit(&batch).await, Commit::Replayed(batch.reply));
    }
}

/// A batch without a key leaves no reply; what makes it happen once is the version of what it changes.
pub async fn keyless_batches_leave_no_reply(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |expected| {
        let draft = Draft::new(tenant, "unused").member("ann", expected);
        draft.keyless().build()
    };
    let outcomes = subject.commit_group(&[write(0), write(1)]).await;
    assert_eq!(outcomes, [Commit::Applied, Commit::Applied]);
    assert_eq!(write(0).key, CommandKey::None);
    let row = StaleRow::Member(super::fixtures::member_key(tenant, "ann"));
    subject.refuse(&write(1), Refusal::Stale(row)).await;
    // The text was never a key.
    let given = Draft::new(tenant, "unused").fingerprint(7).build();
    subject.apply(&given).await;
}
