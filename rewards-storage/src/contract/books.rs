//! One view of the books: every list of it whole and in order, and all of it as it was when it was opened.

use std::time::Duration;

use rewards_core::snapshot::ReadPlan;
use smol_str::SmolStr;

use super::Subject;
use super::fixtures::{
    AWKWARD_IDS, Draft, OPERATION, PROBE, at, cashback, counter, document, event, funding, lot,
    member, member_key, member_row, probe_row, program, purchase, transfer,
};
use super::subject::insist;
use crate::batch::CommitBatch;

/// Reads a list of a view to its end, in pages of a limit.
macro_rules! pages {
    ($view:ident.$list:ident($($argument:expr)?), $limit:expr, |$last:ident| $place:expr) => {{
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = $view.$list($($argument,)? after, $limit).await.expect("a page");
            let limit = usize::try_from($limit).unwrap_or(usize::MAX);
            assert!(page.len() <= limit, "a page of {} rows, asked for {limit}", page.len());
            let Some($last) = page.last() else { break rows };
            after = Some($place);
            rows.extend(page);
            assert!(rows.len() <= 1_000, "a list that does not end");
        }
    }};
}

/// Every list shows every row once, as it was written, in its order and with nothing of another tenant.
pub async fn books_show_everything(subject: &Subject) {
    let filled = |tenant, id: &str| {
        let grant = transfer(funding(), cashback(id), 100).for_purchase(Some(purchase(id)));
        Draft::new(tenant, id)
            .member(id, 0)
            .probe(id, id, 0)
            .count(&counter(tenant, id).at(1), 5, None)
            .transfer(id, 1, grant)
            .new_lot(id, lot(1))
            .event(event(id, 1, 1))
    };
    let mut group: Vec<CommitBatch> = AWKWARD_IDS
        .into_iter()
        .map(|id| filled(subject.tenant(), id).build())
        .collect();
    group.reverse();
    group.push(
        Draft::new(subject.tenant(), "publish")
            .program("club", 1)
            .build(),
    );
    group.push(filled(&subject.neighbour(), "next door").build());
    subject.commit_group(&group).await;
    let store = subject.backend();
    for limit in [1, 3, 20, u32::MAX] {
        let mut view = insist(|| store.books(subject.tenant())).await;
        let members = pages!(view.members(), limit, |last| last.member.clone());
        let found: Vec<_> = members
            .iter()
            .map(|stored| stored.member.as_str())
            .collect();
        assert_eq!(found, AWKWARD_IDS, "members, pages of {limit}");
        let (row, joined) = (member_row(1), member_row(1).profile.registered_at);
        assert!(
            members
                .iter()
                .all(|stored| stored.row == row && stored.at == joined)
        );
        let journal = pages!(view.journal(), limit, |last| (
            last.member.clone(),
            last.seq
        ));
        let found: Vec<_> = journal.iter().map(|entry| entry.member.as_str()).collect();
        assert_eq!(found, AWKWARD_IDS, "journal, pages of {limit}");
        let lots = pages!(view.lots(), limit, |last| (
            last.member.clone(),
            last.lot.number
        ));
        let found: Vec<_> = lots.iter().map(|stored| stored.member.as_str()).collect();
        assert_eq!(found, AWKWARD_IDS, "lots, pages of {limit}");
        let is_it =
            |lot: &rewards_core::ledger::Lot, due| *lot == self::lot(1) && due == lot.due_at();
        assert!(lots.iter().all(|stored| is_it(&stored.lot, stored.due_at)));
        let rows = AWKWARD_IDS.map(|id| (SmolStr::new(id), probe_row(id, 1)));
        let entities = pages!(view.entities(PROBE), limit, |last| last.0.clone());
        assert_eq!(entities, rows, "entities, pages of {limit}");
        let owned = pages!(view.owned(PROBE), limit, |last| {
            let owner = last.1.index.owner.clone().expect("an owner");
            (owner, last.1.index.at, last.0.clone())
        });
        assert_eq!(owned, rows, "entities by owner, pages of {limit}");
        let events = pages!(view.events(), limit, |last| {
            let event = &last.event;
            (event.stream.clone(), event.seq)
        });
        let found: Vec<_> = events.iter().map(|stored| stored.event.clone()).collect();
        assert_eq!(
            found,
            AWKWARD_IDS.map(|id| event(id, 1, 1)),
            "events, pages of {limit}"
        );
        let counters = pages!(view.counters(), limit, |last| last.0.clone());
        let mut places: Vec<_> = AWKWARD_IDS
            .map(|id| counter(subject.tenant(), id).at(1))
            .into();
        places.sort_by_key(|key| (key.name.subject.text(), key.name.name.clone()));
        let places = places.into_iter();
        let want = places.map(|key| ((key.name.subject.text(), key.name.name, key.bucket), 5));
        assert_eq!(
            counters,
            want.collect::<Vec<_>>(),
            "counters, pages of {limit}"
        );
    }
    books_show_the_rest(subject).await;
}

