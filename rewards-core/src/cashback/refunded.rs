//! How much of a purchase was refunded, in money and in pieces, and what that undoes.
//!
//! What was paid lies in *cells*: one for each line, with the line's share of the discounts taken off, and one for the rest,
//! such as shipping. A refund fills cells. What is undone is a function of how full they are and of nothing else, so that it
//! makes no difference in how many refunds a purchase comes back: when everything has, everything is undone, to the minor unit.
//!
//! On the way there, what is undone is rounded **down**: the member keeps the part of a minor unit until the rest comes back.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Purchase;
use crate::counter::Summed;
use crate::money::{Money, Rounding, allocate};

/// What was paid for a purchase, by cells, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// The total less discounts.
    total: i64,
    /// What was paid for each line, and for how many pieces.
    lines: Vec<(i64, u32)>,
}

/// How much of a purchase was refunded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refunded {
    /// In how many refunds.
    pub count: u32,
    /// In minor units of what was paid.
    pub amount: i64,
    /// Of which lines, in their order: what of the amount is for the line, and how many pieces came back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<RefundedLine>,
    /// Whether that is everything, also what was free.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_whole: bool,
}

/// What of a line was refunded: the line, counted from 0, minor units, pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct RefundedLine(u32, i64, u32);

/// Why something cannot be refunded any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRefundable {
    /// More than is left of the amount, in minor units.
    Amount {
        /// What is left.
        left: i64,
    },
    /// The purchase has no such line.
    Line,
    /// More pieces than are left of a line.
    Pieces {
        /// What is left.
        left: u32,
    },
}

impl Paid {
    /// What was paid for a purchase.
    #[must_use]
    pub fn of(purchase: &Purchase) -> Self {
        let discounts = purchase.discounts.map_or(0, Money::minor);
        let shares = purchase.discount_shares().into_iter();
        let shares = shares.chain(std::iter::repeat(0));
        let lines = purchase.lines.iter().zip(shares).map(|(line, share)| {
            let paid = line.amount.minor().saturating_sub(share).max(0);
            (paid, line.quantity.max(1))
        });
        Self {
            total: purchase.total.minor().saturating_sub(discounts),
            lines: lines.collect(),
        }
    }

    /// The total less discounts, in minor units.
    #[must_use]
    pub fn total(&self) -> i64 {
        self.total
    }
}

impl Refunded {
    /// What is left to refund, in minor units.
    #[must_use]
    pub fn left(&self, paid: &Paid) -> i64 {
        paid.total.saturating_sub(self.amount)
    }

    /// Of a line, what of the amount is for it, and how many pieces came back.
    fn line(&self, line: u32) -> (i64, u32) {
        let at = self.lines.binary_search_by_key(&line, |own| own.0);
        let own = at.ok().and_then(|at| self.lines.get(at));
        own.map_or((0, 0), |own| (own.1, own.2))
    }

    fn set_line(&mut self, line: u32, minor: i64, pieces: u32) {
        let at = self.lines.partition_point(|own| own.0 < line);
        match self.lines.get_mut(at).filter(|own| own.0 == line) {
            Some(own) => *own = RefundedLine(line, minor, pieces),
            None if minor != 0 || pieces != 0 => {
                self.lines.insert(at, RefundedLine(line, minor, pieces));
            }
            None => {}
        }
    }

    /// Everything that is left comes back.
    pub fn add_rest(&mut self, paid: &Paid) {
        self.amount = paid.total;
        for (line, (minor, pieces)) in (0..).zip(&paid.lines) {
            self.set_line(line, *minor, *pieces);
        }
        self.is_whole = true;
    }

    /// An amount comes back, of all cells in proportion to what is left in them: largest remainders first, ties to the earliest
    /// line. When nothing is left of the amount, everything has come back.
    ///
    /// # Errors
    /// [`NotRefundable::Amount`].
    pub fn add_amount(&mut self, paid: &Paid, minor: i64) -> Result<(), NotRefundable> {
        let left = self.left(paid);
        if minor >= left {
            if minor > left {
                return Err(NotRefundable::Amount { left });
            }
            self.add_rest(paid);
            return Ok(());
        }
        let cells = (0..).zip(&paid.lines);
        let cells = cells.map(|(line, (all, _))| all.saturating_sub(self.line(line).0));
        let mut weights: Vec<u64> = cells.map(i64::unsigned_abs).collect();
        let in_lines = weights.iter().fold(0_u64, |sum, w| sum.saturating_add(*w));
        weights.push(left.unsigned_abs().saturating_sub(in_lines));
        // What is left is more than what comes back, so some weight is positive.
        let parts = allocate(minor, &weights).unwrap_or_default();
        for (line, part) in (0..).zip(parts.iter().take(paid.lines.len())) {
            let (before, pieces) = self.line(line);
            self.set_line(line, before.saturating_add(*part), pieces);
        }
        self.amount = self.amount.saturating_add(minor);
        Ok(())
    }

