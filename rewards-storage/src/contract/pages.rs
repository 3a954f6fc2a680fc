//! Pages of entities and members: their order, where they go on, and what they never skip or repeat.

use rewards_core::entity::{By, Cursor, EntityQuery, EntityRow, Index};
use rewards_core::member::MemberRow;
use rewards_core::snapshot::{MemberQuery, ReadPlan};
use smol_str::SmolStr;

use super::Subject;
use super::fixtures::{
    AWKWARD_IDS, Draft, PROBE, at, joined, member, member_key, member_row, probe_key, probe_row,
};
use crate::batch::Commit;

/// Page sizes that cut the twenty awkward ids everywhere.
const LIMITS: [u32; 6] = [1, 2, 3, 7, 20, u32::MAX];

fn query(subject: &Subject, by: By, limit: u32) -> EntityQuery {
    EntityQuery {
        tenant: subject.tenant().clone(),
        kind: PROBE,
        by,
        after: None,
        limit,
    }
}

async fn page(subject: &Subject, query: &EntityQuery) -> Vec<(SmolStr, EntityRow)> {
    let plan = ReadPlan {
        entity_pages: vec![query.clone()],
        ..ReadPlan::default()
    };
    let mut view = subject.load(&plan).await;
    let page = view.entity_pages.remove(query);
    page.expect("a page that was asked for")
}

/// Where a list goes on after a row.
fn place(by: &By, id: &SmolStr, index: &Index) -> Cursor {
    let value = match by {
        By::Newest | By::Owner(_) => Some(index.at.micros()),
        By::Group { .. } => index.rank,
        By::Due(_) => index.due_at.map(|due| due.micros()),
    };
    Cursor {
        value: value.expect("a row that is in the list"),
        id: id.clone(),
    }
}

/// All ids of a list, met page by page.
async fn turn(subject: &Subject, by: &By, limit: u32) -> Vec<String> {
    let mut met = Vec::new();
    let mut query = query(subject, by.clone(), limit);
    loop {
        let page = page(subject, &query).await;
        assert!(page.len() <= usize::try_from(limit).unwrap_or(usize::MAX));
        let Some((id, row)) = page.last() else {
            return met;
        };
        query.after = Some(place(by, id, &row.index));
        met.extend(page.into_iter().map(|(id, _)| id.to_string()));
        assert!(met.len() <= 1_000, "pages that do not end");
    }
}

async fn check(subject: &Subject, by: By, want: &[&str]) {
    for limit in LIMITS {
        assert_eq!(turn(subject, &by, limit).await, want, "{by:?} by {limit}");
    }
    let none = query(subject, by, 0);
    assert_eq!(page(subject, &none).await, [], "a page of none");
}

/// Makes one probe for each awkward id, with an index that follows from its place; the last first.
async fn seed(subject: &Subject, index: impl Fn(usize) -> Index) {
    let mut group: Vec<_> = AWKWARD_IDS
        .iter()
        .enumerate()
        .map(|(place, id)| {
            let row = EntityRow {
                index: index(place),
                ..probe_row("ann", 1)
            };
            let draft = Draft::new(subject.tenant(), id);
            draft.probe_row(id, 0, row).build()
        })
        .collect();
    group.reverse();
    let outcomes = subject.commit_group(&group).await;
    assert!(outcomes.iter().all(|end| *end == Commit::Applied));
}

fn seconds(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(0)
}

/// The awkward ids whose places pass, in an order.
fn ids(passes: impl Fn(usize) -> bool, order: impl Fn(usize) -> i64) -> Vec<&'static str> {
    let mut places: Vec<usize> = (0..AWKWARD_IDS.len()).filter(|at| passes(*at)).collect();
    places.sort_by_key(|at| (order(*at), *at));
    let id = |at: usize| AWKWARD_IDS.get(at).copied();
    places.into_iter().filter_map(id).collect()
}

/// Of a kind, newest first; of one instant, by id falling.
pub async fn newest_come_first(subject: &Subject) {
    seed(subject, |place| Index::new("s", at(seconds(place % 3)))).await;
    let mut want = ids(|_| true, |place| seconds(place % 3));
    want.reverse();
    check(subject, By::Newest, &want).await;
    let other = EntityQuery {
        kind: "prob",
        ..query(subject, By::Newest, 9)
    };
    assert_eq!(page(subject, &other).await, [], "of another kind");
    let rows = page(subject, &query(subject, By::Newest, 1)).await;
    let (id, row) = rows.first().expect("a newest one");
    assert_eq!(want.first(), Some(&id.as_str()));
    assert_eq!((row.version, &*row.body), (1, &*probe_row("ann", 1).body));
}

