//! What a counter counts, and the name that follows from it.
//!
//! The name **says what is counted**: the kind, the asset and the window. A revision that turns a limit of money into one of
//! uses or of points, or a budget into another asset, thereby starts a count of its own instead of misreading the old one. A
//! limit that is only raised or lowered goes on with its count.
//!
//! | kind | whose | name in program `club` | given back |
//! |---|---|---|---|
//! | [`CapAmount`](CounterKind::CapAmount) | a member, a value of an attribute | `club/cap/top/amount.EUR/month` | what goes back to the account that paid it |
//! | [`CapUses`](CounterKind::CapUses) | the same | `club/cap/top/uses/month` | once all that was granted under it has gone back |
//! | [`Budget`](CounterKind::Budget) | the program | `budget/launch/amount.EUR/lifetime` | what goes back to the account that paid it |
//! | [`Stage`](CounterKind::Stage) | the program | `stage/fraud/answered/day` | never |
//! | [`TransferAmount`](CounterKind::TransferAmount) | a member | `club/transfer/amount.EUR/day` | never |
//! | [`Carry`](CounterKind::Carry) | a member | `club/carry/it/points.by.10000.EUR/lifetime` | the part of the purchase that is undone, less the units that were kept |
//!
//! Buckets are numbered by the window, so the window is part of the name, and of a week its first day. Rolling days are
//! counted by day: windows of different lengths read the same count.

use smol_str::{SmolStr, format_smolstr};

use crate::ids::{ProgramId, Slug};
use crate::money::Asset;
use crate::time::{Period, WeekStart, Weekday};

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind<'a> {
    /// Value granted under a cap, in minor units.
    CapAmount {
        /// The program.
        program: &'a ProgramId,
        /// The cap.
        cap: &'a Slug,
        /// What is granted.
        asset: Asset,
    },
    /// Purchases that were granted something under a cap.
    CapUses {
        /// The program.
        program: &'a ProgramId,
        /// The cap.
        cap: &'a Slug,
    },
    /// Value granted out of a budget, in minor units. Its subject names the program.
    Budget {
        /// The budget.
        budget: &'a Slug,
        /// What is granted.
        asset: Asset,
    },
    /// Something about runs of a stage of payments. Its subject names the program.
    Stage {
        /// The stage.
        stage: &'a Slug,
        /// What is counted of them.
        what: &'static str,
    },
    /// Value that a member sent to others, in minor units, without fees.
    TransferAmount {
        /// The program that allowed it.
        program: &'a ProgramId,
        /// What was sent.
        asset: Asset,
    },
    /// What is left over of purchases and does not fill a unit yet, in minor units of the currency.
    Carry {
        /// The program.
        program: &'a ProgramId,
        /// The rule.
        rule: &'a Slug,
        /// What a unit is rewarded with.
        asset: Asset,
        /// How large a unit is, in minor units of the currency.
        every: i64,
        /// The currency of purchases.
        currency: Asset,
    },
}

impl CounterKind<'_> {
    /// The name of the counter for a window in calendars whose weeks start on a day.
    #[must_use]
    pub fn name(&self, window: Period, week_start: WeekStart) -> SmolStr {
        let span = span(window, week_start);
        match self {
            Self::CapAmount {
                program,
                cap,
                asset,
            } => {
                format_smolstr!("{program}/cap/{cap}/amount.{asset}/{span}")
            }
            Self::CapUses { program, cap } => format_smolstr!("{program}/cap/{cap}/uses/{span}"),
            Self::Budget { budget, asset } => {
                format_smolstr!("budget/{budget}/amount.{asset}/{span}")
            }
            Self::Stage { stage, what } => format_smolstr!("stage/{stage}/{what}/{span}"),
            Self::TransferAmount { program, asset } => {
                format_smolstr!("{program}/transfer/amount.{asset}/{span}")
            }
            Self::Carry {
                program,
                rule,
                asset,
                every,
                currency,
            } => format_smolstr!("{program}/carry/{rule}/{asset}.by.{every}.{currency}/{span}"),
        }
    }
}

/// The window by which a counter's buckets are numbered.
fn span(window: Period, WeekStart(first): WeekStart) -> &'static str {
    match window {
        Period::Day | Period::Days(_) => "day",
        Period::Week => match first {
            Weekday::Monday => "week",
            Weekday::Tuesday => "week.tuesday",
            Weekday::Wednesday => "week.wednesday",
            Weekday::Thursday => "week.thursday",
            Weekday::Friday => "week.friday",
            Weekday::Saturday => "week.saturday",
            Weekday::Sunday => "week.sunday",
        },
        Period::Month => "month",
        Period::Quarter => "quarter",
        Period::Year => "year",
        Period::Lifetime => "lifetime",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn whatever_differs_in_kind_asset_or_window_has_a_name_of_its_own() {
        let program: &ProgramId = &"club".parse().unwrap();
        let top: &Slug = &"top".parse().unwrap();
        let assets = ["EUR", "points", "points/2"].map(|text| Asset::parse(text).unwrap());
        let mut kinds = vec![CounterKind::CapUses { program, cap: top }];
        for what in ["answered", "millis"] {
            kinds.push(CounterKind::Stage { stage: top, what });
        }
        for asset in assets {
            kinds.push(CounterKind::CapAmount {
                program,
                cap: top,
                asset,
            });
            kinds.push(CounterKind::Budget { budget: top, asset });
            kinds.push(CounterKind::TransferAmount { program, asset });
            for every in [1, 100] {
                for currency in [assets[0], Asset::parse("USD").unwrap()] {
                    kinds.push(CounterKind::Carry {
                        program,
                        rule: top,
                        asset,
                        every,
                        currency,
                    });
                }
            }
        }
        let windows = [
            Period::Day,
            Period::Month,
            Period::Quarter,
            Period::Year,
            Period::Lifetime,
        ];
        let mut names = BTreeSet::new();
        for kind in &kinds {
            for window in windows {
                names.insert(kind.name(window, WeekStart::default()));
            }
            for day in Weekday::ALL {
                names.insert(kind.name(Period::Week, WeekStart(day)));
            }
        }
        assert_eq!(names.len(), kinds.len() * (windows.len() + 7), "{names:#?}");
        let rolling = kinds[0].name(Period::Days(30), WeekStart::default());
        assert!(names.contains(&rolling), "rolling days are counted by day");
    }
}
