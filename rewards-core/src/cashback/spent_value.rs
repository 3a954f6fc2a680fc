//! What a coupon that is worth an amount has spent of it with a purchase, and what of that came back.

use serde::{Deserialize, Serialize};

use super::{Paid, Refunded};
use crate::ids::CouponId;

/// What a coupon has spent of what it is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentValue(
    /// The coupon.
    pub CouponId,
    /// How much, in minor units of the total.
    pub i64,
    /// What of that was for which line, counted from 0, nothing for a purchase without lines; and what came back with refunds of
    /// parts. One value, because only the last of a list can be left out.
    #[serde(default, skip_serializing_if = "is_nothing")]
    (Vec<(u32, i64)>, i64),
);

fn is_nothing((lines, returned): &(Vec<(u32, i64)>, i64)) -> bool {
    lines.is_empty() && *returned == 0
}

impl SpentValue {
    /// So much, and what of it was for which line.
    #[must_use]
    pub fn new(coupon: CouponId, minor: i64, lines: Vec<(u32, i64)>) -> Self {
        Self(coupon, minor, (lines, 0))
    }

    /// What of it has not come back yet.
    #[must_use]
    pub fn left(&self) -> i64 {
        let (_, returned) = &self.2;
        self.1.saturating_sub(*returned)
    }

    /// More of the purchase is refunded: what was spent for a line comes back as far as the line does, and without lines as far as
    /// the amount does. Rounded down: the rest comes back with the last of it. Gives what comes back now.
    pub fn refund(&mut self, paid: &Paid, before: &Refunded, after: &Refunded) -> i64 {
        let left = self.left();
        let (lines, returned) = &mut self.2;
        let undone = |refunded: &Refunded| refunded.undone(paid, lines, self.1);
        let now = match after.is_whole {
            true => left,
            false => undone(after).saturating_sub(undone(before)).clamp(0, left),
        };
        *returned = returned.saturating_add(now);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_reads_back() {
        let coupon: CouponId = "c-0123456789abcdef".parse().unwrap();
        for (lines, returned) in [
            (vec![], 0),
            (vec![(1, 300)], 0),
            (vec![], 5),
            (vec![(0, 7)], 5),
        ] {
            let spent = SpentValue(coupon.clone(), 300, (lines, returned));
            let text = serde_json::to_string(&spent).unwrap();
            assert_eq!(
                serde_json::from_str::<SpentValue>(&text).unwrap(),
                spent,
                "{text}"
            );
        }
        let older = serde_json::to_string(&(coupon.clone(), 300)).unwrap();
        let read: SpentValue = serde_json::from_str(&older).unwrap();
        assert_eq!(read, SpentValue::new(coupon, 300, vec![]));
        assert_eq!(serde_json::to_string(&read).unwrap(), older);
    }
}
