//! A till: takes offline tokens where there is no network, and remembers them in a SQLite file.
//!
//! What pays is decided by [`TokenVerifier`]; this keeps what it has to remember, [before](Till::take) anything is handed over, so
//! that a restart, a crash and a loss of power forget nothing. What was taken [waits](Till::waiting) until the host has told it to an
//! engine, by `settle_receipts` and `redeem_token`, and says [so](Till::synced).
//!
//! A file that is put back as it was earlier would let tokens be spent here again. Each payment has a number and a hash over
//! it and all before it; the [mark](TillMark) of the last one, kept where the file is not (on a server, in the secure storage of a
//! device), and given when the till is [opened](Till::open), shows that. Without a mark nothing can.
//!
//! One till at a time has the file; another one is refused as `store_unavailable`.

mod log;

use std::path::Path;

use rewards_core::rejection::Fault;
use rewards_core::time::Timestamp;
use rewards_core::tokens::{
    AcceptedToken, NotTaken, PreparedVerifier, ShownToken, TillMark, TokenError, TokenLog as _,
    TokenVerifier, WaitingPayment,
};
use thiserror::Error;
use tokio::sync::Mutex;

pub use log::SqliteLog;

use crate::error::StoreError;

/// Why a till did not do something.
#[derive(Debug, Error)]
pub enum TillError {
    /// A token does not pay here, or the file is not the one that was here.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// The file cannot be read or written. What was to be taken is not taken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<NotTaken<StoreError>> for TillError {
    fn from(error: NotTaken<StoreError>) -> Self {
        match error {
            NotTaken::Refused(error) => Self::Refused(error),
            NotTaken::Log(error) => Self::Store(error),
        }
    }
}

impl From<TillError> for Fault {
    fn from(error: TillError) -> Self {
        match error {
            TillError::Refused(error) => error.into(),
            TillError::Store(error) => error.into(),
        }
    }
}

/// A till. Its calls may come from any task, many at once: they are done one after the other.
#[derive(Debug)]
pub struct Till {
    /// None once it is closed.
    open: Mutex<Option<OpenTill>>,
}

/// A till that is not closed.
#[derive(Debug)]
struct OpenTill {
    log: SqliteLog,
    verifier: PreparedVerifier,
}

impl OpenTill {
    fn know(&mut self, verifier: TokenVerifier) {
        self.log.tolerate(verifier.tolerance_seconds);
        self.verifier = PreparedVerifier::new(verifier);
    }
}

impl Till {
    /// Opens the till in the file at a path, which is made when it is missing.
    ///
    /// With the mark that the till had when it was last looked at, a file that is an earlier one, or another one, is refused.
    ///
    /// # Errors
    /// [`TokenError::LogRolledBack`]; [`StoreError::Corrupt`] for a file whose payments were changed; [`StoreError::Refused`] for
    /// one that is no till's; [`StoreError::SchemaTooNew`]; [`StoreError::Unavailable`] while another till has it;
    /// [`StoreError::FolderMissing`], [`StoreError::ReadOnly`].
    pub async fn open(
        path: impl AsRef<Path> + Send,
        verifier: TokenVerifier,
        mark: Option<TillMark>,
    ) -> Result<Self, TillError> {
        let mut log = SqliteLog::open(path.as_ref()).await?;
        if let Some(mark) = mark {
            log.check(&mark).await?;
        }
        log.tolerate(verifier.tolerance_seconds);
        let verifier = PreparedVerifier::new(verifier);
        Ok(Self {
            open: Mutex::new(Some(OpenTill { log, verifier })),
        })
    }

    /// What is known here of who issues tokens and which are taken, from now on: new keys, tokens that were revoked.
    pub async fn know(&self, verifier: TokenVerifier) {
        if let Some(till) = &mut *self.open.lock().await {
            till.know(verifier);
        }
    }

    /// Takes a token that is shown: what comes back is remembered when it comes.
    ///
    /// A call that is dropped before it has ended has taken the token or not; what was taken is in [`waiting`](Self::waiting).
    ///
    /// # Errors
    /// [`TillError::Refused`] with the reason, in the order of [`TokenVerifier::check`]; [`TillError::Store`].
    pub async fn take(&self, shown: &ShownToken) -> Result<AcceptedToken, TillError> {
        let mut till = self.open.lock().await;
        let OpenTill { log, verifier } = opened(&mut till)?;
        Ok(verifier.take(shown, log).await?)
    }

    /// So many payments at most that are not told to an engine yet, the oldest first.
    ///
    /// # Errors
    /// [`TillError::Store`].
    pub async fn waiting(&self, most: usize) -> Result<Vec<WaitingPayment>, TillError> {
        let mut till = self.open.lock().await;
        Ok(opened(&mut till)?.log.waiting(most).await?)
    }

    /// Payments were told to an engine, which are known by their digests. They are forgotten when their tokens are over, too.
    ///
    /// # Errors
    /// [`TillError::Store`]; then they still wait, and are told again, which changes nothing there.
    pub async fn synced(&self, told: &[String], at: Timestamp) -> Result<(), TillError> {
        let mut till = self.open.lock().await;
        Ok(opened(&mut till)?.log.synced(told, at).await?)
    }

    /// How far the till has come: what is to be kept elsewhere, and given when it is opened again.
    ///
    /// # Errors
    /// [`TillError::Store`].
    pub async fn mark(&self) -> Result<TillMark, TillError> {
        let mut till = self.open.lock().await;
        Ok(opened(&mut till)?.log.mark().await?)
    }

    /// Closes the file, for another till to open it. May be called more than once; all else is refused afterwards.
    ///
    /// # Errors
    /// [`TillError::Store`]; what was taken is kept all the same.
    pub async fn close(&self) -> Result<(), TillError> {
        let till = self.open.lock().await.take();
        match till {
            Some(till) => Ok(till.log.close().await?),
            None => Ok(()),
        }
    }
}

fn opened(till: &mut Option<OpenTill>) -> Result<&mut OpenTill, StoreError> {
    till.as_mut().ok_or_else(|| StoreError::Refused {
        detail: "the till is closed".to_owned(),
    })
}
