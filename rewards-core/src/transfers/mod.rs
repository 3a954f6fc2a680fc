//! Transfers between members: what may be sent, what it costs, and what becomes of the lots.
//!
//! A [`TransferRule`] of a program allows one asset to be sent, from one purpose of the sender's accounts to the same purpose
//! of the receiver's. Value that rests in lots keeps the account that paid it: what the receiver loses by leaving goes back
//! there, as it would have for the sender.
//!
//! - Lots pay soonest expiry first. The fee is paid first, so out of what expires soonest: the receiver gains.
//! - What arrives keeps the sender's expiry, gets a new one, or never expires, as the rule says.
//! - A transfer is done in one step and never changes: its one state is `completed`. It is kept for the sender as a
//!   [`TransferEntity`], and a [`ReceivedTransfer`] beside it is how the receiver finds it.
//!
//! What is not here: who may take part and what is on a balance, which the operation looks at.

mod arrival;
mod entity;
mod section;
mod terms;

pub use arrival::{Arrival, ArrivingLot, arrive};
pub use entity::{Completion, ReceivedTransfer, TransferEntity, TransferState};
pub use section::{OtherSide, TransferExpiry, TransferPurpose, TransferRule};
pub use terms::{CompiledTransferRule, TransferError, TransferLimit};
