//! The outbox: gapless, in order within a stream, at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rewards_core::event::{Event, EventRecord, Stream};
use rewards_core::money::Money;
use uuid::Uuid;

use super::Subject;
use super::fixtures::{Draft, asset, at, event, member, member_key, program, purchase, slug};
use super::subject::insist;
use crate::batch::{Commit, Refusal, StaleRow};
use crate::store::{Claimed, OUTBOX_COUNTED_MAX};

/// One who claims.
const ANN: Uuid = Uuid::from_u128(0xA);
/// Another.
const BOB: Uuid = Uuid::from_u128(0xB);

/// Every kind of event comes back as it was.
pub async fn events_come_back_whole(subject: &Subject) {
    let tenant = subject.tenant();
    let money = || {
        vec![
            Money::new(i64::MAX, asset("EUR")),
            Money::new(-1, asset("stars/2")),
        ]
    };
    let bought = || purchase("p 'ä' 😀");
    let stream = Stream::Program(program("p \"q\""));
    let kinds = [
        Event::ProgramPublished {
            revision: u32::MAX,
            active_from: at(-1),
        },
        Event::MemberRegistered {},
        Event::PurchaseRecorded {
            purchase: bought(),
            program: program("p"),
            revision: 1,
            granted: money(),
            pending: true,
        },
        Event::PurchaseConfirmed {
            purchase: bought(),
            released: vec![],
        },
        Event::PurchaseCancelled {
            purchase: bought(),
            taken_back: money(),
            shortfall: money(),
        },
        Event::RewardsMatured { amounts: money() },
        Event::RewardsExpired { amounts: money() },
        Event::RewardsVoided { amounts: money() },
        Event::RewardsExtended {
            amounts: money(),
            expires_at: at(i64::from(u32::MAX)),
        },
        Event::RewardGranted {
            source: None,
            adjustment: None,
            amount: Money::new(1, asset("EUR")),
        },
        Event::BalanceDeducted {
            source: None,
            adjustment: None,
            amount: Money::new(i64::MIN, asset("points")),
        },
        Event::TierChanged {
            program: program("p"),
            ladder: slug("l"),
            from: slug("a"),
            to: slug("b"),
        },
    ];
    let records: Vec<_> = (1..)
        .zip(kinds)
        .map(|(seq, kind)| EventRecord {
            id: Uuid::from_u128(u128::MAX - u128::from(seq)),
            stream: stream.clone(),
            seq,
            recorded_at: at(1),
            event: kind,
        })
        .collect();
    let draft = Draft::new(tenant, "key");
    subject
        .apply(&records.iter().cloned().fold(draft, Draft::event).build())
        .await;
    assert_eq!(subject.waiting().await, records);
}

/// Applied batches leave their events without gaps; refused and replayed ones leave none.
pub async fn events_are_gapless(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |key: &str, version: u64, seconds| {
        let seq = version.saturating_add(1);
        let draft = Draft::new(tenant, key).member("ann", version);
        draft.event(event("ann", seq, seconds)).build()
    };
    let group = [
        write("a", 0, 1),
        write("b", 8, 2),
        write("c", 1, 3),
        write("d", 5, 4),
        write("e", 2, 5),
        write("a", 0, 1),
    ];
    let stale = || {
        let row = StaleRow::Member(member_key(tenant, "ann"));
        Commit::Refused(Refusal::Stale(row))
    };
    let [first, ..] = &group;
    let want = [
        Commit::Applied,
        stale(),
        Commit::Applied,
        stale(),
        Commit::Applied,
        Commit::Replayed(first.reply.clone()),
    ];
    assert_eq!(subject.commit_group(&group).await, want);
    let events = subject.waiting().await;
    let got: Vec<_> = events.iter().map(|e| (e.seq, e.recorded_at)).collect();
    assert_eq!(got, [(1, at(1)), (2, at(3)), (3, at(5))]);
}

