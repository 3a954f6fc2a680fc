//! Replace a coupon whose code was lost: it is voided, and a new code of the same book takes its place, in one step.
//!
//! The new coupon has the holder of the old one and the uses that it has left; a lease on the old one ends. It counts neither
//! against the codes of its holder nor against those of its book, as the old one does already. The new code is made by the pattern
//! of the book and told in the reply, or it is given.
//!
//! Refusals, in order: neither a code nor an id, or both; a new code that is none; unknown coupon; codes that are assigned to
//! nobody; closed or paused book; a new code that another coupon has; no pattern, or one with too few different codes; no key;
//! redeemed, expired or voided coupon.

use serde::{Deserialize, Serialize};
use smol_str::format_smolstr;

use super::super::change_builder::ChangeBuilder;
use super::super::seen::see_rows;
use super::find::{NamedCoupon, book_of_coupon, check_open, keys_of, refused, secret_of};
use super::generate_coupons::{begin_batch, pattern_for, places};
use super::{AssignedCoupon, counted, counted_step, lasting, see};
use crate::command::{Kind, Operation, Undecided};
use crate::context::{Context, HostKeys};
use crate::coupons::{
    BatchKey, CodeLine, CodeUser, Coupon, CouponBatch, CouponBook, Doing, LineProblem,
};
use crate::decision::{Changes, Decision};
use crate::entity::{EntityId as _, EntityKey, Expected};
use crate::event::Event;
use crate::ids::{CouponBatchId, CouponBookId, CouponId, MemberId, Slug, TenantId};
use crate::rejection::{Problem, Rejection};
use crate::secret::{KeyPurpose, Secret};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// How many codes are tried at once: a pattern has so much room that nearly always the first one is free.
const TRIES: u32 = 8;

/// Replaces a coupon, by its code or its id.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReplaceCoupon {
    /// The code that was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub code: Option<Secret>,
    /// The coupon's id, when the code is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub coupon: Option<CouponId>,
    /// The new code, when it is made elsewhere; made by the pattern of the book when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub new_code: Option<CodeLine>,
    /// Whether the new code itself is kept, where it is given, and not its digest alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub plain: bool,
    /// Who does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub by: Option<Slug>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub reason: Option<Slug>,
}

/// The coupon that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReplacedCoupon {
    /// The coupon, which is voided.
    pub coupon: CouponId,
    /// The coupon in its place.
    pub replacement: AssignedCoupon,
    /// Their book.
    pub book: CouponBookId,
    /// Who holds the new coupon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub member: Option<MemberId>,
    /// How often the new coupon can be redeemed.
    pub left: u32,
    /// When that was done.
    pub at: Timestamp,
}

/// The code that takes the place of another one, with the batch it comes from where it was made.
struct NewCode {
    coupon: Coupon,
    batch: Option<(Expected, CouponBatch)>,
}

impl ReplaceCoupon {
    fn new_code(
        &self,
        old: &CouponId,
        snapshot: &Snapshot,
        context: &Context,
        book: &CouponBook,
    ) -> Result<NewCode, Undecided> {
        match &self.new_code {
            None => made(old, snapshot, context, book),
            Some(line) => {
                let code = line.code().map_err(invalid)?;
                given(code, snapshot, context, book)
            }
        }
    }
}

/// The code that is given, which no coupon has.
fn given(
    code: &Secret,
    snapshot: &Snapshot,
    context: &Context,
    book: &CouponBook,
) -> Result<NewCode, Undecided> {
    let ids = CouponId::candidates_of(code, book.terms.matching());
    let id = ids.first();
    let id = id.ok_or(Rejection::Internal("a code without a digest"))?;
    see_places(snapshot, context, &format!("given {id}"), ids.iter())?;
    if ids.iter().any(|id| is_taken(snapshot, context, id)) {
        return Err(Rejection::CouponExists.into());
    }
    let mut coupon = Coupon::new(id.clone(), book.book.clone(), context.now);
    if let Secret::Kept { text, .. } = code {
        coupon.code = Some(text.clone());
    }
    Ok(NewCode {
        coupon,
        batch: None,
    })
}

/// A code by the pattern of the book. Its batch is its own, named after the coupon that it replaces, so that nobody waits for
/// somebody else who replaces another one.
fn made(
    old: &CouponId,
    snapshot: &Snapshot,
    context: &Context,
    book: &CouponBook,
) -> Result<NewCode, Undecided> {
    let tenant = &context.tenant;
    let pattern = pattern_for(book, 1)?;
    let digest = old.as_str().split(':').next().unwrap_or_default();
    let name = CouponBatchId::new(&format_smolstr!("in place of {digest}"));
    let name = name.map_err(|_| Rejection::Internal("a digest makes no name"))?;
    let key = BatchKey::new(&book.book, &name);
    let begun = EntityKey::of::<CouponBatch>(tenant, &key);
    see(
        snapshot,
        context,
        &format!("begun {}", key.text()),
        vec![begun],
    )?;
    let (expected, batch) = match snapshot.get::<CouponBatch>(tenant, &key)? {
        Some(stored) => (stored.expected(), stored.entity.longer()),
        None => {
            let batch = begin_batch(context, book, &name, pattern, 1)?;
            (Expected::Absent, batch)
        }
    };
    let places = places(context, &batch, TRIES)?;
    let ids = places.iter().flat_map(|(_, ids)| ids);
    let what = format!("{} in place of {old}", batch.next);
    see_places(snapshot, context, &what, ids)?;
    let free = |ids: &[CouponId]| !ids.iter().any(|id| is_taken(snapshot, context, id));
    let mut tried = 0_u32;
    for (index, ids) in &places {
        tried = tried.saturating_add(1);
        if let Some(id) = ids.first().filter(|_| free(ids)) {
            let mut coupon = Coupon::new(id.clone(), book.book.clone(), context.now);
            coupon.derived = Some((name, *index));
            return Ok(NewCode {
                coupon,
                batch: Some((expected, batch.advance(tried, 1))),
            });
        }
    }
    let (asked, free) = (1, 0);
    Err(Rejection::CouponsShort { asked, free }.into())
}

