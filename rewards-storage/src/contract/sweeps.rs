//! The read side: pages in bytewise order, whatever the ids look like.

use rewards_core::counter::Subject as Whom;
use rewards_core::decision::ProgramWrite;
use rewards_core::ids::MemberId;
use rewards_core::ledger::{Account, Lot, LotState, Purpose};
use rewards_core::member::MemberRow;
use rewards_core::snapshot::CounterName;
use smol_str::SmolStr;

use super::Subject;
use super::fixtures::{
    AWKWARD_IDS, Draft, PROBE, asset, at, document, funding, lot, member, member_row, probe_row,
    program, program_key, transfer,
};
use crate::batch::CommitBatch;
use crate::store::{DuePage, DuePlace};

/// Page sizes that cut the twenty awkward ids everywhere.
const LIMITS: [u32; 6] = [1, 2, 3, 7, 20, u32::MAX];

/// The sweep over members goes in bytewise order, meets each once, and shows each as its row was written.
pub async fn members_are_swept(subject: &Subject) {
    seed(subject, |draft, id| draft.member(id, 0)).await;
    for limit in LIMITS {
        let mut met = Vec::new();
        let mut after = None;
        loop {
            let backend = subject.backend();
            let page = backend.members(subject.tenant(), after, limit).await;
            let page = page.expect("a page");
            check_size(page.len(), limit);
            after = page.last().map(|head| head.member.clone());
            if page.is_empty() {
                break;
            }
            met.extend(page);
            check_end(met.len());
        }
        let ids: Vec<_> = met.iter().map(|head| head.member.as_str()).collect();
        assert_eq!(ids, AWKWARD_IDS, "pages of {limit}");
        let row = member_row(1);
        let tiers = [("contract".into(), "status".into(), "gold".into())];
        for head in met {
            assert_eq!((head.journal, head.event_seq), (row.journal, row.event_seq));
            assert_eq!(head.tiers, tiers);
            assert_eq!(head.balances, row.balances);
        }
    }
}

/// The sweep over journals goes by member in bytewise order, then by number, and may begin anywhere.
pub async fn journals_are_swept(subject: &Subject) {
    let cash = |id: &str| Account::member(&member(id), Purpose::Cashback, asset("EUR"));
    seed(subject, |draft, id| {
        let grant = || transfer(funding(), cash(id), 1);
        // Ten and two: as texts they would be the other way round.
        (1..=10).fold(draft, |draft, seq| draft.transfer(id, seq, grant()))
    })
    .await;
    let want: Vec<_> = AWKWARD_IDS
        .into_iter()
        .flat_map(|id| (1..=10).map(move |seq| (member(id), seq)))
        .collect();
    for limit in [7, 10, 200, u32::MAX] {
        let mut met: Vec<(MemberId, u64)> = Vec::new();
        loop {
            let backend = subject.backend();
            let after = met.last().cloned();
            let page = backend.journal(subject.tenant(), after, limit).await;
            let page = page.expect("a page");
            check_size(page.len(), limit);
            if page.is_empty() {
                break;
            }
            met.extend(page.into_iter().map(|entry| (entry.member, entry.seq)));
            check_end(met.len());
        }
        assert_eq!(met, want, "pages of {limit}");
    }
    let after = Some((member("B"), 5));
    let page = subject.backend().journal(subject.tenant(), after, 1).await;
    let page: Vec<_> = page
        .expect("a page")
        .into_iter()
        .map(|e| e.member)
        .collect();
    assert_eq!(page, [member("Z")], "after a member that does not exist");
}

/// Entities of a kind go in bytewise order of their ids, each once, whole, and no other kind among them.
pub async fn entities_are_swept(subject: &Subject) {
    seed(subject, |draft, id| draft.probe(id, id, 0)).await;
    for limit in LIMITS {
        let mut met = Vec::new();
        let mut after = None;
        loop {
            let backend = subject.backend();
            let page = backend
                .entities(subject.tenant(), PROBE, after, limit)
                .await;
            let page = page.expect("a page");
            check_size(page.len(), limit);
            after = page.last().map(|(id, _)| id.clone());
            if page.is_empty() {
                break;
            }
            met.extend(page);
            check_end(met.len());
        }
        let want = AWKWARD_IDS.map(|id| (SmolStr::new(id), probe_row(id, 1)));
        assert_eq!(met, want, "pages of {limit}");
    }
    let store = subject.backend();
    let others = store.entities(subject.tenant(), "prob", None, 9).await;
    assert_eq!(others.expect("a page"), []);
}

