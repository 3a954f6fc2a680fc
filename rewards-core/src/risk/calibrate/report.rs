//! What a fit did, for people.

#![expect(
    clippy::float_arithmetic,
    reason = "shares of payments, which are no money"
)]

use std::fmt::Write;

use super::Calibration;
use super::measures::float;
use crate::ids::Slug;
use crate::risk::RiskBand;

/// What was done with a rule or a combination.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleReport {
    /// Which one.
    pub rule: Slug,
    /// Its bands, and what is worth `none`; of a combination, whether it does not hold or holds.
    pub bands: Vec<BandReport>,
}

/// What was done with a band.
#[derive(Debug, Clone, PartialEq)]
pub struct BandReport {
    /// Which one, in words.
    pub band: String,
    /// How many payments were in it.
    pub payments: u64,
    /// How many of them were bad.
    pub bad: u64,
    /// Its points before.
    pub before: i32,
    /// Its points now.
    pub after: i32,
}

impl Calibration {
    /// What was done, as a text.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = String::new();
        let (payments, bad, sweeps) = (self.payments, self.bad, self.sweeps);
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "fitted to {payments} payments, {bad} of them bad, in {sweeps} sweeps"
        );
        for rule in &self.rules {
            let _ = writeln!(text, "\n{}", rule.rule);
            let _ = writeln!(
                text,
                "  {:<24}{:>12}{:>10}{:>10}{:>8}{:>8}",
                "band", "payments", "bad", "share", "before", "after"
            );
            for band in &rule.bands {
                let share = match band.payments {
                    0 => 0.0,
                    all => float(band.bad) * 100.0 / float(all),
                };
                let (name, all, bad) = (&band.band, band.payments, band.bad);
                let (before, after) = (band.before, band.after);
                let _ = writeln!(
                    text,
                    "  {name:<24}{all:>12}{bad:>10}{share:>9.3}%{before:>8}{after:>8}"
                );
            }
        }
        let (before, after) = (&self.before, &self.after);
        let _ = writeln!(
            text,
            "\nAUC  {:.4} before, {:.4} after",
            before.auc, after.auc
        );
        let _ = writeln!(text, "KS   {:.4} before, {:.4} after", before.ks, after.ks);
        let threshold = |at: Option<i32>| at.map_or("none".to_owned(), |at| at.to_string());
        let card = &self.scorecard;
        let (review, block) = (threshold(card.review_at), threshold(card.block_at));
        let _ = writeln!(text, "review_at {review}, block_at {block}");
        text
    }
}

/// A band in words.
pub(super) fn edges_in_words(band: &RiskBand) -> String {
    match (band.from, band.until) {
        (None, None) => "any".to_owned(),
        (None, Some(until)) => format!("below {until}"),
        (Some(from), None) => format!("from {from}"),
        (Some(from), Some(until)) => format!("{from} to below {until}"),
    }
}
