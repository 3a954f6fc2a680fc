//! A page of shared wallets, newest first: by when they were recorded, and those recorded at one instant by id, from the last in
//! the order of bytes. Of a member: the open one that the member shares, if any.
//!
//! Refusals, in order: a page size of zero or above the bound, a place in another list; unknown member.

use serde::{Deserialize, Serialize};

use super::super::pages::{EntityList, Page};
use super::see_wallet;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{MemberId, SharedWalletId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;
use crate::wallet::{SharedWallet, SharedWalletState};

/// Asks for a page of shared wallets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListSharedWallets {
    /// Only the open one that this member shares; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// Continue after this page: its `next`. The first page when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub after: Option<String>,
    /// At most so many wallets, up to 1,000; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub limit: Option<u32>,
}

/// A page of shared wallets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct SharedWalletList {
    /// The wallets, newest first: by when they were recorded, then by id.
    pub wallets: Vec<ListedSharedWallet>,
    /// Where the next page begins: give it as `after`. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub next: Option<String>,
}

/// A shared wallet in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ListedSharedWallet {
    /// The wallet.
    pub wallet: SharedWalletId,
    /// Where it is in its life.
    pub state: SharedWalletState,
    /// Who shares it, or did when it was closed, in paying order.
    pub members: Vec<MemberId>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// Which wallets.
#[derive(Debug)]
pub enum PreparedSharedWallets {
    /// A page of all.
    All(Box<EntityList>),
    /// That of a member.
    OfMember(MemberId),
}

impl Operation for ListSharedWallets {
    const NAME: &'static str = "list_shared_wallets";
    const KIND: Kind = Kind::Query;
    type Reply = SharedWalletList;
    type Prepared = PreparedSharedWallets;

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, PreparedSharedWallets), Rejection> {
        let after = self.after.as_deref();
        let Some(member) = &self.member else {
            let list = "shared wallets";
            let (plan, list) =
                EntityList::newest::<SharedWallet>(context, list, None, after, self.limit)?;
            return Ok((plan, PreparedSharedWallets::All(Box::new(list))));
        };
        let list = format!("shared wallets of {member}");
        Page::new(context, &list, after, self.limit)?;
        let plan = ReadPlan {
            members: vec![context.member_key(member)],
            ..ReadPlan::default()
        };
        Ok((plan, PreparedSharedWallets::OfMember(member.clone())))
    }

    fn decide(
        &self,
        prepared: &PreparedSharedWallets,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<SharedWalletList>, Undecided> {
        let (wallets, next) = match prepared {
            PreparedSharedWallets::All(list) => list.read(snapshot, context, listed)?,
            PreparedSharedWallets::OfMember(member) => (own(snapshot, context, member)?, None),
        };
        Ok(Decision::answer(SharedWalletList { wallets, next }))
    }
}

fn own(
    snapshot: &Snapshot,
    context: &Context,
    member: &MemberId,
) -> Result<Vec<ListedSharedWallet>, Undecided> {
    let row = snapshot.members.get(&context.member_key(member));
    let row = row.ok_or_else(|| Rejection::MemberUnknown(member.clone()))?;
    let Some(wallet) = &row.profile.shared_wallet else {
        return Ok(Vec::new());
    };
    let wallet = see_wallet(snapshot, context, wallet)?.entity;
    Ok(vec![listed(wallet)])
}

fn listed(wallet: SharedWallet) -> ListedSharedWallet {
    ListedSharedWallet {
        state: wallet.state(),
        members: wallet.members().to_vec(),
        recorded_at: wallet.recorded_at,
        wallet: wallet.id,
    }
}
