//! The shape of every operation: what it must see, and what it decides.
//!
//! An operation is plain data with two pure functions. [`prepare`](Operation::prepare) checks the request, works out what
//! can be worked out without looking at anything stored, and names the rows to see. [`decide`](Operation::decide) says what
//! follows. Neither does I/O, looks at a clock or draws a random number.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;

use crate::context::{Context, HostKeys};
use crate::decision::Decision;
use crate::entity::EntityKey;
use crate::fingerprint::Fingerprint;
use crate::ids::{IdempotencyKey, MemberId, TenantId};
use crate::rejection::Rejection;
use crate::secret::{KeyPurpose, Secret};
use crate::signature::Signed;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::texts::check_texts;

/// Whether an operation can change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes state; needs an idempotency key and leaves its reply behind.
    Command,
    /// Changes nothing and leaves nothing behind.
    Query,
}

/// The key that a request itself implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NaturalKey {
    /// A text, such as the id of the purchase that is cancelled. It is scoped by operation and never meets a given key.
    Text(IdempotencyKey),
    /// The entity that the command makes. The reply is kept with it, also when the caller gave a key.
    Entity(EntityKey),
}

/// The members a command is about; nearly always one.
pub type Members<'a> = SmallVec<[&'a MemberId; 2]>;

/// Why nothing was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecided {
    /// The command has no effect.
    Rejected(Rejection),
    /// These rows must be seen, too. The decision is made anew on one view that holds the rows of the first plan and these.
    Needs(Box<ReadPlan>),
}

impl Undecided {
    /// Asks for what is missing in a view, if anything is.
    ///
    /// # Errors
    /// [`Undecided::Needs`] it.
    pub fn unless_seen(missing: ReadPlan) -> Result<(), Self> {
        if missing == ReadPlan::default() {
            return Ok(());
        }
        Err(Self::Needs(Box::new(missing)))
    }
}

impl<R: Into<Rejection>> From<R> for Undecided {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// One use case: a request that knows what it must see and what follows.
pub trait Operation: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The stable name, in snake case; idempotency keys are scoped by it.
    const NAME: &'static str;
    /// Whether it can change anything.
    const KIND: Kind;
    /// What the caller is told.
    type Reply: Serialize + DeserializeOwned + Clone + Send + 'static;
    /// What was worked out from the request and the programs alone: valid facts, rules that can match, counters wanted.
    type Prepared: Debug + Send + Sync + 'static;

    /// Whether what is prepared follows from the request alone and takes long to prepare. It is then prepared once, beside
    /// everything else, and not again when programs have changed.
    const IS_PREPARED_APART: bool = false;

    /// The key that is used when the caller gives none.
    fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        let _ = tenant;
        None
    }

    /// Every member whose row the command changes, as far as the request names them. Commands on one member follow one
    /// another; commands on different members run side by side.
    fn members(&self) -> Members<'_> {
        Members::new()
    }

    /// Entities whose owners' rows the command changes. They are looked up before the command takes its place among others,
    /// and the decision finds out whether the owner is still the same.
    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        let _ = tenant;
        Vec::new()
    }

    /// What of the request must not be stored or seen by anybody: the engine replaces it by keyed digests before it does
    /// anything else.
    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        Vec::new()
    }

    /// Whether what is told in confidence is kept beside its digests: only where the caller says so.
    fn keeps_secrets(&self) -> bool {
        false
    }

    /// Puts into a reply what is kept nowhere, not even in the reply as it is stored: codes, derived again each time. Done last of
    /// all, for a reply that is new and for one that is replayed.
    ///
    /// # Errors
    /// [`Rejection::KeyMissing`] when the key is gone.
    fn reveal(
        reply: &mut Self::Reply,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        let _ = (reply, tenant, keys);
        Ok(())
    }

    /// What of the request somebody else signed: the engine verifies it before it does anything else, refuses the request when
    /// it is not genuine, and puts the key in the place of the signature. Two requests that say the same are the same,
    /// whenever and under whichever key they were signed.
    fn signed(&mut self) -> Option<Signed<'_>> {
        None
    }

    /// Checks the request, works out what it can, and names the rows that must be seen. It sees the context, because what to
    /// read follows from the rules that can match. It is done once, and again only when programs have changed.
    ///
    /// # Errors
    /// A [`Rejection`] when the request can be refused without reading anything.
    fn prepare(&self, context: &Context) -> Result<(ReadPlan, Self::Prepared), Rejection>;

    /// What follows. The snapshot holds at least what [`prepare`](Self::prepare) named.
    ///
    /// # Errors
    /// [`Undecided`] when the request has no effect, or cannot be decided on these rows alone.
    fn decide(
        &self,
        prepared: &Self::Prepared,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<Self::Reply>, Undecided>;
}

/// Prepares an operation, and refuses texts that [no store has to hold](check_texts). Whoever drives operations prepares by
/// this, so that no operation has to look for them.
///
/// # Errors
/// As [`Operation::prepare`]; then [`Rejection::Invalid`] for such texts.
pub fn prepare<O: Operation>(
    request: &O,
    context: &Context,
) -> Result<(ReadPlan, O::Prepared), Rejection> {
    let prepared = request.prepare(context)?;
    check_texts(request)?;
    Ok(prepared)
}

/// Prepares an operation and decides it at once, for callers who have everything in memory already.
///
/// # Errors
/// As [`prepare`] and [`Operation::decide`]; what needs more rows than it first named ends as
/// [`Rejection::Internal`], for `load` is asked for both plans together.
pub fn decide_with<O: Operation>(
    request: &O,
    context: &Context,
    mut load: impl FnMut(&ReadPlan) -> Snapshot,
) -> Result<Decision<O::Reply>, Rejection> {
    let (mut plan, prepared) = prepare(request, context)?;
    for _ in 0..ROUNDS_MAX {
        match request.decide(&prepared, &load(&plan), context) {
            Ok(decision) => return Ok(decision),
            Err(Undecided::Rejected(rejection)) => return Err(rejection),
            Err(Undecided::Needs(more)) => plan.merge(*more),
        }
    }
    Err(Rejection::Internal(
        "a decision wants more rows again and again",
    ))
}

/// How often one decision may ask for more rows. A command on two members asks most: for each the redemptions that are overdue,
/// the lots that these go back to, and the purchases of those, one after the other.
pub const ROUNDS_MAX: u32 = 16;

/// What tells two requests under one idempotency key apart.
///
/// # Errors
/// As [`Fingerprint::of`].
pub fn fingerprint<O: Operation>(request: &O) -> Result<Fingerprint, Rejection> {
    Fingerprint::of(O::NAME, request)
}
