//! What a basket costs, line by line, while offers take off of it.

use crate::cashback::{Purchase, View};
use crate::money::Money;
use crate::program::{LineCheck, Prices, RunningBase};

/// A line, or the shipping, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price {
    /// What it costs before any offer.
    pub original: i64,
    /// What it costs after those that apply so far.
    pub left: i64,
    /// For how many pieces that is.
    pub pieces: u64,
}

impl Price {
    fn new(minor: i64, pieces: u32) -> Self {
        let minor = minor.max(0);
        Self {
            original: minor,
            left: minor,
            pieces: u64::from(pieces.max(1)),
        }
    }

    /// What was taken off it by now.
    pub fn off(&self) -> i64 {
        self.original.saturating_sub(self.left)
    }

    /// What percentages are taken of.
    pub fn of(&self, base: RunningBase) -> i64 {
        match base {
            RunningBase::Original => self.original,
            RunningBase::Running => self.left,
        }
    }
}

/// What a basket costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basket {
    /// Its lines. A purchase without lines is one line.
    pub lines: Vec<Price>,
    /// Whether these are lines of the purchase.
    pub has_lines: bool,
    /// Its shipping.
    pub shipping: Price,
}

/// What is taken off, in minor units. A share is never more than what was left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Off each line, in the order of the lines.
    pub lines: Vec<i64>,
    /// Off the shipping.
    pub shipping: i64,
}

impl Taken {
    /// Off lines alone.
    pub fn off_lines(lines: Vec<i64>) -> Self {
        Self { lines, shipping: 0 }
    }

    /// Off the shipping alone.
    pub fn off_shipping(shipping: i64) -> Self {
        Self {
            lines: Vec::new(),
            shipping,
        }
    }

    /// All together. It is no more than what the basket costs, so nothing saturates.
    pub fn total(&self) -> i64 {
        let lines = self.lines.iter().copied();
        lines.fold(self.shipping, i64::saturating_add)
    }

    pub fn is_nothing(&self) -> bool {
        self.shipping == 0 && self.lines.iter().all(|minor| *minor == 0)
    }
}

impl Basket {
    /// A purchase before any offer, with the discounts that the host told taken off.
    pub fn of(purchase: &Purchase, prices: Prices) -> Self {
        let minor = |part: Option<Money>| part.map_or(0, Money::minor);
        let shipping = Price::new(minor(purchase.shipping), 1);
        let shares = purchase.discount_shares().into_iter();
        let shares = shares.chain(std::iter::repeat(0));
        let lines = purchase.lines.iter().zip(shares);
        let lines: Vec<Price> = lines
            .map(|(line, share)| {
                let left = line.amount.minor().saturating_sub(share);
                Price::new(left, line.quantity)
            })
            .collect();
        if !lines.is_empty() {
            return Self {
                lines,
                has_lines: true,
                shipping,
            };
        }
        let mut whole = purchase.total.minor();
        for part in [purchase.discounts, purchase.fee, purchase.shipping] {
            whole = whole.saturating_sub(minor(part));
        }
        if prices == Prices::WithoutTax {
            whole = whole.saturating_sub(minor(purchase.tax));
        }
        Self {
            lines: vec![Price::new(whole, 1)],
            has_lines: false,
            shipping,
        }
    }

    /// The lines that pass a test; all of them without one. A purchase without lines passes none.
    pub fn select(&self, view: &View<'_>, test: Option<&LineCheck>) -> Vec<bool> {
        let Some(test) = test else {
            return vec![true; self.lines.len()];
        };
        let lines = 0..self.lines.len();
        let passes = |at| self.has_lines && view.line_holds(test, at);
        lines.map(passes).collect()
    }

    /// What the chosen lines cost together.
    pub fn sum(&self, chosen: &[bool], base: RunningBase) -> i64 {
        let lines = self.lines.iter().zip(chosen);
        let lines = lines.filter(|(_, is_chosen)| **is_chosen);
        lines.fold(0, |sum, (line, _)| sum.saturating_add(line.of(base)))
    }

    /// The basket after something is taken off.
    pub fn take(&mut self, taken: &Taken) {
        for (line, minor) in self.lines.iter_mut().zip(&taken.lines) {
            line.left = line.left.saturating_sub(*minor);
        }
        self.shipping.left = self.shipping.left.saturating_sub(taken.shipping);
    }

    /// What was taken off the lines by now. It is no more than what they cost, so nothing saturates.
    pub fn off_lines(&self) -> i64 {
        let off = self.lines.iter().map(Price::off);
        off.fold(0, i64::saturating_add)
    }

    /// What was taken off by now, the shipping included.
    pub fn taken(&self) -> i64 {
        self.off_lines().saturating_add(self.shipping.off())
    }
}
