//! Label a payment: somebody learned what it turned out to be, and features see that from now on.
//!
//! The day of the payment is told, not today: a window of days that ends some days ago sees what was bad on those days, as far
//! as it is known by now. A label can be changed. The same label again changes nothing but when it was told.
//!
//! Refusals: unknown payment.

use serde::{Deserialize, Serialize};

use super::super::seen::see_entities;
use crate::command::{Kind, Operation, Undecided};
use crate::context::Context;
use crate::decision::{Changes, Decision};
use crate::entity::EntityKey;
use crate::ids::{PaymentId, Slug};
use crate::rejection::Rejection;
use crate::risk::{Assessment, MEMBER_KEY, PaymentLabel, RiskHistory, RiskHistoryId};
use crate::snapshot::{ReadPlan, Snapshot};
use crate::time::Timestamp;

/// Labels a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LabelPayment {
    /// The payment.
    pub payment: PaymentId,
    /// What it turned out to be.
    pub label: PaymentLabel,
}

/// The label that was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
#[serde(deny_unknown_fields)]
pub struct LabelledPayment {
    /// The payment.
    pub payment: PaymentId,
    /// What it turned out to be.
    pub label: PaymentLabel,
    /// What was told of it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub before: Option<PaymentLabel>,
    /// When it was labelled.
    pub labelled_at: Timestamp,
}

impl Operation for LabelPayment {
    const NAME: &'static str = "label_payment";
    const KIND: Kind = Kind::Command;
    type Reply = LabelledPayment;
    type Prepared = ();

    fn prepare(&self, context: &Context) -> Result<(ReadPlan, ()), Rejection> {
        let plan = ReadPlan::of_entity::<Assessment>(&context.tenant, &self.payment);
        Ok((plan, ()))
    }

    fn decide(
        &self,
        (): &(),
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<Decision<LabelledPayment>, Undecided> {
        let tenant = &context.tenant;
        let stored = snapshot.get::<Assessment>(tenant, &self.payment)?;
        let stored = stored.ok_or_else(|| Rejection::PaymentUnknown(self.payment.clone()))?;
        let (expected, assessment) = (stored.expected(), stored.entity);
        let (before, was_bad) = (assessment.label(), assessment.is_bad());
        let labelled = assessment.labelled(self.label, context.now);
        let mut changes = Changes::default();
        if labelled.is_bad() != was_bad {
            count(&labelled, snapshot, context, &mut changes)?;
        }
        changes.put(tenant, &self.payment, expected, &labelled)?;
        Ok(Decision {
            reply: LabelledPayment {
                payment: self.payment.clone(),
                label: self.label,
                before: before.map(|before| before.label),
                labelled_at: context.now,
            },
            changes,
        })
    }
}

/// One more, or one fewer, of the payments of that day is bad, in each history that the payment is counted in.
fn count(
    assessment: &Assessment,
    snapshot: &Snapshot,
    context: &Context,
    changes: &mut Changes,
) -> Result<(), Undecided> {
    let member = Slug::new(MEMBER_KEY);
    let member = member.map_err(|_| Rejection::Internal("the name of a key is none"))?;
    let own = assessment.member.iter();
    let own = own.map(|id| (&member, id.as_str()));
    let named = assessment.keys.iter();
    let all = own.chain(named.map(|(key, value)| (key, value.as_str())));
    let ids: Vec<RiskHistoryId> = all
        .map(|(key, value)| RiskHistoryId::new(&assessment.program, key, value))
        .collect();
    let key = |id: &RiskHistoryId| EntityKey::of::<RiskHistory>(&context.tenant, id);
    see_entities(snapshot, ids.iter().map(key))?;
    for id in ids {
        let stored = snapshot.get::<RiskHistory>(&context.tenant, &id)?;
        let stored = stored.ok_or(Rejection::Internal("a payment that was never counted"))?;
        let (expected, mut history) = (stored.expected(), stored.entity);
        history.label(assessment.day, assessment.is_bad());
        changes.put(&context.tenant, &id, expected, &history)?;
    }
    Ok(())
}
