//! A shared wallet: who shares it in paying order, what each of them could pay with, and what that is together.
//!
//! It is right at any instant, whether or not anybody has written down what is due. Who is suspended or has left could pay
//! nothing, and neither could anybody from a closed wallet. What a program lets pay of it, `quote_redemption` says.
//!
//! Refusals: unknown wallet.

use serde::{Deserialize, Serialize};

use super::super::balances::{DUE_LOTS_MAX, available};
use super::super::change_builder::{ChangeBuilder, Totals};
use super::super::seen::{Seen, for_each, see_all, see_rows};
use super::stored;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, SharedWalletId};
use crate::member::MemberStatus;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{LotFilter, LotQuery, ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{SharedWallet, SharedWalletState};

/// Asks for a shared wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct GetSharedWallet {
    /// The wallet.
    pub wallet: SharedWalletId,
}

/// A shared wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SharedWalletDetails {
    /// The wallet.
    pub wallet: SharedWalletId,
    /// Where it is in its life.
    pub state: SharedWalletState,
    /// Who shares it, or did when it was closed, in paying order.
    pub members: Vec<SharedWalletMember>,
    /// What all of them could pay with, one amount per asset.
    pub available: Vec<Money>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// A member who shares a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SharedWalletMember {
    /// The member.
    pub member: MemberId,
    /// Whether the member takes part: who does not keeps the place and pays nothing.
    pub status: MemberStatus,
    /// What the member could pay with, one amount per asset.
    pub available: Vec<Money>,
}

impl Operation for GetSharedWallet {
    const NAME: &'static str = "get_shared_wallet";
    const KIND: Kind = Kind::Query;
    type Reply = SharedWalletDetails;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<SharedWallet>(&context.tenant, &self.wallet);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SharedWalletDetails>, Undecided> {
        let wallet = stored(snapshot, context, &self.wallet)?.entity;
        let is_open = wallet.state() == SharedWalletState::Active;
        if is_open {
            see_all(
                snapshot,
                context,
                wallet.members(),
                Seen::Shown,
                |member, plan| {
                    plan.lots.push(LotQuery {
                        member: context.member_key(member),
                        filter: LotFilter::Due { at: context.now },
                        limit: DUE_LOTS_MAX,
                    });
                },
            )?;
        } else {
            see_rows(snapshot, context, wallet.members())?;
        }
        let ids = context.id_allocator();
        let members = for_each(wallet.members(), |member| {
            let row = ChangeBuilder::open_as_is(snapshot, context, &ids, member)?.row;
            let status = row.profile.status;
            let mut own = SharedWalletMember {
                member: member.clone(),
                status,
                available: Vec::new(),
            };
            if is_open && status == MemberStatus::Active {
                let builder = ChangeBuilder::open(snapshot, context, &ids, member)?;
                own.available = available(&builder, snapshot, context.now);
            }
            Ok(own)
        })?;
        let mut together = Totals::default();
        for amount in members.iter().flat_map(|member| &member.available) {
            together.add(amount.asset(), amount.minor());
        }
        Ok(Decision::answer(SharedWalletDetails {
            wallet: self.wallet.clone(),
            state: wallet.state(),
            members,
            available: together.into_amounts(),
            recorded_at: wallet.recorded_at,
        }))
    }
}
