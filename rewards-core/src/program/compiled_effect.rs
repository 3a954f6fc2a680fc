//! Effects, compiled: rates become exact ratios, amounts become minor units.

use super::{
    BandMode, BandReward, Bands, Basis, BasisMask, Effect, Multiplier, PerUnitReward, Remainder,
};
use crate::ids::Slug;
use crate::money::{Asset, MoneyError, Ratio};

/// A compiled effect.
#[derive(Debug, Clone)]
pub enum CompiledEffect {
    /// A share of an amount.
    Percent {
        /// The share.
        rate: Ratio,
        /// Of which amount.
        of: BasisMask,
    },
    /// A fixed amount in minor units.
    Fixed {
        /// The amount.
        amount: i64,
        /// Its asset.
        asset: Asset,
    },
    /// So much for every so much of an amount, in minor units.
    PerUnit {
        /// The reward for each unit.
        amount: i64,
        /// Its asset.
        asset: Asset,
        /// The size of a unit.
        every: i64,
        /// Of which amount.
        of: BasisMask,
        /// What happens to a part of a unit.
        remainder: Remainder,
    },
    /// A reward by band.
    Bands {
        /// How bands apply.
        mode: BandMode,
        /// Of which amount.
        of: BasisMask,
        /// The bands, from the lowest on.
        bands: Vec<CompiledBand>,
    },
    /// A multiple of what earlier stacking groups granted.
    Multiplier {
        /// The factor less one.
        extra: Ratio,
        /// Which asset.
        asset: Asset,
        /// Only this stacking group.
        stacking_group: Option<usize>,
    },
}

/// A compiled band.
#[derive(Debug, Clone, Copy)]
pub struct CompiledBand {
    /// From this amount on, in minor units.
    pub from: i64,
    /// What it grants.
    pub reward: CompiledBandReward,
}

/// What a compiled band grants.
#[derive(Debug, Clone, Copy)]
pub enum CompiledBandReward {
    /// A share of the amount.
    Rate(Ratio),
    /// A fixed amount in minor units.
    Fixed(i64),
}

impl CompiledEffect {
    /// Which amount of a line its part of the reward follows: the one that the effect is of, and else what was paid.
    #[must_use]
    pub fn basis(&self) -> BasisMask {
        match self {
            Self::Percent { of, .. } | Self::PerUnit { of, .. } | Self::Bands { of, .. } => *of,
            Self::Fixed { .. } | Self::Multiplier { .. } => BasisMask::of(&Basis::Net),
        }
    }

    /// Compiles an effect; `stacking_group_of` numbers stacking groups.
    ///
    /// # Errors
    /// [`MoneyError`] when an amount does not fit its asset.
    pub fn compile(
        effect: &Effect,
        currency: Asset,
        stacking_group_of: impl Fn(&Slug) -> Option<usize>,
    ) -> Result<Self, MoneyError> {
        Ok(match effect {
            Effect::Percent(reward) => Self::Percent {
                rate: reward.rate.ratio(),
                of: BasisMask::of(&reward.of),
            },
            Effect::Fixed(reward) => {
                let asset = reward.asset.unwrap_or(currency);
                Self::Fixed {
                    amount: reward.amount.to_minor(asset.scale())?,
                    asset,
                }
            }
            Effect::PerUnit(reward) => per_unit(reward, currency)?,
            Effect::Bands(reward) => bands(reward, currency)?,
            Effect::Multiplier(reward) => multiplier(reward, currency, stacking_group_of)?,
        })
    }

    /// The asset it grants.
    #[must_use]
    pub fn asset(&self, currency: Asset) -> Asset {
        match self {
            Self::Percent { .. } | Self::Bands { .. } => currency,
            Self::Fixed { asset, .. }
            | Self::PerUnit { asset, .. }
            | Self::Multiplier { asset, .. } => *asset,
        }
    }

    /// Whether it grows with the amount of the purchase.
    #[must_use]
    pub fn is_proportional(&self) -> bool {
        !matches!(self, Self::Fixed { .. } | Self::Multiplier { .. })
    }

    /// If it keeps remainders for the member: what a unit is rewarded with, and how large a unit is in minor units of the
    /// purchase.
    #[must_use]
    pub fn carries(&self) -> Option<(Asset, i64)> {
        match self {
            Self::PerUnit {
                asset,
                every,
                remainder: Remainder::Carry,
                ..
            } => Some((*asset, *every)),
            _ => None,
        }
    }
}

fn per_unit(reward: &PerUnitReward, currency: Asset) -> Result<CompiledEffect, MoneyError> {
    let asset = reward.asset.unwrap_or(currency);
    Ok(CompiledEffect::PerUnit {
        amount: reward.amount.to_minor(asset.scale())?,
        asset,
        every: reward.every.to_minor(currency.scale())?,
        of: BasisMask::of(&reward.of),
        remainder: reward.remainder,
    })
}

fn bands(reward: &Bands, currency: Asset) -> Result<CompiledEffect, MoneyError> {
    let scale = currency.scale();
    let mut bands = Vec::with_capacity(reward.bands.len());
    for band in &reward.bands {
        let granted = match &band.reward {
            BandReward::Rate(rate) => CompiledBandReward::Rate(rate.ratio()),
            BandReward::Fixed(amount) => CompiledBandReward::Fixed(amount.to_minor(scale)?),
        };
        bands.push(CompiledBand {
            from: band.from.to_minor(scale)?,
            reward: granted,
        });
    }
    Ok(CompiledEffect::Bands {
        mode: reward.mode,
        of: BasisMask::of(&reward.of),
        bands,
    })
}

fn multiplier(
    reward: &Multiplier,
    currency: Asset,
    stacking_group_of: impl Fn(&Slug) -> Option<usize>,
) -> Result<CompiledEffect, MoneyError> {
    let factor = reward.factor.ratio();
    let num = factor
        .num()
        .checked_sub(factor.den())
        .ok_or(MoneyError::Overflow)?;
    Ok(CompiledEffect::Multiplier {
        extra: Ratio::new(num, factor.den())?,
        asset: reward.asset.unwrap_or(currency),
        stacking_group: reward.stacking_group.as_ref().and_then(stacking_group_of),
    })
}
