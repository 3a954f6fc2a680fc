//! What the tiers of a member add to earning.

use crate::money::Ratio;

/// The benefits that count for one purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Boost {
    /// Multiplies what a rule grants; at least one.
    pub multiplier: Ratio,
    /// Is added to the rate of percentages, as a fraction.
    pub extra_rate: Ratio,
    /// Multiplies the caps per purchase and per member; at least one.
    pub cap_multiplier: Ratio,
}

impl Boost {
    /// Changes nothing.
    pub const NONE: Self = Self {
        multiplier: Ratio::ONE,
        extra_rate: Ratio::ZERO,
        cap_multiplier: Ratio::ONE,
    };
}

impl Default for Boost {
    fn default() -> Self {
        Self::NONE
    }
}
