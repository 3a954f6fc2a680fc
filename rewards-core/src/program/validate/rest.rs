//! What is wrong with the meaning of a document whose shape is wrong, too.
//!
//! Values of a wrong shape were taken out and others stand in for required ones, so some problems of what is left may only
//! follow from that. Those are left out: what stands in the same item as an amended value, unless it is about a name alone, and
//! what rests on amended values in other places. They show in the next round, should they be real.

use super::validate;
use crate::parse::nearest;
use crate::program::Program;
use crate::rejection::Problem;

/// The fields of a document.
const SECTIONS: [&str; 24] = [
    "id",
    "name",
    "currency",
    "zone",
    "week_start",
    "rounding",
    "units",
    "stacking_groups",
    "rules",
    "caps",
    "budgets",
    "ladders",
    "lifecycle",
    "refunds",
    "deposits",
    "transfers",
    "redemptions",
    "offers",
    "fx",
    "risk",
    "qr",
    "payments",
    "pipeline",
    "tokens",
];

/// The problems of what is left of a document, except those that may follow from the amended values.
pub(crate) fn check_rest(program: &Program, amended: &[String]) -> Vec<Problem> {
    let mut problems = validate(program);
    problems.retain(|problem| !amended.iter().any(|path| may_follow(problem, path)));
    problems
}

fn may_follow(problem: &Problem, amended: &str) -> bool {
    let section = section(amended);
    let is_whole_item = amended.len() == item(amended).len();
    // Where a whole item of a list is gone, those behind it have moved.
    let has_moved = is_whole_item && section == self::section(&problem.path);
    let is_beside = item(amended) == item(&problem.path);
    if has_moved
        || is_beside && (!is_about_a_name(&problem.code) || overlap(&problem.path, amended))
    {
        return true;
    }
    // What is meant may be in a section whose name is like none.
    if is_about_a_name(&problem.code) && nearest(section, SECTIONS).is_none() {
        return true;
    }
    if problem.code == "reference_unknown" && !is_whole_item && !may_hold_a_name(amended) {
        return false;
    }
    rests_on(&problem.code).contains(&section)
}

/// Whether a problem with this code is about the name where it stands, whatever is beside it.
fn is_about_a_name(code: &str) -> bool {
    matches!(
        code,
        "reference_unknown" | "reference_duplicate" | "asset_unknown" | "id_duplicate"
    )
}

/// Whether one of two paths is that of a value inside the other's, or both are the same.
fn overlap(one: &str, other: &str) -> bool {
    let is_inside = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    is_inside(one, other) || is_inside(other, one)
}

/// Whether the value at a path is a name that others refer to, or may hold one.
fn may_hold_a_name(path: &str) -> bool {
    path.ends_with(".id") || path.contains(".tiers")
}

/// The sections, beside its own item, that a problem with this code is about.
fn rests_on(code: &str) -> &'static [&'static str] {
    match code {
        "reference_unknown" => &["stacking_groups", "caps", "budgets", "ladders", "offers"],
        "asset_unknown" | "amount_scale" | "amount_overflow" => &["currency", "units"],
        "asset_mismatch" => &["currency", "units", "caps", "budgets", "rules"],
        "scope_invalid" | "scope_mixed" | "stacking_mixed_assets" => {
            &["currency", "units", "stacking_groups", "rules"]
        }
        "multiplier_first_stacking_group" | "multiplier_stacking_group_order" => {
            &["stacking_groups", "rules"]
        }
        "lifecycle_contradiction" => &["lifecycle"],
        "activity_impossible" => &["deposits", "transfers", "redemptions"],
        _ => &[],
    }
}

/// The top-level field of a path.
fn section(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or_default()
}

/// The start of a path as far as the item of a top-level list, or the top-level field.
fn item(path: &str) -> &str {
    let section = section(path);
    let has_items = path
        .get(section.len()..)
        .is_some_and(|rest| rest.starts_with('['));
    match path.split_once(']') {
        Some((start, _)) if has_items => path.get(..=start.len()).unwrap_or(path),
        _ => section,
    }
}

#[cfg(all(test, feature = "schema"))]
mod tests {
    use super::*;

    #[test]
    fn all_fields_of_a_document_are_known() {
        let schema = Program::json_schema();
        let fields = schema
            .get("properties")
            .and_then(serde_json::Value::as_object);
        let mut fields: Vec<&str> = fields
            .into_iter()
            .flatten()
            .map(|(name, _)| &**name)
            .collect();
        let mut known = SECTIONS;
        fields.sort_unstable();
        known.sort_unstable();
        assert_eq!(fields, known);
    }
}
