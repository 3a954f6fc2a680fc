//! What a member has, and how it came to be.

mod get_balance;
mod get_statement;
mod list_expiring;

pub(super) use get_balance::available;
pub use get_balance::{AssetBalance, Balance, DUE_LOTS_MAX, EXPIRING_DAYS_DEFAULT, GetBalance};
pub use get_statement::{
    GetStatement, PAGE_LINES_DEFAULT, PAGE_LINES_MAX, Statement, StatementLine,
};
pub use list_expiring::{
    ExpiringList, ExpiringLot, LISTED_DAYS_DEFAULT, LISTED_DAYS_MAX, ListExpiring,
};
