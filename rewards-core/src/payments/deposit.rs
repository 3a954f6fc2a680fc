//! A deposit: money that a member pays to a provider for the tenant.
//!
//! | from | [`settle`](DepositEntity::settle) paid | [`settle`](DepositEntity::settle) failed |
//! |---|---|---|
//! | pending | confirmed | failed |
//! | expired | confirmed, late | failed, late |
//! | confirmed | refused | refused |
//! | failed | refused | refused |
//!
//! Pending becomes expired by time alone, and nobody writes that down: it is true of whoever reads it from then on.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::PaymentOutcome;
use crate::entity::{Entity, Index};
use crate::ids::{DepositId, KeyId, MemberId, PaymentReference, ProgramId, Slug};
use crate::money::Money;
use crate::time::Timestamp;

/// Where a deposit is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
#[serde(rename_all = "snake_case")]
pub enum DepositState {
    /// The money is waited for.
    Pending,
    /// The money came in. Final.
    Confirmed,
    /// The provider says that the money does not come. Final.
    Failed,
    /// The money is not waited for any longer; should it come, it is taken.
    Expired,
}

/// What the provider said of a deposit, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// How it ended.
    pub outcome: PaymentOutcome,
    /// When that was taken in.
    pub settled_at: Timestamp,
    /// When the provider signed it.
    pub signed_at: Timestamp,
    /// The key it was signed with.
    pub key: KeyId,
    /// What the message is known by: its digest.
    pub message: SmolStr,
    /// What the provider calls the payment.
    pub reference: PaymentReference,
    /// Number of the entry in the member's journal by which the money came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// Money that a member pays to a provider for the tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepositEntity {
    /// Its id.
    pub deposit: DepositId,
    /// The program it was initiated under.
    pub program: ProgramId,
    /// Its revision.
    pub revision: u32,
    /// Who pays.
    pub member: MemberId,
    /// How much.
    pub amount: Money,
    /// The provider that takes it.
    pub provider: Slug,
    /// What the provider calls the payment, where the host knew it from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<PaymentReference>,
    /// When it was initiated.
    pub initiated_at: Timestamp,
    /// From when on it is not waited for any longer.
    pub expires_at: Timestamp,
    /// How it ended, once somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    settlement: Option<Settlement>,
}

/// A deposit that is settled already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongDepositState(
    /// How it ended.
    pub PaymentOutcome,
);

/// What is known of a deposit when it is initiated.
#[derive(Debug, Clone)]
pub struct NewDeposit<'a> {
    /// Its id.
    pub deposit: &'a DepositId,
    /// The program, and the number of its revision.
    pub program: (&'a ProgramId, u32),
    /// Who pays.
    pub member: &'a MemberId,
    /// How much.
    pub amount: Money,
    /// The provider.
    pub provider: &'a Slug,
    /// What the provider calls it.
    pub reference: Option<&'a PaymentReference>,
    /// When it is initiated.
    pub initiated_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl DepositEntity {
    /// A deposit that is initiated now.
    #[must_use]
    pub fn new(told: &NewDeposit<'_>) -> Self {
        Self {
            deposit: told.deposit.clone(),
            program: told.program.0.clone(),
            revision: told.program.1,
            member: told.member.clone(),
            amount: told.amount,
            provider: told.provider.clone(),
            reference: told.reference.cloned(),
            initiated_at: told.initiated_at,
            expires_at: told.expires_at,
            settlement: None,
        }
    }

    /// Where it is in its life at an instant.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> DepositState {
        match &self.settlement {
            Some(settled) if settled.outcome == PaymentOutcome::Paid => DepositState::Confirmed,
            Some(_) => DepositState::Failed,
            None if now < self.expires_at => DepositState::Pending,
            None => DepositState::Expired,
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn settlement(&self) -> Option<&Settlement> {
        self.settlement.as_ref()
    }

    /// Whether it ended after it had expired.
    #[must_use]
    pub fn is_late(&self) -> bool {
        let settled = self.settlement.as_ref();
        settled.is_some_and(|settled| settled.settled_at >= self.expires_at)
    }

    /// Whether it can still end.
    ///
    /// # Errors
    /// [`WrongDepositState`] when it has.
    pub fn check_open(&self) -> Result<(), WrongDepositState> {
        match &self.settlement {
            None => Ok(()),
            Some(settled) => Err(WrongDepositState(settled.outcome)),
        }
    }

    /// It ends, as the provider says.
    ///
    /// # Errors
    /// [`WrongDepositState`] when it has ended before.
    pub fn settle(mut self, settlement: Settlement) -> Result<Self, WrongDepositState> {
        self.check_open()?;
        self.settlement = Some(settlement);
        Ok(self)
    }
}

impl Entity for DepositEntity {
    const KIND: &'static str = "deposit";
    const SHAPE: u16 = 1;
    type Id = DepositId;

    fn index(&self) -> Index {
        let state = match &self.settlement {
            None => "pending",
            Some(settled) if settled.outcome == PaymentOutcome::Paid => "confirmed",
            Some(_) => "failed",
        };
        Index::new(state, self.initiated_at).owned_by(&self.member)
    }

    fn is_named(&self, id: &str) -> bool {
        self.deposit.as_str() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    fn deposit() -> DepositEntity {
        DepositEntity::new(&NewDeposit {
            deposit: &"d1".parse().unwrap(),
            program: (&"p".parse().unwrap(), 1),
            member: &"ada".parse().unwrap(),
            amount: Money::parse("5.00", "EUR".parse().unwrap()).unwrap(),
            provider: &"bank".parse().unwrap(),
            reference: None,
            initiated_at: at(0),
            expires_at: at(60),
        })
    }

    fn settlement(outcome: PaymentOutcome, settled_at: i64) -> Settlement {
        Settlement {
            outcome,
            settled_at: at(settled_at),
            signed_at: at(settled_at),
            key: "k1".parse().unwrap(),
            message: "00".into(),
            reference: "r1".parse().unwrap(),
            entry: None,
        }
    }

    #[test]
    fn every_transition_is_as_the_table_says() {
        use DepositState::{Confirmed, Expired, Failed, Pending};
        use PaymentOutcome::{Failed as NotPaid, Paid};
        let settled = |outcome| deposit().settle(settlement(outcome, 1)).unwrap();
        let ends = [(Paid, Confirmed), (NotPaid, Failed)];
        for (from, now, state, is_late) in [
            (deposit(), 0, Pending, Some(false)),
            (deposit(), 59, Pending, Some(false)),
            (deposit(), 60, Expired, Some(true)),
            (settled(Paid), 0, Confirmed, None),
            (settled(Paid), 60, Confirmed, None),
            (settled(NotPaid), 0, Failed, None),
            (settled(NotPaid), 60, Failed, None),
        ] {
            assert_eq!(from.state(at(now)), state, "{now}");
            assert_eq!(from.check_open().is_ok(), is_late.is_some());
            for (outcome, end) in ends {
                let next = from.clone().settle(settlement(outcome, now));
                match (next, is_late) {
                    (Ok(next), Some(is_late)) => {
                        assert_eq!((next.state(at(99)), next.is_late()), (end, is_late));
                    }
                    (Err(WrongDepositState(ended)), None) => {
                        assert_eq!(ended == Paid, state == Confirmed);
                    }
                    (next, _) => panic!("{state:?}, {outcome:?}: {next:?}"),
                }
            }
        }
    }
}
