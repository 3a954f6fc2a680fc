//! Laws that hold for every ladder and every course of events.

use proptest::prelude::*;
use rewards_core::program::CompiledLadder;
use rewards_core::tiers::{MeasureNow, TierReason, progress, tier_at};
use rewards_core::time::Timestamp;

use super::stage::{Member, at, ladder};

const MEASURES: [&str; 3] = [
    "\"visits\"",
    "{ earned = \"points\" }",
    "{ balance = \"points\" }",
];
const WINDOWS: [&str; 7] = [
    "\"lifetime\"",
    "\"anniversary\"",
    "{ calendar = \"day\" }",
    "{ calendar = \"week\" }",
    "{ calendar = \"month\" }",
    "{ calendar = \"quarter\" }",
    "{ calendar = { days = 10 } }",
];
const DOWNGRADES: [&str; 3] = ["never", "one_step", "to_eligible"];
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"];

fn any_ladder() -> impl Strategy<Value = CompiledLadder> {
    let parts = (
        proptest::sample::select(&MEASURES[..]),
        proptest::sample::select(&WINDOWS[..]),
        proptest::sample::select(&DOWNGRADES[..]),
        0_u16..45,
    );
    parts.prop_map(|(measure, window, downgrade, grace)| {
        ladder(&format!(
            "measure = {measure}\nwindow = {window}\ndowngrade = \"{downgrade}\"\ngrace_days = {grace}"
        ))
    })
}

fn any_member() -> impl Strategy<Value = Member> {
    (any_ladder(), proptest::sample::select(&ZONES[..]))
        .prop_map(|(ladder, zone)| Member::new(ladder, zone, at("2011-02-28T13:00:00Z")))
}

/// Hours since the start and amounts, in the order of time; over about four years.
fn any_course() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let event = (0_i64..35_000, prop_oneof![0_i64..1200, -1200_i64..0]);
    proptest::collection::vec(event, 0..12).prop_map(|mut course| {
        course.sort_unstable();
        course
    })
}