/// Of an owner, newest first, and of nobody else.
pub async fn pages_of_an_owner(subject: &Subject) {
    let owner = |place: usize| {
        if place.is_multiple_of(3) {
            "ann"
        } else {
            "ann "
        }
    };
    seed(subject, |place| {
        let index = Index::new("s", at(seconds(place % 2)));
        match place {
            1 => index,
            _ => index.owned_by(&member(owner(place))),
        }
    })
    .await;
    for (who, is_hers) in [("ann", true), ("ann ", false)] {
        let passes = |place: usize| place != 1 && place.is_multiple_of(3) == is_hers;
        let mut want = ids(passes, |place| seconds(place % 2));
        want.reverse();
        check(subject, By::Owner(member(who)), &want).await;
    }
    check(subject, By::Owner(member("Ann")), &[]).await;
}

/// Of a group in a state, by rank and id, from a rank on; what has no rank is not in the list.
pub async fn pages_of_a_group(subject: &Subject) {
    let ranks = [i64::MIN, -1, 0, i64::MAX];
    let rank = |place: usize| ranks.get(place % 5).copied();
    seed(subject, |place| Index {
        group: (place != 2).then(|| SmolStr::new("book")),
        state: SmolStr::new(if place % 7 == 3 { "used" } else { "free" }),
        rank: rank(place),
        ..Index::new("free", at(0))
    })
    .await;
    let by = |state: &str, from_rank, to_rank| By::Group {
        group: SmolStr::new("book"),
        state: SmolStr::new(state),
        from_rank,
        to_rank,
    };
    for (state, is_used) in [("free", false), ("used", true)] {
        for (from, to) in [
            (i64::MIN, i64::MAX),
            (-1, i64::MAX),
            (0, i64::MAX),
            (1, i64::MAX),
            (i64::MAX, i64::MAX),
            (i64::MIN, -1),
            (-1, 0),
            (0, i64::MAX - 1),
            (0, -1),
        ] {
            let passes = |place: usize| {
                let is_in = place != 2 && (place % 7 == 3) == is_used;
                is_in && rank(place).is_some_and(|rank| (from..=to).contains(&rank))
            };
            let want = ids(passes, |place| rank(place).unwrap_or(0));
            check(subject, by(state, from, to), &want).await;
        }
    }
    check(subject, by("fre", i64::MIN, i64::MAX), &[]).await;
}

/// What is due at or before an instant, earliest first, then by id.
pub async fn pages_of_what_is_due(subject: &Subject) {
    let due = |place: usize| (place % 4 != 1).then(|| at(seconds(place % 5)));
    seed(subject, |place| Index {
        due_at: due(place),
        ..Index::new("s", at(0))
    })
    .await;
    for until in -1..=5 {
        let passes = |place: usize| due(place).is_some_and(|due| due <= at(until));
        let want = ids(passes, |place| seconds(place % 5));
        check(subject, By::Due(at(until)), &want).await;
    }
}

/// Turning pages shows what was there all the time exactly once, while others come and go and the shown ones change.
pub async fn pages_show_everything_once_while_others_come_and_go(subject: &Subject) {
    let tenant = subject.tenant();
    seed(subject, |place| {
        Index::new("s", at(seconds(place))).owned_by(&member("ann"))
    })
    .await;
    let by = By::Owner(member("ann"));
    let mut query = query(subject, by.clone(), 3);
    let mut met = Vec::new();
    for round in 0..100_u64 {
        let page = page(subject, &query).await;
        let Some((id, row)) = page.last() else {
            break;
        };
        query.after = Some(place(&by, id, &row.index));
        // The last one shown changes without moving, another one comes that is newer than all, one goes to another owner.
        let changed = EntityRow {
            version: row.version.saturating_add(1),
            index: Index {
                state: SmolStr::new("changed"),
                ..row.index.clone()
            },
            ..row.clone()
        };
        let newer = EntityRow {
            index: Index::new("s", at(1_000)).owned_by(&member("ann")),
            ..probe_row("ann", 1)
        };
        let newer_id = format!("newer {round}");
        let draft = Draft::new(tenant, &format!("round {round}"));
        let draft = draft.probe_row(id, row.version, changed);
        subject
            .apply(&draft.probe_row(&newer_id, 0, newer).build())
            .await;
        met.extend(page.into_iter().map(|(id, _)| id.to_string()));
    }
    let mut want = AWKWARD_IDS.to_vec();
    want.reverse();
    assert_eq!(met, want);
}

