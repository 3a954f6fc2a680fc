//! Payments that are assessed, reviewed and labelled, lists, and rules that do not count for a while.

use std::collections::BTreeMap;

use rewards_core::ids::{PaymentId, ProgramId, Slug};
use rewards_core::operations::risk::{
    AddToRiskList, AssessPayment, ClaimReview, DecideReview, LabelPayment, PaymentFacts,
    RemoveFromRiskList, SnoozeRule,
};
use rewards_core::risk::{PaymentLabel, ReviewDecision};

use super::super::Failed;
use super::super::mix::Kind;
use super::super::random::Random;
use super::super::workload::{Command, HOUR, Script};
use super::euro;

/// How many devices there are.
const DEVICES: u64 = 5;
/// Who reviews.
const REVIEWERS: [&str; 2] = ["ruth", "rolf"];

impl Script {
    pub(in super::super) fn assess(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let ago = HOUR.saturating_mul(-i64::try_from(random.below(30))?);
        let mut keys = BTreeMap::new();
        if random.chance(850) {
            keys.insert("device".to_owned(), some_device(random));
        }
        let member = match random.chance(900) {
            true => Some(self.some_member(random)?),
            false => None,
        };
        Ok(Command::Assess(AssessPayment {
            payment: PaymentId::new(&format!("y-{client}-{index}"))?,
            facts: PaymentFacts {
                // The other program assesses none.
                program: ProgramId::new(if random.chance(25) { "cafe" } else { "shop" })?,
                member,
                amount: euro(random, 12_000)?,
                occurred_at: self.instant(index)?.checked_add_micros(ago)?,
                keys,
            },
        }))
    }

    /// What a payment that was ordered before turned out to be.
    pub(in super::super) fn label(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let Some(payment) = self.some_payment(random, place)? else {
            return Ok(None);
        };
        let label = match random.chance(400) {
            true => PaymentLabel::Bad,
            false => PaymentLabel::Good,
        };
        Ok(Some(Command::Label(LabelPayment { payment, label })))
    }

    /// A value is put on a list, or taken off.
    pub(in super::super) fn risk_list(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let (program, is_device) = (ProgramId::new("shop")?, random.chance(500));
        let (list, value) = match is_device {
            true => ("stolen", some_device(random)),
            false => ("friends", self.some_member(random)?.to_string()),
        };
        let list = Slug::new(if random.chance(30) { "nowhere" } else { list })?;
        if random.chance(450) {
            return Ok(Command::UnlistRisk(RemoveFromRiskList {
                program,
                list,
                value,
            }));
        }
        let life = HOUR.saturating_mul(i64::try_from(random.below(48))?.saturating_add(12));
        let expires_at = self.instant(index)?.checked_add_micros(life)?;
        Ok(Command::ListRisk(AddToRiskList {
            program,
            list,
            value,
            expires_at: random.chance(800).then_some(expires_at),
        }))
    }

    pub(in super::super) fn snooze(
        &self,
        random: &mut Random,
        index: u64,
    ) -> Result<Command, Failed> {
        let rules = ["often", "device-sum", "large-and-often", "nothing"];
        let rule = random.pick(&rules).copied().ok_or("no rules")?;
        let (key, value) = match random.chance(500) {
            true => ("device", some_device(random)),
            false => ("member", self.some_member(random)?.to_string()),
        };
        let life = HOUR.saturating_mul(i64::try_from(random.below(48))?.saturating_add(12));
        Ok(Command::Snooze(SnoozeRule {
            program: ProgramId::new("shop")?,
            rule: Slug::new(rule)?,
            key: Slug::new(key)?,
            value,
            until: self.instant(index)?.checked_add_micros(life)?,
        }))
    }

    /// Somebody looks at a payment that was ordered before, or decides it.
    pub(in super::super) fn review(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let Some(payment) = self.some_payment(random, place)? else {
            return Ok(None);
        };
        // Mostly the same one looks at the same payment.
        let other = usize::from(random.chance(100));
        let number = (payment.as_str().len() + other) % REVIEWERS.len();
        let owner = Slug::new(REVIEWERS.get(number).copied().ok_or("no reviewers")?)?;
        if random.chance(600) {
            return Ok(Some(Command::ClaimReview(ClaimReview { payment, owner })));
        }
        let decision = match random.chance(500) {
            true => ReviewDecision::Approve,
            false => ReviewDecision::Block,
        };
        Ok(Some(Command::DecideReview(DecideReview {
            payment,
            owner,
            decision,
        })))
    }

    fn some_payment(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<PaymentId>, Failed> {
        Ok(match self.of_kind(random, place, Kind::Assess)? {
            Some(Command::Assess(made)) => Some(made.payment),
            _ => None,
        })
    }
}

fn some_device(random: &mut Random) -> String {
    format!("phone-{}", random.below(DEVICES))
}
