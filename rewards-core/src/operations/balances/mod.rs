//! What a member has, and how it came to be.

mod get_balance;
mod get_statement;

pub use get_balance::{AssetBalance, Balance, DUE_LOTS_MAX, EXPIRING_DAYS_DEFAULT, GetBalance};
pub use get_statement::{
    GetStatement, PAGE_LINES_DEFAULT, PAGE_LINES_MAX, Statement, StatementLine,
};
