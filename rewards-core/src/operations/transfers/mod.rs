//! Transfers between members: send, look at and list them.

mod details;
mod get_transfer;
mod list_transfers;
mod movement;
mod receiver;
mod transfer_balance;

pub use details::TransferDetails;
pub use get_transfer::GetTransfer;
pub use list_transfers::{ListTransfers, PreparedTransfers, TransferList};
pub use receiver::{AliasName, TransferReceiver};
pub use transfer_balance::{
    CompletedTransfer, PreparedTransfer, TRANSFER_LOTS_MAX, TransferBalance,
};
