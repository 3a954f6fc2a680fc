//! Expiries: exactly one length, one way to round, and activities that can happen.

use super::Checker;
use crate::parse::At;
use crate::program::{Expiry, ExtendingActivity, Program};
use crate::time::CalendarRounding;

/// No month is longer, in days.
const MONTH_DAYS_MAX: u32 = 31;
/// No year is longer, in days: the next anniversary is no farther away.
const YEAR_DAYS_MAX: u32 = 366;

/// Checks when the rewards of a rule expire that are pending for so many days.
pub(super) fn check(
    checker: &mut Checker<'_>,
    at: &At<'_>,
    expiry: &Expiry,
    pending_days: Option<u32>,
) {
    check_activities(checker, &at.field("extended_by"), &expiry.extended_by);
    let Some(longest) = check_length(checker, at, expiry) else {
        return;
    };
    // What is rounded up may outlive its pending time for some purchases, but not for all of them.
    if let Some(pending) = pending_days.filter(|pending| longest > 0 && *pending >= longest) {
        let words = format!(
            "the reward expires before it becomes available: pending for {pending} days, expires within {longest}"
        );
        checker.report("lifecycle_contradiction", at, words);
    }
}

/// Checks when something expires that arrives with a transfer: it is of no rule that could extend it.
pub(super) fn check_renewed(checker: &mut Checker<'_>, at: &At<'_>, expiry: &Expiry) {
    if !expiry.extended_by.is_empty() {
        let words = "what arrives is of no rule, and nothing extends it: leave it out";
        checker.report("expiry_invalid", &at.field("extended_by"), words);
    }
    check_length(checker, at, expiry);
}

/// Checks how long something lasts, and gives the most days it can be before it is rounded; none when that is not known.
fn check_length(checker: &mut Checker<'_>, at: &At<'_>, expiry: &Expiry) -> Option<u32> {
    let (days, months) = (expiry.days.map(u32::from), expiry.months.map(u32::from));
    checker.positive_number(&at.field("days"), days);
    checker.positive_number(&at.field("months"), months);
    if expiry.anniversary && expiry.round != CalendarRounding::None {
        let words = "an anniversary begins a day and is not rounded: leave it out";
        checker.report("expiry_invalid", &at.field("round"), words);
    }
    let longest = match (days, months) {
        (Some(days), None) => days,
        (None, Some(months)) => months.saturating_mul(MONTH_DAYS_MAX),
        (None, None) if expiry.anniversary => 0,
        _ => {
            let expected = match expiry.anniversary {
                true => "expected at most one of `days` and `months`",
                false => "expected exactly one of `days` and `months`",
            };
            checker.report("expiry_invalid", at, expected);
            return None;
        }
    };
    match expiry.anniversary {
        true => Some(longest.saturating_add(YEAR_DAYS_MAX)),
        false => Some(longest),
    }
}

fn check_activities(checker: &mut Checker<'_>, at: &At<'_>, activities: &[ExtendingActivity]) {
    for (index, activity) in activities.iter().enumerate() {
        let item = at.item(index);
        let mut before = activities.iter().take(index);
        if before.any(|earlier| earlier == activity) {
            let words = "it is in the list already";
            checker.report("reference_duplicate", &item, words);
        } else if let Some(missing) = missing_section(checker.program, *activity) {
            let words = format!("it never happens in a program without `{missing}`");
            checker.report("activity_impossible", &item, words);
        }
    }
}

/// The section without which an activity never happens, if the program does not have it.
fn missing_section(program: &Program, activity: ExtendingActivity) -> Option<&'static str> {
    let (section, is_there) = match activity {
        ExtendingActivity::Purchase => return None,
        ExtendingActivity::Redemption => ("redemptions", program.redemptions.is_some()),
        ExtendingActivity::TransferSent | ExtendingActivity::TransferReceived => {
            ("transfers", !program.transfers.is_empty())
        }
        ExtendingActivity::Deposit => ("deposits", program.deposits.is_some()),
    };
    Some(section).filter(|_| !is_there)
}

#[cfg(test)]
mod tests {
    use crate::program::Program;
    use crate::program::validate::validate;

    /// The problems of a program with this life of rewards: code and path, in order.
    fn problems(lifecycle: &str) -> Vec<(String, String)> {
        let head = "id = 'p'\ncurrency = 'EUR'\nzone = 'UTC'";
        let document = format!("{head}\nlifecycle = {{ {lifecycle} }}");
        let problems = validate(&Program::from_toml(&document).unwrap());
        let named = problems.into_iter();
        named
            .map(|problem| (problem.code.into_owned(), problem.path))
            .collect()
    }

    #[test]
    fn each_kind_is_accepted() {
        for lifecycle in [
            "expires = { months = 12, round = 'end_of_year' }",
            "expires = { anniversary = true }",
            "expires = { anniversary = true, days = 90 }",
            "expires = { anniversary = true, extended_by = ['purchase'] }",
            "expires = { days = 9, round = 'end_of_day', extended_by = ['purchase'] }",
            "pending.days = 365, expires = { anniversary = true }",
            "pending.days = 427, expires = { anniversary = true, months = 2 }",
        ] {
            assert_eq!(problems(lifecycle), [], "{lifecycle}");
        }
    }

    #[test]
    fn every_problem_is_told_with_its_path() {
        let by = |activity: &str| format!("expires = {{ days = 9, extended_by = ['{activity}'] }}");
        let anniversary = |more: &str| format!("expires = {{ anniversary = true, {more} }}");
        for (lifecycle, code, path) in [
            (
                anniversary("days = 1, months = 1"),
                "expiry_invalid",
                "expires",
            ),
            (
                anniversary("round = 'end_of_day'"),
                "expiry_invalid",
                "expires.round",
            ),
            (
                anniversary("days = 0"),
                "number_not_positive",
                "expires.days",
            ),
            (
                "pending.days = 366, expires.anniversary = true".to_owned(),
                "lifecycle_contradiction",
                "expires",
            ),
            (
                "pending.days = 428, expires = { anniversary = true, months = 2 }".to_owned(),
                "lifecycle_contradiction",
                "expires",
            ),
            (
                "expires.extended_by = ['purchase']".to_owned(),
                "expiry_invalid",
                "expires",
            ),
            (
                "expires = { days = 9, extended_by = ['purchase', 'purchase'] }".to_owned(),
                "reference_duplicate",
                "expires.extended_by[1]",
            ),
            (
                by("redemption"),
                "activity_impossible",
                "expires.extended_by[0]",
            ),
            (
                by("transfer_sent"),
                "activity_impossible",
                "expires.extended_by[0]",
            ),
            (
                by("transfer_received"),
                "activity_impossible",
                "expires.extended_by[0]",
            ),
            (
                by("deposit"),
                "activity_impossible",
                "expires.extended_by[0]",
            ),
        ] {
            let want = [(code.to_owned(), format!("lifecycle.{path}"))];
            assert_eq!(problems(&lifecycle), want, "{lifecycle}");
        }
    }
}
