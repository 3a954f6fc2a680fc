//! Payments that are assessed: what is counted, what adds points, and what decides.

use std::collections::BTreeMap;

use rewards_core::event::{Event, Stream};
use rewards_core::operations::members::RegisterMember;
use rewards_core::operations::risk::{
    AddToRiskList, AssessPayment, AssessedPayment, ClaimReview, ClaimedReview, DecideReview,
    DecidedReview, GetAssessment, LabelPayment, ListAssessments, ListReviews, ListRiskEntries,
    PaymentFacts, QuoteAssessment, RemoveFromRiskList, SnoozeRule,
};
use rewards_core::program::{CompiledProgram, Program};
use rewards_core::rejection::Rejection;
use rewards_core::risk::{
    EntryState, ListedReviews, PaymentLabel, ReviewDecision, ReviewState, RiskDecision, RiskOutcome,
};
use rewards_core::time::Timestamp;

use crate::problems::found;
use crate::words::money;
use crate::world::{World, at, member};

/// Points are told apart by their digits: one of each rule.
const SHOP: &str = r#"
[risk]
keys = ["device", "terminal"]
features = [
  { id = "amount", value = { amount = {} } },
  { id = "hour", value = { local_hour = {} } },
  { id = "age", value = { member_age = {} } },
  { id = "ten_minutes", value = { count = { by = "device", within = { minutes = 10 } } } },
  { id = "day_sum", value = { sum = { by = "member", within = { days = 1 } } } },
  { id = "to_mean", value = { amount_to_mean = { by = "member", within = { days = 30 } } } },
  { id = "devices", value = { distinct = { of = "device", by = "member", within = { hours = 24 } } } },
  { id = "since", value = { since_last = { by = "member" } } },
  { id = "fraud", value = { bad_share = { by = "terminal", days = 7, delay_days = 7 } } },
]
lists = [
  { id = "stolen", by = "device", then = "block" },
  { id = "known", by = "member", then = "allow" },
  { id = "odd", by = "terminal", then = "review" },
]
reviews = { expires_after_minutes = 60, then = "approve" }

[risk.scorecard]
review_at = 100
block_at = 1000
rules = [
  { id = "large", feature = "amount", bands = [{ until = 10000, points = 0 }, { from = 10000, points = 1 }] },
  { id = "often", feature = "ten_minutes", bands = [{ until = 2, points = 0 }, { from = 2, until = 4, points = 100 }, { from = 4, points = 1000 }] },
  { id = "much", feature = "day_sum", bands = [{ until = 20000, points = 0 }, { from = 20000, points = 20 }] },
  { id = "unlike", feature = "to_mean", bands = [{ until = 300, points = 0 }, { from = 300, points = 4 }], none = 2 },
  { id = "many", feature = "devices", bands = [{ until = 2, points = 0 }, { from = 2, points = 40 }] },
  { id = "soon", feature = "since", bands = [{ until = 5, points = 8 }, { from = 5, points = 0 }] },
  { id = "tainted", feature = "fraud", bands = [{ until = 5000, points = 0 }, { from = 5000, points = 500 }] },
]
combinations = [
  { id = "new-at-night", all = [{ feature = "hour", until = 6 }, { feature = "age", until = 7 }], points = 200 },
]
[risk.shadow]
block_at = 1
rules = [
  { id = "any", feature = "amount", bands = [{ until = 10000, points = 0 }, { from = 10000, points = 9 }] },
]
"#;

fn facts(amount: &str, occurred_at: &str, keys: &str) -> PaymentFacts {
    let mut keys: BTreeMap<String, String> = keys
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    PaymentFacts {
        program: "main".parse().unwrap(),
        member: keys.remove("member").map(|id| member(&id)),
        amount: money(amount, "EUR"),
        occurred_at: at(occurred_at),
        keys,
    }
}