async fn books_show_the_rest(subject: &Subject) {
    let store = subject.backend();
    let mut view = insist(|| store.books(subject.tenant())).await;
    let revisions = pages!(view.revisions(), 1, |last| (
        last.program.clone(),
        last.revision
    ));
    let want = serde_json::to_value(document("club")).expect("a document");
    let found: Vec<_> = revisions
        .iter()
        .map(|stored| (stored.program.clone(), stored.revision, stored.active_from))
        .collect();
    assert_eq!(found, [(program("club"), 1, at(1))]);
    for stored in revisions {
        let body: serde_json::Value = serde_json::from_str(&stored.body).expect("JSON");
        assert_eq!(body, want);
    }
    let replies = pages!(view.replies(OPERATION), 7, |last| last.0.clone());
    let mut keys: Vec<&str> = AWKWARD_IDS.into_iter().chain(["publish"]).collect();
    keys.sort_unstable();
    let found: Vec<_> = replies.iter().map(|((_, key), _)| key.as_str()).collect();
    assert_eq!(found, keys);
    let controls = view.control_accounts().await.expect("control accounts");
    drop(view);
    let want = insist(|| store.control_accounts(subject.tenant())).await;
    assert_eq!(controls, want);
}

/// What is committed while a view is open is not in it. Where the store has one connection, the commit waits for the view.
pub async fn books_stay_as_they_are(subject: &Subject) {
    subject
        .apply(&Draft::new(subject.tenant(), "1").member("ann", 0).build())
        .await;
    let (store, tenant) = (subject.backend(), subject.tenant());
    let mut view = insist(|| store.books(tenant)).await;
    // Some stores look for the first time only now.
    let seen = view.members(None, 9).await.expect("a page");
    let look = async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let plan = ReadPlan {
            members: vec![member_key(tenant, "ann"), member_key(tenant, "bob")],
            ..ReadPlan::default()
        };
        let page = view.members(None, 9).await.expect("a page");
        let loaded = view.load(&plan).await.expect("a view");
        (page, loaded)
    };
    let batch = Draft::new(tenant, "2").member("ann", 1).member("bob", 0);
    let ((page, loaded), ()) = {
        let batch = batch.build();
        let commit = async { subject.apply(&batch).await };
        tokio::join!(look, commit)
    };
    assert_eq!(page, seen, "a page of the open view");
    let loaded: Vec<_> = loaded.members.values().map(|row| row.version).collect();
    assert_eq!(loaded, [1], "rows of the open view");
    let mut view = insist(|| store.books(tenant)).await;
    let now = view.members(None, 9).await.expect("a page");
    let found: Vec<_> = now
        .iter()
        .map(|stored| (stored.member.clone(), stored.row.version))
        .collect();
    assert_eq!(found, [(member("ann"), 2), (member("bob"), 1)]);
}
