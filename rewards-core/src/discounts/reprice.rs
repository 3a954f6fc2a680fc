//! A purchase told anew with what offers took off it.

use super::basket::Basket;
use super::discount::LinePrice;
use crate::cashback::Purchase;
use crate::money::{Money, MoneyError, Rounding, allocate};
use crate::program::Prices;

/// A purchase with what offers took off it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repriced {
    /// The purchase: discounts of its lines among its own, shipping and taxes as they are left.
    pub purchase: Purchase,
    /// What its lines cost.
    pub lines: Vec<LinePrice>,
    /// By how much the taxes are less, in minor units.
    pub tax_off: i64,
}

/// Tells a purchase anew. What is left of a tax is its part of what is left of its price, rounded as the program rounds.
///
/// # Errors
/// [`MoneyError::Overflow`] when an amount leaves the range of 64-bit minor units.
pub(crate) fn reprice(
    purchase: &Purchase,
    basket: &Basket,
    prices: Prices,
    rounding: Rounding,
) -> Result<Repriced, MoneyError> {
    let asset = purchase.total.asset();
    let money = |minor: i64| Money::new(minor, asset);
    let taxes = Taxes::of(purchase, basket)?;
    let left = taxes.left(basket, rounding)?;
    let tax_off = taxes.sum().saturating_sub(left.sum());
    let mut priced = purchase.clone();
    let mut lines = Vec::with_capacity(purchase.lines.len());
    let shares = purchase.discount_shares().into_iter();
    let shares = shares.chain(std::iter::repeat(0));
    // A purchase without lines has none to tell anew, though it is a line of its basket.
    let own = priced.lines.iter_mut().zip(shares);
    let costs = basket.lines.iter().zip(&left.lines);
    for (number, ((line, share), (price, tax))) in (0..).zip(own.zip(costs)) {
        let discounts = share.saturating_add(price.off());
        line.discounts = (discounts != 0).then(|| money(discounts));
        line.tax = line.tax.map(|_| money(*tax));
        lines.push(LinePrice {
            line: number,
            before: money(price.original),
            after: money(price.left),
            tax: purchase.tax.map(|_| money(*tax)),
        });
    }
    let (off_lines, off_shipping) = (basket.off_lines(), basket.shipping.off());
    let less =
        |part: Option<Money>, off: i64| part.map(|part| money(part.minor().saturating_sub(off)));
    if off_lines > 0 {
        let told = purchase.discounts.map_or(0, Money::minor);
        priced.discounts = Some(money(told.saturating_add(off_lines)));
    }
    priced.shipping = less(priced.shipping, off_shipping);
    priced.tax = less(priced.tax, tax_off);
    let mut off_total = off_shipping;
    if prices == Prices::WithoutTax {
        off_total = off_total.saturating_add(tax_off);
    }
    priced.total = money(priced.total.minor().saturating_sub(off_total));
    Ok(Repriced {
        purchase: priced,
        lines,
        tax_off,
    })
}

/// The taxes of a purchase, in minor units.
struct Taxes {
    /// Of each line.
    lines: Vec<i64>,
    /// Of the shipping.
    shipping: i64,
}

impl Taxes {
    /// What lines tell is theirs; the rest belongs to those that tell none, by what they cost, and else to the shipping.
    fn of(purchase: &Purchase, basket: &Basket) -> Result<Self, MoneyError> {
        let tax = purchase.tax.map_or(0, Money::minor);
        let told = purchase.lines.iter().map(|line| line.tax);
        let sum = told.clone().flatten().map(Money::minor);
        let rest = sum.fold(tax, i64::saturating_sub).max(0);
        let told = told.chain(std::iter::repeat(None));
        let weights: Vec<u64> = told
            .clone()
            .zip(&basket.lines)
            .map(|(told, price)| match told {
                Some(_) => 0,
                None => price.original.unsigned_abs(),
            })
            .collect();
        if weights.iter().all(|weight| *weight == 0) {
            let lines = told.zip(&basket.lines);
            return Ok(Self {
                lines: lines
                    .map(|(told, _)| told.map_or(0, Money::minor))
                    .collect(),
                shipping: rest,
            });
        }
        let shares = allocate(rest, &weights)?.into_iter();
        let lines = told.zip(shares);
        Ok(Self {
            lines: lines
                .map(|(told, share)| told.map_or(share, Money::minor))
                .collect(),
            shipping: 0,
        })
    }

    /// What is left of them when prices are what is left.
    fn left(&self, basket: &Basket, rounding: Rounding) -> Result<Self, MoneyError> {
        let left = |tax: i64, price: &super::basket::Price| {
            if price.left == price.original {
                return Ok(tax);
            }
            let share = i128::from(tax).saturating_mul(i128::from(price.left));
            let left = rounding.divide(share, i128::from(price.original))?;
            Ok(left.clamp(0, tax.max(0)))
        };
        let lines = self.lines.iter().zip(&basket.lines);
        Ok(Self {
            lines: lines
                .map(|(tax, price)| left(*tax, price))
                .collect::<Result<_, _>>()?,
            shipping: left(self.shipping, &basket.shipping)?,
        })
    }

    fn sum(&self) -> i64 {
        let lines = self.lines.iter().copied();
        lines.fold(self.shipping, i64::saturating_add)
    }
}
