//! A window on a local clock: the zone of a program says which instants it means.

use serde::{Deserialize, Serialize};

use crate::ids::ProgramId;
use crate::rejection::Problem;
use crate::time::{LocalTime, Timestamp, Zone};

/// When codes can be redeemed, on the clock of a program. What is absent is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LocalWindow {
    /// The program whose zone it is, by its revision that is active when this is said.
    pub program: ProgramId,
    /// From when on: `2026-11-21`, or `2026-11-21T09:30`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub from: Option<LocalTime>,
    /// The last date on which they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub through: Option<LocalTime>,
    /// The first time at which they cannot any more, when no last date is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub before: Option<LocalTime>,
}

impl LocalWindow {
    /// All that is wrong with it, whatever the zone.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(through) = self.through.filter(|through| !through.is_date()) {
            let detail = format!("expected a date such as `2026-11-21`, got `{through}`");
            problems.push(Problem::new("date_invalid", "through", detail));
        }
        if self.through.is_some() && self.before.is_some() {
            let detail = "expected `through` or `before`, got both";
            problems.push(Problem::new("range_ends_twice", "before", detail));
        }
        problems
    }

    /// The instants that it means in a zone: from when on codes can be redeemed, and when that ends.
    #[must_use]
    pub fn ends(&self, zone: Zone) -> (Option<Timestamp>, Option<Timestamp>) {
        let from = self.from.map(|from| from.instant(zone));
        let through = self.through.map(|through| through.date_end(zone));
        let until = through.or(self.before.map(|before| before.instant(zone)));
        (from, until)
    }
}
