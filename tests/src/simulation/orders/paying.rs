//! Payments to others: created, held, tried, told of, cancelled and refunded.

use rewards_core::ids::{PaymentId, PaymentReference, ProgramId, RefundId, Slug};
use rewards_core::operations::payments::{
    AttemptOutcome, CancelPayment, CreatePayment, HoldPayment, RefundPayment, ReportPayment,
    SubmitPayment,
};
use rewards_core::pipeline::{StageOutcome, StageRun};

use super::super::Failed;
use super::super::mix::Kind;
use super::super::random::Random;
use super::super::workload::{Command, Script};
use super::euro;

impl Script {
    /// A payment to somebody; now and then one that was assessed under its id, or another amount than that.
    pub(in super::super) fn create_payment(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Command, Failed> {
        let assessed = match random.chance(350) {
            true => self.of_kind(random, (client, index), Kind::Assess)?,
            false => None,
        };
        let mut made = CreatePayment {
            payment: PaymentId::new(&format!("z-{client}-{index}"))?,
            // The other program has no payments.
            program: ProgramId::new(if random.chance(25) { "cafe" } else { "shop" })?,
            member: self.some_member(random)?,
            amount: euro(random, 500)?,
            route: Slug::new(match random.below(100) {
                0 => "nowhere",
                1..4 => "old",
                4..40 => "card",
                _ => "bank",
            })?,
            biller: None,
            merchant: random.chance(300).then(|| "m-1".to_owned()),
            category: None,
            channel: None,
        };
        if random.chance(150) {
            let biller = if random.chance(100) {
                "nobody"
            } else {
                "power"
            };
            made.biller = Some(Slug::new(biller)?);
        }
        if let Some(Command::Assess(assessed)) = assessed
            && let Some(member) = assessed.facts.member
        {
            made.payment = assessed.payment;
            made.member = member;
            if random.chance(900) {
                made.amount = assessed.facts.amount;
                made.program = assessed.facts.program;
            }
        }
        Ok(Command::CreatePayment(made))
    }

    /// A step of a payment that was created before.
    pub(in super::super) fn step_of_payment(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        let Some(Command::CreatePayment(made)) =
            self.of_kind(random, place, Kind::CreatePayment)?
        else {
            return Ok(None);
        };
        let payment = made.payment;
        Ok(Some(match random.below(100) {
            0..30 => Command::HoldPayment(HoldPayment {
                payment,
                tenders: Vec::new(),
                stages: runs(random, "screen", 950)?,
            }),
            30..55 => Command::SubmitPayment(SubmitPayment {
                payment,
                stages: Vec::new(),
            }),
            55..85 => {
                let outcome = outcome(random)?;
                let often = if outcome == AttemptOutcome::Unknown {
                    20
                } else {
                    300
                };
                Command::ReportPayment(ReportPayment {
                    payment,
                    attempt: u32::try_from(random.below(2))?.saturating_add(1),
                    outcome,
                    stages: runs(random, "notify", often)?,
                })
            }
            85..89 => Command::CancelPayment(CancelPayment { payment }),
            _ => {
                let (client, index) = place;
                Command::RefundPayment(RefundPayment {
                    refund: RefundId::new(&format!("b-{client}-{index}"))?,
                    payment,
                    amount: match random.chance(700) {
                        true => Some(euro(random, 300)?),
                        false => None,
                    },
                    kind: None,
                    reason: None,
                })
            }
        }))
    }
}

/// What a stage said, mostly that it answered, so often of a thousand times that it ran at all.
fn runs(random: &mut Random, stage: &str, often: u64) -> Result<Vec<StageRun>, Failed> {
    if !random.chance(often) {
        return Ok(Vec::new());
    }
    let outcome = match random.below(20) {
        0 => StageOutcome::TimedOut,
        1 => StageOutcome::Failed(Slug::new("down")?),
        2 => StageOutcome::Skipped,
        _ => StageOutcome::Answered,
    };
    Ok(vec![StageRun {
        stage: Slug::new(stage)?,
        version: "1".to_owned(),
        outcome,
        millis: u32::try_from(random.below(900))?,
        answer: [("seen".to_owned(), "yes".to_owned())].into(),
    }])
}

fn outcome(random: &mut Random) -> Result<AttemptOutcome, Failed> {
    Ok(match random.below(20) {
        0..11 => AttemptOutcome::Completed {
            reference: match random.chance(500) {
                true => Some(PaymentReference::new("bank-1")?),
                false => None,
            },
        },
        11..14 => AttemptOutcome::Declined {
            code: Slug::new("busy")?,
        },
        14..16 => AttemptOutcome::Declined {
            code: Slug::new("stolen")?,
        },
        _ => AttemptOutcome::Unknown,
    })
}
