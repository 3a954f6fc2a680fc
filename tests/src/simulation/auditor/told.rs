//! What each command that happened tells: its events, and how many tier moves it made.

use rewards_core::discounts::CouponVerdict;
use rewards_core::event::{Event, Stream};
use rewards_core::ids::OrderId;
use rewards_core::operations::coupons::AssignedCoupons;
use rewards_core::operations::deposits::{InitiatedDeposit, SettledDeposit};
use rewards_core::operations::programs::PublishedProgram;
use rewards_core::operations::purchases::{
    CancelledPurchase, ConfirmedPurchase, RecordedPurchase, RefundedPurchase,
};
use rewards_core::operations::redemptions::{
    AuthorizedRedemption, CancelledRedemption, CapturedRedemption, Redeemed, ReleasedRedemption,
};
use rewards_core::operations::rewards::SettledMember;
use rewards_core::operations::transfers::{CompletedTransfer, TransferReceiver};
use rewards_core::payments::DepositState;

use super::Applied;
use crate::simulation::Failed;
use crate::simulation::workload::Command;

/// The events of a command with their streams, and how many tier moves its reply tells of.
pub(super) fn events_of(command: &Applied<'_>) -> Result<(Vec<(Stream, Event)>, u64), Failed> {
    let (events, moves) = match &command.order.command {
        Command::Publish(publish) => {
            let reply: PublishedProgram = command.reply()?;
            let event = Event::ProgramPublished {
                revision: reply.revision,
                active_from: reply.active_from,
            };
            let stream = Stream::Program(publish.program.id.clone());
            return Ok((vec![(stream, event)], 0));
        }
        Command::Send(_) => return Ok((sent(command)?, 0)),
        Command::OpenBook(_) | Command::Upload(_) => return Ok((Vec::new(), 0)),
        Command::Assign(_) => (assigned(command)?, 0),
        Command::Register(_) => (vec![Event::MemberRegistered {}], 0),
        Command::Record(_) | Command::Confirm(_) | Command::Cancel(_) | Command::Refund(_) => {
            of_purchase(command)?
        }
        Command::Grant(grant) => {
            let told = Event::RewardGranted {
                amount: grant.amount,
                source: None,
                adjustment: None,
            };
            (vec![told], 0)
        }
        Command::Deduct(deduct) => {
            let told = Event::BalanceDeducted {
                amount: deduct.take,
                source: None,
                adjustment: None,
            };
            (vec![told], 0)
        }
        Command::Settle(_) => settled(command)?,
        Command::Redeem(_)
        | Command::Authorize(_)
        | Command::Capture(_)
        | Command::Release(_)
        | Command::Restore(_) => (vec![of_redemption(command)?], 0),
        Command::Initiate(_) | Command::PayIn(_) => (vec![of_deposit(command)?], 0),
        other => {
            let operation = other.operation();
            return Err(format!("`{operation}` is not worked out again").into());
        }
    };
    let members = command.members()?;
    let member = members.first().ok_or("a command about nobody")?;
    let events = events.into_iter();
    let events = events.map(|event| (Stream::Member(member.clone()), event));
    Ok((events.collect(), moves))
}

fn of_purchase(command: &Applied<'_>) -> Result<(Vec<Event>, u64), Failed> {
    Ok(match &command.order.command {
        Command::Record(_) => {
            let reply: RecordedPurchase = command.reply()?;
            let mut events = used(&reply)?;
            events.push(Event::PurchaseRecorded {
                purchase: reply.purchase,
                program: reply.decision.program,
                revision: reply.decision.revision,
                granted: reply.decision.totals,
                pending: reply.decision.grants.iter().any(|grant| grant.pending),
            });
            (events, u64::try_from(reply.tier_changes.len())?)
        }
        Command::Confirm(_) => {
            let reply: ConfirmedPurchase = command.reply()?;
            let event = Event::PurchaseConfirmed {
                purchase: reply.purchase,
                released: reply.released,
            };
            (vec![event], u64::from(reply.tier_changes))
        }
        Command::Refund(request) => {
            let reply: RefundedPurchase = command.reply()?;
            let mut events = vec![Event::PurchaseRefunded {
                purchase: reply.purchase,
                refund: reply.refund,
                kind: request.kind.unwrap_or_default(),
                amount: reply.amount,
                taken_back: reply.taken_back,
                shortfall: reply.shortfall,
            }];
            if !reply.owed.is_empty() {
                let amounts = reply.owed;
                events.push(Event::DebtIncurred { amounts });
            }
            (events, u64::from(reply.tier_changes))
        }
        _ => {
            let reply: CancelledPurchase = command.reply()?;
            let event = Event::PurchaseCancelled {
                purchase: reply.purchase,
                taken_back: reply.taken_back,
                shortfall: reply.shortfall,
            };
            (vec![event], u64::from(reply.tier_changes))
        }
    })
}