/// Assesses a payment when it happens.
fn assess(
    world: &mut World,
    id: &str,
    amount: &str,
    occurred_at: &str,
    keys: &str,
) -> Result<AssessedPayment, Rejection> {
    world.now = at(occurred_at).max(world.now);
    let facts = facts(amount, occurred_at, keys);
    let quoted = world.run(&QuoteAssessment {
        facts: facts.clone(),
    });
    let payment = id.parse().unwrap();
    let assessed = world.run(&AssessPayment { payment, facts });
    if let (Ok(quoted), Ok(assessed)) = (&quoted, &assessed) {
        assert_eq!(quoted.outcome, assessed.outcome);
        assert_eq!(quoted.shadow, assessed.shadow);
    }
    assessed
}

/// A score with its rules: `approve 3: unlike 2, large 1`.
fn say(outcome: &RiskOutcome) -> String {
    let rules = outcome.contributions.iter();
    let rules = rules.map(|one| format!("{} {}", one.rule, one.points));
    let rules = rules.collect::<Vec<_>>().join(", ");
    let mut text = format!("{} {}: {rules}", outcome.decision.text(), outcome.score);
    for (what, names) in [("unknown", &outcome.unknown), ("snoozed", &outcome.snoozed)] {
        if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
            text.push_str(&format!("; {what} {}", names.join(" ")));
        }
    }
    for hit in &outcome.lists {
        text.push_str(&format!("; {} on {}", hit.then.text(), hit.list));
    }
    text
}

#[test]
fn what_is_counted_adds_points() {
    let mut world = World::with(SHOP);
    world.register("bob");
    for (id, amount, occurred_at, keys, want) in [
        // The first payment: there is no mean and none before it.
        (
            "p1",
            "10.00",
            "2026-03-02T12:00:00Z",
            "member=ann device=d1 terminal=t1",
            "approve 2: unlike 2",
        ),
        // Three times the mean, five minutes later.
        (
            "p2",
            "30.00",
            "2026-03-02T12:05:00Z",
            "member=ann device=d2 terminal=t1",
            "approve 4: unlike 4",
        ),
        // Less than five minutes later, on a third device, but two before it; at a terminal that nobody names.
        (
            "p3",
            "100.00",
            "2026-03-02T12:09:59Z",
            "member=ann device=d3",
            "approve 53: many 40, soon 8, unlike 4, large 1; unknown tainted",
        ),
        // The sum of the day is below 200.00 by now, the mean 46.66.
        (
            "p4",
            "60.00",
            "2026-03-02T13:00:00Z",
            "member=ann device=d3 terminal=t1",
            "approve 40: many 40",
        ),
        (
            "p5",
            "60.00",
            "2026-03-02T23:00:00Z",
            "member=ann device=d3 terminal=t1",
            "approve 60: many 40, much 20",
        ),
        // The next day, but within 24 hours.
        (
            "p6",
            "60.00",
            "2026-03-03T00:30:00Z",
            "member=ann device=d3 terminal=t1",
            "approve 40: many 40",
        ),
        // One device of anybody: three payments within ten minutes are many for the third.
        (
            "q1",
            "1.00",
            "2026-03-05T12:00:00Z",
            "device=d9 terminal=t1",
            "approve 0: ; unknown much unlike many soon",
        ),
        (
            "q2",
            "1.00",
            "2026-03-05T12:00:00Z",
            "device=d9 terminal=t1",
            "approve 0: ; unknown much unlike many soon",
        ),
        (
            "q3",
            "1.00",
            "2026-03-05T12:09:00Z",
            "device=d9 terminal=t1",
            "review 100: often 100; unknown much unlike many soon",
        ),
        (
            "q4",
            "1.00",
            "2026-03-05T12:09:59Z",
            "device=d9 terminal=t1",
            "review 100: often 100; unknown much unlike many soon",
        ),
        (
            "q5",
            "1.00",
            "2026-03-05T12:09:59Z",
            "device=d9 terminal=t1",
            "block 1000: often 1000; unknown much unlike many soon",
        ),
        // The minute of the first two is over: three are left.
        (
            "q6",
            "1.00",
            "2026-03-05T12:10:00Z",
            "device=d9 terminal=t1",
            "review 100: often 100; unknown much unlike many soon",
        ),
        // It arrives late, and sees nothing of what happened after it.
        (
            "q7",
            "1.00",
            "2026-03-05T12:00:30Z",
            "device=d9 terminal=t1",
            "review 100: often 100; unknown much unlike many soon",
        ),
        (
            "q8",
            "1.00",
            "2026-03-05T11:59:00Z",
            "device=d9 terminal=t1",
            "approve 0: ; unknown much unlike many soon",
        ),
    ] {
        let assessed = assess(&mut world, id, amount, occurred_at, keys).unwrap();
        assert_eq!(say(&assessed.outcome), want, "{id}");
        let is_large = amount == "100.00";
        let shadow = assessed.shadow.unwrap();
        assert_eq!(shadow.score, if is_large { 9 } else { 0 }, "{id}");
        assert_eq!(shadow.decision == RiskDecision::Block, is_large, "{id}");
    }
    let stream = (world.tenant.clone(), Stream::Member(member("ann")));
    let told = world.events[&stream]
        .iter()
        .filter_map(|record| match &record.event {
            Event::PaymentAssessed { payment, score, .. } => Some((payment.as_str(), *score)),
            _ => None,
        });
    let want = [
        ("p1", 2),
        ("p2", 4),
        ("p3", 53),
        ("p4", 40),
        ("p5", 60),
        ("p6", 40),
    ];
    assert_eq!(told.collect::<Vec<_>>(), want);
}

