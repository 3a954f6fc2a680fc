//! The adjustment that something done manually makes when it has an id of the host's.
//!
//! The id is unique in its tenant, whatever was done and under whichever key it was sent: the same command again gets the
//! reply that was kept with the adjustment, and another one is refused.

use crate::adjustments::{Adjustment, AdjustmentKind};
use crate::command::{NaturalKey, Operation, Undecided, fingerprint};
use crate::context::Context;
use crate::decision::Decision;
use crate::entity::{Entity as _, EntityKey, Expected};
use crate::ids::{AdjustmentId, Slug, TenantId};
use crate::ledger::LotNumber;
use crate::money::Money;
use crate::operations::change_builder::ChangeBuilder;
use crate::rejection::Rejection;
use crate::snapshot::{KeyOrigin, ReadPlan, Snapshot};

/// What a request says of the adjustment it makes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Adjusting<'a> {
    pub reference: Option<&'a AdjustmentId>,
    pub source: Option<&'a Slug>,
    pub kind: AdjustmentKind,
    pub amount: Money,
}

impl Adjusting<'_> {
    fn key(&self, tenant: &TenantId) -> Option<EntityKey> {
        let reference = self.reference?;
        Some(EntityKey::of::<Adjustment>(tenant, reference))
    }

    /// The key that makes it happen once, if it has an id.
    pub fn natural_key(&self, tenant: &TenantId) -> Option<NaturalKey> {
        self.key(tenant).map(NaturalKey::Entity)
    }

    /// Adds what says whether it was made before to a plan.
    pub fn plan(&self, context: &Context, plan: &mut ReadPlan) {
        let key = self.key(&context.tenant);
        plan.receipts.extend(key.clone());
        plan.entities.extend(key);
    }

    /// What was decided when it was made before, if it was.
    ///
    /// # Errors
    /// [`Rejection::KeyReused`] when it was made by another command; [`Undecided::Needs`] the reply when it is being made just
    /// now.
    pub fn made_before<O: Operation>(
        &self,
        operation: &O,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Option<Decision<O::Reply>>, Undecided> {
        let made = self.key(&context.tenant);
        let Some(key) = made.filter(|key| snapshot.entities.contains_key(key)) else {
            return Ok(None);
        };
        let Some(receipt) = snapshot.receipts.get(&key) else {
            return Err(Undecided::Needs(Box::new(ReadPlan {
                receipts: vec![key],
                ..ReadPlan::default()
            })));
        };
        let own = fingerprint(operation)?;
        if own != receipt.fingerprint {
            return Err(Undecided::Rejected(Rejection::KeyReused {
                key: key.id.to_string(),
                origin: KeyOrigin::Natural.word(),
                differs: own.difference(operation, &receipt.fingerprint)?,
            }));
        }
        let reply = serde_json::from_str(&receipt.body).map_err(|_| Rejection::Corrupt {
            what: Adjustment::KIND,
        })?;
        Ok(Some(Decision::answer(reply)))
    }

    /// Keeps it, if it has an id.
    ///
    /// # Errors
    /// [`Rejection::Internal`] when it cannot be encoded.
    pub fn keep(
        &self,
        builder: &mut ChangeBuilder<'_>,
        lots: Vec<LotNumber>,
    ) -> Result<(), Rejection> {
        let Some(reference) = self.reference else {
            return Ok(());
        };
        let adjustment = Adjustment {
            adjustment: reference.clone(),
            member: builder.member().clone(),
            kind: self.kind,
            amount: self.amount,
            source: self.source.cloned(),
            lots,
            recorded_at: builder.recorded_at,
        };
        builder.put(reference, Expected::Absent, &adjustment)
    }
}
