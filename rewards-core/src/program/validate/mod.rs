//! Whether a document makes sense: every problem at once, each with a stable code and its path, up to
//! [`PROBLEMS_MAX`](crate::parse::PROBLEMS_MAX).
//!
//! | Code | Meaning |
//! |---|---|
//! | `too_many` | a list is longer than its bound; what is in it was not checked |
//! | `id_duplicate` | a name is given to two things of one kind |
//! | `reference_unknown` | no such stacking group, cap, budget, ladder or tier; the nearest one is named |
//! | `reference_duplicate` | one list names the same thing twice |
//! | `asset_unknown` | an asset that is neither the program's currency nor a declared unit |
//! | `unit_invalid` | a currency is declared as a unit |
//! | `asset_mismatch` | a cap or budget counts another asset than the rule under it pays |
//! | `amount_scale`, `amount_overflow` | more decimals, or more of them, than the asset has |
//! | `amount_not_positive`, `amount_negative`, `limit_negative`, `number_not_positive` | out of range |
//! | `period_invalid` | a rolling window of a length that is not supported |
//! | `text_invalid` | an empty or overlong text in a condition |
//! | `cap_window` | a cap per purchase with a window |
//! | `bands_empty`, `bands_negative`, `bands_not_increasing`, `bands_fixed_marginal` | bands that do not fit together |
//! | `multiplier_below_one`, `multiplier_first_stacking_group`, `multiplier_stacking_group_order` | a multiplier with nothing to multiply |
//! | `scope_invalid`, `scope_mixed`, `stacking_mixed_assets` | rules that a stacking group cannot compare |
//! | `condition_empty`, `condition_contradiction`, `condition_too_deep` | a condition that says nothing or never holds |
//! | `tier_test_invalid` | a tier test with neither or both of its tests |
//! | `activity_impossible` | an activity that would extend rewards and never happens, as its section is missing |
//! | `expiry_invalid`, `lifecycle_contradiction` | a reward that would expire never, twice or before it is available |
//! | `tiers_empty`, `threshold_first_not_zero`, `thresholds_not_increasing`, `benefit_below_one` | a ladder that cannot be climbed |
//! | `bounds_contradiction` | a least amount above the most |
//! | `number_out_of_range` | a number of minutes or seconds that is not supported |
//! | `providers_empty`, `keys_empty` | deposits that nobody could confirm |
//! | `fee_empty` | a fee without a fixed amount and without a percentage |
//! | `purpose_invalid` | a transfer of an asset from an account that does not hold it |
//! | `sources_empty`, `rules_empty`, `pair_empty`, `fee_currency`, `fee_payer` | conversions that cannot be |
//! | `ladder_window` | a ladder whose window does not fit what it measures |
//! | `buckets_empty`, `bucket_contradiction`, `share_invalid`, `minutes_invalid`, `grace_invalid` | redemptions that cannot be |
//! | `offers_empty`, `books_empty`, `parts_empty` | offers that nobody could get, or a bundle of nothing |
//! | `rate_invalid` | a percentage off that is nothing, or more than all |
//! | `stacking_contradiction` | an offer that always and never goes with another one |
//! | `offer_circular` | an offer that asks for offers |
//! | `rules_empty` | a scorecard that looks at nothing |
//! | `key_reserved` | a key that every program has is named |
//! | `distinct_contradiction` | values of a key among the payments that have one value of it |
//! | `bands_gap`, `bands_overlap`, `band_unreachable` | bands of a feature that leave values out, share some, or hold none |
//! | `threshold_unreachable` | a decision that no score leads to |
//! | `score_overflow` | points whose sum no score holds |
//! | `section_missing` | a section that needs another one, which is not there |
//! | `problems_omitted` | more is wrong than is listed |

mod conditions;
mod deposits;
mod expiry;
mod fees;
mod fx;
mod ladders;
mod limits;
mod narrow;
mod offers;
mod payments;
mod pipeline;
mod qr;
mod redemptions;
mod rest;
mod risk;
mod rules;
#[cfg(test)]
mod tests;
mod tokens;
mod transfers;

pub(crate) use rest::check_rest;
use rustc_hash::FxHashMap;

use super::{Program, Stacking};
use crate::money::{Asset, DecimalText};
use crate::parse::{At, PROBLEMS_MAX, excerpt, has_room, nearest, told};
use crate::rejection::Problem;
use crate::time::Period;