#[test]
fn a_combination_holds_when_all_of_it_does() {
    let mut world = World::with(SHOP);
    world.at("2026-03-02T22:00:00Z");
    let new = RegisterMember::new(member("new"));
    world.run(&new).unwrap();
    for (id, occurred_at, who, want) in [
        ("p1", "2026-03-02T23:59:59Z", "new", "approve 2: unlike 2"),
        (
            "p2",
            "2026-03-03T00:00:00Z",
            "new",
            "review 208: new-at-night 200, soon 8",
        ),
        (
            "p3",
            "2026-03-09T05:59:59Z",
            "new",
            "review 200: new-at-night 200",
        ),
        ("p4", "2026-03-09T06:00:00Z", "new", "approve 8: soon 8"),
        ("p5", "2026-03-09T22:00:00Z", "new", "approve 0: "),
        ("p6", "2026-03-10T01:00:00Z", "new", "approve 0: "),
        ("p7", "2026-03-10T01:00:00Z", "ann", "approve 2: unlike 2"),
    ] {
        let keys = format!("member={who} device=d-{who} terminal=t");
        let assessed = assess(&mut world, id, "5.00", occurred_at, &keys).unwrap();
        assert_eq!(say(&assessed.outcome), want, "{id}");
    }
}

#[test]
fn labels_are_seen_after_their_delay() {
    let mut world = World::with(SHOP);
    let mut run = |id: &str, day: u32| {
        let occurred_at = format!("2026-03-{day:02}T12:00:00Z");
        let assessed = assess(&mut world, id, "5.00", &occurred_at, "terminal=t device=d");
        (assessed.unwrap().outcome.score, world.clone())
    };
    assert_eq!(run("a1", 2).0, 0);
    let (_, seen) = run("a2", 2);
    world = seen;
    let label = |world: &mut World, id: &str, label| {
        let key = format!("label-{}", world.commands);
        let payment = id.parse().unwrap();
        world.run_as(&key, &LabelPayment { payment, label })
    };
    world.at("2026-03-04");
    let told = label(&mut world, "a1", PaymentLabel::Bad).unwrap();
    assert_eq!((told.before, told.labelled_at), (None, at("2026-03-04")));
    // One of two is bad: half of them, seen from the seventh day on for seven days.
    for (day, points) in [(8, 0), (9, 500), (15, 500), (16, 0)] {
        let occurred_at = format!("2026-03-{day:02}T12:00:00Z");
        let mut then = world.clone();
        let assessed = assess(&mut then, "b", "5.00", &occurred_at, "terminal=t device=d");
        assert_eq!(assessed.unwrap().outcome.score, points, "{day}");
    }
    let told = label(&mut world, "a1", PaymentLabel::Good).unwrap();
    assert_eq!(told.before, Some(PaymentLabel::Bad));
    label(&mut world, "a2", PaymentLabel::Good).unwrap();
    let mut then = world.clone();
    let assessed = assess(&mut then, "b", "5.00", "2026-03-10", "terminal=t device=d");
    assert_eq!(assessed.unwrap().outcome.score, 0);
    let unknown = label(&mut world, "nobody", PaymentLabel::Bad).unwrap_err();
    assert_eq!(unknown.code(), "payment_unknown");
    let payment = "a2".parse().unwrap();
    let shown = world.run(&GetAssessment { payment }).unwrap();
    assert_eq!(shown.label.unwrap().label, PaymentLabel::Good);
}

