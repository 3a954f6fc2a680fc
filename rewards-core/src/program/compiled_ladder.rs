//! A tier ladder, ready to evaluate.
//!
//! Thresholds are whole minor units of what the ladder measures and benefits are exact fractions, so that deciding
//! about a tier compares integers. A tier is known by its *rank*: 0 is the lowest tier, where everybody starts.
//!
//! Whether a document makes sense (increasing thresholds, distinct names) is checked before; a ladder is compiled from
//! any document that has a tier and whose thresholds are amounts of its measure.

use super::{Benefits, Downgrade, Ladder, Measure, Tier, TierWindow};
use crate::ids::Slug;
use crate::money::{Asset, Currency, MoneyError, Ratio};

/// A ladder that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LadderError {
    /// The ladder has no tier.
    #[error("expected at least one tier in ladder `{ladder}`, got none")]
    Empty {
        /// The ladder.
        ladder: Slug,
    },
    /// A threshold is not an amount of what the ladder measures.
    #[error("threshold of tier `{tier}`: {source}")]
    Threshold {
        /// The tier.
        tier: Slug,
        /// What is wrong with the amount.
        source: MoneyError,
    },
}

/// One tier, ready to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledTier {
    /// The tier's name.
    pub id: Slug,
    /// The tiers of earlier revisions whose place it takes.
    pub replaces: Vec<Slug>,
    /// What must be reached, in minor units of the measure's asset, or a number of visits.
    pub threshold: i64,
    /// Multiplies what a rule grants; one changes nothing.
    pub multiplier: Ratio,
    /// Is added to the rate of percentages, as a fraction; zero changes nothing.
    pub extra_rate: Ratio,
    /// Multiplies the caps per purchase and per member; one changes nothing.
    pub cap_multiplier: Ratio,
}

/// One ladder, ready to evaluate. It has at least one tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledLadder {
    id: Slug,
    measure: Measure,
    window: TierWindow,
    downgrade: Downgrade,
    grace_days: u16,
    lowest: CompiledTier,
    /// The tiers of rank 1 and above, from the lower to the higher.
    higher: Vec<CompiledTier>,
}

impl CompiledLadder {
    /// Compiles a ladder of a program whose purchases are in `currency`.
    ///
    /// # Errors
    /// [`LadderError::Empty`] without a tier, [`LadderError::Threshold`] when a threshold has more decimals than the
    /// measure's asset or does not fit.
    pub fn compile(ladder: &Ladder, currency: Currency) -> Result<Self, LadderError> {
        let scale = scale(&ladder.measure, currency);
        let mut tiers = ladder.tiers.iter().map(|tier| compile_tier(tier, scale));
        let lowest = tiers.next().ok_or_else(|| LadderError::Empty {
            ladder: ladder.id.clone(),
        })??;
        Ok(Self {
            id: ladder.id.clone(),
            measure: ladder.measure.clone(),
            window: ladder.window,
            downgrade: ladder.downgrade,
            grace_days: ladder.grace_days,
            lowest,
            higher: tiers.collect::<Result<_, _>>()?,
        })
    }

    /// The ladder's name.
    #[must_use]
    pub fn id(&self) -> &Slug {
        &self.id
    }

    /// What qualifies.
    #[must_use]
    pub fn measure(&self) -> &Measure {
        &self.measure
    }

    /// The window in which it is measured; a balance is measured as it is, whatever this says.
    #[must_use]
    pub fn window(&self) -> TierWindow {
        self.window
    }

    /// What happens to a member who falls short.
    #[must_use]
    pub fn downgrade(&self) -> Downgrade {
        self.downgrade
    }

    /// So many local calendar days pass before a member who falls short moves down.
    #[must_use]
    pub fn grace_days(&self) -> u16 {
        self.grace_days
    }

    /// The tiers in the order of their rank, the lowest first.
    pub fn tiers(&self) -> impl Iterator<Item = &CompiledTier> {
        std::iter::once(&self.lowest).chain(&self.higher)
    }

    /// The tier of a rank; the highest one for any rank above.
    #[must_use]
    pub fn tier(&self, rank: usize) -> &CompiledTier {
        let higher = match rank.checked_sub(1) {
            Some(index) => self.higher.get(index).or(self.higher.last()),
            None => None,
        };
        higher.unwrap_or(&self.lowest)
    }

    /// The tier above a rank, if there is one.
    #[must_use]
    pub fn above(&self, rank: usize) -> Option<&CompiledTier> {
        self.higher.get(rank)
    }

    /// The rank of a tier, or of the one that takes its place; `None` when this revision of the ladder has neither.
    #[must_use]
    pub fn rank_of(&self, tier: &Slug) -> Option<usize> {
        self.tiers()
            .position(|known| known.id == *tier || known.replaces.contains(tier))
    }

    /// The rank of the highest tier whose threshold is at most `measure`; 0 when there is none.
    #[must_use]
    pub fn eligible(&self, measure: i64) -> usize {
        self.higher
            .iter()
            .rposition(|tier| tier.threshold <= measure)
            .map_or(0, |index| index.saturating_add(1))
    }
}

/// Decimals of a threshold.
fn scale(measure: &Measure, currency: Currency) -> u8 {
    match measure {
        Measure::Balance(asset) | Measure::Earned(asset) => asset.scale(),
        Measure::Spend(_) => Asset::Currency(currency).scale(),
        Measure::Visits => 0,
    }
}

fn compile_tier(tier: &Tier, scale: u8) -> Result<CompiledTier, LadderError> {
    let Benefits {
        multiplier,
        extra_rate,
        cap_multiplier,
    } = &tier.benefits;
    Ok(CompiledTier {
        id: tier.id.clone(),
        replaces: tier.replaces.clone(),
        threshold: tier
            .threshold
            .to_minor(scale)
            .map_err(|source| LadderError::Threshold {
                tier: tier.id.clone(),
                source,
            })?,
        multiplier: multiplier.map_or(Ratio::ONE, |factor| factor.ratio()),
        extra_rate: extra_rate.map_or(Ratio::ZERO, |rate| rate.ratio()),
        cap_multiplier: cap_multiplier.map_or(Ratio::ONE, |factor| factor.ratio()),
    })
}
