//! The shape of every operation: what it reads, and what it decides.
//!
//! An operation is plain data with two pure functions. [`reads`](Operation::reads) names the rows it must see,
//! [`decide`](Operation::decide) says what follows. Neither does I/O, looks at a clock or draws a random number.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::decision::Decision;
use crate::ids::{IdempotencyKey, MemberId};
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};

/// Whether an operation can change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes state; needs an idempotency key and leaves its reply behind.
    Command,
    /// Changes nothing and leaves nothing behind.
    Query,
}

/// One use case: a request that knows what it must see and what follows.
pub trait Operation: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The stable name, in snake case; idempotency keys are scoped by it.
    const NAME: &'static str;
    /// Whether it can change anything.
    const KIND: Kind;
    /// What the caller is told.
    type Reply: Serialize + DeserializeOwned + Clone + Send + 'static;

    /// The key the request itself implies, such as the id of the purchase it records. It is used when the caller
    /// gives no key of his own.
    fn natural_key(&self) -> Option<IdempotencyKey> {
        None
    }

    /// The member whose commands must follow one another; commands of different members run side by side.
    fn member(&self) -> Option<&MemberId> {
        None
    }

    /// The rows that must be seen. It sees the context, because what to read follows from the rules that can match.
    ///
    /// # Errors
    /// A [`Rejection`] when the request can be refused without reading anything.
    fn reads(&self, context: &Context) -> Result<ReadPlan, Rejection>;

    /// What follows. The snapshot holds at least what [`reads`](Self::reads) named.
    ///
    /// # Errors
    /// A [`Rejection`] when the request has no effect.
    fn decide(
        &self,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Rejection>;
}

/// First byte of what a fingerprint digests; raised when the encoding of requests changes.
const FINGERPRINT_ENCODING: u8 = 1;

/// What tells two requests under one idempotency key apart: SHA-256 over the operation and the canonical request.
///
/// # Errors
/// [`Rejection::Overflow`] never in practice: only when a request cannot be encoded at all.
pub fn fingerprint<O: Operation>(request: &O) -> Result<[u8; 32], Rejection> {
    let body = serde_json::to_vec(request).map_err(|_| Rejection::Overflow)?;
    let mut digest = Sha256::new();
    digest.update([FINGERPRINT_ENCODING]);
    digest.update(O::NAME.as_bytes());
    digest.update([0]);
    digest.update(&body);
    Ok(digest.finalize().into())
}