/// Members come newest first: by when they joined, then by id, both falling.
pub async fn members_page_newest_first(subject: &Subject) {
    let tenant = subject.tenant();
    let mut group: Vec<_> = AWKWARD_IDS
        .iter()
        .enumerate()
        .map(|(place, id)| {
            let row = joined(member_row(1), seconds(place % 3));
            Draft::new(tenant, id).member_row(id, 0, row).build()
        })
        .collect();
    group.reverse();
    subject.commit_group(&group).await;
    let mut want = ids(|_| true, |place| seconds(place % 3));
    want.reverse();
    for limit in LIMITS {
        let mut met: Vec<String> = Vec::new();
        let mut query = MemberQuery {
            tenant: tenant.clone(),
            after: None,
            limit,
        };
        loop {
            let page = members(subject, &query).await;
            let Some((id, row)) = page.last() else {
                break;
            };
            query.after = Some(Cursor {
                value: row.profile.registered_at.micros(),
                id: SmolStr::new(id),
            });
            met.extend(page.into_iter().map(|(id, _)| id));
            assert!(met.len() <= 1_000, "pages that do not end");
        }
        assert_eq!(met, want, "pages of {limit}");
    }
    let other = MemberQuery {
        tenant: subject.neighbour(),
        after: None,
        limit: 9,
    };
    assert_eq!(members(subject, &other).await, []);
}

async fn members(subject: &Subject, query: &MemberQuery) -> Vec<(String, MemberRow)> {
    let plan = ReadPlan {
        member_pages: vec![query.clone()],
        ..ReadPlan::default()
    };
    let mut view = subject.load(&plan).await;
    let page = view.member_pages.remove(query);
    let page = page.expect("a page that was asked for").into_iter();
    page.map(|(id, row)| (id.to_string(), row)).collect()
}

/// Every field of a member's row comes back as it was, by key and in a page, and a later write replaces all of them.
pub async fn members_come_back_whole(subject: &Subject) {
    let tenant = subject.tenant();
    let key = member_key(tenant, "ann");
    let bare = MemberRow {
        version: 2,
        ..MemberRow::new(member_row(1).profile, at(5))
    };
    let dated = MemberRow {
        due_at: Some(at(9)),
        ..joined(member_row(3), -7)
    };
    for (version, row) in (0..).zip([member_row(1), bare, dated]) {
        let draft = Draft::new(tenant, &format!("{version}"));
        let batch = draft.member_row("ann", version, row.clone()).build();
        subject.apply(&batch).await;
        let plan = ReadPlan {
            members: vec![key.clone()],
            ..ReadPlan::default()
        };
        let mut view = subject.load(&plan).await;
        assert_eq!(view.members.remove(&key), Some(row.clone()));
        let query = MemberQuery {
            tenant: tenant.clone(),
            after: None,
            limit: 2,
        };
        let page = members(subject, &query).await;
        assert_eq!(page, [("ann".to_owned(), row)]);
    }
}

/// Pages and rows by key of one plan are of one instant.
pub async fn pages_and_keys_are_one_view(subject: &Subject) {
    const ROUNDS: u64 = 30;
    let tenant = subject.tenant().clone();
    let backend = subject.backend().clone();
    let writer = tokio::spawn(async move {
        let subject = Subject::new(backend, tenant);
        for round in 0..ROUNDS {
            let draft = Draft::new(subject.tenant(), &format!("{round}"));
            let draft = draft.member("ann", round).probe("p", "ann", round);
            subject.apply(&draft.build()).await;
        }
    });
    let listed = query(subject, By::Owner(member("ann")), 9);
    let plan = ReadPlan {
        members: vec![member_key(subject.tenant(), "ann")],
        entities: vec![probe_key(subject.tenant(), "p")],
        entity_pages: vec![listed.clone()],
        ..ReadPlan::default()
    };
    loop {
        let done = writer.is_finished();
        let view = subject.load(&plan).await;
        let by_member: Vec<u64> = view.members.values().map(|row| row.version).collect();
        let by_key: Vec<u64> = view.entities.values().map(|row| row.version).collect();
        let page = view.entity_pages.get(&listed);
        let paged: Vec<u64> = (page.into_iter().flatten())
            .map(|(_, row)| row.version)
            .collect();
        assert_eq!(by_member, by_key, "member and entity, torn");
        assert_eq!(paged, by_key, "page and key, torn");
        if done {
            break;
        }
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer must not panic");
}