    /// Pieces of a line come back, and give what they cost: what is left of the line is split over the pieces that are left, the
    /// first ones getting the minor units that do not come out even.
    ///
    /// # Errors
    /// [`NotRefundable::Line`], [`NotRefundable::Pieces`].
    pub fn add_pieces(&mut self, paid: &Paid, line: u32, pieces: u32) -> Result<(), NotRefundable> {
        let place = usize::try_from(line).map_err(|_| NotRefundable::Line)?;
        let (all, all_pieces) = *paid.lines.get(place).ok_or(NotRefundable::Line)?;
        let (before, pieces_before) = self.line(line);
        let left_pieces = all_pieces.saturating_sub(pieces_before);
        if pieces > left_pieces {
            return Err(NotRefundable::Pieces { left: left_pieces });
        }
        let left = all.saturating_sub(before);
        let each = left.checked_div(i64::from(left_pieces)).unwrap_or(0);
        let uneven = left.checked_rem(i64::from(left_pieces)).unwrap_or(0);
        let part = each.saturating_mul(i64::from(pieces));
        let part = part.saturating_add(uneven.min(i64::from(pieces)));
        self.set_line(
            line,
            before.saturating_add(part),
            pieces_before.saturating_add(pieces),
        );
        self.amount = self.amount.saturating_add(part);
        let mut lines = (0..).zip(&paid.lines);
        let is_back = lines.all(|(line, (_, pieces))| self.line(line).1 == *pieces);
        self.is_whole = is_back && self.left(paid) == 0;
        Ok(())
    }

    /// What of something is undone, in minor units: what of it was for a line as far as the line came back, and what was for no
    /// line as far as the amount did.
    #[must_use]
    pub fn undone(&self, paid: &Paid, lines: &[(u32, i64)], all: i64) -> i64 {
        if self.is_whole {
            return all;
        }
        if lines.is_empty() {
            return self.share(paid, all);
        }
        let lines = lines.iter();
        let parts = lines.map(|(line, minor)| self.line_share(paid, *line, *minor));
        parts.fold(0, i64::saturating_add)
    }

    /// A part of something that belongs to the whole purchase, as far as the amount came back.
    #[must_use]
    pub fn share(&self, paid: &Paid, of: i64) -> i64 {
        if self.is_whole {
            return of;
        }
        part(of, self.amount, paid.total)
    }

    /// A part of something that belongs to a line, as far as the line came back.
    fn line_share(&self, paid: &Paid, line: u32, of: i64) -> i64 {
        let place = usize::try_from(line).ok();
        let Some((all, all_pieces)) = place.and_then(|place| paid.lines.get(place)) else {
            return 0;
        };
        let (minor, pieces) = self.line(line);
        if self.is_whole || pieces == *all_pieces {
            return of;
        }
        if *all > 0 {
            part(of, minor, *all)
        } else {
            part(of, i64::from(pieces), i64::from(*all_pieces))
        }
    }

    /// What of the sums of a purchase is undone. Discounts, fee, tax and shipping follow the amount; what was spent by the
    /// amount that was paid is less by exactly what came back. It stays a visit until everything has.
    #[must_use]
    pub fn sums(&self, paid: &Paid, purchase: &Purchase) -> SmallVec<[(Summed, i64); 6]> {
        let mut sums = purchase.sums();
        if self.is_whole {
            return sums;
        }
        let discounts = self.share(paid, purchase.discounts.map_or(0, Money::minor));
        for (summed, minor) in &mut sums {
            *minor = match summed {
                Summed::Visits => 0,
                Summed::Gross(_) => self.amount.saturating_add(discounts),
                _ => self.share(paid, *minor),
            };
        }
        sums
    }

    /// The purchase as if what came back had not been bought. Discounts that are for no line are split anew over what remains.
    #[must_use]
    pub fn remaining(&self, paid: &Paid, purchase: &Purchase) -> Purchase {
        let mut left = purchase.clone();
        let asset = purchase.total.asset();
        let less =
            |amount: Money, undone: i64| Money::new(amount.minor().saturating_sub(undone), asset);
        let discounts = self.share(paid, purchase.discounts.map_or(0, Money::minor));
        left.total = less(left.total, self.amount.saturating_add(discounts));
        for part in [
            &mut left.discounts,
            &mut left.fee,
            &mut left.tax,
            &mut left.shipping,
        ] {
            *part = part.map(|part| less(part, self.share(paid, part.minor())));
        }
        for (number, line) in (0..).zip(&mut left.lines) {
            let undone = self.line_share(paid, number, line.amount.minor());
            line.amount = less(line.amount, undone);
            for part in [&mut line.discounts, &mut line.tax] {
                let undone = |part: Money| self.line_share(paid, number, part.minor());
                *part = part.map(|part| less(part, undone(part)));
            }
            let pieces = self.line(number).1;
            line.quantity = line.quantity.saturating_sub(pieces).max(1);
        }
        left
    }
}

/// The part of an amount that a share is of the whole. Down: the member keeps the part of a minor unit.
fn part(of: i64, share: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let product = i128::from(of).saturating_mul(i128::from(share));
    Rounding::Down
        .divide(product, i128::from(whole))
        .unwrap_or_default()
}