#[test]
fn lists_come_before_scores() {
    let mut world = World::with(SHOP);
    let list = |world: &mut World, list: &str, value: &str, expires: Option<&str>| {
        let key = format!("list-{}", world.commands);
        let add = AddToRiskList {
            program: "main".parse().unwrap(),
            list: list.parse().unwrap(),
            value: value.to_owned(),
            expires_at: expires.map(at),
        };
        world.run_as(&key, &add)
    };
    list(&mut world, "stolen", "d1", Some("2026-03-02T13:00:00Z")).unwrap();
    list(&mut world, "known", "ann", None).unwrap();
    list(&mut world, "odd", "t1", None).unwrap();
    for (id, occurred_at, keys, want) in [
        (
            "p1",
            "2026-03-02T12:30:00Z",
            "device=d1 terminal=t1",
            "block 0: ; unknown much unlike many soon; block on stolen; review on odd",
        ),
        (
            "p2",
            "2026-03-02T12:30:00Z",
            "device=d2 terminal=t1",
            "review 0: ; unknown much unlike many soon; review on odd",
        ),
        (
            "p3",
            "2026-03-02T12:30:00Z",
            "device=d1 terminal=t1 member=ann",
            "approve 2: unlike 2; allow on known; block on stolen; review on odd",
        ),
        (
            "p4",
            "2026-03-02T13:00:00Z",
            "device=d1 terminal=t2",
            "approve 0: ; unknown much unlike many soon",
        ),
    ] {
        let assessed = assess(&mut world, id, "5.00", occurred_at, keys).unwrap();
        assert_eq!(say(&assessed.outcome), want, "{id}");
    }
    let remove = RemoveFromRiskList {
        program: "main".parse().unwrap(),
        list: "odd".parse().unwrap(),
        value: "t1".to_owned(),
    };
    let removed = world.run_as("remove", &remove).unwrap();
    assert_eq!(removed.removed_at, world.now);
    let again = world.run_as("again", &remove).unwrap_err();
    assert_eq!(again.code(), "risk_entry_unknown");
    let entries = |world: &mut World, list: &str| {
        let ask = ListRiskEntries {
            program: "main".parse().unwrap(),
            list: list.parse().unwrap(),
            after: None,
            limit: None,
        };
        let found = world.run(&ask).unwrap().entries.into_iter();
        found.map(|e| (e.value, e.state)).collect::<Vec<_>>()
    };
    assert_eq!(entries(&mut world, "odd"), []);
    assert_eq!(
        entries(&mut world, "stolen"),
        [("d1".to_owned(), EntryState::Expired)]
    );
    list(&mut world, "stolen", "d1", None).unwrap();
    assert_eq!(
        entries(&mut world, "stolen"),
        [("d1".to_owned(), EntryState::Listed)]
    );
    let unknown = list(&mut world, "nothing", "d1", None).unwrap_err();
    assert_eq!(unknown.code(), "risk_list_unknown");
    let past = list(&mut world, "odd", "", Some("2026-03-02T13:00:00Z")).unwrap_err();
    let Rejection::Invalid(problems) = past else {
        panic!("{past}")
    };
    let want = [("text_invalid", "value"), ("time_in_past", "expires_at")];
    assert_eq!(found(&problems), want);
}

