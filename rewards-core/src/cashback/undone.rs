//! What goes back of a purchase, and what is undone of what it counted.

use serde::{Deserialize, Serialize};

use super::UsedLimit;
use crate::counter::Summed;
use crate::ids::Slug;
use crate::ledger::LotNumber;
use crate::money::Rounding;

/// How what a rule carries for the member was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried(
    /// The rule.
    pub Slug,
    /// What was added to the remainder, less what was turned into units, in minor units of the purchase.
    pub i64,
    /// What was turned into units.
    pub i64,
    /// What was added to the part of a minor unit that tiers leave, in [parts](super::CARRIED_PARTS) of one.
    pub i64,
    /// What of the first and of the part of a minor unit was undone. One value, because only the last of a list can be left out.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub (i64, i64),
);

impl Carried {
    /// How a remainder is changed when nothing of it is undone.
    #[must_use]
    pub fn new(rule: Slug, change: i64, used: i64) -> Self {
        Self(rule, change, used, 0, (0, 0))
    }

    /// What is undone of it now, when of what the purchase added to the remainder a part is undone in all, and of `all` that
    /// was granted for the units `kept` did not come back. Units whose rewards were kept stay used, with what they left of a
    /// minor unit. A part of a unit is kept, which the program gains.
    pub(super) fn undo(
        &mut self,
        undone: impl Fn(i64) -> i64,
        (all, kept): (i64, i64),
    ) -> UndoneRemainder {
        let came_back = |amount: i64| {
            if all <= 0 {
                return undone(amount);
            }
            if kept <= 0 {
                return amount;
            }
            let returned = i128::from(all.saturating_sub(kept));
            let share = returned.saturating_mul(i128::from(amount));
            Rounding::Down
                .divide(share, i128::from(all))
                .unwrap_or_default()
        };
        let Self(rule, change, used, part, before) = self;
        let added = change.saturating_add(*used);
        let change_now = undone(added).saturating_sub(came_back(*used));
        let part_now = came_back(*part);
        let result = UndoneRemainder {
            rule: rule.clone(),
            change: change_now.saturating_sub(before.0),
            part: part_now.saturating_sub(before.1),
        };
        *before = (change_now, part_now);
        result
    }
}

/// A part of a grant that goes back to the account that paid it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenBack {
    /// The lot of the grant.
    pub lot: LotNumber,
    /// How much goes back, in minor units.
    pub amount: i64,
    /// How much was granted as the lot, in minor units.
    pub granted: i64,
}

/// What is released by what goes back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Released {
    /// Of limits.
    pub limits: Vec<UsedLimit>,
    /// What does not count as earned any more, in minor units.
    pub unearned: i64,
}

/// What is undone with a purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// What it added to the sums of its day.
    pub sums: Vec<(Summed, i64)>,
    /// What it added to what rules carry.
    pub remainders: Vec<UndoneRemainder>,
}

/// What is undone of what a rule carries for the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneRemainder {
    /// The rule.
    pub rule: Slug,
    /// Of the remainder, in minor units of the purchase.
    pub change: i64,
    /// Of the part of a minor unit, in [parts](super::CARRIED_PARTS) of one.
    pub part: i64,
}

fn is_nothing(undone: &(i64, i64)) -> bool {
    *undone == (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_undone_reads_back() {
        let rule = || "it".parse().unwrap();
        for undone in [(0, 0), (3, 0), (0, 3), (-3, 4)] {
            let carried = Carried(rule(), 5, 7, 9, undone);
            let text = serde_json::to_string(&carried).unwrap();
            assert_eq!(
                serde_json::from_str::<Carried>(&text).unwrap(),
                carried,
                "{text}"
            );
        }
        let older = r#"["it",5,7,9]"#;
        let read: Carried = serde_json::from_str(older).unwrap();
        assert_eq!(read, Carried(rule(), 5, 7, 9, (0, 0)));
    }
}
