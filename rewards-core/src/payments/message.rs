//! What a provider says of a payment.

use serde::{Deserialize, Serialize};

use super::DepositEntity;
use crate::ids::{DepositId, PaymentReference, TenantId};
use crate::money::Money;

/// How a payment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentOutcome {
    /// The provider has the money.
    Paid,
    /// It does not come.
    Failed,
}

/// What a provider says of a payment, as JSON. What else it says is the provider's own business.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ProviderMessage {
    /// The deposit that was paid.
    pub deposit: DepositId,
    /// Whose deposit it is, for providers that know several tenants under one key.
    #[serde(default)]
    pub tenant: Option<TenantId>,
    /// How much.
    pub amount: Money,
    /// How it ended.
    pub outcome: PaymentOutcome,
    /// What the provider calls the payment.
    pub reference: PaymentReference,
}

impl ProviderMessage {
    /// In what the message differs from a deposit of a tenant, if it does.
    #[must_use]
    pub fn difference(
        &self,
        id: &DepositId,
        deposit: &DepositEntity,
        tenant: &TenantId,
    ) -> Option<&'static str> {
        let is_other_tenant = self.tenant.as_ref().is_some_and(|named| named != tenant);
        let known = deposit.reference.as_ref();
        let is_other_reference = known.is_some_and(|known| *known != self.reference);
        let differences = [
            ("tenant", is_other_tenant),
            ("deposit", self.deposit != *id),
            ("amount", self.amount != deposit.amount),
            ("reference", is_other_reference),
        ];
        let mut found = differences.into_iter().filter(|(_, differs)| *differs);
        found.next().map(|(name, _)| name)
    }
}