#[test]
fn a_rule_is_snoozed_for_one_value() {
    let mut world = World::with(SHOP);
    let snooze = |key: &str, value: &str, until: &str| SnoozeRule {
        program: "main".parse().unwrap(),
        rule: "large".parse().unwrap(),
        key: key.parse().unwrap(),
        value: value.to_owned(),
        until: at(until),
    };
    let ask = snooze("device", "d1", "2026-03-02T13:00:00Z");
    world.run_as("s1", &ask).unwrap();
    for (id, occurred_at, keys, want) in [
        (
            "p1",
            "2026-03-02T12:30:00Z",
            "device=d1 terminal=t",
            "approve 0: ; unknown much unlike many soon; snoozed large",
        ),
        (
            "p2",
            "2026-03-02T12:30:00Z",
            "device=d2 terminal=t",
            "approve 1: large 1; unknown much unlike many soon",
        ),
        (
            "p3",
            "2026-03-02T13:00:00Z",
            "device=d1 terminal=t",
            "approve 1: large 1; unknown much unlike many soon",
        ),
    ] {
        let assessed = assess(&mut world, id, "100.00", occurred_at, keys).unwrap();
        assert_eq!(say(&assessed.outcome), want, "{id}");
    }
    let other = SnoozeRule {
        rule: "nothing".parse().unwrap(),
        ..ask
    };
    let unknown = world.run_as("s2", &other).unwrap_err();
    assert_eq!(unknown.code(), "risk_rule_unknown");
    for (ask, want) in [
        (
            snooze("house", "h", "2026-03-02T13:00:00Z"),
            vec![("reference_unknown", "key"), ("time_in_past", "until")],
        ),
        (
            snooze("device", "", "2027-03-04"),
            vec![("text_invalid", "value"), ("time_too_late", "until")],
        ),
    ] {
        let Err(Rejection::Invalid(problems)) = world.run_as("s3", &ask) else {
            panic!("{want:?}")
        };
        assert_eq!(found(&problems), want);
    }
}

fn claim(world: &mut World, payment: &str, owner: &str) -> Result<ClaimedReview, Rejection> {
    let key = format!("claim-{}", world.commands);
    let claim = ClaimReview {
        payment: payment.parse().unwrap(),
        owner: owner.parse().unwrap(),
    };
    world.run_as(&key, &claim)
}

fn decide(world: &mut World, payment: &str, owner: &str) -> Result<DecidedReview, Rejection> {
    world.run(&DecideReview {
        payment: payment.parse().unwrap(),
        owner: owner.parse().unwrap(),
        decision: ReviewDecision::Block,
    })
}