/// Most rules of a program.
pub const RULES_MAX: usize = 20_000;
/// Most caps of a program; as many budgets are allowed.
pub const CAPS_MAX: usize = 20_000;
/// Most stacking groups, units or ladders of a program.
pub const PARTS_MAX: usize = 64;
/// Most offers of a program.
pub const PROGRAM_OFFERS_MAX: usize = 1_000;
/// Most tiers of a ladder.
pub const TIERS_MAX: usize = 32;
/// The longest grace of a ladder, in days.
pub const GRACE_DAYS_MAX: u16 = 366;
/// Most values, conditions or bands in one list.
pub const VALUES_MAX: usize = 1_000;
/// Most caps, budgets or exclusive tags that one rule names.
pub const TAGS_MAX: usize = 64;
/// How deep conditions may be nested in each other.
pub const CONDITION_DEPTH_MAX: usize = 16;
/// Longest text in a condition, in bytes; no fact of a purchase is longer.
pub const TEXT_BYTES_MAX: usize = 256;

/// The problems of a document, as many as are told; none if it can be compiled.
pub(crate) fn validate(program: &Program) -> Vec<Problem> {
    let mut checker = Checker {
        program,
        names: &PartNames::default(),
        problems: Vec::new(),
    };
    let names = checker.part_names();
    let mut checker = Checker {
        program,
        names: &names,
        problems: checker.problems,
    };
    limits::check(&mut checker);
    ladders::check(&mut checker);
    deposits::check(&mut checker);
    rules::check(&mut checker);
    transfers::check(&mut checker);
    fx::check(&mut checker);
    payments::check(&mut checker);
    pipeline::check(&mut checker);
    tokens::check(&mut checker);
    redemptions::check(&mut checker);
    offers::check(&mut checker);
    risk::check(&mut checker);
    qr::check(&mut checker);
    told(checker.problems)
}

/// Positions by name; of two equal names the first one counts.
type Names<'a> = FxHashMap<&'a str, usize>;

/// What the parts are called that others refer to.
#[derive(Debug, Default)]
struct PartNames<'a> {
    stacking_groups: Names<'a>,
    caps: Names<'a>,
    budgets: Names<'a>,
    ladders: Names<'a>,
    offers: Names<'a>,
    offer_groups: Names<'a>,
}

