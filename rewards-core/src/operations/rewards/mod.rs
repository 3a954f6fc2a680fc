//! Rewards outside purchases: granted by hand, taken by hand, and what is due with time.

mod adjust_balance;
mod grant_reward;
mod settle_member;

pub use adjust_balance::{AdjustBalance, AdjustedBalance};
pub use grant_reward::{GrantReward, GrantedByHand};
pub use settle_member::{SettleMember, SettledMember};

use crate::rejection::Problem;

/// The longest reason for something done by hand, in bytes.
pub const REASON_BYTES_MAX: usize = 500;

fn check_reason(reason: &str, max: usize, problems: &mut Vec<Problem>) {
    if reason.trim().is_empty() {
        problems.push(Problem::new(
            "reason_missing",
            "reason",
            "expected a reason, got none",
        ));
    }
    if reason.len() > max {
        let detail = format!("at most {max} bytes, got {}", reason.len());
        problems.push(Problem::new("text_too_long", "reason", detail));
    }
    if reason.contains('\0') {
        problems.push(Problem::new(
            "text_invalid",
            "reason",
            "a text cannot hold NUL",
        ));
    }
}
