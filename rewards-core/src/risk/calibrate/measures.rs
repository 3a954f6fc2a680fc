//! How well scores tell bad payments from good ones.

#![expect(
    clippy::float_arithmetic,
    reason = "shares of payments, which are no money; nothing but a report comes of them"
)]

use super::CalibrationOptions;
use crate::risk::Scorecard;

/// How well scores tell bad payments from good ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// The share of pairs of a bad and a good payment in which the bad one has more points; pairs with equal points count half.
    /// 1 is perfect and 0.5 is nothing.
    pub auc: f64,
    /// The largest difference between the share of bad and the share of good payments above a score.
    pub ks: f64,
    /// How many payments have each score, from the highest to the lowest, and how many of them are bad.
    scores: Vec<(i64, u64, u64)>,
}

impl Measures {
    /// Of scores with what the payments turned out to be.
    #[must_use]
    pub fn of(mut scored: Vec<(i64, bool)>) -> Self {
        scored.sort_unstable();
        let mut scores: Vec<(i64, u64, u64)> = Vec::new();
        for (score, is_bad) in scored.into_iter().rev() {
            match scores.last_mut() {
                Some((known, all, bad)) if *known == score => {
                    *all = all.saturating_add(1);
                    *bad = bad.saturating_add(u64::from(is_bad));
                }
                _ => scores.push((score, 1, u64::from(is_bad))),
            }
        }
        let sum = |part: fn(&(i64, u64, u64)) -> u64| float(scores.iter().map(part).sum());
        let (bad, good) = (sum(|one| one.2), sum(|one| one.1.saturating_sub(one.2)));
        let (mut auc, mut ks) = (0.0_f64, 0.0_f64);
        let (mut bad_above, mut good_above) = (0.0, 0.0);
        for (_, all, own_bad) in &scores {
            let (own_bad, own_good) = (float(*own_bad), float(all.saturating_sub(*own_bad)));
            auc += own_good * (bad_above + own_bad / 2.0);
            bad_above += own_bad;
            good_above += own_good;
            ks = ks.max((bad_above / bad - good_above / good).abs());
        }
        Self {
            auc: auc / (bad * good),
            ks,
            scores,
        }
    }

    /// Sets thresholds so that not more payments reach them than the options say, and so that each can fire.
    pub(super) fn set_thresholds(&self, card: &mut Scorecard, options: &CalibrationOptions) {
        let block = self.threshold(options.block_share);
        let review = self.threshold(options.review_share);
        card.block_at = block;
        card.review_at = review.filter(|review| block.is_none_or(|block| *review < block));
    }

    /// The lowest score that at most so many of 10,000 payments reach; none if that is not one payment, or all of them.
    fn threshold(&self, share: u16) -> Option<i32> {
        let all: u64 = self.scores.iter().map(|(_, all, _)| *all).sum();
        let most = u128::from(all).saturating_mul(u128::from(share));
        let (mut reached, mut found) = (0_u128, None);
        for (score, own, _) in &self.scores {
            reached = reached.saturating_add(u128::from(*own));
            if reached.saturating_mul(10_000) > most || reached >= u128::from(all) {
                break;
            }
            found = i32::try_from(*score).ok();
        }
        found
    }
}

/// A count as a float. Counts are far below the 2⁵³ up to which that is exact.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of payments are below 2 to the power of 53"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}
