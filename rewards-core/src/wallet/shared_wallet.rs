//! A wallet that several members share, such as a household or a team: who pays from it, and in which order.
//!
//! It holds nothing itself. What is paid from it is paid by its members, of what each of them has.
//!
//! | from | [`arrange`](SharedWallet::arrange) | [`replace`](SharedWallet::replace) | [`close`](SharedWallet::close) |
//! |---|---|---|---|
//! | active | active | active | closed |
//! | closed | refused | refused | refused |

use serde::{Deserialize, Serialize};

use crate::entity::{Entity, Index};
use crate::ids::{MemberId, SharedWalletId};
use crate::time::Timestamp;

/// The most members that share one wallet.
pub const SHARED_WALLET_MEMBERS_MAX: u32 = 10;

/// Where a shared wallet is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum SharedWalletState {
    /// Its members pay from it.
    Active,
    /// Nothing new is paid from it; what was paid or reserved before can still be captured, released and undone. Final.
    Closed,
}

impl SharedWalletState {
    /// The stable text, as stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Closed => "closed",
        }
    }
}

/// A step that a closed wallet does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalletClosed;

/// A wallet that members share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedWallet {
    state: SharedWalletState,
    /// Its id.
    pub id: SharedWalletId,
    /// Who shares it, or did when it was closed, in paying order: each once.
    members: Vec<MemberId>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

impl SharedWallet {
    /// A wallet of members in paying order, each named once.
    #[must_use]
    pub fn new(id: SharedWalletId, members: Vec<MemberId>, recorded_at: Timestamp) -> Self {
        Self {
            state: SharedWalletState::Active,
            id,
            members,
            recorded_at,
        }
    }

    /// Where it is in its life.
    #[must_use]
    pub fn state(&self) -> SharedWalletState {
        self.state
    }

    /// Who shares it, or did when it was closed, in paying order.
    #[must_use]
    pub fn members(&self) -> &[MemberId] {
        &self.members
    }

    /// Whether a member shares it, or did when it was closed.
    #[must_use]
    pub fn has(&self, member: &MemberId) -> bool {
        self.members.contains(member)
    }

    /// Others share it from now on, or the same in another order.
    ///
    /// # Errors
    /// [`WalletClosed`].
    pub fn arrange(mut self, members: Vec<MemberId>) -> Result<Self, WalletClosed> {
        self.check_active()?;
        self.members = members;
        Ok(self)
    }

    /// Somebody takes the place of a member. Who has a place already keeps the earlier of both.
    ///
    /// # Errors
    /// [`WalletClosed`].
    pub fn replace(mut self, member: &MemberId, by: &MemberId) -> Result<Self, WalletClosed> {
        self.check_active()?;
        let mut members = Vec::with_capacity(self.members.len());
        for place in self.members {
            let next = if place == *member { by.clone() } else { place };
            if !members.contains(&next) {
                members.push(next);
            }
        }
        self.members = members;
        Ok(self)
    }

    /// Nothing new is paid from it from now on.
    ///
    /// # Errors
    /// [`WalletClosed`].
    pub fn close(mut self) -> Result<Self, WalletClosed> {
        self.check_active()?;
        self.state = SharedWalletState::Closed;
        Ok(self)
    }

    fn check_active(&self) -> Result<(), WalletClosed> {
        match self.state {
            SharedWalletState::Active => Ok(()),
            SharedWalletState::Closed => Err(WalletClosed),
        }
    }
}

impl Entity for SharedWallet {
    const KIND: &'static str = "shared_wallet";
    const SHAPE: u16 = 1;
    type Id = SharedWalletId;

    fn index(&self) -> Index {
        Index::new(self.state.text(), self.recorded_at)
    }

    fn is_named(&self, id: &str) -> bool {
        self.id.as_str() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> MemberId {
        name.parse().unwrap()
    }

    fn wallet(members: &[&str]) -> SharedWallet {
        let members = members.iter().map(|name| member(name)).collect();
        SharedWallet::new("home".parse().unwrap(), members, Timestamp::MIN)
    }

    #[test]
    fn a_place_is_taken_over_and_nobody_has_two() {
        for (before, after) in [
            (&["ann", "bob", "cid"][..], &["eve", "bob", "cid"][..]),
            (&["bob", "ann", "eve"], &["bob", "eve"]),
            (&["eve", "bob", "ann"], &["eve", "bob"]),
            (&["bob", "cid"], &["bob", "cid"]),
        ] {
            let replaced = wallet(before).replace(&member("ann"), &member("eve"));
            assert_eq!(replaced, Ok(wallet(after)), "{before:?}");
        }
    }

    #[test]
    fn a_closed_wallet_stays_as_it_is() {
        let closed = wallet(&["ann"]).close().unwrap();
        assert_eq!(closed.state(), SharedWalletState::Closed);
        assert!(closed.has(&member("ann")));
        assert_eq!(closed.clone().close(), Err(WalletClosed));
        assert_eq!(
            closed.clone().arrange(vec![member("bob")]),
            Err(WalletClosed)
        );
        assert_eq!(
            closed.replace(&member("ann"), &member("bob")),
            Err(WalletClosed)
        );
    }
}