/// Members are due for a review or for a lot, at or before the instant; each is met once, by when the first thing is due and then
/// in bytewise order.
pub async fn due_members_are_swept(subject: &Subject) {
    let reviewed = |seconds| MemberRow {
        due_at: Some(at(seconds)),
        ..member_row(1)
    };
    let expiring = |number, seconds| Lot {
        expires_at: Some(at(seconds)),
        ..lot(number)
    };
    let mut kinds = (0..7).cycle();
    seed(subject, |draft, id| {
        let kind = kinds.next().expect("an endless cycle");
        let due = draft.clone().member_row(id, 0, reviewed(100));
        let calm = draft.member(id, 0);
        match kind {
            0 => due,
            1 => calm.new_lot(id, expiring(1, 100)),
            2 => due
                .new_lot(id, expiring(1, 100))
                .new_lot(id, expiring(2, 50)),
            3 => calm.new_lot(id, expiring(1, 101)),
            4 => calm,
            5 => {
                let state = LotState::Spent;
                calm.new_lot(
                    id,
                    Lot {
                        state,
                        ..expiring(1, 1)
                    },
                )
            }
            _ => {
                let pending = Lot {
                    state: LotState::Pending,
                    void_at: Some(at(100)),
                    ..lot(1)
                };
                calm.new_lot(id, pending)
            }
        }
    })
    .await;
    let due = |seconds, is_due: fn(usize) -> bool| -> Vec<DuePlace> {
        let due = (0..).zip(AWKWARD_IDS).filter(|(kind, _)| is_due(kind % 7));
        due.map(|(_, id)| (at(seconds), member(id))).collect()
    };
    let early = due(50, |kind| kind == 2);
    let mut want = early.clone();
    want.extend(due(100, |kind| matches!(kind, 0 | 1 | 6)));
    for limit in LIMITS {
        assert_eq!(
            sweep_due(subject, 100, limit).await,
            want,
            "pages of {limit}"
        );
    }
    assert_eq!(
        sweep_due(subject, 99, 2).await,
        early,
        "one instant earlier"
    );
    assert_eq!(sweep_due(subject, 49, 2).await, [], "earlier still");
}

/// A member for whom much is due, at one instant and at many, is met once and hides nobody.
pub async fn much_that_is_due_hides_nobody(subject: &Subject) {
    let tenant = subject.tenant();
    let expiring = |number, seconds| Lot {
        expires_at: Some(at(seconds)),
        ..lot(number)
    };
    let lots = (1..=20_u64).zip((10..20).chain([30; 10]));
    let much = lots.fold(
        Draft::new(tenant, "ann").member("ann", 0),
        |draft, (number, seconds)| draft.new_lot("ann", expiring(number, seconds)),
    );
    let bob = Draft::new(tenant, "bob").member("bob", 0);
    let review = MemberRow {
        due_at: Some(at(12)),
        ..member_row(1)
    };
    let group = [
        much.build(),
        bob.new_lot("bob", expiring(1, 30)).build(),
        Draft::new(tenant, "cid")
            .member_row("cid", 0, review)
            .build(),
    ];
    subject.commit_group(&group).await;
    let want = [(10, "ann"), (12, "cid"), (30, "bob")];
    let want = want.map(|(seconds, id)| (at(seconds), member(id)));
    for limit in LIMITS {
        assert_eq!(
            sweep_due(subject, 40, limit).await,
            want,
            "pages of {limit}"
        );
    }
}

async fn sweep_due(subject: &Subject, seconds: i64, limit: u32) -> Vec<DuePlace> {
    let (backend, tenant) = (subject.backend(), subject.tenant());
    let mut met = Vec::new();
    let mut after = None;
    let mut pages = 0;
    loop {
        let page = backend.due_members(tenant, at(seconds), after, limit).await;
        let DuePage { members, next } = page.expect("a page");
        check_size(members.len(), limit);
        met.extend(members);
        pages += 1;
        check_end(pages);
        if next.is_none() {
            return met;
        }
        after = next;
    }
}

/// A member is no longer due when the review was set off and the lot has moved.
pub async fn settled_members_are_not_due(subject: &Subject) {
    let tenant = subject.tenant();
    let row = MemberRow {
        due_at: Some(at(1)),
        ..member_row(1)
    };
    let due = Lot {
        expires_at: Some(at(1)),
        ..lot(1)
    };
    let draft = Draft::new(tenant, "a").member_row("ann", 0, row);
    subject
        .apply(&draft.new_lot("ann", due.clone()).build())
        .await;
    let found = || subject.backend().due_members(tenant, at(1), None, 10);
    let page = found().await.expect("a page");
    assert_eq!(page.members, [(at(1), member("ann"))]);
    let expired = Lot {
        state: LotState::Expired,
        remaining: 0,
        ..due
    };
    let draft = Draft::new(tenant, "b").member("ann", 1);
    subject
        .apply(&draft.moved_lot("ann", expired).build())
        .await;
    assert_eq!(found().await.expect("a page"), DuePage::default());
}

