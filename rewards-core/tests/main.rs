//! All tests of the core from outside, in one program: it links once.

mod support;
// By these names the tests know what they share.
use support::{problems, words, world};

mod all_at_once;
mod behaviour;
mod calendar_laws;
mod calendar_windows;
mod carry_laws;
mod expiry_laws;
mod fx_laws;
mod laws;
mod merge_laws;
mod missing_laws;
mod money_laws;
mod money_text;
mod motion_laws;
mod offer_laws;
mod program_guide;
mod program_laws;
mod program_parse;
#[cfg(feature = "schema")]
mod program_schema;
#[cfg(test)]
mod qr_codes;
#[cfg(test)]
mod qr_laws;
#[cfg(test)]
mod qr_schemes;
mod refund_laws;
mod replace_laws;
mod risk_laws;
mod shared_wallet_laws;
mod table_laws;
mod tiers;
mod time_text;
mod transfer_laws;
mod unswept_laws;
mod zone_database;
mod zone_transitions;
