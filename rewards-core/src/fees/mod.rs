//! Fees: what a movement of value costs, and who pays it.
//!
//! A [`Fee`] is a fixed amount, a percentage of what is moved, or both together, held between a minimum and a maximum. It is
//! rounded once, in a mode that the document names, and paid by one of the two sides:
//!
//! | `paid_by` | the sender gives | the receiver gets |
//! |---|---|---|
//! | `sender` | the amount and the fee on top | the amount |
//! | `receiver` | the amount | the amount less the fee |
//!
//! Nothing is lost on the way: what is given is what arrives and the fee. A fee never takes all that would arrive.
//!
//! Where the fee depends on the amount, a schedule has a fee for each [band](FeeBand) of amounts.

mod charge;
mod fee;
mod schedule;

pub use charge::{Charge, CompiledFee, FeeError};
pub use fee::{Fee, FeePayer};
pub use schedule::{CompiledFees, FEE_BANDS_MAX, FeeBand};
