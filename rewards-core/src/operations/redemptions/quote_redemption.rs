//! What would pay an order: which buckets and how much each. Nothing is reserved.
//!
//! Refusals, in order: as for [`Redeem`](super::Redeem), but that nothing can pay is an answer here unless an amount was asked for.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::spending::{PreparedSpending, Wanted};
use super::{ChosenTender, PaidPart, PaidShare};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, ProgramId, SharedWalletId};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Asks what would pay an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuoteRedemption {
    /// The member who pays, or who asks for it when it is paid from a shared wallet.
    pub member: MemberId,
    /// The program whose section `redemptions` decides.
    pub program: ProgramId,
    /// What the order costs, after discounts, in the program's currency.
    pub total: Money,
    /// Exactly so much of it is paid; as much as possible when absent and nothing is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub amount: Option<Money>,
    /// What pays, each bucket at most once, instead of what the order of the program would choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub tenders: Vec<ChosenTender>,
    /// The shared wallet that is paid from, in its paying order; what the member alone has when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub wallet: Option<SharedWalletId>,
}

/// What would pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct QuotedRedemption {
    /// What would be paid.
    pub paid: Money,
    /// What of the order is left to be paid otherwise.
    pub rest: Money,
    /// By what, in paying order; nothing when nothing can pay.
    pub parts: Vec<PaidPart>,
    /// Who would pay what of it, in paying order; only from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<PaidShare>,
}

impl Operation for QuoteRedemption {
    const NAME: &'static str = "quote_redemption";
    const KIND: Kind = Kind::Query;
    type Reply = QuotedRedemption;
    type Prepared = PreparedSpending;

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSpending), Rejection> {
        self.wanted().prepare(context)
    }

    fn decide(
        &self,
        prepared: &PreparedSpending,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<QuotedRedemption>, Undecided> {
        let ids = context.id_allocator();
        let currency = self.total.asset();
        let wanted = self.wanted();
        let (paid, parts, payers) = match wanted.take(prepared, snapshot, context, &ids, || Ok(()))
        {
            Ok((builders, taken)) => {
                let payers = wanted.told(&builders, &taken, currency);
                (taken.paid(currency), taken.parts(currency), payers)
            }
            Err(Undecided::Rejected(Rejection::RedemptionEmpty)) => {
                (Money::new(0, currency), Vec::new(), Vec::new())
            }
            Err(undecided) => return Err(undecided),
        };
        let rest = self.total.minor().saturating_sub(paid.minor());
        Ok(Decision::answer(QuotedRedemption {
            paid,
            rest: Money::new(rest, currency),
            parts,
            payers,
        }))
    }
}

impl QuoteRedemption {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            member: &self.member,
            program: &self.program,
            total: self.total,
            amount: self.amount,
            tenders: &self.tenders,
            wallet: self.wallet.as_ref(),
        }
    }
}
