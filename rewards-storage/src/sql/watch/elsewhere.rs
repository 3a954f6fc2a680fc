//! Where nothing can be looked for.

use std::path::Path;
use std::time::Duration;

use crate::error::StoreError;

/// A file that is being opened.
#[derive(Debug)]
pub struct Opening;

/// A file that is open.
#[derive(Debug)]
pub struct Opened;

/// Looks for nothing.
#[derive(Debug)]
pub struct FileWatch;

#[expect(
    clippy::unnecessary_wraps,
    clippy::unused_async,
    clippy::unused_self,
    reason = "as where something is looked for"
)]
impl Opening {
    pub async fn begin(_: &Path, _: Duration) -> Result<Self, StoreError> {
        Ok(Self)
    }

    /// Nobody could connect to it.
    pub fn failed(self) {}

    pub fn connected(self) -> Opened {
        Opened
    }
}

#[expect(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "as where something is looked for"
)]
impl Opened {
    pub fn watch(self) -> Result<FileWatch, StoreError> {
        Ok(FileWatch)
    }
}

#[expect(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "as where something is looked for"
)]
impl FileWatch {
    pub fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub fn look(&self) -> Result<(), StoreError> {
        Ok(())
    }

    pub fn end(&self) {}

    pub fn let_go(&self) {}
}
