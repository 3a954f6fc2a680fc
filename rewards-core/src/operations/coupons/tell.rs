//! Codes that are told again: derived anew from how they were generated. What was uploaded is told where it is kept plain, and of
//! everything else nobody has more than a digest.

use super::super::seen::see_entities;
use crate::command::Undecided;
use crate::context::Context;
use crate::coupons::{BatchKey, CodeKeys, CodeSource, Coupon, CouponBatch};
use crate::entity::EntityKey;
use crate::ids::TenantId;
use crate::rejection::Rejection;
use crate::snapshot::Snapshot;

/// How the codes of coupons are derived, in their order; nothing for those that were not generated. Their batches are looked up.
///
/// # Errors
/// [`Undecided::Needs`] the batches.
pub(super) fn sources(
    coupons: &[Coupon],
    snapshot: &Snapshot,
    context: &Context,
) -> Result<Vec<Option<CodeSource>>, Undecided> {
    let mut unseen = Vec::new();
    let mut sources = Vec::new();
    for coupon in coupons {
        let Some((batch, _)) = &coupon.derived else {
            sources.push(None);
            continue;
        };
        let key = BatchKey::new(&coupon.book, batch);
        match snapshot.get::<CouponBatch>(&context.tenant, &key)? {
            Some(batch) => sources.push(Some(batch.entity.source)),
            None => unseen.push(EntityKey::of::<CouponBatch>(&context.tenant, &key)),
        }
    }
    see_entities(snapshot, unseen)?;
    Ok(sources)
}

/// Puts the code into a reply that says how it is derived.
///
/// # Errors
/// [`Rejection::KeyMissing`] when the key is gone.
pub(super) fn tell(
    code: &mut Option<String>,
    source: Option<&CodeSource>,
    index: Option<u32>,
    tenant: &TenantId,
    keys: &dyn CodeKeys,
) -> Result<(), Rejection> {
    if let (Some(source), Some(index)) = (source, index) {
        *code = Some(keys.code(tenant, source, index)?);
    }
    Ok(())
}