fn hours(count: i64) -> Timestamp {
    at("2011-02-28T13:00:00Z")
        .checked_add_micros(count * 3_600_000_000)
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn purchases_of_one_instant_commute(
        mut member in any_member(),
        course in any_course(),
        amounts in proptest::collection::vec(0_i64..700, 1..6),
        turn in 0_usize..6,
    ) {
        for (hour, amount) in course {
            member.count(hours(hour), amount);
        }
        let instant = hours(36_000);
        let mut other = Member::new(member.ladder.clone(), member.calendar.zone.name(), member.registered_at);
        other.counted.clone_from(&member.counted);
        other.status.clone_from(&member.status);
        let mut turned = amounts.clone();
        turned.rotate_left(turn % amounts.len());
        turned.reverse();

        member.review(instant);
        let before = tier_at(&member.ladder, member.status.as_ref(), instant);
        for amount in amounts {
            member.count(instant, amount);
            prop_assert_eq!(tier_at(&member.ladder, member.status.as_ref(), instant), before);
        }
        for amount in turned {
            other.count(instant, amount);
        }
        prop_assert_eq!(member.tier(), other.tier());
        prop_assert_eq!(member.review_at(), other.review_at());
        prop_assert_eq!(tier_at(&other.ladder, other.status.as_ref(), instant), before);
    }

    #[test]
    fn it_does_not_matter_when_and_how_often_reviews_run(
        mut often in any_member(),
        course in any_course(),
        looks in proptest::collection::vec(0_i64..36_000, 0..20),
    ) {
        let mut rarely = Member::new(often.ladder.clone(), often.calendar.zone.name(), often.registered_at);
        let mut all: Vec<_> = course.iter().map(|(hour, amount)| (*hour, Some(*amount))).collect();
        all.extend(looks.into_iter().map(|hour| (hour, None)));
        all.sort_by_key(|(hour, amount)| (*hour, amount.is_some()));
        for (hour, amount) in all {
            match amount {
                Some(amount) => often.count(hours(hour), amount),
                None => often.review(hours(hour)),
            }
        }
        for (hour, amount) in course {
            rarely.count(hours(hour), amount);
        }
        often.review(hours(36_000));
        rarely.review(hours(36_000));
        prop_assert_eq!(often.moves, rarely.moves);
        // A member nobody looked at has no status yet; looking at it stores that it has the lowest tier.
        prop_assert_eq!(often.status.map(|status| (status.tier, status.review_at, status.below_since)),
            rarely.status.map(|status| (status.tier, status.review_at, status.below_since)));
    }

    #[test]
    fn moves_form_a_chain_and_keep_the_rules(mut member in any_member(), course in any_course()) {
        for (hour, amount) in course {
            member.count(hours(hour), amount);
        }
        member.review(hours(100_000));
        let mut tier = member.ladder.tier(0).id.clone();
        let mut last = Timestamp::MIN;
        for step in &member.moves {
            prop_assert_eq!(&step.from, &tier);
            prop_assert!(step.at >= last);
            let from = member.ladder.rank_of(&step.from).unwrap();
            let to = member.ladder.rank_of(&step.to).unwrap();
            let eligible = member.ladder.eligible(step.measure);
            match step.reason {
                TierReason::Qualified => prop_assert!(to > from && to == eligible),
                TierReason::FellShort => prop_assert!(to < from && to >= eligible),
                TierReason::Merged => prop_assert!(false, "nobody was merged"),
            }
            tier = step.to.clone();
            last = step.at;
        }
        prop_assert!(member.review_at().is_none_or(|due| due > hours(100_000)));
    }

    #[test]
    fn a_higher_measure_never_gives_a_lower_tier(
        member in any_member(),
        less in -100_i64..1500,
        more in 0_i64..1500,
    ) {
        let review = |measure| {
            let now = MeasureNow { current: measure, ended: None };
            let status = member.qualification().review(None, now, hours(5)).status;
            member.ladder.rank_of(&status.tier).unwrap()
        };
        prop_assert!(review(less) <= review(less + more));
        prop_assert_eq!(review(less), member.ladder.eligible(less));
    }

    #[test]
    fn repeating_a_decision_changes_nothing(
        mut member in any_member(),
        course in any_course(),
        current in -100_i64..1500,
        ended in proptest::option::of(0_i64..1500),
        hour in 35_000_i64..37_000,
    ) {
        for (hour, amount) in course {
            member.count(hours(hour), amount);
        }
        let qualification = member.qualification();
        let instant = qualification.instant(member.status.as_ref(), hours(hour));
        let measure = MeasureNow { current, ended };
        let once = qualification.review(member.status.as_ref(), measure, instant);
        let twice = qualification.review(Some(&once.status), measure, instant);
        prop_assert_eq!(twice.moved, None);
        prop_assert_eq!(twice.status, once.status);
    }

    #[test]
    fn missing_is_nothing_exactly_when_the_next_tier_is_reached(
        mut member in any_member(),
        course in any_course(),
        current in -100_i64..1500,
        ended in proptest::option::of(0_i64..1500),
    ) {
        for (hour, amount) in course {
            member.count(hours(hour), amount);
        }
        let measure = MeasureNow { current, ended };
        let found = progress(&member.ladder, member.status.as_ref(), measure);
        if let (Some(next), Some(missing)) = (found.next, found.missing) {
            prop_assert_eq!(missing == 0, current >= next.threshold);
            prop_assert!(missing == 0 || current + missing == next.threshold);
        }
        if let Some(to_keep) = found.to_keep {
            let rank = member.ladder.rank_of(&found.tier.id).unwrap();
            let safe = member.ladder.eligible(measure.qualifying()) >= rank;
            prop_assert_eq!(to_keep == 0, safe);
        }
    }

    /// The rule in one sentence: a tier earned in a window lasts through the following one and its grace.
    #[test]
    fn a_tier_lasts_through_the_following_window_and_its_grace(
        earned in proptest::collection::btree_set(0_i64..80, 0..8),
        grace in 0_i64..12,
    ) {
        let document = format!(
            "measure = \"visits\"\nwindow = {{ calendar = \"day\" }}\ndowngrade = \"to_eligible\"\ngrace_days = {grace}"
        );
        let mut member = Member::new(ladder(&document), "UTC", at("2026-01-01"));
        let noon = |day| at("2026-01-01T12:00:00Z").checked_add_days(day).unwrap();
        for day in 0..100 {
            let latest = earned.range(..day).next_back();
            let held = latest.is_some_and(|latest| day - latest < 2 + grace);
            member.review(noon(day));
            prop_assert_eq!(member.tier(), if held { "silver" } else { "bronze" }, "day {}", day);
            if earned.contains(&day) {
                member.count(noon(day), 100);
            }
        }
    }

    #[test]
    fn no_instant_is_out_of_bounds(
        mut member in any_member(),
        first in 0_i64..=Timestamp::MAX.micros(),
        second in prop_oneof![Just(Timestamp::MAX.micros()), Just(0), 0_i64..=Timestamp::MAX.micros()],
        registered in prop_oneof![Just(Timestamp::MAX.micros()), Just(0)],
    ) {
        member.registered_at = Timestamp::from_micros(registered).unwrap();
        let first = Timestamp::from_micros(first).unwrap();
        let second = Timestamp::from_micros(second).unwrap();
        let high = MeasureNow { current: i64::MAX, ended: Some(i64::MIN) };
        let low = MeasureNow { current: i64::MIN, ended: None };
        let qualification = member.qualification();
        let up = qualification.review(None, high, first);
        let down = qualification.review(Some(&up.status), low, second);
        prop_assert!(down.status.since >= up.status.since);
        let _ = qualification.current(second);
    }
}
