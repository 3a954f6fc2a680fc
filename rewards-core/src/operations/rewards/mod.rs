//! Rewards outside purchases: granted and taken manually, as adjustments that can be looked up or without, and what is due with
//! time.

mod adjusting;
mod deduct_balance;
mod get_adjustment;
mod grant_reward;
mod list_adjustments;
mod settle_member;

pub use deduct_balance::{DeductBalance, DeductedBalance};
pub use get_adjustment::{AdjustmentDetails, GetAdjustment};
pub use grant_reward::{GrantReward, ManualGrant};
pub use list_adjustments::{AdjustmentList, ListAdjustments};
pub use settle_member::{DUE_LOTS_MAX, SettleMember, SettledMember};

use super::amounts::in_words;
use super::change_builder::ChangeBuilder;
use crate::command::Undecided;
use crate::ledger::{LedgerError, Lot};
use crate::money::Asset;
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{LotFilter, LotQuery, MemberKey, Snapshot};
use crate::time::Timestamp;

/// The longest reason for something done manually, in bytes.
pub const REASON_BYTES_MAX: usize = 500;

/// The most lots that something done manually may touch.
pub const OPEN_LOTS_MAX: u32 = 10_000;

/// The lots that [`settle_open`] must see. Those that expire first come first.
pub(in crate::operations) fn open_lots(member: &MemberKey, asset: Asset) -> LotQuery {
    LotQuery {
        member: member.clone(),
        filter: LotFilter::Open { asset },
        limit: OPEN_LOTS_MAX,
    }
}

/// Carries out what is due for the open lots of an asset, so that its balance is what the member really has, and returns
/// the lots as they are then.
pub(in crate::operations) fn settle_open(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    asset: Asset,
    by: Timestamp,
) -> Result<Vec<Lot>, Undecided> {
    let lots = builder.lots(snapshot);
    let open = lots
        .iter()
        .filter(|lot| lot.asset == asset && lot.state.is_open());
    builder.settle_all(open, by)
}

/// Why so many open lots of an asset do not pay, as a caller is told: when there may be more than were read, it is not known.
pub(in crate::operations) fn too_little(
    error: LedgerError,
    asset: Asset,
    lots: usize,
) -> Rejection {
    let in_words = |minor| in_words(minor, asset);
    match error {
        LedgerError::Insufficient { .. }
            if !u32::try_from(lots).is_ok_and(|n| n < OPEN_LOTS_MAX) =>
        {
            Rejection::TooMany {
                what: "open lots",
                limit: OPEN_LOTS_MAX,
            }
        }
        LedgerError::Insufficient { needed, available } => Rejection::Insufficient {
            needed: in_words(needed),
            available: in_words(available),
        },
        other => other.into(),
    }
}

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
}
