//! What the tiers of a member add to earning.

use crate::program::{Boost, CompiledLadder};

/// The benefits of the tiers held, each ladder with the rank on it.
///
/// Of each benefit the highest counts; ladders do not add up, and the order of the ladders does not matter.
#[must_use]
pub fn benefits<'a>(held: impl IntoIterator<Item = (&'a CompiledLadder, usize)>) -> Boost {
    held.into_iter()
        .map(|(ladder, rank)| ladder.tier(rank))
        .fold(Boost::NONE, |best, tier| Boost {
            multiplier: best.multiplier.max(tier.multiplier),
            extra_rate: best.extra_rate.max(tier.extra_rate),
            cap_multiplier: best.cap_multiplier.max(tier.cap_multiplier),
        })
}
