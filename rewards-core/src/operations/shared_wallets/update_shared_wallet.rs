//! Update a shared wallet: who shares it and in which order, or close it.
//!
//! The list that is given replaces the one before. Who is in both stays, whether or not that member takes part now. Closing a
//! wallet lets everybody go; it keeps the list, and what was paid or reserved from it can still be captured, released and undone.
//!
//! Refusals, in order: neither a list nor `close`, or both; no members, too many, somebody twice; unknown wallet; closed before;
//! for each member who is new in it, in paying order: unknown; closed, merged or suspended; shares a wallet already.

use serde::{Deserialize, Serialize};

use super::super::seen::see_rows;
use super::super::together::open_all_as_is;
use super::super::unless_wrong;
use super::{check_members, join, leave, stored};
use crate::command::{Kind, Members, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::EntityKey;
use crate::ids::{MemberId, SharedWalletId};
use crate::rejection::{Problem, Rejection};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::wallet::{SharedWallet, SharedWalletState, WalletClosed};

/// Updates a shared wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UpdateSharedWallet {
    /// The wallet.
    pub wallet: SharedWalletId,
    /// Who shares it from now on, in paying order. From 1 to 10 members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub members: Option<Vec<MemberId>>,
    /// Whether it is closed, for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub close: bool,
}

/// The wallet as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct UpdatedSharedWallet {
    /// The wallet.
    pub wallet: SharedWalletId,
    /// Where it is in its life.
    pub state: SharedWalletState,
    /// Who shares it, or did when it was closed, in paying order.
    pub members: Vec<MemberId>,
}

impl UpdateSharedWallet {
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match &self.members {
            None if !self.close => {
                let detail = "expected `members` or `close`";
                problems.push(Problem::new("update_empty", "", detail));
            }
            Some(_) if self.close => {
                let detail = "a wallet that is closed keeps its members: expected one of `members` and `close`";
                problems.push(Problem::new("close_invalid", "close", detail));
            }
            members => {
                if let Some(members) = members {
                    check_members(members, &mut problems);
                }
            }
        }
        problems
    }
}

impl Operation for UpdateSharedWallet {
    const NAME: &'static str = "update_shared_wallet";
    const KIND: Kind = Kind::Command;
    type Reply = UpdatedSharedWallet;
    type Prepared = ();

    fn members(&self) -> Members<'_> {
        self.members.iter().flatten().collect()
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let problems = self.problems();
        unless_wrong(problems)?;
        let members = self.members.iter().flatten();
        let plan = ReadPlan {
            members: members.map(|member| context.member_key(member)).collect(),
            entities: vec![EntityKey::of::<SharedWallet>(&context.tenant, &self.wallet)],
            ..ReadPlan::default()
        };
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<UpdatedSharedWallet>, Undecided> {
        let stored = stored(snapshot, context, &self.wallet)?;
        let before = stored.entity.clone();
        let after = match &self.members {
            Some(members) => before.clone().arrange(members.clone()),
            None => before.clone().close(),
        };
        let after =
            after.map_err(|WalletClosed| Rejection::SharedWalletClosed(self.wallet.clone()))?;
        let is_open = after.state() == SharedWalletState::Active;
        let kept = |member: &MemberId| is_open && after.has(member);
        let left = before.members().iter().filter(|member| !kept(member));
        let left: Vec<&MemberId> = left.collect();
        let joined = after.members().iter().filter(|member| !before.has(member));
        see_rows(snapshot, context, left.iter().copied())?;
        let ids = context.id_allocator();
        let joined = open_all_as_is(snapshot, context, &ids, joined)?;
        let left = open_all_as_is(snapshot, context, &ids, left)?;
        let mut changes = Changes::default();
        changes.put(&context.tenant, &self.wallet, stored.expected(), &after)?;
        for mut builder in joined {
            join(&mut builder, &self.wallet)?;
            changes.merge(builder.finish()?);
        }
        for mut builder in left {
            leave(&mut builder);
            changes.merge(builder.finish()?);
        }
        let reply = UpdatedSharedWallet {
            wallet: self.wallet.clone(),
            state: after.state(),
            members: after.members().to_vec(),
        };
        Ok(Decision { reply, changes })
    }
}
