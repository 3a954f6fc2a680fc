//! Signs: what tells in the events that a command happened, and how often. Each command that was applied has left its own.

use std::collections::BTreeMap;
use std::iter;

use rewards_core::discounts::CouponVerdict;
use rewards_core::event::{Event, Stream};
use rewards_core::ids::{MemberId, TokenId};
use rewards_core::operations::aliases::UnlinkedAlias;
use rewards_core::operations::coupons::{
    AssignedCoupons, CheckedCoupon, CodeOutcome, DistributedCoupons, LockedCoupon, RedeemedCoupon,
    TransferredCoupon, UnassignedCoupon, UnlockedCoupon,
};
use rewards_core::operations::purchases::{RecordedPurchase, ReplacedPurchase};
use rewards_core::operations::redemptions::{CancelledRedemption, CapturedRedemption};
use rewards_core::operations::tokens::{FrozenTokens, SettledReceipts};
use rewards_core::payments::PaymentState;

use super::super::{Applied, Check, Findings};
use super::coupons::Told;
use crate::simulation::Failed;
use crate::simulation::books::Books;
use crate::simulation::workload::Command;

/// How often there is a sign, or how much it says.
type Signs = BTreeMap<String, i64>;

pub(super) fn check(
    books: &Books,
    applied: &[Applied<'_>],
    told: &Told<'_>,
    findings: &mut Findings,
) -> Result<(), Failed> {
    let mut expected = Signs::new();
    for command in applied {
        for (sign, count) in left_by(books, command)? {
            match command.order.command {
                // To erase again changes nothing that could be told.
                Command::Erase(_) => drop(expected.insert(sign, count)),
                _ => *expected.entry(sign).or_default() += count,
            }
        }
    }
    let mut found = Signs::new();
    for (stream, events) in told {
        let Stream::Member(member) = stream else {
            continue;
        };
        let mut was_merged = false;
        for event in events {
            let is_merger = matches!(event, Event::MemberMerged { member: of, .. } if of == member);
            // Who was merged is told again when the one who went on is merged.
            if let Some((sign, count)) = seen_in(books, member, event)
                && !(is_merger && was_merged)
            {
                *found.entry(sign).or_default() += count;
            }
            was_merged |= is_merger;
        }
    }
    for signs in [&mut expected, &mut found] {
        signs.retain(|_, count| *count != 0);
    }
    findings.same_maps(Check::Effect, "sign", &expected, &found);
    Ok(())
}

/// The signs that a command leaves.
fn left_by(books: &Books, command: &Applied<'_>) -> Result<Vec<(String, i64)>, Failed> {
    let once = |sign: String| vec![(sign, 1)];
    Ok(match &command.order.command {
        Command::Register(request) => once(format!("{} registered", request.member)),
        Command::Update(request) => once(format!("{} updated", request.member)),
        Command::Merge(request) => once(format!("{} merged into {}", request.member, request.into)),
        Command::Erase(request) => once(format!("{} erased", request.member)),
        Command::Unlink(_) => {
            let reply: UnlinkedAlias = command.reply()?;
            once(format!("{} unlinked of {}", reply.kind, reply.member))
        }
        Command::Record(_)
        | Command::Confirm(_)
        | Command::Cancel(_)
        | Command::Refund(_)
        | Command::Replace(_) => of_purchase(command)?,
        Command::Grant(request) => {
            let (member, id) = (&request.member, &request.reference);
            once(format!("{member} granted {} {id:?}", request.amount))
        }
        Command::Deduct(request) => {
            let (member, id) = (&request.member, &request.reference);
            once(format!("{member} gave {} {id:?}", request.take))
        }
        Command::Redeem(_)
        | Command::Authorize(_)
        | Command::Capture(_)
        | Command::Release(_)
        | Command::Restore(_) => of_redemption(books, command)?,
        Command::Send(request) => vec![
            (format!("{} sent", request.transfer), 1),
            (format!("{} received", request.transfer), 1),
        ],
        Command::Initiate(request) => once(format!("{} initiated", request.deposit)),
        Command::PayIn(request) => once(format!("{} ended", request.deposit)),
        Command::Assign(_)
        | Command::Unassign(_)
        | Command::Distribute(_)
        | Command::Give(_)
        | Command::Check(_)
        | Command::Lock(_)
        | Command::Unlock(_)
        | Command::UseCoupon(_) => of_coupons(command)?,
        Command::LockRate(_)
        | Command::Convert(_)
        | Command::ConvertBack(_)
        | Command::Assess(_)
        | Command::CreatePayment(_)
        | Command::RefundPayment(_) => of_conversions_and_payments(command),
        Command::IssueToken(_)
        | Command::CancelToken(_)
        | Command::FreezeTokens(_)
        | Command::SettleReceipts(_) => of_tokens(command)?,
        // Of these an event tells whom they concern, when they do; others hold those against what is stored.
        _ => Vec::new(),
    })
}

/// The signs of a purchase, and of what becomes of it.
fn of_purchase(command: &Applied<'_>) -> Result<Vec<(String, i64)>, Failed> {
    let once = |sign: String| vec![(sign, 1)];
    Ok(match &command.order.command {
        Command::Record(request) => {
            let mut signs = used_by(&request.purchase.member, &command.reply()?);
            signs.push((format!("{} recorded", request.purchase.id), 1));
            signs
        }
        Command::Confirm(request) => once(format!("{} confirmed", request.purchase)),
        Command::Cancel(request) => once(format!("{} cancelled", request.purchase)),
        Command::Refund(request) => once(format!("{} refunded", request.refund)),
        Command::Replace(request) => {
            let reply: ReplacedPurchase = command.reply()?;
            let mut signs = used_by(&request.purchase.member, &reply.recorded);
            signs.push((format!("{} refunded", request.refund), 1));
            signs.push((format!("{} recorded", request.purchase.id), 1));
            signs
        }
        _ => Vec::new(),
    })
}

/// The signs of what goes into another currency, and of payments that are a member's.
fn of_conversions_and_payments(command: &Applied<'_>) -> Vec<(String, i64)> {
    let once = |sign: String| vec![(sign, 1)];
    match &command.order.command {
        Command::LockRate(request) => once(format!("{} held", request.quote)),
        Command::Convert(request) => once(format!("{} converted", request.conversion)),
        Command::ConvertBack(request) => once(format!("{} converted back", request.refund)),
        Command::Assess(request) if request.facts.member.is_some() => {
            once(format!("{} assessed", request.payment))
        }
        Command::CreatePayment(request) => once(format!("{} created", request.payment)),
        Command::RefundPayment(request) => {
            once(format!("{} of {} back", request.refund, request.payment))
        }
        _ => Vec::new(),
    }
}

/// The signs of offline tokens.
fn of_tokens(command: &Applied<'_>) -> Result<Vec<(String, i64)>, Failed> {
    let revoked = |token: &TokenId| (format!("{token} revoked"), 1);
    Ok(match &command.order.command {
        Command::IssueToken(request) => vec![(format!("{} issued", request.token), 1)],
        Command::CancelToken(request) => vec![revoked(&request.token)],
        Command::FreezeTokens(_) => {
            let reply: FrozenTokens = command.reply()?;
            reply.tokens.iter().map(|own| revoked(&own.token)).collect()
        }
        Command::SettleReceipts(_) => {
            let reply: SettledReceipts = command.reply()?;
            reply.frozen.iter().map(revoked).collect()
        }
        _ => Vec::new(),
    })
}

/// The signs of coupons that are used with a purchase.
fn used_by(member: &MemberId, reply: &RecordedPurchase) -> Vec<(String, i64)> {
    let discount = reply.decision.discount.iter();
    let coupons = discount.flat_map(|discount| &discount.coupons);
    let used = coupons.filter(|own| own.outcome == CouponVerdict::Used);
    used.map(|own| (format!("{} used by {member}", own.coupon), 1))
        .collect()
}

/// The signs of what is paid and comes back.
fn of_redemption(books: &Books, command: &Applied<'_>) -> Result<Vec<(String, i64)>, Failed> {
    let once = |sign: String| vec![(sign, 1)];
    Ok(match &command.order.command {
        Command::Redeem(request) => once(format!("{} redeemed", request.redemption)),
        Command::Authorize(request) => once(format!("{} authorized", request.redemption)),
        Command::Capture(request) => {
            let paid = command.reply::<CapturedRedemption>()?.paid.minor();
            vec![(format!("{} captured", request.redemption), paid)]
        }
        Command::Release(request) if !is_shared(books, request.redemption.as_str()) => {
            once(format!("{} released", request.redemption))
        }
        Command::Restore(_) => {
            let reply: CancelledRedemption = command.reply()?;
            match is_shared(books, reply.redemption.as_str()) {
                true => Vec::new(),
                false => once(format!("{} given back", reply.redemption)),
            }
        }
        _ => Vec::new(),
    })
}

/// The signs of what is done with coupons.
fn of_coupons(command: &Applied<'_>) -> Result<Vec<(String, i64)>, Failed> {
    let once = |sign: String| vec![(sign, 1)];
    Ok(match &command.order.command {
        Command::Assign(request) => {
            let reply: AssignedCoupons = command.reply()?;
            let own = reply.coupons.into_iter().map(|own| own.coupon);
            own.map(|coupon| (format!("{coupon} assigned to {}", request.member), 1))
                .collect()
        }
        Command::Unassign(_) => {
            let reply: UnassignedCoupon = command.reply()?;
            once(format!("{} unassigned", reply.coupon))
        }
        Command::Distribute(_) => {
            let reply: DistributedCoupons = command.reply()?;
            let own = reply.shares.into_iter().flat_map(|share| {
                let coupons = share.coupons.into_iter();
                coupons.map(move |own| (format!("{} assigned to {}", own.coupon, share.member), 1))
            });
            own.collect()
        }
        Command::Give(request) => {
            let reply: TransferredCoupon = command.reply()?;
            match reply.coupon {
                None => once(format!("wrong code of {}", request.member)),
                // The others of a booklet go with it.
                Some(coupon) => iter::once(coupon)
                    .chain(reply.with)
                    .flat_map(|coupon| {
                        [
                            (format!("{coupon} given by {}", request.member), 1),
                            (format!("{coupon} given to {}", request.to), 1),
                        ]
                    })
                    .collect(),
            }
        }
        Command::Check(request) => match command.reply::<CheckedCoupon>()?.outcome {
            CodeOutcome::NotAccepted => once(format!("wrong code of {}", request.member)),
            CodeOutcome::Accepted => Vec::new(),
        },
        Command::Lock(request) => match command.reply::<LockedCoupon>()?.outcome {
            CodeOutcome::NotAccepted => once(format!("wrong code of {}", request.member)),
            // To lock again what one has locked changes nothing.
            CodeOutcome::Accepted => Vec::new(),
        },
        Command::Unlock(request) => {
            let reply: UnlockedCoupon = command.reply()?;
            match reply.coupon {
                None => once(format!("wrong code of {}", request.member)),
                Some(coupon) => once(format!("{coupon} unlocked")),
            }
        }
        Command::UseCoupon(request) => {
            let reply: RedeemedCoupon = command.reply()?;
            match reply.coupon {
                None => once(format!("wrong code of {}", request.member)),
                Some(coupon) => once(format!("{coupon} used by {}", request.member)),
            }
        }
        _ => Vec::new(),
    })
}

/// Whether several members pay together.
fn is_shared(books: &Books, redemption: &str) -> bool {
    let made = books.redemptions.get(redemption);
    made.is_some_and(|made| made.shared.is_some())
}

/// Whether a redemption holds what somebody else says of: a token or a payment.
fn is_held(books: &Books, redemption: &str) -> bool {
    let made = books.redemptions.get(redemption);
    made.is_some_and(|made| made.token.is_some() || made.payment.is_some())
}

/// The sign that an event of a member is.
fn seen_in(books: &Books, member: &MemberId, event: &Event) -> Option<(String, i64)> {
    let sign = match event {
        Event::RedemptionAuthorized { redemption, .. }
        | Event::RedemptionCaptured { redemption, .. }
        | Event::RedemptionReleased { redemption, .. }
        | Event::RedemptionCancelled { redemption, .. }
            if is_held(books, redemption.as_str()) =>
        {
            return None;
        }
        Event::MemberRegistered {} => format!("{member} registered"),
        Event::MemberUpdated { .. } => format!("{member} updated"),
        // Both are told.
        Event::MemberMerged { member: of, into } if of == member => {
            format!("{member} merged into {into}")
        }
        Event::MemberErased {} => format!("{member} erased"),
        Event::AliasUnlinked { kind } => format!("{kind} unlinked of {member}"),
        Event::PurchaseRecorded { purchase, .. } => format!("{purchase} recorded"),
        Event::PurchaseConfirmed { purchase, .. } => format!("{purchase} confirmed"),
        Event::PurchaseCancelled { purchase, .. } => format!("{purchase} cancelled"),
        Event::PurchaseRefunded { refund, .. } => format!("{refund} refunded"),
        Event::RewardGranted {
            amount, adjustment, ..
        } => format!("{member} granted {amount} {adjustment:?}"),
        Event::BalanceDeducted {
            amount, adjustment, ..
        } => format!("{member} gave {amount} {adjustment:?}"),
        Event::OrderRedeemed { redemption, .. }
            if pays_first(books, redemption.as_str(), member) =>
        {
            format!("{redemption} redeemed")
        }
        Event::RedemptionAuthorized { redemption, .. }
            if pays_first(books, redemption.as_str(), member) =>
        {
            format!("{redemption} authorized")
        }
        Event::RedemptionCaptured { redemption, paid } => {
            return Some((format!("{redemption} captured"), paid.minor()));
        }
        Event::RedemptionReleased {
            redemption,
            expired: false,
            ..
        } if !is_shared(books, redemption.as_str()) => format!("{redemption} released"),
        Event::RedemptionCancelled { redemption, .. } if !is_shared(books, redemption.as_str()) => {
            format!("{redemption} given back")
        }
        Event::TransferSent { transfer, .. } => format!("{transfer} sent"),
        Event::TransferReceived { transfer, .. } => format!("{transfer} received"),
        Event::DepositInitiated { deposit, .. } => format!("{deposit} initiated"),
        Event::DepositConfirmed { deposit, .. } | Event::DepositFailed { deposit, .. } => {
            format!("{deposit} ended")
        }
        _ => return seen_beyond(member, event).map(|sign| (sign, 1)),
    };
    Some((sign, 1))
}

/// The same of coupons, conversions, payments and tokens.
fn seen_beyond(member: &MemberId, event: &Event) -> Option<String> {
    Some(match event {
        Event::CouponAssigned { coupon, .. } => format!("{coupon} assigned to {member}"),
        Event::CouponUnassigned { coupon, .. } => format!("{coupon} unassigned"),
        Event::CouponSent { coupon, .. } => format!("{coupon} given by {member}"),
        Event::CouponReceived { coupon, .. } => format!("{coupon} given to {member}"),
        Event::CouponUnlocked { coupon, .. } => format!("{coupon} unlocked"),
        Event::CouponRedeemed { coupon, .. } => format!("{coupon} used by {member}"),
        Event::ConversionQuoted { quote, .. } => format!("{quote} held"),
        Event::BalanceConverted { conversion, .. } => format!("{conversion} converted"),
        Event::ConversionRefunded { refund, .. } => format!("{refund} converted back"),
        Event::PaymentAssessed { payment, .. } => format!("{payment} assessed"),
        Event::PaymentChanged {
            payment,
            state: PaymentState::Created,
            ..
        } => format!("{payment} created"),
        Event::PaymentRefunded {
            payment, refund, ..
        } => format!("{refund} of {payment} back"),
        Event::TokenIssued { token, .. } => format!("{token} issued"),
        Event::TokenRevoked { token, .. } => format!("{token} revoked"),
        Event::CodeNotAccepted { .. } => format!("wrong code of {member}"),
        _ => return None,
    })
}

/// Whether a redemption of this name is a member's own, who pays first of those who pay together.
fn pays_first(books: &Books, redemption: &str, member: &MemberId) -> bool {
    let made = books.redemptions.get(redemption);
    made.is_none_or(|made| made.member == *member)
}
