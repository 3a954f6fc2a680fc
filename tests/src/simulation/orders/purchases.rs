//! Purchases with lines, what of their lines comes back, and what takes their place.

use rewards_core::cashback::{Line, Purchase};
use rewards_core::ids::{PurchaseId, RefundId, Slug};
use rewards_core::money::Money;
use rewards_core::operations::purchases::{RecordPurchase, RefundedPart, ReplacePurchase};
use rewards_core::refunds::RefundedPieces;

use super::super::Failed;
use super::super::mix::Kind;
use super::super::random::Random;
use super::super::workload::{Command, Script};

impl Script {
    /// A purchase that was ordered before, by itself or in the place of another one.
    pub(in super::super) fn some_purchase(
        &self,
        random: &mut Random,
        place: (u64, u64),
    ) -> Result<Option<Purchase>, Failed> {
        let kind = match random.below(6) {
            0 => Kind::Replace,
            _ => Kind::Record,
        };
        Ok(match self.of_kind(random, place, kind)? {
            Some(Command::Record(record)) => Some(record.purchase),
            Some(Command::Replace(replace)) => Some(replace.purchase),
            _ => None,
        })
    }

    /// An order that is edited: another purchase in the place of one, mostly of the same member and at the same instant.
    pub(in super::super) fn replace(
        &self,
        random: &mut Random,
        (client, index): (u64, u64),
    ) -> Result<Option<Command>, Failed> {
        // Of those that were recorded themselves, so that this ends.
        let found = self.of_kind(random, (client, index), Kind::Record)?;
        let Some(Command::Record(record)) = found else {
            return Ok(None);
        };
        let before = record.purchase;
        let RecordPurchase {
            mut purchase,
            mut coupons,
            pinned,
        } = self.purchase(random, client, index)?;
        purchase.id = PurchaseId::new(&format!("q-{client}-{index}"))?;
        if random.chance(950) {
            purchase.member = before.member;
            if !coupons.is_empty() {
                coupons = self.given(random, &self.tenant(client)?, &purchase.member)?;
                // What the purchase before gives back can be used again.
                if random.chance(500) {
                    coupons = record.coupons;
                }
            }
        }
        if random.chance(700) {
            (purchase.occurred_at, purchase.program) = (before.occurred_at, before.program);
        }
        Ok(Some(Command::Replace(ReplacePurchase {
            refund: RefundId::new(&format!("rq-{client}-{index}"))?,
            replaced: before.id,
            reason: Some(Slug::new("edited")?),
            purchase,
            coupons,
            pinned,
        })))
    }
}

/// Shipping, a tax and a discount, each now and then.
pub(in super::super) fn with_parts(
    random: &mut Random,
    purchase: &mut Purchase,
) -> Result<(), Failed> {
    let (asset, total) = (purchase.total.asset(), purchase.total.minor());
    for part in [&mut purchase.shipping, &mut purchase.tax] {
        if random.chance(350) {
            let most = u64::try_from(total / 4)?.min(600);
            let own = i64::try_from(random.below(most.saturating_add(1)))?;
            *part = Some(Money::new(own, asset));
        }
    }
    if random.chance(200) {
        let most = u64::try_from(total)?.saturating_add(1);
        let discount = i64::try_from(random.below(most))? / 3;
        purchase.discounts = Some(Money::new(discount, asset));
    }
    Ok(())
}

/// Lines that make up the total but for shipping and tax.
pub(in super::super) fn with_lines(
    random: &mut Random,
    purchase: &mut Purchase,
) -> Result<(), Failed> {
    if !random.chance(600) {
        return Ok(());
    }
    let asset = purchase.total.asset();
    let mut left = purchase.total.minor();
    for part in [purchase.shipping, purchase.tax].into_iter().flatten() {
        left = left.saturating_sub(part.minor());
    }
    let count = random.below(3).saturating_add(1);
    for number in 1..=count {
        let own = match number == count {
            true => left,
            false => i64::try_from(random.below(u64::try_from(left)?.saturating_add(1)))?,
        };
        left = left.saturating_sub(own);
        purchase.lines.push(Line {
            amount: Money::new(own, asset),
            sku: Some(format!("sku-{}", random.below(9))),
            category: None,
            quantity: u32::try_from(random.below(4))?.saturating_add(1),
            discounts: None,
            tax: None,
            attributes: [].into(),
        });
    }
    Ok(())
}

/// Pieces of some lines of a purchase, now and then more than there are, or of a line that there is not.
pub(super) fn some_pieces(
    random: &mut Random,
    purchase: &Purchase,
) -> Result<RefundedPart, Failed> {
    let mut pieces = Vec::new();
    for (line, of) in (0_u32..).zip(&purchase.lines) {
        if random.chance(500) || pieces.is_empty() && random.chance(500) {
            let most = u64::from(of.quantity).saturating_add(u64::from(random.chance(60)));
            let pieces_of = u32::try_from(random.below(most.max(1)))?.saturating_add(1);
            pieces.push(RefundedPieces {
                line,
                pieces: pieces_of,
            });
        }
    }
    if pieces.is_empty() || random.chance(20) {
        let line = u32::try_from(purchase.lines.len())?;
        pieces.push(RefundedPieces { line, pieces: 1 });
    }
    Ok(RefundedPart::Lines(pieces))
}