#[test]
fn a_review_is_claimed_and_decided_by_its_owner() {
    let mut world = World::with(SHOP);
    let add = AddToRiskList {
        program: "main".parse().unwrap(),
        list: "odd".parse().unwrap(),
        value: "t".to_owned(),
        expires_at: None,
    };
    world.run_as("odd", &add).unwrap();
    for id in ["p1", "p2", "p3"] {
        let keys = "device=d terminal=t member=ann";
        let assessed = assess(&mut world, id, "5.00", "2026-03-02T12:00:00Z", keys).unwrap();
        assert_eq!(assessed.outcome.decision, RiskDecision::Review);
        assert_eq!(assessed.review_expires_at, Some(at("2026-03-02T13:00:00Z")));
    }
    fn code<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
        result.unwrap_err().code()
    }
    assert_eq!(code(decide(&mut world, "p1", "jo")), "review_not_claimed");
    assert_eq!(claim(&mut world, "p1", "jo").unwrap().owner.as_str(), "jo");
    assert_eq!(claim(&mut world, "p1", "jo").unwrap().owner.as_str(), "jo");
    assert_eq!(code(claim(&mut world, "p1", "kim")), "review_claimed");
    assert_eq!(code(decide(&mut world, "p1", "kim")), "review_claimed");
    claim(&mut world, "p2", "kim").unwrap();
    let decided = decide(&mut world, "p1", "jo").unwrap();
    assert_eq!(decided.decision, ReviewDecision::Block);
    assert_eq!(code(claim(&mut world, "p1", "jo")), "review_decided");
    assert_eq!(code(decide(&mut world, "p1", "kim")), "key_reused");
    assert_eq!(code(claim(&mut world, "p9", "jo")), "review_unknown");
    world.at("2026-03-02T13:00:00Z");
    assert_eq!(code(claim(&mut world, "p2", "kim")), "review_expired");
    assert_eq!(code(decide(&mut world, "p2", "kim")), "review_expired");
    for (state, want) in [
        (
            None,
            ("p3", ReviewState::Expired, Some(ReviewDecision::Approve)),
        ),
        (
            Some(ListedReviews::Claimed),
            ("p2", ReviewState::Expired, Some(ReviewDecision::Approve)),
        ),
        (
            Some(ListedReviews::Decided),
            ("p1", ReviewState::Decided, Some(ReviewDecision::Block)),
        ),
    ] {
        let list = ListReviews {
            program: "main".parse().unwrap(),
            state,
            after: None,
            limit: None,
        };
        let reviews = world.run(&list).unwrap().reviews;
        let found = reviews
            .iter()
            .map(|r| (r.payment.as_str(), r.state, r.decision));
        assert_eq!(found.collect::<Vec<_>>(), [want]);
    }
    let payment = "p1".parse().unwrap();
    let shown = world.run(&GetAssessment { payment }).unwrap();
    let review = shown.review.unwrap();
    assert_eq!(review.decision, Some(decided.decision));
    assert_eq!(review.decided_at, Some(decided.decided_at));
    let list = ListAssessments {
        member: Some(member("ann")),
        ..ListAssessments::default()
    };
    let list = world.run(&list).unwrap().assessments;
    let found = list.iter().map(|one| (one.payment.as_str(), one.decision));
    let want = ["p3", "p2", "p1"].map(|id| (id, RiskDecision::Review));
    assert_eq!(found.collect::<Vec<_>>(), want);
}

#[test]
fn what_cannot_be_assessed_is_refused() {
    let mut world = World::with(SHOP);
    world.publish("id = \"plain\"", "2020-01-01").unwrap();
    let noon = "2026-03-02T12:00:00Z";
    assess(&mut world, "p1", "5.00", noon, "device=d").unwrap();
    let rows = world.entities.clone();
    let assessed = |world: &mut World, facts: PaymentFacts, id: &str| {
        let payment = id.parse().unwrap();
        world.run(&AssessPayment { payment, facts })
    };
    let mut other = facts("5.00", noon, "");
    other.program = "plain".parse().unwrap();
    assert_eq!(
        assessed(&mut world, other.clone(), "p2")
            .unwrap_err()
            .code(),
        "risk_not_offered"
    );
    other.program = "none".parse().unwrap();
    assert_eq!(
        assessed(&mut world, other, "p2").unwrap_err().code(),
        "program_unknown"
    );
    let nobody = facts("5.00", noon, "member=nobody");
    assert_eq!(
        assessed(&mut world, nobody, "p2").unwrap_err().code(),
        "member_unknown"
    );
    let changed = facts("6.00", noon, "device=d");
    assert_eq!(
        assessed(&mut world, changed, "p1").unwrap_err().code(),
        "key_reused"
    );
    let payment = "p1".parse().unwrap();
    let again = AssessPayment {
        payment,
        facts: facts("6.00", noon, "device=d"),
    };
    let exists = world.decide(&again).unwrap_err();
    assert_eq!(exists.code(), "payment_assessed");
    let largest = i64::MAX.to_string();
    let (whole, cents) = largest.split_at(largest.len() - 2);
    let largest = format!("{whole}.{cents}");
    let over = assessed(&mut world, facts(&largest, noon, "device=d"), "p2").unwrap_err();
    assert_eq!(over.code(), "overflow");
    let mut wrong = facts("0.00", "2026-03-02T12:05:01Z", "house=h");
    wrong.keys.insert("member".to_owned(), "ann".to_owned());
    wrong.keys.insert("terminal".to_owned(), "t".repeat(129));
    let Err(Rejection::Invalid(problems)) = assessed(&mut world, wrong, "p2") else {
        panic!("a payment of the future");
    };
    let want = [
        ("amount_not_positive", "amount"),
        ("time_in_future", "occurred_at"),
        ("reference_unknown", "keys.house"),
        ("key_reserved", "keys.member"),
        ("text_invalid", "keys.terminal"),
    ];
    assert_eq!(found(&problems), want);
    let mut dollars = facts("5.00", noon, "");
    dollars.amount = money("5.00", "USD");
    let Err(Rejection::Invalid(problems)) = assessed(&mut world, dollars, "p2") else {
        panic!("an amount of another currency");
    };
    assert_eq!(found(&problems), [("asset_mismatch", "amount.asset")]);
    assert_eq!(world.entities, rows, "nothing was written");
}

