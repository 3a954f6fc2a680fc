//! Tiers: where members stand.

mod get_tiers;

pub use get_tiers::{GetTiers, LadderStanding, MemberTiers, Reached};