fn is_taken(snapshot: &Snapshot, context: &Context, id: &CouponId) -> bool {
    let key = EntityKey::of::<Coupon>(&context.tenant, id);
    snapshot.entities.contains_key(&key)
}

/// Asks for the coupons that may have new codes already.
fn see_places<'i>(
    snapshot: &Snapshot,
    context: &Context,
    what: &str,
    ids: impl Iterator<Item = &'i CouponId>,
) -> Result<(), Undecided> {
    let keys = ids.map(|id| EntityKey::of::<Coupon>(&context.tenant, id));
    see(snapshot, context, what, keys.collect())
}

fn invalid(problem: LineProblem) -> Rejection {
    let detail = match problem {
        LineProblem::Empty => "expected a code",
        LineProblem::TooLong => "the code is too long",
        LineProblem::Unreadable | LineProblem::Repeated | LineProblem::Exists => {
            "the code holds a character that cannot be read"
        }
    };
    Problem::new("code_invalid", "new_code", detail).into()
}

impl Operation for ReplaceCoupon {
    const NAME: &'static str = "replace_coupon";
    const KIND: Kind = Kind::Command;
    type Reply = ReplacedCoupon;
    type Prepared = NamedCoupon;

    fn owned_by(&self, tenant: &TenantId) -> Vec<EntityKey> {
        keys_of(tenant, self.code.as_ref(), self.coupon.as_ref())
    }

    fn secrets(&mut self) -> Vec<(KeyPurpose, &mut Secret)> {
        let mut secrets = secret_of(&mut self.code);
        let new = self.new_code.as_mut().and_then(CodeLine::code_mut);
        secrets.extend(new.map(|code| (KeyPurpose::Coupons, code)));
        secrets
    }

    fn keeps_secrets(&self) -> bool {
        self.plain
    }

    fn reveal(
        reply: &mut ReplacedCoupon,
        tenant: &TenantId,
        keys: &dyn HostKeys,
    ) -> Result<(), Rejection> {
        reply.replacement.reveal(tenant, keys)
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, NamedCoupon), Rejection> {
        let prepared = NamedCoupon::prepare(context, self.code.as_ref(), self.coupon.as_ref())?;
        if let Some(Err(problem)) = self.new_code.as_ref().map(CodeLine::code) {
            return Err(invalid(problem));
        }
        Ok(prepared)
    }

    fn decide(
        &self,
        named: &NamedCoupon,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ReplacedCoupon>, Undecided> {
        let (tenant, now) = (&context.tenant, context.now);
        let found = named.find(snapshot, tenant)?;
        let stored = found.ok_or(Rejection::CouponUnknown)?;
        let (expected, before) = (stored.expected(), stored.entity.counted_as());
        let book = book_of_coupon(snapshot, context, &stored.entity)?;
        if book.terms.user() == CodeUser::Anyone {
            return Err(Rejection::CouponNotAssignable(book.book).into());
        }
        check_open(&book, now, false)?;
        let NewCode { coupon, batch } =
            self.new_code(&stored.entity.coupon, snapshot, context, &book)?;
        let source = batch.as_ref().map(|(_, batch)| batch.source.clone());
        let doing = Doing {
            by: self.by.as_ref(),
            reason: self.reason.as_ref(),
        };
        let is_over = book.is_over_for(&stored.entity, now);
        let replaced = stored.entity.replace(coupon, now, is_over, &doing);
        let (old, new) = replaced.map_err(|refusal| refused(refusal, now))?;
        let mut own = Changes {
            counters: counted_step(context, before, &old),
            ..Changes::default()
        };
        own.counters
            .push(counted(tenant, &book.book, new.counted_as(), 1));
        if new.counted_as().is_held() {
            own.counters.extend(lasting(context, &new, 1));
        }
        own.put(tenant, &old.coupon, expected, &old)?;
        own.put(tenant, &new.coupon, Expected::Absent, &new)?;
        if let Some((expected, batch)) = batch {
            let key = BatchKey::new(&batch.book, &batch.batch);
            own.put(tenant, &key, expected, &batch)?;
        }
        if let Some(holder) = &new.holder {
            see_rows(snapshot, context, [holder])?;
            let ids = context.id_allocator();
            let mut builder = ChangeBuilder::open_as_is(snapshot, context, &ids, holder)?;
            builder.emit(Event::CouponReplaced {
                coupon: old.coupon.clone(),
                replacement: new.coupon.clone(),
                book: book.book.clone(),
                by: self.by.clone(),
                reason: self.reason.clone(),
            });
            own.merge(builder.finish()?);
        }
        Ok(Decision {
            reply: ReplacedCoupon {
                coupon: old.coupon,
                left: book.terms.uses_of_code().saturating_sub(new.uses),
                replacement: AssignedCoupon {
                    coupon: new.coupon,
                    code: new.code,
                    source,
                    index: new.derived.map(|(_, index)| index),
                },
                book: book.book,
                member: new.holder,
                at: now,
            },
            changes: own,
        })
    }
}