#[test]
fn what_is_not_known_fails_open_or_closed() {
    for (section, rule, want) in [
        ("", "", "approve"),
        ("unknown = 'review'", "", "review"),
        ("unknown = 'block'", "", "block"),
        ("unknown = 'block'", "unknown = 'nothing', ", "approve"),
        ("", "unknown = 'block', ", "block"),
    ] {
        let mut world = World::with(&format!(
            "[risk]\nkeys = ['device']\n{section}\n\
             features = [{{ id = 'seen', value = {{ count = {{ by = 'device', within = {{ days = 1 }} }} }} }}]\n\
             [risk.scorecard]\nblock_at = 1\n\
             rules = [{{ id = 'seen', feature = 'seen', {rule}bands = [{{ until = 1, points = 0 }}, {{ from = 1, points = 1 }}] }}]\n"
        ));
        let assessed = assess(&mut world, "p1", "5.00", "2026-03-02", "").unwrap();
        assert_eq!(say(&assessed.outcome), format!("{want} 0: ; unknown seen"));
    }
}

/// Checks that a document is refused for these problems alone.
#[track_caller]
fn refused(document: &str, want: &[(&str, &str)]) {
    let program = Program::from_toml(document).unwrap();
    let compiled = CompiledProgram::compile(program, 1, Timestamp::MIN);
    let problems = compiled.err().unwrap_or_default();
    assert_eq!(found(&problems), want, "{document}\n{problems:#?}");
}

/// A document with one feature and a scorecard.
fn card(feature: &str, card: &str) -> String {
    format!(
        "id = 'main'\ncurrency = 'EUR'\nzone = 'UTC'\n[risk]\nkeys = ['device', 'house']\n\
         features = [{{ id = 'it', value = {{ {feature} }} }}, {{ id = 'hour', value = {{ local_hour = {{}} }} }}]\n\
         [risk.scorecard]\n{card}\n"
    )
}

