//! What becomes of the lots that pay for a transfer.

use super::TransferExpiry;
use crate::ids::Slug;
use crate::ledger::{Consumption, Lot, LotState, Purpose};
use crate::money::Asset;
use crate::time::Timestamp;

/// A lot that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivingLot {
    /// The system account that paid it, and gets it back.
    pub source: Purpose,
    /// How much, in minor units; always positive.
    pub amount: i64,
    /// When it expires; never when absent.
    pub expires_at: Option<Timestamp>,
}

impl ArrivingLot {
    /// The lot that it becomes at an instant, under a rule.
    #[must_use]
    pub fn lot(self, asset: Asset, at: Timestamp, rule: &Slug) -> Lot {
        Lot {
            number: 0,
            asset,
            source: self.source,
            amount: self.amount,
            remaining: self.amount,
            state: LotState::Available,
            earned_at: at,
            available_at: Some(at),
            void_at: None,
            expires_at: self.expires_at,
            purchase: None,
            rule: Some(rule.clone()),
        }
    }
}

/// When what arrives expires, at the instant of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// With the lot that it comes from.
    Kept,
    /// At this instant, wherever it comes from; never when absent.
    At(Option<Timestamp>),
}

impl Arrival {
    /// By the policy of a rule; `renew` says when something renewed expires.
    ///
    /// # Errors
    /// Those of `renew`.
    pub fn of<E>(
        policy: &TransferExpiry,
        renew: impl FnOnce(&crate::program::Expiry) -> Result<Timestamp, E>,
    ) -> Result<Self, E> {
        Ok(match policy {
            TransferExpiry::Keep => Self::Kept,
            TransferExpiry::Renew(expiry) => Self::At(Some(renew(expiry)?)),
            TransferExpiry::Never => Self::At(None),
        })
    }
}

/// The lots that arrive, after the fee was paid by what comes first. What keeps its expiry makes one lot for each that paid;
/// otherwise there is one for each account that paid once.
#[must_use]
pub fn arrive(paid: &[Consumption], fee: i64, arrival: Arrival) -> Vec<ArrivingLot> {
    let mut owed = fee;
    let mut arriving: Vec<ArrivingLot> = Vec::new();
    for part in paid {
        let kept_back = part.amount.min(owed);
        owed = owed.saturating_sub(kept_back);
        let amount = part.amount.saturating_sub(kept_back);
        if amount == 0 {
            continue;
        }
        let source = &part.lot.source;
        let expires_at = match arrival {
            Arrival::Kept => part.lot.expires_at,
            Arrival::At(at) => {
                let same = arriving.iter_mut().find(|lot| lot.source == *source);
                if let Some(lot) = same {
                    lot.amount = lot.amount.saturating_add(amount);
                    continue;
                }
                at
            }
        };
        arriving.push(ArrivingLot {
            source: source.clone(),
            amount,
            expires_at,
        });
    }
    arriving
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Lot, LotState, consume};
    use crate::money::Asset;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(number * 86_400_000_000).unwrap()
    }

    fn lot(number: u64, source: &str, amount: i64, expires: Option<i64>) -> Lot {
        Lot {
            number,
            asset: Asset::parse("points").unwrap(),
            source: Purpose::Funding(source.parse().unwrap()),
            amount,
            remaining: amount,
            state: LotState::Available,
            earned_at: day(0),
            available_at: Some(day(0)),
            void_at: None,
            expires_at: expires.map(day),
            purchase: None,
            rule: None,
        }
    }

    fn told(lots: &[ArrivingLot]) -> Vec<(String, i64, Option<Timestamp>)> {
        let lots = lots.iter();
        lots.map(|lot| (lot.source.text(), lot.amount, lot.expires_at))
            .collect()
    }

    #[test]
    fn the_fee_is_paid_by_what_expires_first() {
        let lots = [
            lot(1, "bank", 10, Some(30)),
            lot(2, "shop", 20, Some(20)),
            lot(3, "bank", 40, None),
        ];
        let asset = lots[0].asset;
        let (bank, shop) = ("funding:bank".to_owned(), "funding:shop".to_owned());
        // 45 of 20 + 10 + 40, of which 22 are the fee.
        let paid = consume(&lots, asset, 45).unwrap();
        assert_eq!(
            told(&arrive(&paid, 22, Arrival::Kept)),
            [(bank.clone(), 8, Some(day(30))), (bank.clone(), 15, None)]
        );
        assert_eq!(
            told(&arrive(&paid, 0, Arrival::Kept)),
            [
                (shop.clone(), 20, Some(day(20))),
                (bank.clone(), 10, Some(day(30))),
                (bank.clone(), 15, None)
            ]
        );
        assert_eq!(
            told(&arrive(&paid, 0, Arrival::At(Some(day(90))))),
            [
                (shop.clone(), 20, Some(day(90))),
                (bank.clone(), 25, Some(day(90)))
            ]
        );
        assert_eq!(
            told(&arrive(&paid, 20, Arrival::At(None))),
            [(bank, 25, None)]
        );
    }

    proptest! {
        #[test]
        fn what_arrives_and_the_fee_are_what_was_paid(
            lots in proptest::collection::vec((1..500_i64, 0..3_u8, proptest::option::of(1..9_i64)), 1..12),
            share in 0..=100_i64,
            fee_share in 0..100_i64,
            policy in 0..3_u8,
        ) {
            let lots: Vec<Lot> = (1_u64..).zip(lots).map(|(number, (amount, source, expires))| {
                lot(number, &format!("s{source}"), amount, expires)
            }).collect();
            let total: i64 = lots.iter().map(|lot| lot.amount).sum();
            let given = (total * share / 100).max(1);
            let fee = given * fee_share / 100;
            let paid = consume(&lots, lots[0].asset, given).unwrap();
            let arrival = [Arrival::Kept, Arrival::At(None), Arrival::At(Some(day(99)))][usize::from(policy)];
            let arrived = arrive(&paid, fee, arrival);
            prop_assert_eq!(arrived.iter().map(|lot| lot.amount).sum::<i64>() + fee, given);
            prop_assert!(arrived.iter().all(|lot| lot.amount > 0));
            prop_assert!(arrived.len() <= paid.len());
        }
    }
}
