//! A till on a device: takes offline tokens, and remembers them in a file.

use std::fmt;

use rewards_core::ffi::RewardsError;
use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{AcceptedToken, ShownToken, TillMark, TokenVerifier, WaitingPayment};
use rewards_storage::till;

use crate::guard::guarded;

/// A till that takes offline tokens where there is no network, and remembers them in a SQLite file.
///
/// Its methods may be called from any thread. What was taken is remembered when it is told, whatever happens then.
#[derive(uniffi::Object)]
pub struct Till {
    till: till::Till,
}

#[uniffi::export(async_runtime = "tokio")]
impl Till {
    /// Opens the till in the file at a path, which is created when it is missing. One till at a time has it: another one waits for
    /// two seconds, and is refused as `store_unavailable`.
    ///
    /// A file that is put back as it was earlier would let tokens be spent here again. With the `mark` of the till, kept where the
    /// file is not, such a file is refused as `token_log_rolled_back`.
    #[uniffi::constructor(default(mark = None))]
    pub async fn open(
        path: String,
        verifier: TokenVerifier,
        mark: Option<TillMark>,
    ) -> Result<Self, RewardsError> {
        guarded(async {
            let till = till::Till::open(path, verifier, mark).await?;
            Ok(Self { till })
        })
        .await
    }

    /// What is known of who issues tokens and which are taken, from now on: new keys, tokens that were revoked.
    pub async fn know(&self, verifier: TokenVerifier) -> Result<(), RewardsError> {
        guarded(async {
            self.till.know(verifier).await;
            Ok(())
        })
        .await
    }

    /// Takes a token that is shown, or says with a code of its own why it does not pay here. What comes back is remembered already.
    pub async fn take(&self, shown: ShownToken) -> Result<AcceptedToken, RewardsError> {
        guarded(async { Ok(self.till.take(&shown).await?) }).await
    }

    /// So many payments at most that are not told to an engine yet, the oldest first. Those with a proof are for `settleReceipts`,
    /// those without for `redeemToken`.
    #[uniffi::method(default(most = 500))]
    pub async fn waiting(&self, most: u32) -> Result<Vec<WaitingPayment>, RewardsError> {
        guarded(async {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            Ok(self.till.waiting(most).await?)
        })
        .await
    }

    /// Payments were told to an engine, which are known by their digests.
    pub async fn synced(&self, told: Vec<String>, at: Timestamp) -> Result<(), RewardsError> {
        guarded(async { Ok(self.till.synced(&told, at).await?) }).await
    }

    /// How far the till has come: what is to be kept elsewhere, and given when it is opened again.
    pub async fn mark(&self) -> Result<TillMark, RewardsError> {
        guarded(async { Ok(self.till.mark().await?) }).await
    }

    /// Closes the file, for another till to open it. May be called more than once. Everything else is refused afterwards.
    pub async fn shut_down(&self) -> Result<(), RewardsError> {
        guarded(async { Ok::<_, Fault>(self.till.close().await?) }).await
    }
}

impl fmt::Debug for Till {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.till.fmt(f)
    }
}
