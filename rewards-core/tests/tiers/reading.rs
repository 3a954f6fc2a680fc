//! Compiling ladders and reading a status: the tier that counts, progress and benefits.

use rewards_core::money::{Currency, Ratio};
use rewards_core::program::Boost;
use rewards_core::program::{CompiledLadder, Ladder};
use rewards_core::tiers::{HISTORY_MAX, benefits, progress, tier_at};

use super::stage::{Member, at, compile, ladder};

#[test]
fn thresholds_are_minor_units_of_the_measure() {
    let table: &[(&str, &str, Result<i64, &str>)] = &[
        (r#"{ spend = "net" }"#, "12.30", Ok(1230)),
        (r#"{ earned = "points" }"#, "12", Ok(12)),
        (r#"{ earned = "stars/2" }"#, "12.3", Ok(1230)),
        (r#"{ balance = "JPY" }"#, "12", Ok(12)),
        (r#""visits""#, "12", Ok(12)),
        (r#""visits""#, "12.5", Err("threshold of tier `top`: ")),
        (
            r#"{ spend = "net" }"#,
            "1.234",
            Err("threshold of tier `top`: "),
        ),
        (
            r#"{ spend = "net" }"#,
            "99999999999999999999",
            Err("threshold of tier `top`: "),
        ),
    ];
    for (measure, threshold, expected) in table {
        let document = format!(
            "id = \"main\"\nmeasure = {measure}\ntiers = [{{ id = \"low\", threshold = \"0\" }}, {{ id = \"top\", threshold = \"{threshold}\" }}]"
        );
        let document: Ladder = toml::from_str(&document).unwrap();
        let compiled = CompiledLadder::compile(&document, Currency::parse("EUR").unwrap());
        match (compiled, expected) {
            (Ok(ladder), Ok(minor)) => assert_eq!(ladder.tier(1).threshold, *minor, "{measure}"),
            (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
            (got, _) => panic!("{measure} {threshold}: {got:?}"),
        }
    }
    let empty: Ladder = toml::from_str("id = \"main\"\nmeasure = \"visits\"\ntiers = []").unwrap();
    let error = CompiledLadder::compile(&empty, Currency::parse("EUR").unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected at least one tier in ladder `main`, got none"
    );
}

#[test]
fn eligibility_is_the_highest_threshold_reached() {
    let ladder = ladder("measure = \"visits\"");
    let table = [
        (i64::MIN, 0),
        (-1, 0),
        (0, 0),
        (99, 0),
        (100, 1),
        (499, 1),
        (500, 2),
        (1000, 3),
        (i64::MAX, 3),
    ];
    for (measure, rank) in table {
        assert_eq!(ladder.eligible(measure), rank, "{measure}");
    }
    assert_eq!(ladder.tier(99).id.as_str(), "platinum");
    assert!(ladder.above(3).is_none());
    assert_eq!(ladder.rank_of(&"gold".parse().unwrap()), Some(2));
    assert_eq!(ladder.rank_of(&"diamond".parse().unwrap()), None);
}

#[test]
fn a_move_counts_strictly_after_its_instant() {
    let mut member = Member::new(ladder("measure = \"visits\""), "UTC", at("2026-01-01"));
    assert_eq!(tier_at(&member.ladder, None, at("2026-01-05")), 0);
    member.count(at("2026-01-10"), 100);
    member.count(at("2026-01-20"), 50);
    member.count(at("2026-01-20"), 350);
    member.count(at("2026-01-20"), 500);
    let table = [
        ("2025-12-31", 0),
        ("2026-01-10", 0),
        ("2026-01-10T00:00:00.000001Z", 1),
        ("2026-01-20", 1),
        ("2026-01-20T00:00:00.000001Z", 3),
        ("2030-01-01", 3),
    ];
    for (instant, rank) in table {
        let found = tier_at(&member.ladder, member.status.as_ref(), at(instant));
        assert_eq!(found, rank, "{instant}");
    }
}

#[test]
fn the_history_is_bounded_and_reaches_as_far_as_it_goes() {
    let document = "measure = { balance = \"points\" }\ndowngrade = \"to_eligible\"";
    let mut member = Member::new(ladder(document), "UTC", at("2026-01-01"));
    let start = at("2026-01-01");
    let moves = HISTORY_MAX + 8;
    for (day, _) in (0_i64..).zip(0..moves) {
        let amount = if day % 2 == 0 { 100 } else { -100 };
        member.count(start.checked_add_days(day).unwrap(), amount);
    }
    assert_eq!(member.moves.len(), moves);
    let status = member.status.as_ref().unwrap();
    assert_eq!(status.history, member.moves[moves - HISTORY_MAX..]);
    // The oldest move remembered is up from the lowest tier; before it only that is known.
    assert_eq!(tier_at(&member.ladder, Some(status), start), 0);
    let second_up = start.checked_add_days(11).unwrap();
    assert_eq!(tier_at(&member.ladder, Some(status), second_up), 1);
}

#[test]
fn a_review_before_the_latest_move_is_made_at_that_move() {
    let mut member = Member::new(ladder("measure = \"visits\""), "UTC", at("2026-01-01"));
    member.count(at("2026-02-01"), 100);
    member.count(at("2026-01-15"), 400);
    let moves: Vec<_> = member.moves.iter().map(|step| step.at).collect();
    assert_eq!(moves, [at("2026-02-01"), at("2026-02-01")]);
    assert_eq!(member.tier(), "gold");
}

#[test]
fn a_tier_that_a_revision_lacks_counts_as_the_lowest() {
    let mut member = Member::new(ladder("measure = \"visits\""), "UTC", at("2026-01-01"));
    member.count(at("2026-01-10"), 100);
    member.ladder = compile(
        "id = \"main\"\nmeasure = \"visits\"\ntiers = [{ id = \"low\", threshold = \"0\" }, { id = \"top\", threshold = \"200\" }]",
    );
    member.review(at("2026-01-11"));
    assert_eq!(member.tier(), "silver");
    assert_eq!(
        tier_at(&member.ladder, member.status.as_ref(), at("2026-01-12")),
        0
    );
    member.count(at("2026-01-12"), 100);
    assert_eq!(member.tier(), "top");
    assert_eq!(member.moves[1].from.as_str(), "silver");
}

#[test]
fn a_tier_becomes_losable_with_a_full_window_first() {
    let window = "measure = \"visits\"\nwindow = { calendar = \"month\" }\n";
    let mut member = Member::new(ladder(window), "UTC", at("2026-01-01"));
    member.count(at("2026-01-10"), 100);
    member.ladder = ladder(&format!("{window}downgrade = \"one_step\""));
    member.review(at("2027-05-20"));
    assert_eq!(
        (member.tier(), member.review_at()),
        ("silver", Some(at("2027-06-01")))
    );
    member.ladder = ladder(window);
    member.review(at("2027-05-21"));
    assert_eq!((member.tier(), member.review_at()), ("silver", None));
}

#[test]
fn progress_tells_the_distance_to_the_next_tier_and_to_keeping_this_one() {
    let document = "measure = \"visits\"\nwindow = { calendar = \"month\" }\ngrace_days = 5\ndowngrade = \"one_step\"";
    let mut member = Member::new(ladder(document), "UTC", at("2026-01-01"));
    type Row = (
        &'static str,
        i64,
        &'static str,
        i64,
        Option<i64>,
        Option<i64>,
    );
    // The instant and what is counted; then tier, measure, missing to the next, missing to keep.
    let table: &[Row] = &[
        ("2026-01-05", 0, "bronze", 0, Some(100), None),
        ("2026-01-06", 60, "bronze", 60, Some(40), None),
        ("2026-01-07", 440, "gold", 500, Some(500), Some(0)),
        // In the grace January still counts.
        ("2026-02-03", 7, "gold", 7, Some(993), Some(0)),
        ("2026-02-06", 0, "gold", 7, Some(993), Some(493)),
        ("2026-03-02", 100, "gold", 100, Some(900), Some(400)),
        ("2026-03-06", 0, "silver", 100, Some(400), Some(0)),
        ("2026-03-07", 5000, "platinum", 5100, None, Some(0)),
        ("2026-04-07", 0, "platinum", 0, None, Some(1000)),
    ];
    for (instant, amount, tier, measure, missing, to_keep) in table {
        if *amount == 0 {
            member.review(at(instant));
        } else {
            member.count(at(instant), *amount);
        }
        let found = progress(
            &member.ladder,
            member.status.as_ref(),
            member.measure(at(instant)),
        );
        let found_row = (
            found.tier.id.as_str(),
            found.measure,
            found.missing,
            found.to_keep,
        );
        assert_eq!(
            found_row,
            (*tier, *measure, *missing, *to_keep),
            "{instant}"
        );
        assert_eq!(found.review_at, member.review_at(), "{instant}");
    }
}

#[test]
fn of_each_benefit_the_highest_counts() {
    let generous = compile(
        r#"
        id = "generous"
        measure = "visits"
        tiers = [
            { id = "low", threshold = "0" },
            { id = "top", threshold = "10", benefits = { multiplier = "1.5", extra_rate = "1%" } },
        ]
        "#,
    );
    let wide = compile(
        r#"
        id = "wide"
        measure = "visits"
        tiers = [
            { id = "low", threshold = "0", benefits = { extra_rate = "0.5%" } },
            { id = "top", threshold = "10", benefits = { multiplier = "1.25", extra_rate = "2%", cap_multiplier = "3" } },
        ]
        "#,
    );
    let ratio = |num, den| Ratio::new(num, den).unwrap();
    let boost = |multiplier, extra_rate, cap_multiplier| Boost {
        multiplier,
        extra_rate,
        cap_multiplier,
    };
    let table = [
        (vec![], Boost::NONE),
        (vec![(&generous, 0)], Boost::NONE),
        (
            vec![(&wide, 0)],
            boost(Ratio::ONE, ratio(1, 200), Ratio::ONE),
        ),
        (
            vec![(&generous, 1), (&wide, 1)],
            boost(ratio(3, 2), ratio(1, 50), ratio(3, 1)),
        ),
        (
            vec![(&wide, 0), (&generous, 1)],
            boost(ratio(3, 2), ratio(1, 100), Ratio::ONE),
        ),
    ];
    for (held, expected) in table {
        assert_eq!(benefits(held.iter().copied()), expected, "{held:?}");
    }
}
