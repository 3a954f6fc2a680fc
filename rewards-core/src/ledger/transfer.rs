//! Balanced transfers: the only way a balance changes.

use serde::{Deserialize, Serialize};

use super::{Account, LedgerError, stable_texts};
use crate::ids::{ProgramId, PurchaseId, Slug};
use crate::money::{Asset, Money};
use crate::time::Timestamp;

/// Why value moved. The stable text of a kind is its snake-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    /// A rule granted a reward.
    Grant,
    /// A pending reward became available.
    Mature,
    /// A pending reward was voided before it became available, or a part of it.
    Void,
    /// An available reward reached its expiry.
    Expire,
    /// A reward was taken back because its purchase was refunded or cancelled.
    Clawback,
    /// A member who left lost what was left.
    Forfeit,
    /// A grant made manually.
    ManualGrant,
    /// A correction in the tenant's favour, made manually.
    Deduct,
    /// A member owes what could not be taken back.
    Owe,
    /// Value paid what was owed.
    Repay,
    /// What a member who left owed was given up.
    WriteOff,
    /// Money came in through a payment provider.
    Deposit,
    /// A member sent value to another one.
    TransferOut,
    /// Value came from another member.
    TransferIn,
    /// What a transfer between members cost.
    TransferFee,
    /// A member gave value to be converted, or gave back what had been converted.
    ConvertOut,
    /// A member got what it was converted into, or got it back.
    ConvertIn,
    /// What a conversion cost.
    ConvertFee,
    /// The tenant kept a part of what was converted, or gave it back.
    ConvertSpread,
    /// Value of a member who was merged into another one went on to that one.
    Merge,
    /// A member paid an order.
    Redeem,
    /// Value was reserved for an order.
    Reserve,
    /// Reserved value became available again.
    Release,
    /// What had paid an order came back to its member.
    Restore,
}

stable_texts!(TransferKind {
    Grant => "grant",
    Mature => "mature",
    Void => "void",
    Expire => "expire",
    Clawback => "clawback",
    Forfeit => "forfeit",
    ManualGrant => "manual_grant",
    Deduct => "deduct",
    Owe => "owe",
    Repay => "repay",
    WriteOff => "write_off",
    Deposit => "deposit",
    TransferOut => "transfer_out",
    TransferIn => "transfer_in",
    TransferFee => "transfer_fee",
    ConvertOut => "convert_out",
    ConvertIn => "convert_in",
    ConvertFee => "convert_fee",
    ConvertSpread => "convert_spread",
    Merge => "merge",
    Redeem => "redeem",
    Reserve => "reserve",
    Release => "release",
    Restore => "restore",
});

/// The rule that caused a grant or allowed a transfer: program, revision and rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The program.
    pub program: ProgramId,
    /// Its revision number.
    pub revision: u32,
    /// The rule in that revision.
    pub rule: Slug,
}

/// A positive amount moved from one account to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    from: Account,
    to: Account,
    amount: i64,
    /// Why it moved.
    pub kind: TransferKind,
    /// When it counts, which may be before it was recorded.
    pub effective_at: Timestamp,
    /// The purchase it belongs to, if any.
    pub purchase: Option<PurchaseId>,
    /// The rule behind it, if any.
    pub origin: Option<Origin>,
    /// What a person gave as the reason, for movements made manually; the id of the deposit, where one came in; the id of the
    /// conversion; the other member, where members were merged.
    pub reason: Option<String>,
}

impl Transfer {
    /// Checks that the amount is positive and that two different accounts hold the same asset.
    ///
    /// # Errors
    /// [`LedgerError::NotPositive`], [`LedgerError::AssetMismatch`] or [`LedgerError::SameAccount`].
    pub fn new(
        from: Account,
        to: Account,
        amount: i64,
        kind: TransferKind,
        effective_at: Timestamp,
    ) -> Result<Self, LedgerError> {
        if amount <= 0 {
            return Err(LedgerError::NotPositive { amount });
        }
        if from.asset != to.asset {
            return Err(LedgerError::AssetMismatch {
                from: from.asset.to_string(),
                to: to.asset.to_string(),
            });
        }
        if from == to {
            return Err(LedgerError::SameAccount {
                account: from.to_string(),
            });
        }
        Ok(Self {
            from,
            to,
            amount,
            kind,
            effective_at,
            purchase: None,
            origin: None,
            reason: None,
        })
    }

    /// The same transfer, tied to a purchase.
    #[must_use]
    pub fn for_purchase(mut self, purchase: Option<PurchaseId>) -> Self {
        self.purchase = purchase;
        self
    }

    /// The same transfer, naming the rule behind it.
    #[must_use]
    pub fn by_rule(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The same transfer, with a person's reason.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    /// The paying account.
    #[must_use]
    pub fn from(&self) -> &Account {
        &self.from
    }

    /// The receiving account.
    #[must_use]
    pub fn to(&self) -> &Account {
        &self.to
    }

    /// The asset that moves.
    #[must_use]
    pub fn asset(&self) -> Asset {
        self.from.asset
    }

    /// The amount in minor units, always positive.
    #[must_use]
    pub fn minor(&self) -> i64 {
        self.amount
    }

    /// The amount with its asset.
    #[must_use]
    pub fn amount(&self) -> Money {
        Money::new(self.amount, self.asset())
    }
}
