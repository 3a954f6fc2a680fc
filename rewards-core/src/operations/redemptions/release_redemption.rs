//! Release a redemption: what is still reserved goes back to the lots that it came from, each with its expiry.
//!
//! Of a lot that has expired meanwhile the program says what happens. What a purchase earned that was cancelled meanwhile goes on
//! to the account that paid it. Ladders that are climbed by a balance are reviewed.
//!
//! Refusals, in order: unknown member; unknown redemption; what an offline token or a payment holds; captured as a whole, released, over or
//! cancelled; more lots due than one command may touch.

use serde::{Deserialize, Serialize};
use smallvec::smallvec;

use super::super::change_builder::{ChangeBuilder, Returned, Source};
use super::super::merged::{decide_for, finish};
use super::shared::{return_shares, shared_for};
use super::{ReturnedShare, check_own, give_back, owner_of, plan_redemption, refused, review};
use crate::command::{Kind, Members, NaturalKey, Operation, Undecided};
use crate::context::Context;
use crate::decision::Decision;
use crate::event::Event;
use crate::ids::{IdempotencyKey, MemberId, RedemptionId, TenantId};
use crate::ledger::{Holder, Purpose, TransferKind};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::snapshot::{ReadPlan, Snapshot};
use crate::wallet::{Redemption, ReturnedPart, SharedRedemption};

/// Releases what is still reserved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReleaseRedemption {
    /// Whose redemption it is.
    pub member: MemberId,
    /// The redemption.
    pub redemption: RedemptionId,
}

/// What went back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct ReleasedRedemption {
    /// The redemption.
    pub redemption: RedemptionId,
    /// What is the member's again, one amount per asset.
    pub returned: Vec<Money>,
    /// What had expired meanwhile, one amount per asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub expired: Vec<Money>,
    /// What was earned by purchases that were cancelled meanwhile, and went on to the accounts that had paid it; one amount per
    /// asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub taken_back: Vec<Money>,
    /// To whom what of it went, in paying order; only when it was paid from a shared wallet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub payers: Vec<ReturnedShare>,
}

impl Operation for ReleaseRedemption {
    const NAME: &'static str = "release_redemption";
    const KIND: Kind = Kind::Command;
    type Reply = ReleasedRedemption;
    type Prepared = ();

    fn natural_key(&self, _: &TenantId) -> Option<NaturalKey> {
        let key = IdempotencyKey::new(self.redemption.as_str()).ok()?;
        Some(NaturalKey::Text(key))
    }

    fn members(&self) -> Members<'_> {
        smallvec![&self.member]
    }

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = plan_redemption(context, &self.member, &self.redemption, true);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ReleasedRedemption>, Undecided> {
        let (member, id) = (&self.member, &self.redemption);
        if let Some(together) = shared_for(snapshot, context, member, id)? {
            return self.decide_shared(&together, snapshot, context);
        }
        if let Some(owner) = owner_of(snapshot, context, &self.member, &self.redemption)? {
            let own = |member| Self {
                member,
                ..self.clone()
            };
            return decide_for(owner, own, snapshot, context);
        }
        let ids = context.id_allocator();
        let mut builder = ChangeBuilder::open(snapshot, context, &ids, &self.member)?;
        let before = builder.redemption(&self.redemption)?;
        check_own(&before)?;
        let released = before.clone().release(context.now);
        let (redemption, parts) = released.map_err(|step| refused(&before, step))?;
        let returned = release(&mut builder, snapshot, context, redemption, &parts)?;
        Ok(Decision {
            reply: self.reply(returned, Vec::new()),
            changes: finish(builder, snapshot, context)?,
        })
    }
}

impl ReleaseRedemption {
    /// The same of what several members reserved together.
    fn decide_shared(
        &self,
        together: &SharedRedemption,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<ReleasedRedemption>, Undecided> {
        let step = together.release(context.now);
        let step = step.map_err(|step| refused(&together.whole(context.now), step))?;
        let ids = context.id_allocator();
        let back = return_shares(snapshot, &step.shares, |view, share| {
            let member = &share.redemption.member;
            let mut builder = ChangeBuilder::open(view, context, &ids, member)?;
            builder.redemption(&share.redemption.id)?;
            let redemption = share.redemption.clone();
            let returned = release(&mut builder, view, context, redemption, &share.returned)?;
            Ok((returned, finish(builder, view, context)?))
        })?;
        Ok(Decision {
            reply: self.reply(back.returned, back.payers),
            changes: back.changes,
        })
    }

    fn reply(&self, returned: Returned, payers: Vec<ReturnedShare>) -> ReleasedRedemption {
        ReleasedRedemption {
            redemption: self.redemption.clone(),
            returned: returned.back.into_amounts(),
            expired: returned.expired.into_amounts(),
            taken_back: returned.taken.into_amounts(),
            payers,
        }
    }
}

/// Gives back what is held of the redemption of a member, and writes what is left of it.
///
/// # Errors
/// [`Undecided::Needs`] its lots and what is due.
pub(super) fn release(
    builder: &mut ChangeBuilder<'_>,
    snapshot: &Snapshot,
    context: &Context,
    redemption: Redemption,
    parts: &[ReturnedPart],
) -> Result<Returned, Undecided> {
    let member = redemption.member.clone();
    let source = Source {
        holder: Holder::Member(member.clone()),
        purpose: Purpose::Reserved,
        kind: TransferKind::Release,
        at: context.now.max(redemption.made_at),
        late: builder.returned_late(&redemption)?,
    };
    let returned = give_back(builder, snapshot, context, &redemption, parts, &source)?;
    let named = redemption.named().clone();
    builder.write_redemption(redemption);
    builder.emit_due();
    builder.emit(Event::RedemptionReleased {
        redemption: named,
        expired: false,
        returned: returned.back.amounts(),
    });
    review(builder, snapshot, context, &member)?;
    Ok(returned)
}