/// The counters of a subject come by name in bytewise order, then by bucket; no other subject's are among them.
pub async fn counters_of_a_subject_are_listed(subject: &Subject) {
    let tenant = subject.tenant();
    let owner = member("ann");
    let buckets = [i64::MIN, -1, 0, 9, 10, i64::MAX];
    let mut draft = Draft::new(tenant, "key");
    for name in AWKWARD_IDS.into_iter().rev() {
        let counter = CounterName::of_member(tenant, &owner, name);
        for bucket in buckets.into_iter().rev() {
            draft = draft.count(&counter.at(bucket), 7, None);
        }
    }
    for other in ["an", "ann ", "anna", "Ann", "%", "ann%", "_nn"] {
        let counter = CounterName::of_member(tenant, &member(other), "a");
        draft = draft.count(&counter.at(0), 1, None);
    }
    subject.apply(&draft.build()).await;
    let want: Vec<_> = AWKWARD_IDS
        .into_iter()
        .flat_map(|name| buckets.map(|bucket| (name.to_owned(), bucket, 7)))
        .collect();
    let backend = subject.backend();
    let found = backend.counters(tenant, &Whom::Member(owner)).await;
    assert_eq!(found.expect("counters"), want);
    let found = backend
        .counters(tenant, &Whom::Member(member("nobody")))
        .await;
    assert_eq!(found.expect("counters"), []);
}

/// All revisions of all programs are listed, by program in bytewise order and then by revision.
pub async fn programs_are_listed(subject: &Subject) {
    let tenant = subject.tenant();
    for version in 1..=11 {
        let publish = |id: &str| {
            let draft = Draft::new(tenant, &format!("{id}{version}"));
            draft.program(id, version).build()
        };
        let group: Vec<_> = AWKWARD_IDS.into_iter().rev().map(publish).collect();
        subject.commit_group(&group).await;
    }
    let backend = subject.backend();
    let found = backend.programs(tenant, &[]).await.expect("programs");
    let want: Vec<_> = AWKWARD_IDS
        .into_iter()
        .flat_map(|id| (1..=11).map(move |version| (program(id), version)))
        .collect();
    let got: Vec<_> = found
        .iter()
        .map(|write| (write.key.program.clone(), write.revision))
        .collect();
    assert_eq!(got, want);
    let first = ProgramWrite {
        key: program_key(tenant, " a"),
        revision: 1,
        active_from: at(1),
        published_at: at(0),
        document: document(" a"),
    };
    assert_eq!(found.first(), Some(&first), "each as it was published");
    // What somebody knows is left out: all revisions of all programs but the last two of one and those of another.
    let known = (0..).zip(AWKWARD_IDS).filter(|(place, _)| *place != 3);
    let known: Vec<_> = known
        .map(|(place, id)| (program(id), if place == 0 { 9 } else { 11 }))
        .collect();
    let found = backend.programs(tenant, &known).await.expect("programs");
    let got: Vec<_> = found
        .iter()
        .map(|w| (w.key.program.clone(), w.revision))
        .collect();
    let mut want = vec![(program(AWKWARD_IDS[0]), 10), (program(AWKWARD_IDS[0]), 11)];
    want.extend((1..=11).map(|revision| (program(AWKWARD_IDS[3]), revision)));
    assert_eq!(got, want);
}

/// A page of no rows is empty, and so is every page of a tenant without rows.
pub async fn empty_pages_are_empty(subject: &Subject) {
    let tenant = subject.tenant();
    let row = MemberRow {
        due_at: Some(at(1)),
        ..member_row(1)
    };
    let draft = Draft::new(tenant, "key").one_of_each("ann");
    subject
        .apply(&draft.member_row("bob", 0, row).build())
        .await;
    let other = subject.neighbour();
    let store = subject.backend();
    for (tenant, limit) in [(tenant, 0), (&other, 10)] {
        let due = store.due_members(tenant, at(9), None, limit).await;
        assert_eq!(due.expect("a page"), DuePage::default());
        assert_eq!(
            store.members(tenant, None, limit).await.expect("a page"),
            []
        );
        assert_eq!(
            store.journal(tenant, None, limit).await.expect("a page"),
            []
        );
        let entities = store.entities(tenant, PROBE, None, limit).await;
        assert_eq!(entities.expect("a page"), []);
    }
    assert_eq!(store.programs(&other, &[]).await.expect("programs"), []);
    let found = store
        .counters(&other, &Whom::Program(program("contract")))
        .await;
    assert_eq!(found.expect("counters"), []);
}

/// Commits one batch for each awkward id, last first, so that the order of writing is not the order asked for.
async fn seed(subject: &Subject, mut fill: impl FnMut(Draft, &str) -> Draft) {
    let mut group: Vec<CommitBatch> = AWKWARD_IDS
        .into_iter()
        .map(|id| fill(Draft::new(subject.tenant(), id), id).build())
        .collect();
    group.reverse();
    let outcomes = subject.commit_group(&group).await;
    let applied = outcomes.iter().all(|o| *o == crate::batch::Commit::Applied);
    assert!(applied, "seeding failed: {outcomes:?}");
}

fn check_size(found: usize, limit: u32) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    assert!(found <= limit, "a page of {found} rows, asked for {limit}");
}

/// A backend that hands out the same page again and again must fail the law, not hang it.
fn check_end(met: usize) {
    assert!(met <= 1_000, "a sweep that does not end, {met} rows so far");
}
