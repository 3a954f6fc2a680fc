//! Create a wallet that members share.
//!
//! Refusals, in order: no members, too many, somebody twice; the wallet was created already; for each member in paying order:
//! unknown; closed, merged or suspended; shares a wallet already.

use serde::{Deserialize, Serialize};

use super::super::together::open_all_as_is;
use super::super::unless_wrong;
use super::{check_members, join};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::{EntityKey, Expected};
use crate::ids::{MemberId, SharedWalletId, TenantId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::SharedWallet;

/// Creates a wallet that members share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreateSharedWallet {
    /// The id of what is made; unique in its tenant.
    pub wallet: SharedWalletId,
    /// Who shares it, in paying order: the first one pays first. From 1 to 10 members.
    pub members: Vec<MemberId>,
}

/// The wallet that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct CreatedSharedWallet {
    /// The wallet.
    pub wallet: SharedWalletId,
    /// Who shares it, in paying order.
    pub members: Vec<MemberId>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl Operation for CreateSharedWallet {
    const NAME: &'static str = "create_shared_wallet";
    const KIND: Kind = Kind::Command;
    type Reply = CreatedSharedWallet;
    type Prepared = ();

    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let key = EntityKey::of::<SharedWallet>(tenant, &self.wallet);
        Some(NaturalKey::Entity(key))
    }

    fn members(&self) -> Members<'_> {
        self.members.iter().collect()
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let mut problems = Vec::new();
        check_members(&self.members, &mut problems);
        unless_wrong(problems)?;
        let members = self.members.iter();
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
    ) -> Result<Decision<CreatedSharedWallet>, Undecided> {
        let key = EntityKey::of::<SharedWallet>(&context.tenant, &self.wallet);
        if snapshot.entities.contains_key(&key) {
            return Err(Rejection::SharedWalletExists(self.wallet.clone()).into());
        }
        let ids = context.id_allocator();
        let builders = open_all_as_is(snapshot, context, &ids, &self.members)?;
        let recorded_at = builders.iter().map(|builder| builder.recorded_at).max();
        let recorded_at = recorded_at.unwrap_or(context.now);
        let mut changes = Changes::default();
        let wallet = SharedWallet::new(self.wallet.clone(), self.members.clone(), recorded_at);
        changes.put(&context.tenant, &self.wallet, Expected::Absent, &wallet)?;
        for mut builder in builders {
            join(&mut builder, &self.wallet)?;
            changes.merge(builder.finish()?);
        }
        let reply = CreatedSharedWallet {
            wallet: self.wallet.clone(),
            members: self.members.clone(),
            recorded_at,
        };
        Ok(Decision { reply, changes })
    }
}