#[test]
fn a_scorecard_that_cannot_be_is_refused() {
    let count = "count = { by = 'device', within = { days = 1 } }";
    let rule = |bands: &str| format!("rules = [{{ id = 'r', feature = 'it', bands = [{bands}] }}]");
    let at = |place: &str| format!("risk.scorecard.{place}");
    let band = |place: &str| format!("risk.scorecard.rules[0].bands{place}");
    let whole = "{ until = 5, points = 10 }, { from = 5, points = 60 }";
    for (text, code, path) in [
        (rule(""), "bands_empty", band("")),
        (rule("{ from = 1, points = 0 }"), "bands_gap", band("[0].from")),
        (rule("{ until = 9, points = 0 }"), "bands_gap", band("[0].until")),
        (rule("{ until = 5, points = 0 }, { from = 6, points = 1 }"), "bands_gap", band("[1].from")),
        (rule("{ until = 5, points = 0 }, { from = 4, points = 1 }"), "bands_overlap", band("[1].from")),
        (rule("{ until = 5, points = 0 }, { points = 1 }"), "bands_overlap", band("[1].from")),
        (rule("{ points = 0 }, { from = 4, points = 1 }"), "bands_overlap", band("[1].from")),
        (rule("{ until = 5, points = 0 }, { from = 5, until = 5, points = 0 }, { from = 5, points = 1 }"), "bands_not_increasing", band("[1].until")),
        (rule("{ until = 0, points = 9 }, { from = 0, points = 1 }"), "band_unreachable", band("[0]")),
        (format!("block_at = 61\n{}", rule(whole)), "threshold_unreachable", at("block_at")),
        (format!("block_at = 10\n{}", rule(whole)), "threshold_unreachable", at("block_at")),
        (format!("review_at = 60\nblock_at = 60\n{}", rule(whole)), "threshold_unreachable", at("review_at")),
        (format!("review_at = 20\nblock_at = 50\n{}", rule(whole)), "threshold_unreachable", at("review_at")),
        ("rules = []".to_owned(), "rules_empty", at("rules")),
        ("rules = [{ id = 'r', feature = 'itt', bands = [{ points = 1 }] }]".to_owned(), "reference_unknown", at("rules[0].feature")),
        ("combinations = [{ id = 'c', all = [], points = 1 }]".to_owned(), "condition_empty", at("combinations[0].all")),
        ("combinations = [{ id = 'c', all = [{ feature = 'hour', from = 3, until = 3 }], points = 1 }]".to_owned(), "condition_contradiction", at("combinations[0].all[0].until")),
        (format!("combinations = [{{ id = 'r', all = [{{ feature = 'hour' }}], points = 1 }}]\n{}", rule(whole)), "id_duplicate", at("combinations[0].id")),
        (format!("combinations = [{{ id = 'c', all = [{{ feature = 'hour' }}], points = 2147483647 }}]\n{}", rule(whole)), "score_overflow", at("rules")),
    ] {
        refused(&card(count, &text), &[(code, &path)]);
    }
    let fine = format!(
        "review_at = 11\nblock_at = 60\ncombinations = [{{ id = 'c', all = [{{ feature = 'hour', until = 6 }}], points = 1 }}]\n{}",
        rule(whole)
    );
    refused(&card(count, &fine), &[]);
    let day = "{ days = 1 }";
    let value = |place: &str| format!("risk.features[0].value.{place}");
    for (feature, code, path) in [
        (
            format!("count = {{ by = 'car', within = {day} }}"),
            "reference_unknown",
            value("count.by"),
        ),
        (
            "sum = { by = 'member', within = { days = 91 } }".to_owned(),
            "number_out_of_range",
            value("sum.within.days"),
        ),
        (
            "mean = { by = 'member', within = { hours = 0 } }".to_owned(),
            "number_out_of_range",
            value("mean.within.hours"),
        ),
        (
            "maximum = { by = 'member', within = { minutes = 121 } }".to_owned(),
            "number_out_of_range",
            value("maximum.within.minutes"),
        ),
        (
            format!("distinct = {{ of = 'car', by = 'member', within = {day} }}"),
            "reference_unknown",
            value("distinct.of"),
        ),
        (
            format!("distinct = {{ of = 'house', by = 'house', within = {day} }}"),
            "distinct_contradiction",
            value("distinct.of"),
        ),
        (
            "bad = { by = 'house', days = 0 }".to_owned(),
            "number_out_of_range",
            value("bad.days"),
        ),
        (
            "bad_share = { by = 'house', days = 1, delay_days = 31 }".to_owned(),
            "number_out_of_range",
            value("bad_share.delay_days"),
        ),
    ] {
        refused(&card(&feature, &rule("{ points = 1 }")), &[(code, &path)]);
    }
    let section = "id = 'main'\ncurrency = 'EUR'\nzone = 'UTC'\n[risk]\nkeys = ['member', 'a', 'a']\n\
         lists = [{ id = 'l', by = 'b', then = 'allow' }]\nreviews = { expires_after_minutes = 0 }\n[risk.scorecard]\n";
    refused(
        section,
        &[
            ("number_out_of_range", "risk.reviews.expires_after_minutes"),
            ("key_reserved", "risk.keys[0]"),
            ("reference_duplicate", "risk.keys[2]"),
            ("reference_unknown", "risk.lists[0].by"),
            ("rules_empty", "risk.scorecard.rules"),
        ],
    );
}
