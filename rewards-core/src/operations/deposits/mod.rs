//! Deposits: money that members pay in through a provider.

mod confirm_deposit;
mod get_deposit;
mod initiate_deposit;
mod list_deposits;

pub use confirm_deposit::{ConfirmDeposit, SettledDeposit};
pub use get_deposit::{DepositDetails, GetDeposit};
pub use initiate_deposit::{InitiateDeposit, InitiatedDeposit};
pub use list_deposits::{DepositList, ListDeposits};