/// The document, the names in it, and the problems found so far.
struct Checker<'a> {
    program: &'a Program,
    names: &'a PartNames<'a>,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn report(&mut self, code: &'static str, at: &At<'_>, words: impl Into<String>) {
        if has_room(&self.problems) {
            self.problems
                .push(Problem::new(code, at.to_string(), words));
        }
    }

    /// The names of all parts that others refer to; names given twice are refused.
    fn part_names(&mut self) -> PartNames<'a> {
        let program = self.program;
        let root = At::Root;
        let rules = program.rules.iter().map(|rule| rule.id.as_str());
        self.names(&root.field("rules"), RULES_MAX, rules);
        let stacking_groups = program
            .stacking_groups
            .iter()
            .map(|stacking_group| stacking_group.id.as_str());
        let caps = program.caps.iter().map(|cap| cap.id.as_str());
        let budgets = program.budgets.iter().map(|budget| budget.id.as_str());
        let ladders = program.ladders.iter().map(|ladder| ladder.id.as_str());
        let section = root.field("offers");
        let list = program.offers.as_ref().map(|section| &*section.list);
        let offers = list.unwrap_or_default().iter();
        let offers = offers.map(|offer| offer.id.as_str());
        let groups = program
            .offers
            .as_ref()
            .map(|section| &*section.stacking_groups);
        let groups = groups.unwrap_or_default().iter();
        let groups = groups.map(|group| group.id.as_str());
        PartNames {
            offers: self.names(&section.field("list"), PROGRAM_OFFERS_MAX, offers),
            offer_groups: self.names(&section.field("stacking_groups"), PARTS_MAX, groups),
            stacking_groups: self.names(&root.field("stacking_groups"), PARTS_MAX, stacking_groups),
            caps: self.names(&root.field("caps"), CAPS_MAX, caps),
            budgets: self.names(&root.field("budgets"), CAPS_MAX, budgets),
            ladders: self.names(&root.field("ladders"), PARTS_MAX, ladders),
        }
    }

    fn names<'n>(
        &mut self,
        at: &At<'_>,
        most: usize,
        names: impl ExactSizeIterator<Item = &'n str>,
    ) -> Names<'n> {
        let mut known = Names::default();
        known.reserve(names.len().min(most));
        let checked = self.is_within(at, names.len(), most);
        for (index, name) in names.enumerate() {
            if !checked {
                known.insert(name, index);
            } else if let Some(first) = known.get(name) {
                let words = format!("`{name}` is the name of item {first} of the list already");
                self.report("id_duplicate", &at.item(index).field("id"), words);
            } else {
                known.insert(name, index);
            }
        }
        known
    }

    fn is_within(&mut self, at: &At<'_>, found: usize, most: usize) -> bool {
        if found > most {
            let words = format!("expected at most {most}, got {found}");
            self.report("too_many", at, words);
        }
        found <= most
    }

    /// Where the named part is, or a problem that suggests the nearest name.
    fn refer(&mut self, at: &At<'_>, what: &str, name: &str, names: &Names<'_>) -> Option<usize> {
        if let Some(index) = names.get(name) {
            return Some(*index);
        }
        // Comparing names costs time, so a document that is wrong all over gets plain words after a while.
        let meant = (self.problems.len() < PROBLEMS_MAX)
            .then(|| nearest(name, names.keys().copied()))
            .flatten();
        let words = unknown(what, name, meant);
        self.report("reference_unknown", at, words);
        None
    }

    /// Whether an asset is the program's currency or one of its units.
    fn is_declared(&self, asset: Asset) -> bool {
        let mut units = self.program.units.iter();
        asset == Asset::Currency(self.program.currency) || units.any(|unit| unit.asset == asset)
    }

    /// The asset that is meant; the program's currency when absent.
    fn asset(&mut self, at: &At<'_>, asset: Option<Asset>) -> Asset {
        let currency = Asset::Currency(self.program.currency);
        let Some(asset) = asset else {
            return currency;
        };
        if !self.is_declared(asset) {
            let units = self.program.units.iter().map(|unit| unit.asset);
            let known: Vec<String> = units.map(|unit| unit.to_string()).collect();
            let meant = nearest(&asset.to_string(), known.iter().map(String::as_str));
            let words = format!(
                "{}; expected the program's currency `{currency}` or one of its units",
                unknown("asset", &asset.to_string(), meant)
            );
            self.report("asset_unknown", at, words);
        }
        asset
    }

    /// The minor units of an amount, or a problem if the asset has no such amount.
    fn minor(&mut self, at: &At<'_>, amount: DecimalText, scale: u8) -> Option<i64> {
        amount
            .to_minor(scale)
            .map_err(|error| self.report(error.code(), at, error.to_string()))
            .ok()
    }

    fn positive_amount(&mut self, at: &At<'_>, amount: DecimalText, scale: u8) {
        if self
            .minor(at, amount, scale)
            .is_some_and(|minor| minor <= 0)
        {
            let words = format!("expected an amount above zero, got `{amount}`");
            self.report("amount_not_positive", at, words);
        }
    }

    fn unsigned_amount(&mut self, at: &At<'_>, amount: DecimalText, scale: u8) {
        if self.minor(at, amount, scale).is_some_and(|minor| minor < 0) {
            let words = format!("expected an amount of zero or more, got `{amount}`");
            self.report("amount_negative", at, words);
        }
    }

    /// A number, where there is one, between two bounds that are both supported.
    fn number(&mut self, at: &At<'_>, found: impl Into<Option<u32>>, least: u32, most: u32) {
        if let Some(found) = found.into().filter(|found| !(least..=most).contains(found)) {
            let words = format!("expected {least} to {most}, got `{found}`");
            self.report("number_out_of_range", at, words);
        }
    }

    fn positive_number(&mut self, at: &At<'_>, number: Option<u32>) {
        if number == Some(0) {
            self.report(
                "number_not_positive",
                at,
                "expected a number above zero, got `0`",
            );
        }
    }

    fn period(&mut self, at: &At<'_>, period: Period) {
        if let Period::Days(days) = period
            && let Err(error) = Period::days(days)
        {
            self.report(error.code(), &at.field("days"), error.to_string());
        }
    }

    fn text(&mut self, at: &At<'_>, text: &str) {
        if text.is_empty() {
            self.report("text_invalid", at, "expected a text that is not empty");
        } else if text.len() > TEXT_BYTES_MAX {
            let words = format!(
                "expected at most {TEXT_BYTES_MAX} bytes, got {}",
                text.len()
            );
            self.report("text_invalid", at, words);
        }
    }
}

fn unknown(what: &str, name: &str, meant: Option<&str>) -> String {
    let name = excerpt(name);
    match meant {
        Some(meant) => format!("unknown {what} `{name}`, did you mean `{meant}`"),
        None => format!("unknown {what} `{name}`"),
    }
}

fn compares_rewards(stacking: Stacking) -> bool {
    matches!(stacking, Stacking::Best | Stacking::Lowest)
}