/// The coupons that are used with a purchase. How much of its value that was, and whether it was
/// the last use of one, the laws of coupons look at.
fn used(reply: &RecordedPurchase) -> Result<Vec<Event>, Failed> {
    let discount = reply.decision.discount.iter();
    let coupons = discount.flat_map(|discount| &discount.coupons);
    let used = coupons.filter(|own| own.outcome == CouponVerdict::Used);
    let events = used.map(|own| {
        Ok(Event::CouponRedeemed {
            coupon: own.coupon.clone(),
            book: own.book.clone().ok_or("a used coupon of no book")?,
            order: Some(OrderId::new(reply.purchase.as_str())?),
            amount: None,
            used_up: false,
        })
    });
    events.collect()
}

fn assigned(command: &Applied<'_>) -> Result<Vec<Event>, Failed> {
    let Command::Assign(request) = &command.order.command else {
        return Ok(Vec::new());
    };
    let reply: AssignedCoupons = command.reply()?;
    let coupons = reply.coupons.into_iter();
    let events = coupons.map(|own| Event::CouponAssigned {
        coupon: own.coupon,
        book: request.book.clone(),
        by: request.by.clone(),
        reason: request.reason.clone(),
    });
    Ok(events.collect())
}

fn settled(command: &Applied<'_>) -> Result<(Vec<Event>, u64), Failed> {
    let reply: SettledMember = command.reply()?;
    let moves = u64::from(reply.tier_changes);
    let parts = [
        Event::RewardsMatured {
            amounts: reply.matured,
        },
        Event::RewardsVoided {
            amounts: reply.voided,
        },
        Event::RewardsExpired {
            amounts: reply.expired,
        },
    ];
    let is_told = |event: &Event| match event {
        Event::RewardsMatured { amounts }
        | Event::RewardsVoided { amounts }
        | Event::RewardsExpired { amounts } => !amounts.is_empty(),
        _ => true,
    };
    Ok((parts.into_iter().filter(is_told).collect(), moves))
}

fn of_redemption(command: &Applied<'_>) -> Result<Event, Failed> {
    Ok(match &command.order.command {
        Command::Redeem(request) => Event::OrderRedeemed {
            redemption: request.redemption.clone(),
            order: request.order.clone(),
            paid: command.reply::<Redeemed>()?.paid,
        },
        Command::Authorize(request) => {
            let reply: AuthorizedRedemption = command.reply()?;
            Event::RedemptionAuthorized {
                redemption: reply.redemption,
                order: request.order.clone(),
                reserved: reply.reserved,
                expires_at: reply.expires_at,
            }
        }
        Command::Capture(request) => Event::RedemptionCaptured {
            redemption: request.redemption.clone(),
            paid: command.reply::<CapturedRedemption>()?.paid,
        },
        Command::Release(request) => Event::RedemptionReleased {
            redemption: request.redemption.clone(),
            expired: false,
            returned: command.reply::<ReleasedRedemption>()?.returned,
        },
        _ => {
            let reply: CancelledRedemption = command.reply()?;
            Event::RedemptionCancelled {
                redemption: reply.redemption,
                returned: reply.returned,
            }
        }
    })
}

fn of_deposit(command: &Applied<'_>) -> Result<Event, Failed> {
    if let Command::Initiate(request) = &command.order.command {
        return Ok(Event::DepositInitiated {
            deposit: request.deposit.clone(),
            provider: request.provider.clone(),
            amount: request.amount,
            expires_at: command.reply::<InitiatedDeposit>()?.expires_at,
        });
    }
    let reply: SettledDeposit = command.reply()?;
    let (deposit, amount) = (reply.deposit, reply.amount);
    Ok(match reply.state {
        DepositState::Confirmed => Event::DepositConfirmed {
            deposit,
            amount,
            late: reply.late,
        },
        _ => Event::DepositFailed { deposit, amount },
    })
}

/// Both members are told, each of what concerns it.
fn sent(command: &Applied<'_>) -> Result<Vec<(Stream, Event)>, Failed> {
    let Command::Send(request) = &command.order.command else {
        return Ok(Vec::new());
    };
    let reply: CompletedTransfer = command.reply()?;
    let transfer = reply.transfer;
    let given = Event::TransferSent {
        transfer: transfer.clone(),
        given: reply.given,
    };
    let mut events = vec![(Stream::Member(request.from.clone()), given)];
    if let TransferReceiver::Member(to) = &request.to {
        let arrived = reply.arrived;
        let got = Event::TransferReceived { transfer, arrived };
        events.push((Stream::Member(to.clone()), got));
    }
    Ok(events)
}