/// Writers that race for a member leave a stream without gaps or repetitions.
pub async fn racing_events_are_gapless(subject: &Subject) {
    let tenant = subject.tenant();
    for version in 0..5_u64 {
        let racers = (0..6).map(|racer| {
            let draft = Draft::new(tenant, &format!("{version}-{racer}")).member("ann", version);
            draft
                .event(event("ann", version.saturating_add(1), 1))
                .build()
        });
        subject.race(racers.collect()).await;
    }
    let events = subject.waiting().await;
    let numbers: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

/// The oldest events are handed out first, however their streams are named and whenever they were committed.
pub async fn oldest_come_first(subject: &Subject) {
    let tenant = subject.tenant();
    let group = [
        ("b", 1, 30),
        ("z", 1, 10),
        ("ä", 1, 20),
        ("z", 2, 25),
        ("a", 1, 40),
    ]
    .map(|(text, seq, seconds)| {
        let draft = Draft::new(tenant, &format!("{text}{seq}"));
        draft.event(event(text, seq, seconds)).build()
    });
    subject.commit_group(&group).await;
    let got = claim(subject, ANN, 100, 200, 3).await;
    assert_eq!(places(&got), ["z 1", "ä 1", "z 2"], "a bounded claim");
    let got = claim(subject, ANN, 100, 200, 10).await;
    assert_eq!(places(&got), ["b 1", "a 1"], "the rest");
    assert_eq!(claim(subject, ANN, 100, 200, 10).await, [], "nothing twice");
}

/// A stream leaves in the order of its numbers, also when a later event was recorded by a clock that is behind: by batches of
/// their own, within a group, and within a batch. Each comes with the instant at which it was recorded.
pub async fn streams_leave_in_order_whatever_the_clocks_say(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |text: &str, events: &[(u64, i64)]| {
        let (first, _) = events.first().copied().unwrap_or_default();
        let draft = Draft::new(tenant, &format!("{text}{first}"));
        let events = events.iter();
        let draft = events.fold(draft, |draft, (seq, seconds)| {
            draft.event(event(text, *seq, *seconds))
        });
        draft.build()
    };
    let of_program = |revision: u64, seconds| EventRecord {
        stream: Stream::Program(program("p")),
        ..event("p", revision, seconds)
    };
    subject.apply(&write("a", &[(1, 50)])).await;
    subject
        .apply(&write("a", &[(2, 10), (3, 60), (4, 5)]))
        .await;
    let group = [write("b", &[(1, 41)]), write("b", &[(2, 20)])];
    subject.commit_group(&group).await;
    for (revision, seconds) in [(1, 45), (2, 3)] {
        let draft = Draft::new(tenant, &format!("p{revision}"));
        let draft = draft.event(of_program(revision, seconds));
        subject.apply(&draft.build()).await;
    }
    let mut got = Vec::new();
    loop {
        let page = claim(subject, ANN, 100, 200, 2).await;
        let events: Vec<_> = page
            .iter()
            .map(|c| (c.event.stream.clone(), c.event.seq))
            .collect();
        if events.is_empty() {
            break;
        }
        let backend = subject.backend();
        let removed = insist(|| backend.acknowledge(tenant, ANN, &events)).await;
        assert_eq!(removed, u64::try_from(events.len()).unwrap_or_default());
        got.extend(page);
    }
    let want = [
        "b 1",
        "b 2",
        "program p 1",
        "program p 2",
        "a 1",
        "a 2",
        "a 3",
        "a 4",
    ];
    assert_eq!(places(&got), want);
    let recorded: Vec<_> = got
        .iter()
        .map(|claimed| claimed.event.recorded_at)
        .collect();
    assert_eq!(recorded, [41, 20, 45, 3, 50, 10, 60, 5].map(at));
}

/// What waits behind a leased event of its stream waits also when it was recorded by a clock that is behind.
pub async fn a_clock_that_is_behind_opens_no_leased_stream(subject: &Subject) {
    let tenant = subject.tenant();
    let write = |seq: u64, seconds| {
        let draft = Draft::new(tenant, &format!("a{seq}"));
        draft.event(event("a", seq, seconds)).build()
    };
    subject.apply(&write(1, 50)).await;
    let got = claim(subject, ANN, 100, 200, 10).await;
    assert_eq!(places(&got), ["a 1"]);
    subject.apply(&write(2, 10)).await;
    assert_eq!(claim(subject, BOB, 100, 200, 10).await, []);
    let got = claim(subject, BOB, 200, 300, 10).await;
    assert_eq!(places(&got), ["a 1", "a 2"]);
    assert_eq!(done(subject, BOB, &[("a", 1), ("a", 2)]).await, 2);
}

/// A claim of nothing leases nothing.
pub async fn claim_of_none_leases_none(subject: &Subject) {
    seed(subject, &[("a", 1)]).await;
    assert_eq!(claim(subject, ANN, 10, 20, 0).await, []);
    let got = claim(subject, BOB, 10, 20, 1).await;
    assert_eq!(places(&got), ["a 1"]);
    assert_eq!(attempts(&got), [0]);
}

/// While an event is leased, nobody else gets later events of its stream; other streams stay open.
pub async fn leased_stream_is_closed(subject: &Subject) {
    seed(subject, &[("a", 3), ("b", 2)]).await;
    let got = claim(subject, ANN, 100, 200, 1).await;
    assert_eq!(places(&got), ["a 1"]);
    let got = claim(subject, BOB, 100, 200, 10).await;
    assert_eq!(places(&got), ["b 1", "b 2"]);
    assert_eq!(claim(subject, BOB, 199, 300, 10).await, []);
    // Nor may its holder go on: the answer to the first claim may have been lost on its way.
    assert_eq!(claim(subject, ANN, 199, 300, 10).await, []);
    let late = Draft::new(subject.tenant(), "late").event(event("a", 4, 50));
    subject.apply(&late.build()).await;
    assert_eq!(claim(subject, BOB, 199, 300, 10).await, []);
    assert_eq!(done(subject, ANN, &[("a", 1)]).await, 1);
    let got = claim(subject, ANN, 199, 300, 10).await;
    assert_eq!(places(&got), ["a 2", "a 3", "a 4"], "open again, in order");
}

/// A lease runs out at its end: then the events are handed out again, in order, and their attempts are counted.
pub async fn expired_leases_are_handed_out_again(subject: &Subject) {
    seed(subject, &[("a", 2)]).await;
    let got = claim(subject, ANN, 100, 200, 10).await;
    assert_eq!(attempts(&got), [0, 0]);
    assert_eq!(claim(subject, BOB, 199, 300, 10).await, []);
    let got = claim(subject, BOB, 200, 300, 10).await;
    assert_eq!(places(&got), ["a 1", "a 2"], "out at its very end");
    assert_eq!(attempts(&got), [1, 1]);
    assert_eq!(done(subject, ANN, &[("a", 1)]).await, 0, "no longer hers");
    let got = claim(subject, ANN, 300, 400, 1).await;
    assert_eq!(places(&got), ["a 1"]);
    assert_eq!(attempts(&got), [2]);
}

/// Delivered events are removed, by their holder only, and never come back.
pub async fn acknowledged_events_are_gone(subject: &Subject) {
    seed(subject, &[("a", 3)]).await;
    assert_eq!(done(subject, ANN, &[("a", 1)]).await, 0, "not claimed");
    claim(subject, ANN, 100, 200, 2).await;
    assert_eq!(
        done(subject, BOB, &[("a", 1), ("a", 2)]).await,
        0,
        "not his"
    );
    assert_eq!(done(subject, ANN, &[]).await, 0);
    let named = [("a", 1), ("a", 3), ("a", 9), ("b", 1)];
    assert_eq!(done(subject, ANN, &named).await, 1, "only what is leased");
    assert_eq!(done(subject, ANN, &named).await, 0, "once");
    let got = claim(subject, BOB, 500, 600, 10).await;
    assert_eq!(places(&got), ["a 2", "a 3"], "the rest, in order");
    assert_eq!(attempts(&got), [1, 0]);
}

/// A late acknowledgement counts as long as nobody else has claimed the event.
pub async fn late_acknowledgement_counts(subject: &Subject) {
    seed(subject, &[("a", 1)]).await;
    claim(subject, ANN, 100, 101, 1).await;
    assert_eq!(done(subject, ANN, &[("a", 1)]).await, 1);
    assert_eq!(claim(subject, BOB, 500, 600, 10).await, []);
}

/// Released events can be claimed at once, by anybody, and only their holder can release them.
pub async fn released_events_are_handed_out_again(subject: &Subject) {
    seed(subject, &[("a", 2)]).await;
    claim(subject, ANN, 100, 200, 10).await;
    let events = [(stream("a"), 1), (stream("a"), 2), (stream("a"), 3)];
    let backend = subject.backend();
    let release = |owner| backend.release(subject.tenant(), owner, &events);
    assert_eq!(release(BOB).await.expect("released"), 0, "not his");
    assert_eq!(claim(subject, BOB, 100, 200, 10).await, []);
    assert_eq!(release(ANN).await.expect("released"), 2);
    assert_eq!(release(ANN).await.expect("released"), 0, "once");
    assert_eq!(done(subject, ANN, &[("a", 1)]).await, 0, "no longer hers");
    let got = claim(subject, BOB, 100, 200, 10).await;
    assert_eq!(places(&got), ["a 1", "a 2"]);
    assert_eq!(attempts(&got), [1, 1]);
}

/// A member and a program of one name are two streams.
pub async fn streams_of_one_name_are_two(subject: &Subject) {
    let of_program = EventRecord {
        stream: Stream::Program(program("a")),
        ..event("a", 1, 2)
    };
    let draft = Draft::new(subject.tenant(), "key").event(event("a", 1, 1));
    subject
        .apply(&draft.event(of_program.clone()).build())
        .await;
    claim(subject, ANN, 100, 200, 1).await;
    let got = claim(subject, BOB, 100, 200, 10).await;
    let got: Vec<_> = got.into_iter().map(|claimed| claimed.event).collect();
    assert_eq!(got, [of_program]);
    assert_eq!(done(subject, BOB, &[("a", 1)]).await, 0, "the other stream");
}

/// A tenant's claim, acknowledgement and lease touch no other tenant.
pub async fn outboxes_are_isolated(subject: &Subject) {
    let theirs = subject.neighbour();
    seed(subject, &[("a", 1)]).await;
    let other = Draft::new(&theirs, "a").event(event("a", 1, 1));
    subject.apply(&other.build()).await;
    let backend = subject.backend();
    assert_eq!(claim(subject, ANN, 100, 200, 10).await.len(), 1);
    let got = backend.claim(&theirs, BOB, at(100), at(200), 10).await;
    assert_eq!(places(&got.expect("claimed")), ["a 1"]);
    assert_eq!(done(subject, ANN, &[("a", 1)]).await, 1);
    let removed = backend.acknowledge(&theirs, BOB, &[(stream("a"), 1)]).await;
    assert_eq!(removed.expect("acknowledged"), 1, "it was still there");
}

/// Many who claim and acknowledge at once meet every event, each stream in order, and share none.
pub async fn concurrent_claims_share_nothing(subject: &Subject) {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let streams: Vec<_> = names.iter().map(|name| (*name, 6)).collect();
    seed(subject, &streams).await;
    let workers: Vec<_> = (1..=4_u128)
        .map(|worker| {
            let backend = Arc::clone(subject.backend());
            let tenant = subject.tenant().clone();
            tokio::spawn(async move {
                let owner = Uuid::from_u128(worker);
                let mut met = Vec::new();
                let mut idle = 0;
                while idle < 20 {
                    let claim = || backend.claim(&tenant, owner, at(100), at(200), 3);
                    let claimed = insist(claim).await;
                    idle = if claimed.is_empty() { idle + 1 } else { 0 };
                    for Claimed { event, .. } in claimed {
                        let place = [(event.stream.clone(), event.seq)];
                        insist(|| backend.acknowledge(&tenant, owner, &place)).await;
                        met.push((event.stream.text(), event.seq));
                    }
                    tokio::task::yield_now().await;
                }
                met
            })
        })
        .collect();
    let mut met = Vec::new();
    for worker in workers {
        let events = worker.await.expect("a worker must not panic");
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for (stream, seq) in &events {
            let before = last.insert(stream, *seq);
            assert!(before < Some(*seq), "{stream} {seq} after {before:?}");
        }
        met.extend(events);
    }
    let all: BTreeSet<_> = met.iter().cloned().collect();
    assert_eq!(all.len(), met.len(), "an event was met twice");
    // A worker may give up while another still holds a lease; what is left is still there.
    let left = subject.waiting().await.len();
    assert_eq!(all.len().saturating_add(left), 48, "every event once");
}

/// Events that wait are seen by the health check, with the age of the oldest.
pub async fn health_sees_waiting_events(subject: &Subject) {
    seed(subject, &[("a", 2)]).await;
    let health = subject.backend().health().await.expect("healthy");
    assert!(!health.backend.is_empty(), "a backend has a name");
    assert!(health.schema_version > 0, "a schema has a version");
    // Other tenants may share the database, so these are bounds.
    assert!(health.outbox_waiting >= 2, "{health:?}");
    assert!(health.outbox_oldest.is_some_and(|oldest| oldest <= at(1)));
}

/// No more events are counted than anybody needs to know of, and the oldest of all tenants is told.
pub async fn health_counts_up_to_a_bound(subject: &Subject) {
    let many = u64::from(OUTBOX_COUNTED_MAX).saturating_add(5);
    // No commit is so large that a store on a busy machine may take it for one that hangs.
    for first in (1..=many).step_by(1_000) {
        let last = first.saturating_add(999).min(many);
        let draft = Draft::new(subject.tenant(), &format!("many {first}"));
        let draft = (first..=last).fold(draft, |draft, seq| draft.event(event("a", seq, 7)));
        subject.apply(&draft.build()).await;
    }
    let theirs = subject.neighbour();
    let older = Draft::new(&theirs, "older").event(event("b", 1, 3));
    subject.apply(&older.build()).await;
    let health = subject.backend().health().await.expect("healthy");
    assert_eq!(health.outbox_waiting, u64::from(OUTBOX_COUNTED_MAX));
    assert!(health.outbox_oldest.is_some_and(|oldest| oldest <= at(3)));
    // Others may share the database.
    let backend = subject.backend();
    let mut removed = 0;
    while removed < many {
        let waiting = claim(subject, ANN, 100, 200, 1_000).await;
        assert!(!waiting.is_empty(), "{removed} of {many} were handed out");
        let places: Vec<_> = waiting
            .iter()
            .map(|c| (c.event.stream.clone(), c.event.seq))
            .collect();
        removed += insist(|| backend.acknowledge(subject.tenant(), ANN, &places)).await;
    }
    assert_eq!(removed, many);
}

/// Records `count` events in each stream, those of the first stream being the oldest.
async fn seed(subject: &Subject, streams: &[(&str, u64)]) {
    let mut draft = Draft::new(subject.tenant(), "seed");
    let mut seconds = 0;
    for (text, count) in streams {
        for seq in 1..=*count {
            seconds += 1;
            draft = draft.event(event(text, seq, seconds));
        }
    }
    subject.apply(&draft.build()).await;
}

fn stream(text: &str) -> Stream {
    Stream::Member(member(text))
}

async fn claim(subject: &Subject, owner: Uuid, now: i64, until: i64, limit: u32) -> Vec<Claimed> {
    let (backend, tenant) = (subject.backend(), subject.tenant());
    insist(|| backend.claim(tenant, owner, at(now), at(until), limit)).await
}

async fn done(subject: &Subject, owner: Uuid, events: &[(&str, u64)]) -> u64 {
    let events: Vec<_> = events
        .iter()
        .map(|(text, seq)| (stream(text), *seq))
        .collect();
    let backend = subject.backend();
    insist(|| backend.acknowledge(subject.tenant(), owner, &events)).await
}

fn places(claimed: &[Claimed]) -> Vec<String> {
    let place = |event: &EventRecord| match &event.stream {
        Stream::Member(member) => format!("{member} {}", event.seq),
        Stream::Program(program) => format!("program {program} {}", event.seq),
    };
    claimed.iter().map(|c| place(&c.event)).collect()
}

fn attempts(claimed: &[Claimed]) -> Vec<u32> {
    claimed.iter().map(|claimed| claimed.attempts).collect()
}
